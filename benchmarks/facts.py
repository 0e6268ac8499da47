"""The facts about the machine and the packages that every benchmark prints."""

import importlib.util
import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.kernels import AVX2
from experiment.command_line import cores
from support.blas_kernel import describe_blas


def environment() -> dict[str, str | int]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    facts: dict[str, str | int] = {
        "CPU": names[0] if names else platform.processor() or platform.machine(),
        "cores": cores(),
        "Python": platform.python_version(),
        "numpy": version("numpy"),
        "BLAS": describe_blas(),
    }
    if importlib.util.find_spec("torch"):
        held = " ".join(f"{name}={os.environ[name]}" for name in AVX2 if name in os.environ)
        facts["torch"] = f"{version('torch')} {held}".strip()
    return facts
