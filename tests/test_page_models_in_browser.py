"""Several models and epochs in one page, in a real browser, beside Python.

In Chromium and Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from browser_tools import TYPE
from hostile_texts import TEXTS
from page_models_tools import lively, written_by

from dataset import dates
from seq2seq.page import PageModel, State, to_page
from support.terminal import visible

pytestmark = pytest.mark.slow  # a long browser run

# What the page shows of each model, once all have been asked; the weights of small maps are those of 0.01 and more.
SEEN = f"""
const id = (name) => document.getElementById(name);
const settled = async () => {{
  while (id("others").getAttribute("aria-busy") !== "false") await new Promise((resolve) => setTimeout(resolve, 2));
}};
const text = (e) => e.textContent.replaceAll("␣", " ");
const map = (svg) => {{
  const cells = Array.from({{ length: 10 }}, () => Array(29).fill(0));
  for (const e of svg?.querySelectorAll("rect:not(.ground)") ?? [])
    cells[e.getAttribute("y")][e.getAttribute("x")] = Number(e.getAttribute("fill-opacity"));
  return cells;
}};
const cards = () => [...document.querySelectorAll(".card")].map((e) => [
  text(e.querySelector(".wrote")),
  parseFloat(e.querySelector(".sure").textContent.match(/[\\d.−]+/)[0].replace("−", "-")),
  map(e.querySelector(".small-map")),
]);
const type = (text) => {{ {TYPE} }};
const press = (selector, key) => {{
  const e = document.querySelector(selector);
  e.dispatchEvent(new KeyboardEvent("keydown", {{ key, bubbles: true, cancelable: true }}));
}};
"""
READ = f"{SEEN} return settled().then(cards);"
# For each text, at each place of the slider: the cards, and after each edit again, at the last place.
TYPED = f"""
{SEEN}
const all = async () => {{
  const found = [];
  for (const [text, edits] of arguments[0]) {{
    type(text);
    const states = [];
    for (const place of arguments[1]) {{
      id("epoch").value = place;
      id("epoch").dispatchEvent(new Event("input"));
      await settled();
      states.push(cards());
    }}
    for (const [place, key] of edits) {{
      press(`#row-in [data-in="${{place}}"]`, key);
      await settled();
      states.push(cards());
    }}
    found.push(states);
  }}
  return found;
}};
return all();
"""
KINDS = {
    "baseline": ("baseline", True, {}),
    "baseline, cell": ("baseline", False, {"cell_state": True}),
    "peeky": ("peeky", False, {}),
    "peeky, cell": ("peeky", True, {"cell_state": True}),
    "attention": ("attention", True, {}),
    "masked": ("attention", False, {"cell_state": True, "mask_padding": 1}),
    "scaled": ("attention", True, {"score": "scaled", "mask_padding": 1}),
    "general": ("attention", True, {"score": "general"}),
    "additive": ("attention", False, {"score": "additive", "mask_padding": 1}),
    "both ways": ("attention", True, {"bidirectional": True, "score": "general"}),
    "baseline, both ways": ("baseline", False, {"bidirectional": True, "cell_state": True}),
    "deep": ("attention", True, {"layers": 3, "cell_state": True}),
    "peeky, deep, both ways": ("peeky", True, {"layers": 2, "bidirectional": True}),
    "deep, both ways": (
        "attention",
        False,
        {"layers": 2, "bidirectional": True, "cell_state": True, "mask_padding": 1},
    ),
    "transformer": ("transformer", True, {}),
    "post-norm": ("transformer", False, {"pre_norm": False, "heads": 2, "layers": 1, "mask_padding": 1}),
    "deep, masked": ("transformer", True, {"heads": 8, "layers": 3, "mask_padding": 1}),
}
CHARACTERS = (
    "_ " + "".join(sorted({char for line in dates.generate(500, seed=1) for char in line[:29]} | {"-"})).strip()
)


def several(kinds=tuple(KINDS), epochs=(1, 2)) -> list[PageModel]:
    """Models of these kinds, after these epochs; the accuracy after epoch k is 1 / (1 + k)."""
    models = []
    for k, name in enumerate(kinds):
        kind, reverse, options = KINDS[name]
        states = [
            State(epoch, lively(kind, len(CHARACTERS), 10 * k + epoch, **options), 1 / (1 + epoch)) for epoch in epochs
        ]
        last = states[-1].model if states else lively(kind, len(CHARACTERS), 10 * k, **options)
        models.append(PageModel(name, last, reverse, states))
    return models


def write_page_of(path, models) -> None:
    seen = CHARACTERS.replace("_", "").replace("-", "")
    settings = dict(vocabulary=CHARACTERS, start="_", T_enc=29, T_dec=10, question_characters=seen)
    settings["dates"] = {"written": dates.WRITTEN, "months": dates.MONTHS}
    path.write_bytes(to_page(models, [], **settings))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of four models after two epochs; returns it with the models."""
    models = several(["baseline", "peeky", "attention", "masked"])
    path = tmp_path_factory.mktemp("several") / "page.html"
    write_page_of(path, models)
    return path, models


def expect_same(card, page_model: PageModel, model, chars, decoded=None) -> str:
    """The card says what the model writes, how likely it is, and where it looks; returns what it writes.

    decoded: these three, where they are known already.
    """
    by_steps = (model, CHARACTERS, chars, page_model.reverse)
    written, log, weights = decoded or written_by(*by_steps)[:3]
    if card[0] != written and written_by(*by_steps)[3] < 1e-3:  # a near tie, which rounding may decide either way
        return written
    assert card[0] == written
    assert card[1] == pytest.approx(log, rel=1e-3, abs=2e-3)
    shown = np.array(card[2]) > 0
    np.testing.assert_allclose(np.array(card[2])[shown], weights[shown], rtol=0, atol=1.6e-3)
    assert (weights[~shown] < 0.011).all()
    return written


def answers(page_model: PageModel, model, texts: list[str]) -> list[tuple]:
    """What the model writes to each text, how likely it is, and where it looks."""
    order = slice(None, None, -1 if page_model.reverse else 1)
    xs = np.array([[CHARACTERS.index(char) for char in text.ljust(29)][order] for text in texts])
    found = model.decode(xs, CHARACTERS.index("_"), 10)
    maps = [np.zeros((10, 29))] * len(texts) if found.attention_weights is None else found.attention_weights
    written = ["".join(CHARACTERS[i] for i in ids) for ids in found.ids]
    return [(*answer, a[:, order]) for *answer, a in zip(written, found.log_probs, maps, strict=True)]


def test_models_answer_side_by_side(browser, page):
    path, models = page
    browser.open(path)
    browser.type("May 1, 1971")
    browser.type("May 1, 1972")
    cards = browser.run(READ)
    written = [expect_same(card, m, m.model, "May 1, 1972") for card, m in zip(cards, models, strict=True)]
    assert len(set(written)) == 4, "else any would do"
    assert browser.all(".card bdi", "e.textContent") == ["baseline", "peeky", "attention", "masked"]
    assert browser.all(".card input", "e.checked") == [False, False, True, False]
    own = "document.getElementById('own').textContent"
    assert browser.get(own) == written[2]
    right = browser.all(".card", "[...e.querySelectorAll('.wrote > *')].map((c) => c.tagName === 'SPAN')")
    assert browser.all(".card .verdict", "e.textContent") == ["wrong"] * 4
    assert right == [[a == b for a, b in zip(answer, "1972-05-01", strict=True)] for answer in written]

    browser.run("document.querySelector('#row-out button').focus()")
    browser.press("u", "TAB")
    assert browser.all("#row-out .forced", "1") == [1]
    browser.run("document.querySelector('.card input:checked').focus()")
    browser.press("ARROW_UP")
    assert browser.get(own) == written[1], "what is typed is answered by the model that is shown"
    assert browser.run(f"{SEEN} return text(id('row-out'))") == written[1]
    visibly = "getComputedStyle(e).display !== 'none'"
    assert browser.all("#heat, #links, #readout, #measures", "e.checkVisibility()") == [False] * 4
    assert "It reads the whole question into one state" in browser.all("#no-map", f"{visibly} && e.textContent")[0]
    labels = browser.all("#row-in button, #row-out button", "e.ariaLabel")
    assert labels[0] == "M, character 1 of the question" and not [label for label in labels if "ooked" in label]
    assert browser.all("#row-out .forced", "1") == [], "weights were forced on another model"

    browser.run(f"{SEEN} press('#row-in button', 'Delete')")
    chars = ["", *"ay 1, 1972"]
    cards = browser.run(READ)
    after = [expect_same(card, m, m.model, chars) for card, m in zip(cards, models, strict=True)]
    assert browser.get("document.getElementById('after').textContent").replace("␣", " ") == after[1]
    assert after != written, "the change is that of all models"
    browser.run("document.querySelector('#row-out button').focus()")
    browser.press("u")
    browser.run("document.querySelectorAll('.card input')[2].click()")
    assert browser.all("#row-in .changed, #row-out .forced", "e.dataset.in") == ["0"]
    assert browser.all("#no-map, #heat", "e.checkVisibility()") == [False, True]
    weights = written_by(models[2].model, CHARACTERS, chars)[2]
    np.testing.assert_allclose(browser.weights(), weights, rtol=0, atol=1e-3)
    browser.run("document.querySelector('#row-out button').focus()")
    browser.press("u")
    cards = browser.run(READ)
    assert cards[2][0] == browser.get("document.getElementById('after').textContent").replace("␣", " ")
    np.testing.assert_allclose(cards[2][2][0], 1 / 29, atol=1e-3)
    for k in (0, 1, 3):
        expect_same(cards[k], models[k], models[k].model, chars)  # forced on the model shown alone


def test_the_slider_goes_through_the_epochs(browser, page):
    path, models = page
    browser.open(path)
    browser.type("7/22/08")
    epochs = [state.model for state in models[2].epochs]
    texts = [written_by(model, CHARACTERS, "7/22/08")[0] for model in epochs]
    assert len({*texts}) == 2
    browser.run(READ)
    own = "document.getElementById('own').textContent"
    shown, current = "document.getElementById('epoch-shown').textContent", "#epochs [aria-current=true]"
    assert browser.get(own) == texts[1], "the last epoch comes first"
    assert browser.all("#epochs .wrote", "e.textContent") == texts
    assert browser.get(shown) == "epoch 2, test accuracy 33.3%"
    browser.run("document.getElementById('epoch').focus()")
    browser.press("ARROW_LEFT")
    cards = browser.run(READ)
    for card, model in zip(cards, models, strict=True):
        expect_same(card, model, model.epochs[0].model, "7/22/08")
    assert browser.get(own) == texts[0]
    assert browser.get("document.getElementById('epoch').getAttribute('aria-valuetext')") == browser.get(shown)
    assert browser.get(shown) == "epoch 1, test accuracy 50.0%" and browser.all(current, "e.value") == ["1"]
    browser.wait("document.getElementById('said').textContent.startsWith('epoch 1, test accuracy 50.0%: ')")
    browser.run(f"document.querySelector('{current}').focus()")
    browser.press("ARROW_RIGHT", "ENTER")
    assert browser.get(own) == texts[1] and browser.all(current, "e.value") == ["2"]
    assert browser.get("document.getElementById('answers-of').textContent") == "answers of attention, epoch 2"
    clicked = browser.run(f"const e = document.getElementById('play'); e.click(); return [e.textContent, {own}]")
    assert clicked == ["Stop", texts[0]]
    browser.wait("document.getElementById('play').textContent === 'Play'")
    assert browser.get(own) == texts[1], "it stops at the end"
    browser.wait("document.getElementById('said').textContent.startsWith('epoch 2, test accuracy 33.3%: ')")


def test_a_link_ends_the_play_through_the_epochs(browser, page):
    browser.open(page[0])
    browser.type("7/22/08")
    playing = "document.getElementById('play').textContent"
    for link in ("document.getElementById('share').click()", "location.hash = 'text=7/22/08&epoch=1'"):
        begun = f"document.getElementById('play').click(); const begun = {playing}"
        assert browser.run(f"{begun}; {link}; return begun") == "Stop"
        browser.wait(f"{playing} === 'Play' && document.getElementById('epoch').value === '0'")
    browser.run("document.getElementById('play').click()")
    browser.wait("document.getElementById('epoch').value === '1'")
    browser.wait("location.hash === ''")  # which led to another epoch


def test_weights_that_are_forced_are_those_of_each_epoch(browser, page):
    browser.open(page[0])
    browser.type("7/22/08")
    wrote = f"{SEEN} return settled().then(() => [...document.querySelectorAll('#epochs .wrote')].map(text))"
    browser.run("document.querySelector('#epochs button').click()")
    own = browser.run(wrote)
    for out in range(10):
        browser.run(f"{SEEN} press('#row-out [data-out=\"{out}\"]', 'u')")
    forced = browser.run(wrote)
    assert forced[1] != own[1], "else any would do"
    browser.run("document.querySelector('#epochs button').focus()")
    browser.press("END", "ENTER")
    assert browser.run(f"{SEEN} return text(id('row-out'))") == forced[1], "as the list said"
    assert browser.run(wrote) == forced


def test_a_model_without_the_epoch_stays_as_it_was_before(browser, tmp_path):
    short, other = several(["peeky", "attention"], epochs=(0, 3))
    alone = several(["baseline"], epochs=())
    longer = PageModel(other.name, other.model, other.reverse, [State(1, other.epochs[0].model), other.epochs[1]])
    write_page_of(tmp_path / "page.html", [short, longer, *alone])
    browser.open(tmp_path / "page.html")
    browser.type("7/22/08")
    browser.run(READ)
    at = {}
    for place in (0, 1, 2):
        browser.run(
            "const e = document.getElementById('epoch'); e.value = arguments[0]; e.dispatchEvent(new Event('input'))",
            place,
        )
        browser.run(READ)
        at[place] = browser.all(".card .at", "e.textContent")
    assert at[0] == ["before training", "epoch 1", ""], "its first"
    assert at[1] == ["before training", "epoch 1", ""]
    assert at[2] == ["epoch 3", "epoch 3", ""]


def test_names_of_models_run_nothing(browser, tmp_path):
    names = list(dict.fromkeys(TEXTS))[:12]
    model = lively("attention", len(CHARACTERS))
    write_page_of(tmp_path / "page.html", [PageModel(name, model, True) for name in names])
    browser.open(tmp_path / "page.html")
    browser.type("7/22/08")
    browser.run(READ)
    assert browser.all(".card bdi", "e.textContent") == [
        "".join(char if char == " " else visible(char) for char in name) for name in names
    ]
    assert not {"STYLE", "IMG", "IFRAME", "BASE", "META", "FORM"} & set(browser.all("body *", "e.tagName"))
    assert browser.get("window.ran") is None


def test_it_fits_every_width_and_has_names(browser, page):
    browser.open(page[0])
    browser.type("Wednesday, September 27, 1995")
    browser.run(READ)
    for width in (360, 900, 1600):
        browser.resize(width)
        assert browser.get("document.documentElement.scrollWidth") <= width
    found = {(role, name or "") for role, name in browser.accessible()}
    usable = {"button", "textbox", "radio", "slider", "image", "combobox", "list"}
    assert not [role for role, name in found if role in usable and not name]
    assert {("slider", "Epoch"), ("button", "Play"), ("image", "Attention map of attention")} <= found
    assert ("list", "What it wrote after each epoch; arrow keys move") in found
    radios = [name for role, name in found if role == "radio" and "log-probability" in name]
    assert len(radios) == 4 and [name for role, name in found if role == "group" and name.startswith("Side by side")]


def test_every_model_and_epoch_answers_as_python_does(browser, tmp_path, full):
    models = several()
    write_page_of(tmp_path / "page.html", models)
    browser.open(tmp_path / "page.html")
    rng = np.random.default_rng(18)
    lines = dates.generate(3000, seed=91)
    texts = list(dict.fromkeys(line[:29].strip() for line in lines))[: 1000 if full else 30]
    edited = 50 if full else 10  # texts that are also edited, three times each
    asked = []
    for k, text in enumerate(texts):
        edits = rng.integers(len(text), size=3 * (k < edited)).tolist()
        asked.append([text, [[place, str(rng.choice(["Delete", "7", "M"]))] for place in edits]])
    known = [[answers(model, model.epochs[k].model, texts) for model in models] for k in range(2)]
    written = set()
    for begin in range(0, len(asked), 25):
        some = asked[begin : begin + 25]
        for n, ((text, edits), states) in enumerate(zip(some, browser.run(TYPED, some, [0, 1]), strict=True), begin):
            chars = [*text]
            for at, state in enumerate(states):
                if at > 1:
                    place, key = edits[at - 2]
                    blank = "" if chars[place] != "" else text[place]
                    chars[place] = blank if key == "Delete" else key
                for k, (card, model) in enumerate(zip(state, models, strict=True)):
                    decoded = known[at][k][n] if at < 2 else None
                    written.add(expect_same(card, model, model.epochs[min(at, 1)].model, chars, decoded))
    assert len(written) > 100, "else any would do"
