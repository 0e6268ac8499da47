"""Runs the tests with other kernels of OpenBLAS, other Pythons and other versions of packages; prints a table.

    python tests/matrix.py                       all kernels that this CPU can run, in this environment
    python tests/matrix.py --kernels Haswell,own tests/test_gru.py    two of them; the rest is for pytest
    python tests/matrix.py --pythons 3.10,3.13 --kernels own          oldest and newest packages for each Python

``own`` is what OpenBLAS chooses. A Python is a version or a path, as uv takes it (``pip install -e '.[matrix]'``); what
setup.cfg asks for is installed into a temporary folder, from wheels alone: "oldest" is the oldest version that it
allows and that has one. OPENBLAS_CORETYPE is set for the tests alone, which stop unless threadpoolctl finds those
kernels in use. What the runs print goes to standard error. What cannot run here is named in one line; a run that fails
makes the exit status 1.
"""

import argparse
import configparser
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

ROOT = Path(__file__).resolve().parents[1]
AVX512 = "avx512f avx512cd avx512bw avx512dq avx512vl"
# What OPENBLAS_CORETYPE takes, and what the CPU must have for it, by Linux's names: without it there is a crash.
FAMILIES = {
    "Prescott": "pni",
    "Nehalem": "sse4_2",
    "Sandybridge": "avx",
    "Haswell": "avx2 fma",
    "Zen": "avx2 fma",
    "SkylakeX": AVX512,
    "SapphireRapids": f"{AVX512} avx512_bf16 amx_tile amx_int8 amx_bf16",
}
PASSED = re.compile(r"[1-9]\d* passed, 0 failed, \d+ skipped")
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
PACKAGES = "numpy matplotlib threadpoolctl tqdm hypothesis pytest pytest-xdist selenium sentencepiece".split()


def kernels_in_use() -> str:
    """What numpy's BLAS multiplies with, by threadpoolctl."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return next(
        (blas["architecture"] for blas in threadpool_info() if blas["internal_api"] == "openblas"), "no OpenBLAS"
    )


def print_facts() -> None:
    """In the environment of the tests: its kernels and versions, as JSON, after products that kernels must survive."""
    a = np.ones((300, 300), np.float32)
    for _ in range(100):
        a @ a
    found = {name: version(name) for name in PACKAGES}
    print(json.dumps({"kernels": kernels_in_use(), "Python": platform.python_version(), **found}))


def environment_of(family: str) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return env if family == "own" else env | {"OPENBLAS_CORETYPE": family}


def facts_of(python: str, family: str) -> dict[str, str] | None:
    """Kernels and versions; None when OpenBLAS crashes with these kernels, as 0.3.34 does with Prescott."""
    command = [python, "-c", "import matrix; matrix.print_facts()"]
    done = subprocess.run(command, cwd=ROOT / "tests", env=environment_of(family), stdout=subprocess.PIPE)
    if done.returncode and family == "own":
        sys.exit(f"matrix.py: {python} cannot import what the tests need")
    return None if done.returncode else json.loads(done.stdout)


def runnable(families: list[str]) -> list[str]:
    sys.path.append(str(ROOT))
    from support.blas_kernel import cpu_flags

    missing = {family: set(FAMILIES.get(family, "").split()) - cpu_flags() for family in families}
    for family in filter(missing.get, families):
        print(f"{family}: left out, the CPU has no {' '.join(sorted(missing[family]))}", file=sys.stderr)
    return [family for family in families if not missing[family]]


def requirements() -> list[str]:
    """What setup.cfg allows for a run of the tests."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    both = config["options"]["install_requires"] + config["options.extras_require"]["test"]
    return both.split()


def environments(pythons: list[str]) -> Iterator[tuple[str, str]]:
    """("oldest" or "newest", a Python that has those packages), gone when the next is asked for."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if uv is None:
        sys.exit("matrix.py: uv is not installed: pip install -e '.[matrix]'")
    for python in pythons:
        for which, resolution in RESOLUTIONS.items():
            with tempfile.TemporaryDirectory() as folder:
                make = [uv, "venv", "--quiet", "--no-python-downloads", "--python", python, folder]
                if subprocess.run(make, stderr=subprocess.DEVNULL).returncode:
                    print(f"Python {python}: left out, not at hand", file=sys.stderr)
                    break
                install = [uv, "pip", "install", "--quiet", "--python", folder, "--only-binary", ":all:"]
                subprocess.run([*install, "--resolution", resolution, *requirements()], check=True)
                ours = [uv, "pip", "install", "--quiet", "--python", folder, "--no-deps", "--editable", ROOT]
                subprocess.run(ours, check=True)
                yield which, f"{folder}/bin/python"


def run_tests(python: str, family: str, kernels: str, arguments: list[str]) -> str:
    """Runs them, if those kernels are in use; returns what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "result.xml"
        command = [python, "-m", "pytest", "--kernels", kernels, f"--junitxml={xml}", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment_of(family), stdout=sys.stderr)
        if not xml.exists():
            return f"none: exit {done.returncode}"
        suite = ElementTree.parse(xml).getroot()[0]
    count = {name: int(suite.get(name)) for name in ("tests", "errors", "failures", "skipped")}
    failed = count["errors"] + count["failures"]
    result = f"{count['tests'] - failed - count['skipped']} passed, {failed} failed, {count['skipped']} skipped"
    return result if not done.returncode or failed else f"{result}, exit {done.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", default=",".join(["own", *FAMILIES]), help="names, or own, with commas between")
    parser.add_argument("--pythons", help="versions or paths, with commas between; without it this one, as it is")
    args, arguments = parser.parse_known_args()
    asked_for = args.kernels.split(",")
    if not set(asked_for) <= {*FAMILIES, "own"}:
        parser.error(f"argument --kernels: expected names of {', '.join(FAMILIES)}, own, got {args.kernels}")
    families, passed = runnable(asked_for), True
    columns = "Python", "packages", "numpy", "matplotlib", "others", "kernels (asked for)", "result"
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    for which, python in environments(args.pythons.split(",")) if args.pythons else [("as they are", sys.executable)]:
        asked, own = {}, facts_of(python, "own")
        row = [own["Python"], which, own["numpy"], own["matplotlib"]]
        row.append(", ".join(f"{name} {own[name]}" for name in PACKAGES[2:]))
        for family in families:
            if found := facts_of(python, family):
                asked.setdefault(found["kernels"], []).append(family)
            else:
                print(f"{family}: left out, the OpenBLAS of numpy {own['numpy']} crashes with it", file=sys.stderr)
        for kernels, names in asked.items():
            result = run_tests(python, names[0], kernels, arguments)
            passed = passed and PASSED.fullmatch(result) is not None
            cells = *row, f"{kernels} ({', '.join(names)})", result
            print(f"| {' | '.join(cells)} |", flush=True)
    return not passed


if __name__ == "__main__":
    sys.exit(main())
