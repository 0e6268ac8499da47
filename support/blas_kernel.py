"""Which kernels OpenBLAS multiplies with; and those for AVX-512 where the CPU has it and OpenBLAS did not see it.

OpenBLAS chooses kernels by the CPU's vendor, family and model, and for one that is newer than its release it takes
older kernels, those for AVX2 say; how much is lost depends on the CPU. The variable OPENBLAS_CORETYPE overrules it, but
only before numpy is loaded, and kernels that the CPU cannot run end in a crash. So the script starts as it is, looks,
and starts once more with the variable set if both hold: the CPU has all that the kernels need, and OpenBLAS has chosen
others.
"""

import os
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from support.entry import started

VARIABLE = "OPENBLAS_CORETYPE"
AVX512 = "SkylakeX"  # the oldest of them: the others need more of the CPU
AVX512_KERNELS = {AVX512, "Cooperlake", "SapphireRapids"}
NEEDED = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What the CPU and the system can do, by Linux's names; nothing where there is no such file."""
    if not cpuinfo.is_file():
        return set()
    lines = cpuinfo.read_text(errors="replace").splitlines()
    return next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())


def openblas() -> dict | None:
    """What threadpoolctl knows of the OpenBLAS that numpy has loaded; None when it uses another BLAS."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return next((info for info in threadpool_info() if info["internal_api"] == "openblas"), None)


def better_kernels(blas: dict | None, flags: set[str], chosen: str | None) -> str | None:
    """The kernels to ask for; None when the present ones are right, or somebody has chosen."""
    if blas is None or chosen or blas["architecture"] in AVX512_KERNELS or not flags >= NEEDED:
        return None
    return AVX512


def kernels_to_compare() -> list[str]:
    """Kinds of kernels that this CPU can run, to measure side by side; the present ones where little is known of it."""
    blas, flags = openblas(), cpu_flags()
    known = (["Haswell"] if flags >= {"avx2", "fma"} else []) + ([AVX512] if flags >= NEEDED else [])
    return known or [blas["architecture"] if blas else "default"]


def restartable() -> bool:
    """Whether this process is a script that may start anew: not a notebook, a prompt or a debugger."""
    return started() and not hasattr(sys, "ps1") and sys.gettrace() is None


def prefer_fast_kernels() -> None:
    """Start this script again with better kernels, if there are any; to be called before anything else is done."""
    kernels = better_kernels(openblas(), cpu_flags(), os.environ.get(VARIABLE))
    if kernels and restartable():
        os.environ[VARIABLE] = kernels
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def describe_blas() -> str:
    """One line: kernels, what the CPU could do, and what to set when there are better ones."""
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
