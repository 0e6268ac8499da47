"""The JavaScript modules of the pages, and how support/html_page.py joins them in one scope."""

import re
from pathlib import PurePosixPath

import pytest
from page_tools import Parts, page_of
from script_tools import ROOT

import classifier.page
import seq2seq.page
from support import html_page

DATES = ["May 1, 1972", "7/22/08"]


PAGES = seq2seq.page, classifier.page


def parts_of(page) -> set[str]:
    return {*page.SCRIPTS, *page.STYLES, page.TEMPLATE, html_page.FRAME}


def test_every_file_is_part_of_a_page():
    assert {str(path.relative_to(ROOT)) for path in ROOT.glob("*/page/*")} == set().union(*map(parts_of, PAGES))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_the_files_of_the_page_fit_together(page):
    known = {}
    for name in page.SCRIPTS:
        text, folder = html_page.read(name), ROOT / PurePosixPath(name).parent
        for imported, source in re.findall(r"^import \{(.*?)\} from \"(\..*?)\";$", text, re.MULTILINE | re.DOTALL):
            module = str((folder / source).resolve().relative_to(ROOT))
            assert set(re.findall(r"\w+", imported)) <= known[module], "not exported, or of a later file"
        known[name] = set(re.findall(r"^export (?:async )?(?:const|function\*?|class) (\w+)", text, re.MULTILINE))
    script = html_page.joined(page.SCRIPTS)
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE) and "@import" not in script
    assert len(re.findall(r"^(?:const|let|function|class) \w+", script, re.MULTILINE)) > 40


@pytest.fixture
def with_line(monkeypatch):
    """``with_line(line)`` appends a line to main.js."""
    whole = html_page.read

    def change(line):
        monkeypatch.setattr(html_page, "read", lambda name: whole(name) + f"{line}\n" * name.endswith("/main.js"))

    return change


@pytest.mark.parametrize(
    "line, clash",
    [
        (
            "const find = 1;",
            "find at the top level of one module, got it in support/page/text.js and seq2seq/page/main.js",
        ),
        (
            "let shown;",
            "shown at the top level of one module, got it in seq2seq/page/pointing.js and seq2seq/page/main.js",
        ),
        (
            "export function ask() {}",
            "ask at the top level of one module, got it in seq2seq/page/models.js and seq2seq/page/main.js",
        ),
        (
            "async function* ask() {}",
            "ask at the top level of one module, got it in seq2seq/page/models.js and seq2seq/page/main.js",
        ),
        (
            "export class LSTM {}",
            "LSTM at the top level of one module, got it in common/page/layers.js and seq2seq/page/main.js",
        ),
        (
            "var first = 1;",
            "first at the top level of one module, got it in seq2seq/page/main.js and seq2seq/page/main.js",
        ),
        ("  const find = 1;", None),
        ("const another = 1;", None),
        ("// const find", None),
    ],
)
def test_two_top_level_names_that_clash_are_refused(with_line, line, clash):
    with_line(line)
    if clash is None:
        assert Parts(page_of(DATES)[0]).texts["script"].endswith(f"\n{line}\n")
        return
    with pytest.raises(ValueError, match=f"^page: expected {clash}: rename one$"):
        page_of(DATES)


@pytest.mark.parametrize("line", ["const { find } = {};", "export let [find] = [];"])
def test_a_pattern_at_the_top_level_whose_names_could_clash_is_refused(with_line, line):
    with_line(line)
    with pytest.raises(
        ValueError, match=r"^page: expected one name per declaration at the top level of seq2seq/page/main\.js"
    ):
        page_of(DATES)


def test_the_types_of_every_module_are_checked():
    for name in {name for page in PAGES for name in page.SCRIPTS}:
        assert html_page.read(name).startswith("// @ts-check\n"), name
