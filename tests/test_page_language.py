"""The pages' texts in English and Japanese: every text has a translation, and every translation a text."""

import ast
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from page_tools import VOID
from script_tools import ROOT

import classifier.page
import seq2seq.page
from support import html_page

# each page, with what writes phrases for its head
PAGES = {
    seq2seq.page: ("experiment/date_page.py", "scripts/explore_attention.py"),
    classifier.page: ("experiment/text_page.py", "scripts/explore_text_attention.py"),
}
STRING = r'"((?:[^"\\]|\\.)*)"'
NAME = re.compile(r"\{\w+\}")
of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)


class Static(HTMLParser):
    """The texts of a page that stand in its HTML, as ``staticTexts`` of language.js finds them."""

    def __init__(self, page):
        super().__init__()
        self.open, self.texts = [], set()
        self.feed(html_page.read(html_page.FRAME).replace("{body}\n", html_page.read(page.TEMPLATE)))
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(dict(attrs).get("id", tag))
        self.add(*(value for name, value in attrs if name in ("aria-label", "placeholder", "title")))

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        if "body" in self.open and not {"noscript", "data", "weights", "script", "language"} & {*self.open}:
            self.add(data)

    def add(self, *texts):
        self.texts |= {" ".join(text.split()) for text in texts if re.search("[A-Za-z]", text)}


def said_by(page) -> set[str]:
    """The English of a page: what its modules hand to ``t``, what stands in its HTML, and the phrases of its head."""
    modules = "\n".join(html_page.read(name) for name in page.SCRIPTS)
    return {*re.findall(rf"\bt\(\s*{STRING}", modules), *Static(page).texts, *filter(NAME.search, strings(page))}


def strings(page) -> set[str]:
    """Every string in the Python that writes phrases for the page."""
    nodes = [node for name in PAGES[page] for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8")))]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def entries(names) -> list[tuple[str, str]]:
    """The English and the Japanese of the catalogues among these modules."""
    found = []
    for name in names:
        if "japanese" in name:
            body = html_page.read(name).split("addJapanese({\n")[1].removesuffix("});\n")
            found += re.findall(rf"^  (?:{STRING}|(\w+)):\s+{STRING},\n", body, re.MULTILINE)
            rest = re.sub(rf"^  (?:{STRING}|\w+):\s+{STRING},\n|^  //.*\n|\n", "", body, flags=re.MULTILINE)
            assert not rest, f"{name}: not an entry: {rest}"
    return [(quoted or bare, japanese) for quoted, bare, japanese in found]


@of_each_page
def test_every_text_of_the_page_has_japanese(page):
    assert sorted(said_by(page) - {english for english, _ in entries(page.SCRIPTS)}) == []


@of_each_page
def test_every_call_of_t_has_a_literal_text(page):
    for name in page.SCRIPTS:
        if not name.endswith("/language.js"):
            assert re.findall(r".*(?<![\w.])t\((?!\s*\").*", html_page.read(name)) == [], name


@of_each_page
def test_the_japanese_has_the_same_names_in_braces(page):
    for english, japanese in entries(page.SCRIPTS):
        assert sorted(NAME.findall(english)) == sorted(NAME.findall(japanese)), english
        assert japanese.strip(), english


def test_no_entry_is_unused_or_twice():
    said = {page: said_by(page) | strings(page) for page in PAGES}
    for page in PAGES:
        english = [english for english, _ in entries(page.SCRIPTS)]
        assert [text for text, count in Counter(english).items() if count > 1] == []
        own = [name for name in page.SCRIPTS if not name.startswith("support/")]
        assert sorted({english for english, _ in entries(own)} - said[page]) == []
    shared = [name for page in PAGES for name in page.SCRIPTS if name.startswith("support/")]
    assert sorted({english for english, _ in entries(shared)} - set().union(*said.values())) == []
