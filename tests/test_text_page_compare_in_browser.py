"""The page of several text classifiers in a real browser: what each finds, side by side, is what Python finds.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from hostile_texts import TEXTS
from test_page_language_in_browser import STATE, latin
from test_text_page_in_browser import compare, typed_texts
from text_page_tools import ENGLISH, pair_of_runs
from text_what_if_tools import CHANGE, answer

from experiment.text_page import page_of
from support.terminal import visible

SETTLED = f"""
{CHANGE}
const compared = async () => {{
  await settled();
  while (all(".side").some((side) => side.ariaBusy === "true"))
    await new Promise((resolve) => setTimeout(resolve));
}};
const sides = () => all(".side").map((side) => ({{
  name: side.querySelector("button").textContent,
  isShown: side.querySelector("button").ariaPressed === "true",
  found: side.querySelector(".verdict").textContent,
  classes: [...side.querySelectorAll("th bdi")].map((e) => e.textContent),
  shares: [...side.querySelectorAll(".share")].map((bar) => Number(bar.style.getPropertyValue("--w"))),
  tokens: [...side.querySelectorAll(".read bdi")].map((e) => e.textContent),
  shades: [...side.querySelectorAll(".read bdi")].map((e) => Number(e.className.slice(1))),
  note: side.querySelector(".note").textContent,
  hidden: side.querySelector("table").hidden,
}}));
"""
SIDES = f"{SETTLED} return compared().then(sides);"
TYPED = f"""
{SETTLED}
return (async () => {{
  const found = [];
  for (const text of arguments[0]) {{
    await type(text);
    await compared();
    found.push(sides());
  }}
  return found;
}})();
"""
BLANK = f"{SETTLED} press(arguments[0], 'Delete'); return compared().then(sides);"
SHOW = "document.querySelectorAll('.side button')[arguments[0]].click();"


def expect_side(side: dict, text_model, tokens: list[str]) -> None:
    """The side of a model shows what it finds in tokens, of which "" is a blanked one."""
    probabilities, _, weights, _ = answer(text_model, tokens)
    order = [text_model.classes.index(name) for name in side["classes"]]
    np.testing.assert_allclose(side["shares"], probabilities[order], rtol=0, atol=1e-4)
    two = np.sort(probabilities)[-2:]
    if two[1] - two[0] > 1e-4:
        assert side["found"].split(" ✓")[0].split(" ✗")[0].strip() == text_model.classes[probabilities.argmax()]
    assert side["tokens"] == [token or "·" for token in tokens]
    above = np.maximum(weights - weights.mean(), 0)
    np.testing.assert_allclose(side["shades"], 11 * above / (above.max() or 1), rtol=0, atol=0.6)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two models, and their page of ten texts."""
    folder = tmp_path_factory.mktemp("pair")
    models = pair_of_runs(folder)
    pairs = [(text, "ab"[k % 2] if k < 8 else None) for k, text in enumerate(ENGLISH[:10])]
    (folder / "page.html").write_bytes(page_of(models, pairs, "ten texts"))
    return models, pairs, folder / "page.html"


def test_models_stand_side_by_side_and_one_is_shown_at_large(browser, pair):
    models, pairs, page = pair
    browser.open(page)
    own = [[text_model.ask(text).label for text, _ in pairs] for text_model in models]
    text, label = pairs[0]
    for index, text_model in enumerate(models):
        browser.run(f"document.querySelectorAll('.side button')[{index}].focus()")
        browser.press("ENTER")
        shown = browser.run(SIDES)
        assert [side["isShown"] for side in shown] == [index == 0, index == 1]
        for side, each in zip(shown, models, strict=True):
            expect_side(side, each, each.tokens(text))
            assert side["found"].endswith("✓ right" if each.ask(text).label == label else "✗ wrong")
        assert (
            browser.get("document.getElementById('view-heading').textContent") == f"What “{shown[index]['name']}” reads"
        )
        assert browser.all(".token bdi", "e.textContent") == text_model.tokens(text)
        assert browser.get("document.getElementById('own').textContent") == own[index][0]
        marks = [
            "·" if right is None else "✓" if found == right else "✗"
            for found, (_, right) in zip(own[index], pairs, strict=True)
        ]
        assert browser.all("#list .mark", "e.textContent") == marks
        assert browser.get("document.activeElement.textContent") == shown[index]["name"], "the focus stays"
    differ = [k for k, (one, two) in enumerate(zip(*own, strict=True)) if one != two]
    assert 0 < len(differ) < len(pairs)
    browser.run("const e = document.getElementById('differ'); e.value = 'true'; e.dispatchEvent(new Event('input'))")
    assert browser.all("#list .question", "Number(e.dataset.index)") == differ
    browser.run("const e = document.getElementById('differ'); e.value = ''; e.dispatchEvent(new Event('input'))")


@pytest.mark.slow
def test_typed_texts_are_answered_by_each_model_as_python_answers_them(browser, pair, full):
    models, _, page = pair
    browser.open(page)
    texts = typed_texts("gru", 1000 if full else 30)
    for index, text_model in enumerate(models):
        browser.run(SHOW, index)
        for text, sides in zip(texts, browser.run(TYPED, texts), strict=True):
            for side, each in zip(sides, models, strict=True):
                expect_side(side, each, each.tokens(text))
        compare(browser, text_model, texts, order=models[0].classes)


@pytest.mark.slow
def test_changes_go_to_every_model_that_reads_the_same_tokens(browser, pair):
    models, _, page = pair
    browser.open(page)
    text = ENGLISH[1]
    tokens = models[0].tokens(text)
    assert tokens == models[1].tokens(text)
    browser.run(TYPED, [text])
    blanked = [*tokens[:1], "", *tokens[2:]]
    for side, each in zip(browser.run(BLANK, 1), models, strict=True):
        expect_side(side, each, blanked)
        assert side["note"] == ""
    browser.run(SHOW, 1)
    for side, each in zip(browser.run(SIDES), models, strict=True):
        expect_side(side, each, blanked)
    assert browser.all(".token del", "e.textContent") == tokens[1:2], "changes stay when another model is shown"
    browser.run(
        f"""{SETTLED}
        const {{ now }} = performance;
        let count = 0;
        performance.now = () => (count += 10); // a slice ends after three steps
        const [one, two] = all(".side button");
        one.click();
        two.click();
        return new Promise((resolve) => setTimeout(resolve)).then(() => {{
          one.click(); // while the model is asked about the text without them
          return settled();
        }}).then(() => Object.assign(performance, {{ now }}));"""
    )
    for side, each in zip(browser.run(SIDES), models, strict=True):
        expect_side(side, each, blanked)
    assert browser.all(".token del", "e.textContent") == tokens[1:2], "nor are they lost on the way"
    browser.run(SHOW, 1)
    long = " ".join(" ".join(ENGLISH).split()[:40])  # of which the second model reads 30 tokens
    browser.run(TYPED, [long])
    one, two = browser.run(BLANK, 1)
    read = [each.tokens(long) for each in models]
    expect_side(one, models[0], read[0])
    expect_side(two, models[1], [*read[1][:1], "", *read[1][2:]])
    assert one["note"] == "It reads other tokens: here without your changes." and two["note"] == ""


@pytest.mark.slow
def test_a_model_that_cannot_be_asked_says_why_and_another_can_be_shown(browser, tmp_path):
    models = pair_of_runs(tmp_path)
    models[0].facts["drops_unknown"] = True
    (tmp_path / "page.html").write_bytes(page_of(models, [(ENGLISH[0], "a")], "one text"))
    browser.open(tmp_path / "page.html")
    ((one, two),) = browser.run(TYPED, ["nonsuch"])
    assert (one["note"], one["hidden"]) == ("It finds no token to read.", True)
    expect_side(two, models[1], ["nonsuch"])
    assert browser.get("document.getElementById('view').inert")
    why = "All of it is unknown to the model, which leaves out unknown words."
    assert browser.get("document.getElementById('reasons').textContent") == why
    browser.run("for (let k = 0; k < 2; k++) document.getElementById('language').click()")
    assert browser.get("document.getElementById('own').textContent") == "", "that of the text before"
    browser.run(SHOW, 1)
    browser.run(SIDES)
    assert not browser.get("document.getElementById('view').inert")
    ((one, two),) = browser.run(TYPED, ["film " * 1001])
    assert two["note"] == "" and len(two["tokens"]) == 30
    assert one["note"] == "1,001 tokens; this page reads at most 1,000."


@pytest.mark.slow
def test_a_later_key_takes_the_place_of_the_models_still_being_asked(browser, pair):
    models, _, page = pair
    browser.open(page)
    text = "a good film"
    browser.run(
        f"{SETTLED} for (const text of arguments[0]) $('text').value = text, fire($('text'), 'input')",
        ["film " * 900, text],
    )
    for side, each in zip(browser.run(SIDES), models, strict=True):
        expect_side(side, each, each.tokens(text))
    browser.wait("/^gru: [ab] [\\d.]+%\\. seqself: [ab] [\\d.]+%$/.test(document.getElementById('said').textContent)")


@pytest.mark.slow
def test_the_switch_of_languages_changes_every_text_and_nothing_else(browser, pair):
    _, _, page = pair
    browser.open(page)
    browser.run(SIDES)
    browser.run(BLANK, 1)
    english = browser.run(STATE)
    browser.run("language.click()")
    assert latin(browser, page) == {"ten", "texts"} and "正解" in browser.all(".verdict", "e.textContent")[0]
    browser.run("language.click()")
    assert browser.run(STATE) == english


@pytest.mark.slow
def test_hostile_names_and_texts_show_as_themselves_and_nothing_scrolls_sideways(browser, tmp_path):
    name = "<svg onload=window.ran=1> & W" + 60 * "W"
    models = pair_of_runs(tmp_path)
    models[1].path = tmp_path / name / "best.npz"
    texts = [text for text in TEXTS if models[0].tokens(text) and models[1].tokens(text)]
    (tmp_path / "page.html").write_bytes(page_of(models, [(text, "a") for text in texts], "texts"))
    browser.open(tmp_path / "page.html")
    assert browser.all(".side button", "e.textContent") == ["gru", visible(name)]
    browser.run(SHOW, 1)
    browser.run(SIDES)
    assert name in browser.get("document.getElementById('view-heading').textContent")
    for what in (texts[0], "W" * 300):
        browser.type(what)
        browser.run(SIDES)
        browser.run("document.querySelector('.token').click()")
        assert browser.get("document.querySelector('#readout .chip') !== null"), "of a model that looks somewhere"
        for width in (360, 900, 1600):
            browser.resize(width)
            assert browser.get("document.documentElement.scrollWidth") <= width, (what[:20], width)
            assert browser.get("document.getElementById('view-heading').clientWidth") >= 150, "a letter per line"
    assert browser.get("window.ran") is None
    found = {*browser.accessible()}
    assert {("button", "gru"), ("button", name), ("region", f"The text as {name} weighs it")} <= found
    assert ("combobox", "Whether the models agree") in found
