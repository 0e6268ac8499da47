#!/usr/bin/env bash
# OPENBLAS_CORETYPE: numpy's wheels silently replace or ignore the kernels that it names.
#
# A good guess: OPENBLAS_CORETYPE=X makes OpenBLAS use the kernels X, or report that it has none of that name; and
# threadpoolctl reports the name that was set. Neither holds for numpy's wheels: Prescott is reported as Katmai, Zen
# silently becomes Haswell (numpy 2.0's wheel still had Zen), and an unknown name is ignored, which leaves the CPU's own
# kernels.
# Whom it hurts: whoever compares results or speed between kernels, such as Zen with Haswell, and in fact compares one
# kind with itself; and tests that expect threadpoolctl to report the name they set.
# Source: numpy's wheels are built with a short list of kernels, to which other names are aliases
# (OpenBLAS, driver/others/dynamic.c: "#define gotoblas_KATMAI gotoblas_PRESCOTT", gotoblas_corename).
# Seen with numpy 2.4.6 (OpenBLAS 0.3.31) and 2.0.0 (0.3.27), threadpoolctl 3.6.0, on x86-64 with AVX2.
set -euo pipefail
grep -qw avx2 /proc/cpuinfo || { echo "this CPU has no AVX2: nothing to show here"; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
look='import numpy as np
np.ones((9, 9)) @ np.ones((9, 9))
from threadpoolctl import threadpool_info
print(next(blas["architecture"] for blas in threadpool_info() if blas["internal_api"] == "openblas"))'

install() { # numpy's version
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --only-binary :all: "numpy==$1" threadpoolctl==3.6.0
    own=$(env -u OPENBLAS_CORETYPE "$folder/$1/bin/python" -c "$look")
}

expect() { # numpy's version, the name that is set, the kernels reported
    got=$(OPENBLAS_CORETYPE=$2 "$folder/$1/bin/python" -c "$look" 2>&1)
    echo "numpy $1, OPENBLAS_CORETYPE=$2: $got"
    [ "$got" = "$3" ] || { echo "expected $3"; exit 1; }
}

install 2.4.6
expect 2.4.6 Prescott Katmai
expect 2.4.6 Haswell Haswell
expect 2.4.6 Zen Haswell
expect 2.4.6 Haswel "$own"
install 2.0.0 # the last release with wheels of more kernels; needs Python 3.9 to 3.12
expect 2.0.0 Prescott Prescott
expect 2.0.0 Zen Zen
