"""The page of a text classifier in a real browser: it divides texts and finds classes as Python does.

In Chromium and Firefox; without them these tests skip.
"""

import json
import unicodedata

import numpy as np
import pytest
from browser_tools import TYPE
from hostile_texts import TEXTS
from script_tools import film_reviews
from text_page_tools import ENGLISH, write_text_run

from classifier.token_table import token_table
from common.packed_model import as_in_page
from dataset import blogs
from dataset.tokenizers import Characters, KerasTokenizer, Spaces, Words
from experiment import TextModel
from experiment.text_page import page_of
from support import html_page

pytestmark = pytest.mark.slow  # a long browser run

SHOWN = """
const all = (selector) => [...document.querySelectorAll(selector)];
return {
  label: document.getElementById("own").textContent,
  probabilities: all("#classes .share").map((bar) => Number(bar.style.getPropertyValue("--w"))),
  rows: all("#table tbody tr").map((row) => [...row.children].map((cell) => cell.textContent)),
  looks: all(".token").map((token) => [...token.ariaLabel.matchAll(/ at (\\d+) ([\\d.]+)/g)].map((m) => Number(m[2]))),
};
"""
TYPED = f"""
return (async () => {{
  const found = [];
  for (const text of arguments[0]) {{
    {TYPE}
    do await new Promise((resolve) => setTimeout(resolve));
    while (document.getElementById("view").ariaBusy === "true");
    found.push((() => {{ {SHOWN} }})());
  }}
  return found;
}})();
"""
OPTIONS = [
    ("gru", {}, {}),
    ("gru", {"attention": False}, {}),
    ("gru", {"classes": 3, "layers": 1}, {"max_len": 4}),
    ("gru", {"mask": False}, {"padding": "before", "width": 12}),
    ("gru", {"mask": False}, {"width": 12, "max_len": 5, "keeps_end": True, "drops_unknown": True}),
    ("gru", {}, {"width": 12}),
    ("seqself", {}, {}),
    ("seqself", {"attention": {"attention_width": 4}}, {"padding": "before", "width": 40}),
    ("seqself", {"attention": {"attention_type": "multiplicative"}}, {}),
    ("seqself", {"attention": {"attention_width": 5, "use_additive_bias": False}}, {}),
    ("seqself", {"attention": {"attention_width": 4, "history_only": True, "attention_activation": "sigmoid"}}, {}),
    ("seqself", {"mask": False, "classes": 2}, {"padding": "before", "width": 40}),
]


def typed_texts(kind: str, count: int) -> list[str]:
    """Texts with words that the model does not know, which no test of the page embeds."""
    if kind == "seqself":
        return blogs.generate(count, seed=77).texts
    reviews = [text for _, text in film_reviews(count + 60)][60:]
    return [text + ("", " It’s UNKNOWN!", " <br /> Café\t", "　ﬁlm")[i % 4] for i, text in enumerate(reviews)]


def compare(
    browser, text_model: TextModel, texts: list[str], kind: str | None = None, order: list | None = None
) -> list:
    """Type the texts, and compare what is shown with the model's answers. order: of the classes, if not the model's."""
    columns = [text_model.classes.index(name) for name in order or text_model.classes]
    shown = browser.run(TYPED, texts)
    for text, found in zip(texts, shown, strict=True):
        answer = text_model.ask(text, kind)
        assert found["label"] == answer.label, text
        np.testing.assert_allclose(found["probabilities"], answer.probabilities[columns], rtol=0, atol=1e-4)
        if answer.weights is None:
            assert found["rows"] == []
            continue
        assert [row[0] for row in found["rows"]] == answer.tokens
        weights = [float(row[1]) for row in found["rows"]]
        np.testing.assert_allclose(weights, answer.weights, rtol=1e-3, atol=1e-3, err_msg=text)
        if answer.kind != "attention":
            maps = text_model.model.attention_layer.attention_weights[0]
            words = text_model.encode([answer.tokens])[0] != 0
            strongest = -np.sort(-maps[np.ix_(words, words)], axis=1)[:, :3]
            np.testing.assert_allclose(found["looks"], strongest, rtol=0, atol=1e-3, err_msg=text)
    return shown


@pytest.mark.parametrize("kind, options, facts", OPTIONS, ids=lambda value: str(value).replace(" ", "")[:60])
def test_typed_texts_are_answered_as_python_answers_them(browser, tmp_path, full, kind, options, facts):
    text_model = write_text_run(tmp_path, kind, facts, **options)
    (tmp_path / "page.html").write_bytes(page_of(text_model, [], "none"))
    browser.open(tmp_path / "page.html")
    default = not options and not facts
    count = (1000 if default else 100) if full else (30 if default else 10)
    shown = compare(browser, text_model, typed_texts(kind, count))
    assert len({found["label"] for found in shown}) > 1, "else any would do"
    spread = np.array([found["probabilities"][0] for found in shown])
    assert spread.max() - spread.min() > 0.3
    if default:
        assert max(float(row[1]) for found in shown for row in found["rows"]) > 0.3


@pytest.mark.parametrize("kind", ["gru", "seqself"])
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_smaller_weights_are_answered_as_python_answers_with_them(browser, tmp_path, kind, precision):
    text_model = write_text_run(tmp_path, kind)
    (tmp_path / "page.html").write_bytes(page_of(text_model, [(ENGLISH[0], None)], "one text", precision))
    browser.open(tmp_path / "page.html")
    texts = typed_texts(kind, 10)
    whole = [text_model.ask(text).probability for text in texts]
    text_model.model = as_in_page(text_model.model, precision)
    assert np.abs(np.subtract(whole, [text_model.ask(text).probability for text in texts])).max() > 1e-4, (
        "another model"
    )
    compare(browser, text_model, texts)


def test_the_other_weights_of_self_attention(browser, tmp_path):
    text_model = write_text_run(tmp_path, "seqself")
    (tmp_path / "page.html").write_bytes(page_of(text_model, [], "none"))
    browser.open(tmp_path / "page.html")
    browser.run("document.getElementById('output_max').click()")
    compare(browser, text_model, typed_texts("seqself", 5), "output_max")


def test_the_table_is_that_of_python(browser, tmp_path):
    text_model = write_text_run(tmp_path, "gru")
    (tmp_path / "page.html").write_bytes(page_of(text_model, [], "none"))
    browser.open(tmp_path / "page.html")
    (found, alike) = browser.run(TYPED, ["a good film , a dull plot it's a film !", "x"])
    table = token_table([row[0] for row in found["rows"]], np.array([float(row[1]) for row in found["rows"]]))
    for shown, rank in zip(found["rows"], table.rank, strict=True):
        assert abs(float(shown[2]) - rank) <= 0.5, "up to ties that four decimals make"
    normalized = [float(row[3]) for row in found["rows"]]
    np.testing.assert_allclose(normalized, table.normalized, atol=2e-4)
    assert [row[4] for row in found["rows"]] == ["yes" if value > 0 else "no" for value in normalized]
    assert alike["rows"] == [["x", "1.0000", "1", "0.0000", "no"]]


TOKENS = "return JSON.parse(arguments[0]).map((text) => tokenizer(text));"


@pytest.fixture
def tokens_in(browser, tmp_path, monkeypatch):
    """``tokens_in(tokenizer, texts)``: the tokens that the page finds."""
    whole = html_page.read

    def lent(name: str) -> str:
        """Nothing on the page can be called from outside: this one lends its tokeniser to the test."""
        return whole(name) + "window.tokenizer = reader().tokenizer;\n" * (name == "classifier/page/main.js")

    def run(tokenizer, texts: list[str]) -> list[list[str]]:
        monkeypatch.setattr(html_page, "read", lent)
        text_model = write_text_run(tmp_path, "gru", {"tokenizer": tokenizer.to_json()})
        (tmp_path / "page.html").write_bytes(page_of(text_model, [], "none"))
        browser.open(tmp_path / "page.html")
        return browser.run(TOKENS, json.dumps(texts))  # escapes, which carry surrogates too

    return run


TOKENIZERS = [
    Words(),
    Characters(),
    Spaces(),
    KerasTokenizer(),
    KerasTokenizer(filters="a'", lower=False, split="--"),
    KerasTokenizer(char_level=True),
]


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: str(tokenizer.to_json())[:50])
def test_texts_are_divided_as_in_python(tokens_in, tokenizer):
    texts = [*TEXTS, *typed_texts("gru", 20), *typed_texts("seqself", 20)]
    texts += [
        "ΣΑΣ ΟΔΟΣ Σ",
        "İstanbul",
        "don't 'tis rock'n'roll's",
        "a<BR\u2003/>b<br>c<br/ >d",
        "x_1²½٣Ⅷ",
        "e\u0301 か\u3099 ｶﾞ ㌀ ﬃ",
    ]
    texts += ["a\x1cb\x85c\ufeffd\u200be", "\ud800x\udc00", "", "👩‍👩‍👧 한글 हिन्दी"]
    assert tokens_in(tokenizer, texts) == [tokenizer(text) for text in texts]


@pytest.mark.parametrize("tokenizer", [Words(), Characters()], ids=["words", "characters"])
def test_every_character_is_treated_as_in_python(tokens_in, tokenizer):
    """Every character that this Python knows, except surrogates: a newer browser knows more."""
    chars = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    texts = [f"a{char}A {char}" for char in chars]
    found = tokens_in(tokenizer, texts)
    differ = {char: tokens for char, text, tokens in zip(chars, texts, found, strict=True) if tokens != tokenizer(text)}
    assert not differ, f"{len(differ)} characters"
