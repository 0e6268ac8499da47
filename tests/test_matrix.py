"""tests/matrix.py and its options in conftest.py: no run with other kernels than it says, no skip that hides a gap."""

import os
import subprocess
import sys

import matrix
import pytest
from script_tools import ROOT


def test_kernels_that_the_cpu_cannot_run_are_left_out_with_a_line(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    flags = {"pni", "sse4_2", "avx", "avx2", "fma", "avx512f"}
    monkeypatch.setattr("support.blas_kernel.cpu_flags", lambda: flags)
    assert matrix.runnable([*matrix.FAMILIES, "own"]) == [*list(matrix.FAMILIES)[:5], "own"]
    first, second = capsys.readouterr().err.splitlines()
    assert first == "SkylakeX: left out, the CPU has no avx512bw avx512cd avx512dq avx512vl"
    assert second.startswith("SapphireRapids: left out, the CPU has no amx_bf16 ")
    flags.clear()  # of another kind, or not known
    assert matrix.runnable(["Prescott", "own"]) == ["own"]


def test_kernels_are_chosen_for_the_children_alone(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    assert "OPENBLAS_CORETYPE" not in matrix.environment_of("own")
    assert matrix.environment_of("Haswell")["OPENBLAS_CORETYPE"] == "Haswell"
    assert os.environ["OPENBLAS_CORETYPE"] == "Nehalem"


def test_kernels_that_are_not_known_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["matrix.py", "--kernels", "own,Zen7"])
    with pytest.raises(SystemExit):
        matrix.main()
    assert "expected names of Prescott, Nehalem, " in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_says_what_came_of_it_and_stops_with_other_kernels():
    found = matrix.facts_of(sys.executable, "own")
    arguments = ["-n0", "-p", "no:cacheprovider", "tests/test_functions.py", "-k", "sigmoid"]
    result = matrix.run_tests(sys.executable, "own", found["kernels"], arguments)
    assert matrix.PASSED.fullmatch(result), result
    assert matrix.run_tests(sys.executable, "own", "Katmandu", arguments) == "none: exit 4"
    none = matrix.run_tests(sys.executable, "own", found["kernels"], [*arguments[:-1], "nonesuch"])
    assert none == "0 passed, 0 failed, 0 skipped, exit 5" and not matrix.PASSED.fullmatch(none)


@pytest.mark.slow
@pytest.mark.parametrize("option, status", [("--no-missing", 1), ("-rs", 0)])
def test_a_slow_test_that_skips_fails_where_nothing_may_be_missing(tmp_path, option, status):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('hidden')", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-m",
        "slow",
        option,
        "tests/test_gru.py",
    ]
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == status, done.stdout + done.stderr
    assert ("nothing may be missing here (--no-missing): Skipped: could not import 'torch'" in done.stdout) == status
