"""Every page does what it says: its code blocks run, in order, in one folder per page, and its links resolve.

```python blocks run each in a process of its own, ```sh blocks by `bash -e`; ```text blocks show output.
A comment directly before a block says what differs:

<!-- not run in tests: REASON -->   a ```sh block of commands that take long (``LONG``) or read what those write
<!-- test command -->               the line that .ci/run executes; running it here would not end
<!-- raises: NAME -->               a ```python block that ends with this exception
<!-- continues -->                  a ```python block that goes on where the one before it ended
<!-- output -->                     a ```text block: lines that the block before it prints, whatever their numbers
"""

import configparser
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KINDS = "python", "sh", "text"
LONG = re.compile(
    r"pip install"  # installs
    r"|scripts/train_(date|text)\.py"  # trains for minutes
    r"|-m benchmarks\.|tests/mutate\.py|pytest .*--full"  # measures or tests for minutes
    r"|tests/matrix\.py"  # wants other Pythons and kernels
)
BLOCK = re.compile(
    r"^(?P<comments>(?:<!--[^\n]*-->\n\n?)*)```(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
FENCE = re.compile(r"^[\s>]*(?:(?:[-*+]|\d+[.)]) +)*(?:```|~~~|<pre\b)", re.MULTILINE)  # in quotes and lists, too
COMMAND = re.compile(
    r"^\s*(?:[$>] +)?(?:(?:nice|env|sudo|\w+=\S+|-n \d+) +)*"
    r"(?:\S*bin/\w+|python3? +(?:-|\S+\.py)|(?:pip|uv|npx|npm|apt-get|git|pytest|ruff|mypy|bash) +[-\w])",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    line: int
    kind: str
    code: str
    comments: tuple[str, ...] = ()

    def comment(self, name: str) -> str | None:
        """What follows the name in a comment before the block; None where there is no such comment."""
        return next((c.removeprefix(name).lstrip(": ") for c in self.comments if c.startswith(name)), None)

    @property
    def not_run(self) -> str | None:
        return "test command" if self.comment("test command") is not None else self.comment("not run in tests")

    def __str__(self) -> str:
        return f"line {self.line}, {self.kind}" + (f", not run: {self.not_run}" if self.not_run is not None else "")


def blocks(text: str) -> list[Block]:
    parsed: list[Block] = []
    for found in BLOCK.finditer(text):
        comments, code = tuple(re.findall(r"<!-- *(.*?) *-->", found["comments"])), found["code"]
        if "continues" in comments:
            code = next((block.code for block in reversed(parsed) if block.kind == "python"), "") + code
        parsed.append(Block(text.count("\n", 0, found.start("code")), found["kind"], code, comments))
    return parsed


def quick_commands(code: str) -> list[str]:
    """The commands that neither take long nor use the folder that one which does leaves (``--out``)."""
    lines = [line for line in code.replace("\\\n", " ").splitlines() if line.strip() and line[0] != "#"]
    written = [folder for line in lines if LONG.search(line) for folder in re.findall(r"--out (\S+)", line)]
    return [line for line in lines if not LONG.search(line) and not any(folder in line for folder in written)]


def faults(text: str) -> list[str]:
    """What is wrong with the code of a page before any of it has run."""
    found, parsed = [], blocks(text)
    if len(FENCE.findall(text)) != 2 * len(parsed):
        found.append("a block was not understood: indented, not closed, or fenced by other than ```")
    for block in parsed:
        if block.kind not in KINDS:
            found.append(f"{block}: a block is one of {', '.join(KINDS)}, so that it is clear whether it runs")
        if block.kind == "sh" and block.not_run is not None:
            if not block.not_run:
                found.append(f"{block}: expected a reason")
            found += [f"{block}: quick to run, so it must be run: {line}" for line in quick_commands(block.code)]
        elif block.not_run is not None:
            found.append(f"{block}: quick to run, so it must be run")
        elif re.search(r"pip install|-m venv", block.code):
            found.append(f"{block}: would install into the .venv in use: mark it as not run")
    elsewhere = re.sub(BLOCK, lambda block: "" if block["kind"] in ("python", "sh") else block[0], text)
    return found + [f"a command that no test runs: {line[0].strip()}" for line in COMMAND.finditer(elsewhere)]


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


PAGES = {
    page_name(path): path.read_text(encoding="utf-8") for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
}
SLOW = (  # 10 s and more, or what a page in English already does
    "README.ja.md",
    "docs/attention-maps.md",
    "docs/classifiers.md",
    "docs/from-the-book.ja.md",
    "docs/from-the-book.md",
    "docs/gradient-check.md",
    "docs/kinds-of-attention.ja.md",
    "docs/reliability.md",
)


@pytest.fixture(scope="module")
def folder_of(trained_run, text_runs, tmp_path_factory) -> Callable[[str], Path]:
    """Fill a folder per page: the repository, small trained runs in runs, a small date.txt, the .venv in use."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")

    @functools.cache
    def folder_of(page: str) -> Path:
        folder = tmp_path_factory.mktemp("page")
        for name in {*names} - {""}:
            if (ROOT / name).is_file():  # not if it was deleted since
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        shutil.copytree(trained_run.folder, folder / "runs" / "date")
        shutil.copytree(text_runs["seqself"].folder, folder / "runs" / "text")
        shutil.copy(trained_run.data, folder / "date.txt")
        (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
        return folder

    return folder_of


def run(block: Block, folder: Path) -> subprocess.CompletedProcess:
    env = os.environ | {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    env["PYTEST_ADDOPTS"] = "-n0"  # the cores are taken
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    # python reads the code from standard input, so that `import common` finds the folder's
    command, stdin = (
        ([sys.executable, "-"], block.code) if block.kind == "python" else (["bash", "-ec", block.code], "")
    )
    return subprocess.run(command, cwd=folder, env=env, input=stdin, capture_output=True, encoding="utf-8", timeout=300)


def without_numbers(text: str) -> list[str]:
    return re.sub(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?", "#", text).splitlines()


def check(block: Block, folder: Path) -> None:
    printed = folder / "runs" / "printed.txt"
    if block.kind == "text":
        missing = {*without_numbers(block.code)} - {*without_numbers(printed.read_text(encoding="utf-8"))}
        assert not missing, f"{block}: the block before it does not print this:\n" + "\n".join(missing)
        return
    done = run(block, folder)
    printed.write_text(done.stdout + done.stderr, encoding="utf-8")
    output = f"{block}\n{block.code}\n{done.stdout}\n{done.stderr}"
    exception = block.comment("raises")
    if exception is None:
        assert done.returncode == 0, output
    else:
        assert block.kind == "python" and done.returncode == 1, output
        *_, traceback = done.stderr.rpartition("Traceback (most recent call last):\n")
        assert re.search(rf"^([\w.]+\.)?{re.escape(exception)}\b", traceback, re.MULTILINE), output


def runs(block: Block) -> bool:
    return block.comment("output") is not None if block.kind == "text" else block.not_run is None


@pytest.mark.parametrize(
    "page, block",
    [
        pytest.param(page, block, marks=pytest.mark.slow if page in SLOW else (), id=f"{page} {block}")
        for page, text in PAGES.items()
        for block in blocks(text)
        if runs(block)
    ],
)
def test_block(page, block, folder_of):
    """A block that needs packages of an extra says so, ``<!-- needs: onnxruntime -->``, and is skipped without them."""
    for package in (block.comment("needs") or "").split():
        pytest.importorskip(package)
    check(block, folder_of(page))


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_or_has_a_good_reason_not_to(page):
    assert "\n".join(faults(PAGES[page])) == ""


def test_readme_names_the_newcomers_two_commands():
    parsed = blocks(PAGES["README.md"])
    lines = [line for block in parsed if block.kind == "sh" for line in block.code.splitlines()]
    new_environment = [line for line in lines if "-m venv .venv" in line and "pip install" in line]
    assert any("scripts/train_date.py" in line for line in new_environment)
    (tests,) = (block.code.splitlines() for block in parsed if block.comment("test command") is not None)
    assert len(tests) == 1 and tests[0] in new_environment
    assert ".[test]" in tests[0] and "pytest" in tests[0]


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("README")])
def test_every_dependency_has_its_reason(page):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    packages = {re.match(r"[\w-]+", line)[0] for lines in wanted for line in lines.split("\n") if line}
    rows = re.findall(r"^\| *([^|]*?) *\|", PAGES[page], re.MULTILINE)
    assert packages - {name for row in rows for name in row.split(", ")} == set()


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
        ("```python\nx = 1\n```\n\n<!-- continues -->\n```python\nassert x == 1\n```\n", None),
        ("```python\nx = 1\n```\n\n```python\nassert x == 1\n```\n", "NameError"),
        ("```sh\necho took 3.5 s\n```\n\n<!-- output -->\n```text\ntook 12 s\n```\n", None),
        ("```sh\necho took 3.5 s\n```\n\n<!-- output -->\n```text\nlasted 12 s\n```\n", "lasted # s"),
    ],
)
def test_a_block_that_does_otherwise_fails(folder_of, text, fault):
    def check_all():
        for block in blocks(text):
            check(block, folder_of("README.md"))

    assert faults(text) == []
    if fault is None:
        check_all()
    else:
        with pytest.raises(AssertionError, match=fault):
            check_all()


TRAINING = "python scripts/train_date.py --out runs/x\n"


@pytest.mark.parametrize(
    "text, fault",
    [
        (f"<!-- not run in tests: takes minutes -->\n```sh\n{TRAINING}```\n", None),
        (f"<!-- not run in tests: takes minutes -->\n```sh\n{TRAINING}ls runs/x\n```\n", None),
        (f"<!-- not run in tests: takes minutes -->\n```sh\n{TRAINING}ls runs/y\n```\n", "must be run: ls runs/y"),
        (f"<!-- not run in tests: -->\n```sh\n{TRAINING}```\n", "expected a reason"),
        ("<!-- not run in tests: dull -->\n```sh\nls\n```\n", "must be run: ls"),
        ("<!-- not run in tests: dull -->\n```python\n1\n```\n", "must be run"),
        ("```sh\npip install numpy\n```\n", "mark it"),
        (f"```\n{TRAINING}```\n", "a block is one of|no test runs"),
        (f"```text\n{TRAINING}```\n", "no test runs"),
        ("```text\n$ .venv/bin/python -m pytest\n```\n", "no test runs"),
        ("Type\n\n    nice -n 19 python -m pytest\n", "no test runs"),
        ("```bash\nls\n```\n", "a block is one of"),
        ("```\nls\n```\n", "a block is one of"),
        ("- item\n\n  ```sh\n  ls\n  ```\n", "not understood"),
        ("~~~sh\nls\n~~~\n", "not understood"),
        ("> ```python\n> 1\n> ```\n", "not understood"),
        ("> - ```python\n>   1\n>   ```\n", "not understood"),
        ("- ```python\n  1\n  ```\n", "not understood"),
        ("<pre><code>\n1\n</code></pre>\n", "not understood"),
        ("```text\n1972-05-01\n```\npython is meant here, and `python -m pytest` there.\n", None),
    ],
)
def test_code_that_would_not_be_run_is_found(text, fault):
    found = "\n".join(faults(text))
    assert found == "" if fault is None else re.search(fault, found)


def prose(text: str) -> str:
    return BLOCK.sub("", text)


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to headings."""
    titles = re.findall(r"^#+ +(.*?) *$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(page: str, text: str) -> list[str]:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose(text))):
        path, _, anchor = link.partition("#")
        if re.match(r"https?:", link):
            continue
        target = Path(os.path.normpath((ROOT / page).parent / path)) if path else ROOT
        if not (target.is_relative_to(ROOT) and target.exists()):
            dead.append(link)
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8") if path else text):
            dead.append(link)
    return dead


def unknown_names(text: str) -> list[str]:
    """What is written as `folder/file` or as the name of a test, and is none here."""
    names = re.findall(r"`([^`\s]+)`", prose(text))
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"runs"}
    files = [name for name in names if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/?", name) and name.split("/")[0] in folders]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    return [name for name in files if not (ROOT / name).exists()] + [
        name
        for name in names
        if re.match(r"test_\w", name)
        and not (ROOT / "tests" / name).is_file()
        and not re.search(rf"^def {name.removesuffix('...')}" + (r"\(" if name[-1] != "." else ""), tests, re.MULTILINE)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_names_lead_somewhere(page):
    assert "\n".join(dead_links(page, PAGES[page]) + unknown_names(PAGES[page])) == ""


def test_every_page_is_in_the_index():
    links = re.findall(r"\]\(([^)#\s]+)", PAGES["docs/README.md"])
    indexed = {page_name((ROOT / "docs" / link).resolve()) for link in links}
    assert {*PAGES} - indexed <= {"docs/README.md"}


@pytest.mark.parametrize(
    "text, dead, unknown",
    [
        ("[a](data.md) [b](../README.md#two-commands) [c](#here)\n\n## Here", [], []),
        ("[a](README.md#two-commands)", ["README.md#two-commands"], []),
        ("![a](none.png) [b](../../x)", ["none.png", "../../x"], []),
        ("[a](#there)\n\n```sh\n# there\n```\n", ["#there"], []),
        ("`[a](b)` [c](https://example.org/d)", [], []),
        ("`tests/` `common/layer.py` `runs/date` `test_docs.py` `test_links_and_...` `unit/none.py`", [], []),
        (
            "`common/none.py` `test_no_such.py` `test_links_and`",
            [],
            ["common/none.py", "test_no_such.py", "test_links_and"],
        ),
    ],
)
def test_a_link_or_name_that_leads_nowhere_is_found(text, dead, unknown):
    assert dead_links("docs/page.md", text) == dead
    assert unknown_names(text) == unknown
