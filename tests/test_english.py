"""What can be held of the project's English, in every file that a reader meets.

Messages say "expected X, got Y"; no docstring begins with "Of"; it is "one row per token", not "a row a token".
"""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = sorted(folder.name for folder in ROOT.iterdir() if folder.name[0] != "." and any(folder.glob("*.py")))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
BOOK = ROOT / "tests" / "book"  # as the book's authors wrote it

# "a row a token", "one query a text"; "one needs a mask" and "one with a mask" are meant
SMALL = "and|for|from|has|like|over|such|than|that|under|with|without"
PER = re.compile(rf"\b(an?|one) (?!(?:{SMALL})\b)(?:class|process|\w\w+[a-rt-z]) an? \w+", re.IGNORECASE)
WITH_DOCSTRINGS = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef


def texts(code: str):
    """Yield ``(line, kind, text)`` for each docstring, other string (or part of an f-string) and comment."""
    tree = ast.parse(code)
    bodies = [node.body[0] for node in ast.walk(tree) if isinstance(node, WITH_DOCSTRINGS) and node.body]
    docstrings = {id(first.value) for first in bodies if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            kind = "docstring" if id(node) in docstrings else "string"
            yield node.lineno, kind, re.sub(r"\s+", " ", node.value).strip()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], "comment", token.string


def faults(name: str, content: str, messages: bool = True) -> list[str]:
    """One line per fault. messages: whether its strings are read by users; a test may speak of what it wanted."""
    found = []
    python = name.endswith(".py")
    lines = texts(content) if python else ((k, "text", line) for k, line in enumerate(content.splitlines(), 1))
    for line, kind, text in lines:
        here = f"{name}:{line}: "
        if messages and kind in ("string", "text") and "wanted" in re.findall(r"\w+", text.lower()):
            found.append(f'{here}"expected X, got Y", not "wanted": {text[:80]}')
        if kind == "docstring" and text.startswith("Of "):
            found.append(f'{here}a docstring says what the thing is or does, and does not begin with "Of": {text[:80]}')
        found += [f'{here}"one X per Y", not "{per[0]}"' for per in PER.finditer(text)]
    return found


def faults_of(path: Path, messages: bool = True) -> list[str]:
    return faults(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"), messages)


@pytest.mark.parametrize("room", ROOMS)
def test_english_of(room):
    files = [path for kind in ("py", "js", "css", "html") for path in sorted((ROOT / room).rglob(f"*.{kind}"))]
    read = [path for path in files if BOOK not in path.parents and path != Path(__file__).resolve()]
    found = [fault for path in read for fault in faults_of(path, messages=room != "tests")]
    assert not found, "\n".join(found)


def test_english_of_pages():
    found = [fault for path in PAGES for fault in faults_of(path, messages=False)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "name, content, wanted",
    [
        ("a.py", 'raise ValueError("layer: (N, T) wanted, got (N,)")', 1),
        ("a.py", 'print(f"{name}: a file wanted, got {n}", "one file was " "wanted")', 2),
        ("a.py", 'wanted = 1  # what was wanted\ndef f():\n    """What was wanted."""\nprint("unwanted")', 0),
        ("a.py", 'print("Wanted: a file")', 1),
        ("a.js", "explain(`${name} wanted`)", 1),
        ("a.py", '"""Of a file the lines."""\ndef f():\n    """\n    Of it."""\nclass A:\n    "Of that"', 3),
        ("a.py", '"""Offers."""\nx = "Of strings that are no docstrings"', 0),
        ("a.py", 'help = "a line a\\ntext"  # one array a parameter', 2),
        ("a.py", '"""One curve a model, a class\n   a folder, an array a name."""', 3),
        ("a.css", "/* a row a token */", 1),
        ("a.py", '"""One needs a mask, one with a mask has a row; a row per token; a, a b."""\nx = {a for a in b}', 0),
    ],
)
def test_these_rules_find(name, content, wanted):
    assert len(faults(name, content)) == wanted, faults(name, content)


def test_every_room_is_read():
    assert {
        "common",
        "dataset",
        "seq2seq",
        "classifier",
        "experiment",
        "interchange",
        "support",
        "scripts",
        "tests",
    } <= set(ROOMS)
    assert ROOT / "README.md" in PAGES
