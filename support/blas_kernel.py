"""OpenBLAS kernels, and a restart with those for AVX-512 if OpenBLAS did not recognise that the CPU has it.

OpenBLAS chooses kernels by the CPU's vendor, family and model. For a CPU newer than its release it takes older kernels,
such as those for AVX2; the loss of speed depends on the CPU. The variable OPENBLAS_CORETYPE overrides the choice, but
only before numpy is loaded, and kernels that the CPU cannot run crash. A script therefore starts normally, checks, and
restarts once with the variable set, provided that the CPU has everything the kernels need and OpenBLAS chose others.
"""

import os
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from support.entry import started

VARIABLE = "OPENBLAS_CORETYPE"
AVX512 = "SkylakeX"  # the oldest of them: the others need more CPU features
AVX512_KERNELS = {AVX512, "Cooperlake", "SapphireRapids"}
NEEDED = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Return the features of the CPU, by Linux's names; an empty set without such a file."""
    if not cpuinfo.is_file():
        return set()
    lines = cpuinfo.read_text(errors="replace").splitlines()
    return next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())


def openblas() -> dict | None:
    """Return threadpoolctl's facts about the OpenBLAS that numpy has loaded; None when numpy uses another BLAS."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return next((info for info in threadpool_info() if info["internal_api"] == "openblas"), None)


def better_kernels(blas: dict | None, flags: set[str], chosen: str | None) -> str | None:
    """Return the kernels to request; None when the current ones are right, or when the user has chosen."""
    if blas is None or chosen or blas["architecture"] in AVX512_KERNELS or not flags >= NEEDED:
        return None
    return AVX512


def kernels_to_compare() -> list[str]:
    """Return kernels that this CPU can run, to compare; only the current ones if little is known about the CPU."""
    blas, flags = openblas(), cpu_flags()
    known = (["Haswell"] if flags >= {"avx2", "fma"} else []) + ([AVX512] if flags >= NEEDED else [])
    return known or [blas["architecture"] if blas else "default"]


def restartable() -> bool:
    """Tell whether this process is a script that can restart: not a notebook, a prompt, a debugger or a rank of MPI.

    ``python -m mpi4py`` starts MPI before the script; a process that restarts then is lost to the other ranks.
    """
    return started() and not hasattr(sys, "ps1") and sys.gettrace() is None and "mpi4py.MPI" not in sys.modules


def prefer_fast_kernels() -> None:
    """Restart this script with better kernels, if there are any; call this before anything else."""
    kernels = better_kernels(openblas(), cpu_flags(), os.environ.get(VARIABLE))
    if kernels and restartable():
        os.environ[VARIABLE] = kernels
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def describe_blas() -> str:
    """Return one line: the kernels, whether the CPU has AVX-512, and what to set if better kernels exist."""
    blas, flags = openblas(), cpu_flags()
    if blas is None:
        return "not OpenBLAS"
    asked = f" ({VARIABLE}={os.environ[VARIABLE]})" if VARIABLE in os.environ else ""
    if not flags:
        able = f"if the CPU has AVX-512 and these are not for it, set {VARIABLE}={AVX512} before Python starts"
    else:
        able = "the CPU has AVX-512" if flags >= NEEDED else "the CPU has no AVX-512"
        if better_kernels(blas, flags, None):
            able += f": set {VARIABLE}={AVX512} before Python starts"
    return f"OpenBLAS {blas['version']}, {blas['architecture']} kernels{asked}; {able}"
