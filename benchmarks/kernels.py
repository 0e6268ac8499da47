"""``--kernels`` of every benchmark: the same measurements once with each family of kernels that this CPU runs."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from support.blas_kernel import VARIABLE, kernels_to_compare

# PyTorch's own libraries too are held to AVX2, as they would be on a CPU without AVX-512
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def add_kernels(parser: argparse.ArgumentParser) -> None:
    help = "measure everything once with each family of OpenBLAS kernels that this CPU runs (AVX2, AVX-512)"
    parser.add_argument("--kernels", action=argparse.BooleanOptionalAction, default=False, help=help)


def with_each(module: str, json: Path | None = None) -> int:
    """Run this command once per family of kernels, each in its own process; return the worst exit code.

    json: the value of ``--json``; each family's report has the name of the kernels before the suffix.
    """
    codes = []
    for kernels in kernels_to_compare():
        env = os.environ | {VARIABLE: kernels} | (AVX2 if kernels == "Haswell" else {})
        print(f"=== {kernels} kernels ===", flush=True)
        command = [sys.executable, "-m", module, *sys.argv[1:], "--no-kernels"]
        if json is not None:
            command.append(f"--json={json.with_suffix(f'.{kernels}{json.suffix}')}")
        codes.append(subprocess.call(command, env=env))
        print(flush=True)
    return max(codes, key=abs)  # one that a signal ended is negative
