"""The pages in English and Japanese in a real browser: the one it prefers at first, then the one that is chosen."""

import json
import re

import pytest
from page_tools import Parts
from test_page_models_in_browser import READ, several, write_page_of
from text_page_tools import JAPANESE, text_page_of
from text_what_if_tools import CHANGE

# all that is read or heard: texts, and attributes that are
SAID = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [document.title];
for (let node = walker.nextNode(); node; node = walker.nextNode())
  if (!node.parentElement.closest("script, noscript, #language, #said")) found.push(node.data);
for (const name of ["aria-label", "placeholder", "title"])
  for (const holder of document.querySelectorAll(`[${name}]`)) found.push(holder.getAttribute(name));
return found;
"""
# all of the page but what was spoken, and what a reader has done in it; a line of the list may be a pixel taller
STATE = """
const copy = document.body.cloneNode(true);
for (const gone of copy.querySelectorAll("script, #said")) gone.remove();
for (const each of copy.querySelectorAll("button")) each.className = [...each.classList].sort().join(" ");
const ways = [...document.querySelectorAll("input, select, textarea")].map((e) => [e.id, e.value, e.checked]);
return [document.documentElement.lang, document.title, copy.innerHTML, ways, Math.round(list.scrollTop / 10), scrollY];
"""
WORD = re.compile("[A-Za-z]{3,}")
NAMES = {"Attention", "Encoder", "GRU", "LSTM", "Self", "seq"}  # of models and their parts
NAMES |= {"Delete", "Escape", "Shift"}  # of keys
NAMES |= {"SentencePiece"}
NAMES |= {"PNG", "SVG"}


def state(browser) -> list:
    """What the page shows, once the other models have been asked too."""
    browser.wait("!document.querySelector('[aria-busy=true]')")
    return browser.run(STATE)


@pytest.fixture
def prefer(browser):
    """``prefer("ja")``: the languages that the reader prefers."""
    yield browser.read_in
    browser.read_in()


def latin(browser, page) -> set[str]:
    """The words of three or more Latin letters in what the page says, but those of its data."""
    data = json.loads(Parts(page.read_bytes()).texts["data"])
    values = [phrase[1] for phrase in [data["title"], *data["about"]] if isinstance(phrase, list)]
    models = [[model.get("name"), model.get("vocabulary")] for model in data["models"]]
    written = browser.all("#asked, #own, .wrote", "e.textContent")
    own = [data.get("questions"), data.get("texts"), data.get("vocabulary"), models, values, written]
    known = {*WORD.findall(json.dumps(own, ensure_ascii=False))} | NAMES
    return {word for said in browser.run(SAID) for word in WORD.findall(said)} - known


@pytest.mark.parametrize("languages, lang", [("ja-JP,en", "ja"), ("fr,ja,en", "ja"), ("en-GB,ja", "en"), ("fr", "en")])
def test_the_page_begins_in_the_language_that_the_browser_prefers(browser, prefer, date_page, languages, lang):
    prefer(languages)
    browser.open(date_page)
    heading, *switch = {
        "en": ("Where the model looks", "日本語", "ja"),
        "ja": ("モデルはどこを見ているか", "English", "en"),
    }[lang]
    assert browser.get("document.documentElement.lang") == lang
    assert browser.get("[language.textContent, language.lang]") == switch
    assert browser.all("h1", "e.textContent") == [heading] and browser.get("document.title").startswith(heading)


def test_the_switch_changes_every_text_and_nothing_else(browser, date_page):
    browser.open(date_page)
    browser.type("May 1, 1972")
    browser.run(
        """
        for (const each of document.querySelectorAll("details")) each.open = true;
        const press = (selector, key) => {
          const e = document.querySelector(selector);
          e.focus();
          e.click();
          e.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        };
        press('#row-in [data-in="2"]', "Delete");
        press('#row-out [data-out="1"]', "u");
        press('#row-in [data-in="4"]', "~");  // refused
        document.querySelector('#row-out [data-out="1"]').click();
        document.getElementById("change-shown").click();
        document.getElementById("numbers").click();
        document.getElementById("occlude").click();
        """
    )
    browser.wait('!document.getElementById("parts").hidden')
    browser.run("list.scrollTop = 40; scrollTo(0, 100)")
    english = state(browser)
    weights = browser.run('return document.querySelector("#heat tbody").textContent')
    browser.run("language.click()")
    assert latin(browser, date_page) == set()
    japanese = state(browser)
    assert japanese[0] == "ja" and japanese[3:] == english[3:]
    assert browser.run('return document.querySelector("#heat tbody").textContent') == weights
    assert browser.get('!parts.hidden && document.querySelector("details").open')
    assert browser.get('numbers.getAttribute("aria-pressed")') == "true"
    browser.run("language.click()")
    assert state(browser) == english


def test_the_switch_changes_every_text_of_a_page_of_several_models(browser, tmp_path):
    page = tmp_path / "page.html"
    write_page_of(page, several(["baseline", "peeky", "attention"]))
    browser.open(page)
    browser.type("May 1, 1972")
    for model in (1, 2):
        browser.run(f"document.querySelectorAll('.card input')[{model}].click()")
        browser.run(READ)
        english = state(browser)
        browser.run("language.click()")
        browser.run(READ)
        assert latin(browser, page) == set()
        assert state(browser)[3:] == english[3:]
        browser.run("language.click()")
        browser.run(READ)
        assert state(browser) == english


@pytest.mark.parametrize("kind", ["gru", "seqself"])
def test_the_switch_changes_every_text_of_the_page_of_texts(browser, tmp_path, kind):
    page = tmp_path / "page.html"
    about = ["one", ("bidirectional GRU, {weights} weights", {"weights": "1"})]
    page.write_bytes(text_page_of(JAPANESE[:20], [*"ab"] * 10, kind=kind, about=about))
    browser.open(page)
    browser.type("ўў 京都")
    browser.wait("!view.inert")
    browser.mouse('#words [data-token="1"]', "mouseMoved", "mousePressed", "mouseReleased")
    browser.mouse("h1")
    browser.run(f"{CHANGE} press(1, 'Delete'); put(1, '㌀京都 '); $('change-shown').click()")
    browser.run("occlude.click()")
    browser.wait("!parts.hidden && refused.textContent")
    browser.run("list.scrollTop = 40; scrollTo(0, 100)")
    english = state(browser)
    browser.run("language.click()")
    assert latin(browser, page) == {"one"}
    assert state(browser)[3:] == english[3:]
    browser.run("language.click()")
    assert state(browser) == english
    browser.type("京 " * 1001)
    browser.run("language.click()")
    assert browser.get("reasons.textContent").startswith("1,001トークンあります。") and browser.get("view.inert")
