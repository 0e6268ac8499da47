"""support/blas_kernel.py: asks for the right kernels, never for any that would crash; and nobody sees the restart."""

import json
import os
import platform
import subprocess
import sys

import pytest
from script_tools import ROOT

OPENBLAS = {"internal_api": "openblas", "version": "0.3.31", "num_threads": 2, "architecture": "Haswell"}
AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
EVERYTHING = {"fpu", "sse2", "avx2", "fma", *AVX512}


@pytest.fixture
def blas_kernel(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    from support import blas_kernel

    return blas_kernel


# The decision


@pytest.mark.parametrize("kernels", ["Haswell", "Zen", "Sandybridge", "Nehalem"])
def test_avx512_kernels_where_openblas_missed_them(blas_kernel, kernels):
    assert blas_kernel.better_kernels(OPENBLAS | {"architecture": kernels}, EVERYTHING, None) == "SkylakeX"


@pytest.mark.parametrize("missing", sorted(AVX512))
def test_no_kernels_that_the_cpu_cannot_run(blas_kernel, missing):
    assert blas_kernel.better_kernels(OPENBLAS, EVERYTHING - {missing}, None) is None


@pytest.mark.parametrize(
    ("blas", "flags", "chosen"),
    [
        (OPENBLAS, set(), None),
        (OPENBLAS | {"architecture": "SkylakeX"}, EVERYTHING, None),
        (OPENBLAS | {"architecture": "Cooperlake"}, EVERYTHING, None),
        (OPENBLAS | {"architecture": "SapphireRapids"}, EVERYTHING, None),
        (OPENBLAS, EVERYTHING, "Haswell"),
        (OPENBLAS, EVERYTHING, "SkylakeX"),  # asked for, but not obeyed: asking again would never end
        (None, EVERYTHING, None),
    ],
)
def test_nothing_to_better(blas_kernel, blas, flags, chosen):
    assert blas_kernel.better_kernels(blas, flags, chosen) is None


def test_cpu_flags(blas_kernel, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    assert blas_kernel.cpu_flags(cpuinfo) == set()
    assert blas_kernel.cpu_flags(tmp_path) == set()
    for text, flags in (
        ("", set()),
        ("processor\t: 0\nFeatures\t: fp asimd\n", set()),
        ("model name\t: \xff\nflags\t\t:\n", set()),
        ("model name\t: a CPU: fast\nflags\t\t: fpu avx2\nbugs\t\t: all\n\nflags\t\t: other\n", {"fpu", "avx2"}),
    ):
        cpuinfo.write_bytes(text.encode("latin-1"))
        assert blas_kernel.cpu_flags(cpuinfo) == flags


def test_this_cpu(blas_kernel):
    """Whatever it is, what would be asked for is what it can run."""
    wanted = blas_kernel.better_kernels(blas_kernel.openblas(), blas_kernel.cpu_flags(), None)
    assert wanted is None or blas_kernel.cpu_flags() >= AVX512


def test_one_line_says_what_is_used(blas_kernel, monkeypatch):
    assert "\n" not in blas_kernel.describe_blas()
    monkeypatch.setattr(blas_kernel, "openblas", lambda: OPENBLAS)
    monkeypatch.setattr(blas_kernel, "cpu_flags", lambda: EVERYTHING)
    hint = ": set OPENBLAS_CORETYPE=SkylakeX before Python starts"
    assert blas_kernel.describe_blas() == f"OpenBLAS 0.3.31, Haswell kernels; the CPU has AVX-512{hint}"
    monkeypatch.setattr(blas_kernel, "openblas", lambda: OPENBLAS | {"architecture": "SkylakeX"})
    assert blas_kernel.describe_blas() == "OpenBLAS 0.3.31, SkylakeX kernels; the CPU has AVX-512"
    monkeypatch.setattr(blas_kernel, "openblas", lambda: OPENBLAS)
    monkeypatch.setattr(blas_kernel, "cpu_flags", set)
    assert "if the CPU has AVX-512" in blas_kernel.describe_blas()
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr(blas_kernel, "cpu_flags", lambda: EVERYTHING - {"avx512vl"})
    line = "OpenBLAS 0.3.31, Haswell kernels (OPENBLAS_CORETYPE=Haswell); the CPU has no AVX-512"
    assert blas_kernel.describe_blas() == line
    monkeypatch.setattr(blas_kernel, "openblas", lambda: None)
    assert blas_kernel.describe_blas() == "not OpenBLAS"


# The restart

SCRIPT = """
from support import blas_kernel

with open("starts", "a") as file:
    file.write("x")
DECISION
blas_kernel.prefer_fast_kernels()

import json, os, sys
print(json.dumps({
    "argv": sys.argv, "B": sys.flags.dont_write_bytecode, "x": sys._xoptions, "warn": sys.warnoptions,
    "stdin": sys.stdin.read(), "kernels": blas_kernel.openblas()["architecture"],
    "variable": os.environ.get("OPENBLAS_CORETYPE"), "better": blas_kernel.better_kernels(
        blas_kernel.openblas(), blas_kernel.cpu_flags(), os.environ.get("OPENBLAS_CORETYPE")),
}))
sys.stderr.write("to stderr")
sys.exit(3)
"""
ASK_FOR_NEHALEM = 'blas_kernel.better_kernels = lambda blas, flags, chosen: None if chosen else "Nehalem"'


@pytest.fixture
def start(blas_kernel, script_environment, tmp_path):
    """``start(*command, **variables)`` runs Python with blas_kernel on its path and no kernels chosen."""
    if platform.machine().lower() not in ("x86_64", "amd64") or blas_kernel.openblas() is None:
        pytest.skip("kernels can be chosen only where numpy multiplies with OpenBLAS, on x86")
    env = {name: value for name, value in script_environment.items() if name != "OPENBLAS_CORETYPE"}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "scripts"), str(ROOT)])

    def run(*command, **variables):
        return subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=tmp_path,
            env=env | variables,
            input="Zeile 1\nどうぞ".encode(),
            capture_output=True,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("how", [["a script.py"], ["-m", "a_module"], ["-ma_module"]])
def test_the_restart_happens_once_and_loses_nothing(start, tmp_path, how):
    path = tmp_path / ("a script.py" if "a script.py" in how else "a_module.py")
    path.write_text(SCRIPT.replace("DECISION", ASK_FOR_NEHALEM))
    arguments = ["--name", "a b", "", "ü*", "-X"]
    done = start("-B", "-X", "utf8", "-W", "error", *how, *arguments)
    assert done.returncode == 3 and done.stderr == b"to stderr", done.stderr
    got = json.loads(done.stdout)
    assert (tmp_path / "starts").read_text() == "xx"
    assert (
        got["argv"] == [path.name if path.name in how else str(path), *arguments]
        and got["x"] == {"utf8": True}
        and got["warn"] == ["error"]
    )
    assert got["B"] and got["stdin"] == "Zeile 1\nどうぞ"
    assert (got["variable"], got["kernels"]) == ("Nehalem", "Nehalem")


def test_no_restart_when_the_user_has_chosen(start, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.replace("DECISION", ""))
    done = start("-X", "utf8", "script.py", OPENBLAS_CORETYPE="Nehalem")
    assert done.returncode == 3, done.stderr
    assert (tmp_path / "starts").read_text() == "x" and json.loads(done.stdout)["kernels"] == "Nehalem"


def test_on_this_machine_a_script_starts_and_multiplies(start, tmp_path):
    """Nothing made up: with AVX-512 it is used afterwards, without it nothing happens, and neither crashes."""
    product = "import numpy as np; a = np.ones((300, 300), np.float32); assert (a @ a == 300).all()\n"
    (tmp_path / "script.py").write_text(SCRIPT.replace("DECISION", "").replace("import json", product + "import json"))
    done = start("-X", "utf8", "script.py")
    assert done.returncode == 3, done.stderr
    got = json.loads(done.stdout)
    assert got["better"] is None
    assert len((tmp_path / "starts").read_text()) == (1 if got["variable"] is None else 2)


@pytest.mark.parametrize("how", ["prompt", "debugger", "notebook", "rank"])
def test_only_a_script_is_started_anew(blas_kernel, monkeypatch, how):
    monkeypatch.setattr(blas_kernel, "better_kernels", lambda *_: "SkylakeX")
    monkeypatch.setattr(sys, "argv", ["script.py"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "script.py"])
    started = []
    monkeypatch.setattr(os, "execv", lambda *command: started.append(command))
    monkeypatch.setenv("OPENBLAS_CORETYPE", "")  # set back after the test
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    blas_kernel.prefer_fast_kernels()
    assert len(started) == 1
    if how == "prompt":
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    elif how == "debugger":
        monkeypatch.setattr(sys, "gettrace", lambda: print)
    elif how == "notebook":
        monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "ipykernel_launcher"])
    else:  # python -m mpi4py has started MPI: the other ranks would lose this one
        monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    blas_kernel.prefer_fast_kernels()
    assert len(started) == 1
