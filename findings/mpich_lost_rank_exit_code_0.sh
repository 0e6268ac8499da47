#!/usr/bin/env bash
# MPICH 5.0.2: a rank that leaves by os._exit(0) takes the whole job with it, without a word, and mpiexec exits with 0.
#
# A good guess: mpiexec exits with 0 only if every rank did what it was started for. A rank that vanishes ends the
# others, as it does after a crash (code 9, "BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES") and under Open MPI
# (code 1).
# Seen: the others are killed wherever they are, nothing is printed, and mpiexec exits with 0, most times with two
# ranks; else with 9. Ranks that end by os._exit after MPI_Finalize count as lost, too: where rank 0 ends with 0 and
# rank 1 with 2, mpiexec exits with either. (Those that end by sys.exit do not.)
# Whom it hurts: scripts that go by the exit code: the next step starts on results that are half there; programs that
# leave by os._exit to skip a slow or crashing end, or that run code which does.
# Source: MPI_Finalize tells mpiexec of the end in an exit handler of C, which _exit skips; a process that ends without
# having told counts as failed, the others are killed, and what is killed on purpose counts as 0 (MPICH,
# src/util/mpir_pmi.c and src/pm/hydra/proxy; pmodels/mpich#7058 mended part of this).
# Seen with mpi4py 4.1.2, MPICH 5.0.2, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mpi4py==4.1.2 mpich==5.0.2
cat >"$folder/lost.py" <<'PYTHON'
import os

from mpi4py import MPI

comm = MPI.COMM_WORLD
comm.barrier()
if comm.rank == 1:
    os._exit(0)
comm.barrier()  # never passed
print("rank 0 is done", flush=True)
PYTHON
cat >"$folder/after.py" <<'PYTHON'
import os

from mpi4py import MPI

rank = MPI.COMM_WORLD.rank
MPI.Finalize()
os._exit(2 * rank)
PYTHON

expect_0() { # script, what happened: expects mpiexec to exit with 0, without a word, at least once in 20 tries
    local codes="" code
    for _ in {1..20}; do
        code=0
        timeout 60 "$folder/venv/bin/mpiexec" -n 2 "$folder/venv/bin/python" -m mpi4py "$folder/$1" \
            </dev/null >"$folder/out" 2>&1 || code=$?
        codes+=" $code"
        if [ $code = 0 ] && [ -s "$folder/out" ]; then cat "$folder/out"; exit 1; fi
    done
    echo "$2: mpiexec exited with$codes"
    [[ " $codes " == *" 0 "* ]]
}

expect_0 lost.py "rank 1 left by os._exit(0), rank 0 never finished"
expect_0 after.py "after MPI_Finalize, rank 0 left by os._exit(0), rank 1 by os._exit(2)"
