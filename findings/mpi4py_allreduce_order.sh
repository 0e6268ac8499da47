#!/usr/bin/env bash
# mpi4py 4.1.2: Allreduce adds up the wrong numbers where an array is C-ordered on one rank and Fortran-ordered on
# another.
#
# A good guess: Allreduce adds up arrays of the same shape and dtype element by element, as allreduce in lower case
# does; or it refuses an order that it does not understand, as it refuses a slice with strides ("buffer is not
# contiguous").
# Seen: it accepts both orders, and each rank sends and receives its numbers in the order of its memory. The number of
# elements is the same, so nothing is raised; every rank has other sums, in wrong places.
# Whom it hurts: whoever sums gradients or weights that one rank made and another loaded, transposed or copied: W.T, its
# copies and numpy.asfortranarray(W) are in Fortran order. (Allreduce of numpy.ascontiguousarray(array) on every rank,
# and all is well.)
# Source: MPI knows no shapes; mpi4py asks for a buffer that is contiguous in either order.
# Seen with mpi4py 4.1.2, MPICH 5.0.2, numpy 2.4.6, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mpi4py==4.1.2 mpich==5.0.2 numpy==2.4.6
cat >"$folder/job.py" <<'PYTHON'
import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD
W = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
if comm.rank == 1:
    W = np.asfortranarray(W)
try:
    comm.Allreduce(MPI.IN_PLACE, np.zeros((2, 6))[:, ::2])
    slices = "accepted"
except BufferError:  # before anything is sent
    slices = "refused"
good = comm.allreduce(W)
comm.Allreduce(MPI.IN_PLACE, W)
for rank, (wrong, right, said) in enumerate(comm.gather((W, good, slices)) or []):
    print(f"rank {rank}: allreduce {right.astype(int).tolist()}", end=", ")
    print(f"Allreduce {wrong.astype(int).tolist()}; a slice is {said}")
PYTHON
timeout 60 "$folder/venv/bin/mpiexec" -n 2 "$folder/venv/bin/python" -m mpi4py "$folder/job.py" </dev/null |
    tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
rank 0: allreduce [[2, 4, 6], [8, 10, 12]], Allreduce [[2, 6, 5], [9, 8, 12]]; a slice is refused
rank 1: allreduce [[2, 4, 6], [8, 10, 12]], Allreduce [[2, 5, 8], [6, 9, 12]]; a slice is refused
EXPECTED
