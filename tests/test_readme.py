"""README.md does what it says: its code blocks run, in order, in one folder.

```python blocks run each in a process of its own, ```sh blocks by `bash -e`; other blocks are for the eye.
A comment directly before a block says what differs:

<!-- not run in tests: REASON -->   only for blocks that install, train or measure for minutes
<!-- test command -->               the line that .ci/run executes; running it here would not end
<!-- raises: NAME -->               a ```python block that ends with this exception
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SLOW = re.compile(r"pip install|scripts/train_(date|text)\.py|-m benchmarks\.")
BLOCK = re.compile(
    r"^(?P<comments>(?:<!--[^\n]*-->\n\n?)*)```(?P<kind>python|sh)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    line: int
    kind: str
    code: str
    comments: tuple[str, ...]

    def comment(self, name: str) -> str | None:
        """What follows the name in a comment before the block; None where there is no such comment."""
        return next((c.removeprefix(name).lstrip(": ") for c in self.comments if c.startswith(name)), None)

    @property
    def not_run(self) -> str | None:
        return "test command" if self.comment("test command") is not None else self.comment("not run in tests")

    def __str__(self) -> str:
        return f"line {self.line}, {self.kind}" + (f", not run: {self.not_run}" if self.not_run is not None else "")


def blocks(text: str) -> list[Block]:
    return [
        Block(
            text.count("\n", 0, found.start("code")),
            found["kind"],
            found["code"],
            tuple(re.findall(r"<!-- *(.*?) *-->", found["comments"])),
        )
        for found in BLOCK.finditer(text)
    ]


README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks(README)


@pytest.fixture(scope="module")
def folder(trained_run, text_runs, tmp_path_factory) -> Path:
    """The tracked files, small trained runs in runs, a small date.txt, and .venv, which is the one in use."""
    folder = tmp_path_factory.mktemp("readme")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in {*tracked.split("\0"), "README.md"} - {""}:
        if (ROOT / name).is_file():  # not if it was deleted since
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.copytree(trained_run.folder, folder / "runs" / "date")
    shutil.copytree(text_runs["seqself"].folder, folder / "runs" / "text")
    shutil.copy(trained_run.data, folder / "date.txt")
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return folder


def run(block: Block, folder: Path) -> subprocess.CompletedProcess:
    env = os.environ | {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    env["PYTEST_ADDOPTS"] = "-n0"  # the cores are taken
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    # python reads the code from standard input, so that `import common` finds the folder's
    command, stdin = (
        ([sys.executable, "-"], block.code) if block.kind == "python" else (["bash", "-ec", block.code], "")
    )
    return subprocess.run(command, cwd=folder, env=env, input=stdin, capture_output=True, encoding="utf-8", timeout=300)


def check(block: Block, folder: Path) -> None:
    if block.not_run is not None:
        assert block.not_run, "a reason is wanted"
        assert block.kind == "sh" and SLOW.search(block.code), "a block that is quick to run must be run"
        return
    assert not re.search(r"pip install|-m venv", block.code), "would install into the .venv in use: mark it as not run"
    done = run(block, folder)
    output = f"{block}\n{block.code}\n{done.stdout}\n{done.stderr}"
    exception = block.comment("raises")
    if exception is None:
        assert done.returncode == 0, output
    else:
        assert block.kind == "python" and done.returncode == 1, output
        *_, traceback = done.stderr.rpartition("Traceback (most recent call last):\n")
        assert re.search(rf"^([\w.]+\.)?{re.escape(exception)}\b", traceback, re.MULTILINE), output


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block(block, folder):
    check(block, folder)


def test_blocks_of_both_kinds_are_run():
    assert {block.kind for block in BLOCKS if block.not_run is None} == {"python", "sh"}
    assert len(BLOCKS) == len(re.findall(r"^```(?:python|sh)\b", README, re.MULTILINE)), "a block was not understood"


def test_readme_names_the_newcomers_two_commands():
    lines = [line for block in BLOCKS if block.kind == "sh" for line in block.code.splitlines()]
    new_environment = [line for line in lines if "-m venv .venv" in line and "pip install" in line]
    assert any("scripts/train_date.py" in line for line in new_environment)
    (tests,) = (block.code.splitlines() for block in BLOCKS if block.comment("test command") is not None)
    assert len(tests) == 1 and tests[0] in new_environment
    assert ".[test]" in tests[0] and "pytest" in tests[0]


STUB = (
    "mkdir -p .venv/bin && for name in ruff pip python; do "
    'printf "#!/bin/sh\\necho $name \\$*\\n" > .venv/bin/$name; chmod +x .venv/bin/$name; done'
)
BROWSER = "chromium", "chromedriver"
LINTED = ["ruff check .", "ruff format --check .", "npx --yes @biomejs/biome@2.6.8 ci --error-on-warnings"]
SLOW_TESTS = ["pip install -e .[frameworks,notebook]", "python -m pytest -m slow --no-missing"]
ALL = [*LINTED, "python tests/matrix.py --kernels Haswell,own", *SLOW_TESTS]
INSTALLED = ["apt-get update -qq", "apt-get install -qq -y --no-install-recommends chromium chromium-driver"]


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
    *got, errors = run_ci(command, *BROWSER, "npx")
    assert got == [code, output], errors


@pytest.mark.parametrize(
    "programs, code, output, error",
    [
        ((*BROWSER, "npx", "id", "apt-get"), 0, ALL, ""),
        (("npx", "id", "apt-get"), 0, INSTALLED + ALL, ""),
        (("chromium", "npx", "id", "apt-get"), 0, INSTALLED + ALL, ""),
        (("npx", "id"), 0, ALL, "will skip"),
        ((*BROWSER,), 1, LINTED[:2], "no npx"),
    ],
    ids=["all", "browser installed", "driver installed", "no apt-get", "no npx"],
)
def test_ci_installs_the_browser_and_wants_npm(run_ci, programs, code, output, error):
    *got, errors = run_ci(STUB, *programs)
    assert got == [code, output], errors
    assert error in errors and (error or not errors)


@pytest.mark.parametrize(
    "text, fault",
    [
        ("```python\nimport common, pathlib\nassert pathlib.Path('runs/date/attention.npz').is_file()\n```\n", None),
        ("```python\nassert 1 + 1 == 3\n```\n", "AssertionError"),
        ("<!-- raises: ZeroDivisionError -->\n```python\n1 / 0\n```\n", None),
        ("<!-- raises: KeyError -->\n```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("<!-- raises: KeyError -->\n```python\n1 / 1\n```\n", "raises|assert"),
        ("```sh\n.venv/bin/python -c 'import numpy'\npython -c 'import numpy'\ntest -s date.txt\n```\n", None),
        ("```sh\nfalse\ntrue\n```\n", "line 1, sh"),
        ("<!-- not run in tests: takes minutes -->\n```sh\npython scripts/train_date.py\n```\n", None),
        ("<!-- not run in tests: -->\n```sh\npython scripts/train_date.py\n```\n", "a reason is wanted"),
        ("<!-- not run in tests: dull -->\n```sh\nls\n```\n", "quick to run"),
        ("```sh\npip install numpy\n```\n", "mark it"),
    ],
)
def test_this_runner_sees_faults(folder, text, fault):
    (block,) = blocks(text)
    if fault is None:
        check(block, folder)
    else:
        with pytest.raises(AssertionError, match=fault):
            check(block, folder)
