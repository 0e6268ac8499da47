"""The page in a real browser: it answers as Python does, shows what it should, asks for nothing and runs nothing else.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import base64
import json
import re

import numpy as np
import pytest
from browser_tools import SHOWN, TYPE
from hostile_texts import TEXTS
from page_tools import page_of, with_options

from dataset import dates
from seq2seq import AttentionSeq2seq
from seq2seq.map_measures import alignment
from seq2seq.page import to_page
from support.terminal import visible

TYPED = f"return arguments[0].map((text) => {{ {TYPE} return (() => {{ {SHOWN} }})(); }});"
PARSED = f"""
return arguments[0].map((text) => {{
  {TYPE}
  const [given, alignment] = ["given", "alignment"].map((id) => document.getElementById(id));
  if (given.disabled || alignment.parentElement.hidden) return [given.disabled && alignment.parentElement.hidden, null];
  given.click();
  return [
    [...document.querySelectorAll("#row-out .glyph")].map((char) => char.textContent).join(""),
    parseFloat(alignment.textContent),
  ];
}});
"""
CHOSEN = f"""
return arguments[0].map((index) => {{
  document.querySelector(`[data-index="${{index}}"]`).click();
  if (arguments[1]) document.getElementById("given").click();
  return (() => {{ {SHOWN} }})();
}});
"""
HOSTILE = f"""
const search = document.getElementById("search");
const searchFor = (text) => {{
  search.value = text;
  search.dispatchEvent(new Event("input"));
}};
return arguments[0].map((text, index) => {{
  searchFor(/[\\r\\n]/.test(text) ? "" : text.trim());
  document.querySelector(`[data-index="${{index}}"]`).click();
  const asked = document.getElementById("asked").textContent;
  {TYPE}
  return [asked, document.getElementById("reasons").textContent];
}});
"""


def test_typed_dates_are_answered_as_python_answers_them(browser, date_page, date_model, full):
    model, vocabulary = date_model
    browser.open(date_page)
    embedded = set(browser.all("#list .asked", "e.textContent"))
    lines = dates.generate(3000, seed=77)
    texts = list(dict.fromkeys(line[:29].strip() for line in lines if line[:29].strip() not in embedded))
    texts = texts[: 1000 if full else 50]
    assert len(texts) == (1000 if full else 50)
    decoded = decode(model, vocabulary, texts)
    shown = browser.run(TYPED, texts)
    assert [own for own, _ in shown] == written(decoded.ids, vocabulary)
    np.testing.assert_allclose([cells for _, cells in shown], decoded.attention_weights[:, :, ::-1], rtol=0, atol=1e-3)
    assert len({own for own, _ in shown}) > 25 and decoded.attention_weights.max() > 0.3, "else any would do"


def test_the_date_that_is_typed_is_known_as_python_knows_it(browser, date_page, date_model):
    model, vocabulary = date_model
    browser.open(date_page)
    texts = [line[:29].strip() for line in dates.generate(40, seed=78)] + [
        "12/31/69",
        "1/1/70",
        "2/29/00",
        "MAY 1, 0000",
    ]
    answers = [dates.parse(text).date for text in texts]
    ts = np.array([[vocabulary.index(char) for char in "_" + answer] for answer in answers])
    model.forward(encode(vocabulary, texts), ts)
    weights = np.array(model.decoder.attention.attention_weights).transpose(1, 0, 2)[:, :, ::-1]
    aligned = alignment(weights, np.stack([dates.parse(text.ljust(29)).truth for text in texts]))
    found = browser.run(PARSED, texts)
    assert [answer for answer, _ in found] == answers
    np.testing.assert_allclose([share for _, share in found], 100 * np.nanmean(aligned, axis=1), rtol=0, atol=0.1)
    others = ["May 1972", "2/29/01", "0/1/01", "13/1/01", "1/0/01", "1/32/01", "Sunday, 5/1/72", "May 1,1972"]
    assert browser.run(PARSED, [*others, "Feb 29, 1900"]) == [[True, None]] * 9


def test_test_questions_are_answered_as_python_answers_them(browser, date_page, date_model):
    model, vocabulary = date_model
    browser.open(date_page)
    texts = browser.all("#list .asked", "e.textContent")
    assert len(texts) == 50
    decoded = decode(model, vocabulary, texts)
    shown = browser.run(CHOSEN, list(range(50)), False)
    assert [own for own, _ in shown] == written(decoded.ids, vocabulary)
    assert browser.all("#list .own", "e.textContent") == written(decoded.ids, vocabulary), "what the list says"
    np.testing.assert_allclose([cells for _, cells in shown], decoded.attention_weights[:, :, ::-1], rtol=0, atol=1e-3)


def test_under_the_given_answer_the_weights_are_those_of_the_forward_pass(browser, date_page, date_model):
    model, vocabulary = date_model
    browser.open(date_page)
    data = json.loads(browser.get("document.getElementById('data').textContent"))
    shown = browser.run(CHOSEN, list(range(50)), True)
    texts = [question["question"] for question in data["questions"]]
    answers = [[vocabulary.index(char) for char in "_" + question["answer"]] for question in data["questions"]]
    model.forward(encode(vocabulary, texts), np.array(answers))
    given = np.array(model.decoder.attention.attention_weights).transpose(1, 0, 2)[:, :, ::-1]
    np.testing.assert_allclose([cells for _, cells in shown], given, rtol=0, atol=1e-3)
    again = browser.run(CHOSEN, list(range(40, 50)), False)
    assert browser.get("document.getElementById('given').checked"), "the choice stays"
    assert again == shown[40:]
    assert "".join(browser.all("#row-out .glyph", "e.textContent")) == data["questions"][49]["answer"]


@pytest.mark.parametrize("option", ["mask_padding", "cell_state"])
def test_a_model_with_an_option_is_answered_as_python_answers(browser, date_model, tmp_path, option):
    model, vocabulary = date_model
    value = {"mask_padding": vocabulary.index(" "), "cell_state": True}[option]
    other = with_options(model, **{option: value})
    page = to_page(other, [], vocabulary=vocabulary, start="_", T_enc=29, T_dec=10, reverse=True)
    (tmp_path / "page.html").write_bytes(page)
    browser.open(tmp_path / "page.html")
    texts = ["May 1, 1972", "7/22/08", "WEDNESDAY, SEPTEMBER 27, 1995"]
    decoded = decode(other, vocabulary, texts)
    shown = browser.run(TYPED, texts)
    assert [own for own, _ in shown] == written(decoded.ids, vocabulary)
    np.testing.assert_allclose([cells for _, cells in shown], decoded.attention_weights[:, :, ::-1], rtol=0, atol=1e-3)
    without = decode(model, vocabulary, texts).attention_weights
    assert abs(decoded.attention_weights - without).max() > 0.05, "the option changes nothing here"
    if option == "mask_padding":
        assert all((np.array(cells)[:, len(text) :] == 0).all() for text, (_, cells) in zip(texts, shown, strict=True))


def test_a_question_of_nothing_but_padding_that_is_not_looked_at_has_no_weights(browser, tmp_path):
    masked = AttentionSeq2seq(3, 3, 6, mask_padding=2, rng=np.random.default_rng(1))
    page = to_page(masked, [], vocabulary="_ab", start="_", T_enc=2, T_dec=3, reverse=False)
    (tmp_path / "page.html").write_bytes(page)
    browser.open(tmp_path / "page.html")
    assert browser.get("document.getElementById('view').inert"), "no question, so nothing to choose"
    ((own, cells),) = browser.run(TYPED, ["bb"])
    assert own == "".join("_ab"[i] for i in masked.decode(np.array([[2, 2]]), 0, 3).ids[0])
    assert cells == [[0, 0]] * 3
    browser.type("a")
    reasons = browser.get("document.getElementById('reasons').textContent")
    assert reasons == "“space” (U+0020, character 2) is not in the vocabulary.", "which would fill the line"


def test_a_weight_that_is_edited_changes_the_answer(browser, date_page, date_model, tmp_path):
    _, vocabulary = date_model
    page = date_page.read_text(encoding="utf-8")
    stored = re.search(r'"decoder\.affine\.b":\{"shape":\[\d+\],"type":"float32","base64":"(.*?)"\}', page)
    (tmp_path / "edited.html").write_text(page.replace(stored[1], raised(stored[1], vocabulary.index("7"))), "utf-8")
    browser.open(date_page)
    before = browser.get("document.getElementById('own').textContent")
    browser.open(tmp_path / "edited.html")
    assert browser.get("document.getElementById('own').textContent") == "7" * 10 != before


def raised(stored: str, place: int) -> str:
    """Float32 numbers as base64, the one at the place plus 100."""
    values = np.frombuffer(base64.b64decode(stored), "<f4").copy()
    values[place] += 100
    return base64.b64encode(values.tobytes()).decode()


def encode(vocabulary: str, texts: list[str]) -> np.ndarray:
    return np.array([[vocabulary.index(char) for char in text.ljust(29)] for text in texts])[:, ::-1]


def decode(model, vocabulary: str, texts: list[str]):
    return model.decode(encode(vocabulary, texts), vocabulary.index("_"), 10)


def written(ids: np.ndarray, vocabulary: str) -> list[str]:
    return ["".join(vocabulary[i] for i in row) for row in ids]


def test_hostile_texts_show_as_themselves_and_run_nothing(browser, tmp_path):
    path = tmp_path / "<svg onload=window.ran=1> & '$(1)` #.html"
    found, _ = page_of(TEXTS, title=TEXTS[0], about=TEXTS)
    path.write_bytes(found)
    browser.open(path)
    before = browser.all("body *", "e.tagName")

    def shown(text):
        return "".join(char if char == " " else visible(char) for char in text)

    asked = [shown(text.strip()) for text in TEXTS]
    assert browser.all("#list .asked", "e.textContent") == asked
    assert browser.get("document.getElementById('about').textContent") == shown(" · ".join(TEXTS))
    assert browser.get("document.title") == TEXTS[0]
    assert not {"STYLE", "IMG", "IFRAME", "BASE", "META", "FORM"} & set(before)
    assert browser.run(HOSTILE, TEXTS) == [[text, ""] for text in asked]
    browser.mouse('#row-out [data-out="0"]')
    browser.mouse('#heat [data-in="3"]')
    assert sorted(set(browser.all("body *", "e.tagName"))) == sorted(set(before))
    assert browser.all("body script", "e.type") == ["application/json", "application/json", "module"]
    assert browser.all("svg *", "e.tagName") == ["path"] * len(browser.all("svg *", "1"))
    assert browser.get("window.ran") is None


def test_a_script_that_got_in_would_not_run(any_browser, mixed_page, tmp_path):
    """What the policy is for: and what the fixture ``browser`` would report."""
    page = mixed_page.read_text(encoding="utf-8")
    intruder = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'><p style='color: red' id=p>a</p>"
    (tmp_path / "page.html").write_text(page.replace("<main>", f"{intruder}<main>"), encoding="utf-8")
    any_browser.drain()
    any_browser.open(tmp_path / "page.html")
    assert any_browser.get("window.ran") is None
    assert any_browser.get("getComputedStyle(document.getElementById('p')).color") != "rgb(255, 0, 0)"
    console, _ = any_browser.drain()
    assert len(console) >= 3 and all(re.search("Content.Security.Policy", entry["message"]) for entry in console)
