"""What if the model had looked elsewhere: forced attention on the page in a real browser, beside Python.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from hostile_texts import TEXTS
from page_tools import page_of
from what_if_tools import CHANGE, READ, answer, write_page

from dataset import dates
from seq2seq.attention_seq2seq import padding_of

pytestmark = pytest.mark.slow  # a long browser run

ACTIONS = f"""
{CHANGE}
return arguments[0].map(([question, actions]) => {{
  const field = document.getElementById("text");
  field.focus();
  field.value = question;
  field.dispatchEvent(new Event("input"));
  return actions.map(([row, place, key]) => {{
    if (row === "only") {{
      document.querySelector(`#row-out [data-out="${{place}}"]`).focus();
      document.getElementById("only").value = key;
      document.getElementById("only").dispatchEvent(new Event("change"));
    }} else press(`#row-${{row}} [data-${{row}}="${{place}}"]`, key, {{ shiftKey: key.startsWith("Arrow") }});
    return read();
  }});
}});
"""


@pytest.mark.parametrize("masks", [False, True])
def test_forced_looks_are_answered_as_python_answers_them(browser, date_model, tmp_path, full, masks):
    _, vocabulary = date_model
    model = write_page(tmp_path / "page.html", *date_model, masks)
    browser.open(tmp_path / "page.html")
    rng, asked, expected = np.random.default_rng(15), [], []
    for line in dates.generate(50 if full else 3, seed=81):
        text = list(line[:29])
        chars, forced, actions, states = [*text], {}, [], []
        own, _, weights = answer(model, vocabulary, chars)
        for _ in range(5):
            out, place = int(rng.integers(10)), int(rng.integers(len("".join(text).strip())))
            kind = str(rng.choice(["u", "only", "ArrowLeft", "ArrowRight", "Escape", "Delete"]))
            if kind == "Delete":
                chars[place] = text[place] if chars[place] == "" else ""
            elif kind == "Escape":
                out = int(rng.choice([*forced] or [out]))
                forced.pop(out, None)
            elif kind == "only":
                forced[out] = np.eye(29)[place]
            elif kind == "u":
                ids = np.array([[vocabulary.index(char or " ") for char in chars]])
                seen = ~padding_of(ids, vocabulary.index(" "))[0] & np.array([char != "" for char in chars])
                seen = seen if masks else np.ones(29)
                forced[out] = seen / seen.sum()
            else:
                moved, strongest = np.array(weights[out]), int(weights[out].argmax())
                to = strongest + (1 if kind == "ArrowRight" else -1)
                if 0 <= to < 29:
                    moved[to] += moved[strongest]
                    moved[strongest] = 0
                    forced[out] = moved
            actions.append(["in", place, kind] if kind == "Delete" else ["out", out, kind])
            if kind == "only":
                actions[-1] = ["only", out, str(place)]
            written, _, weights = answer(model, vocabulary, chars, forced=forced)
            states.append((written, weights, answer(model, vocabulary, chars, own, forced)[1].sum()))
        asked.append(["".join(text).strip(), actions])
        expected.append((own, states))
    found = browser.run(ACTIONS, asked)
    flipped = 0
    for (own, states), of_page in zip(expected, found, strict=True):
        for (written, weights, log), state in zip(states, of_page, strict=True):
            assert state["written"] == written
            np.testing.assert_allclose(state["cells"], weights, rtol=0, atol=1e-3)
            if state["changed"]:
                assert (state["before"], state["after"]) == (own, written)
                assert state["logs"][1] == pytest.approx(log, rel=1e-3, abs=2e-3)
                flipped += own != written
    assert flipped > 3, "else any would do"


def drag(browser, start, end):
    """Drag with the mouse, as it is on the screen."""
    browser.mouse(start, "mouseMoved", "mousePressed")
    browser.mouse(end, "mouseMoved", "mouseReleased")


def test_weight_is_dragged_along_a_row_of_the_map_or_of_characters(browser, date_page, date_model):
    model, vocabulary = date_model
    browser.open(date_page)
    browser.type("Wednesday, September 27, 1995")
    own = browser.weights()
    strongest = int(own[4].argmax())
    drag(browser, f'#heat td[data-out="4"][data-in="{strongest}"]', '#heat td[data-out="5"][data-in="3"]')
    moved = np.array(own[4])
    moved[3] += moved[strongest]
    moved[strongest] = 0
    written, _, weights = answer(model, vocabulary, list("Wednesday, September 27, 1995"), forced={4: moved})
    state = browser.run(READ)
    assert state["written"] == written
    np.testing.assert_allclose(state["cells"], weights, rtol=0, atol=1e-3)
    assert browser.get("document.activeElement.dataset.out") == "4", "it is chosen, and can be let go"
    assert browser.all("#row-out .forced", "e.dataset.out") == ["4"]
    assert "was made to look at" in browser.get("document.getElementById('readout').textContent")
    assert ". Made to look at " in browser.get("document.activeElement.ariaLabel")
    # where the character is chosen, along the question too
    browser.mouse('#row-out [data-out="7"]', "mouseMoved", "mousePressed", "mouseReleased")
    before = browser.weights()[7]
    strongest = int(before.argmax())
    drag(browser, f'#row-in [data-in="{strongest}"]', '#row-in [data-in="20"]')
    after = browser.weights()[7]
    assert after[strongest] == 0
    assert after[20] == pytest.approx(before[strongest] + before[20], abs=2e-4)
    assert browser.get("document.activeElement.dataset.out") == "7"
    # a click is a click, and a finger scrolls and points as ever
    browser.mouse('#row-in [data-in="20"]', "mouseMoved", "mousePressed", "mouseReleased")
    assert browser.get("document.getElementById('edited-place').textContent") == "at 21"
    browser.touch('#row-out [data-out="2"]')
    browser.touch('#row-in [data-in="2"]', '#row-in [data-in="9"]')
    assert set(browser.all("#row-out .forced", "e.dataset.out")) == {"4", "7"}
    browser.run("document.getElementById('put-all-back').click()")
    np.testing.assert_array_equal(browser.weights(), own)


def test_a_look_is_forced_with_nothing_but_keys(browser, date_page):
    focused = "document.activeElement.id || JSON.stringify({...document.activeElement.dataset})"
    browser.open(date_page)
    first = browser.run(READ)
    strongest = int(np.argmax(first["cells"][1]))
    browser.run("document.querySelector('#row-out button').focus()")
    browser.press("ARROW_RIGHT", "u")
    assert browser.get(focused) == '{"out":"1"}'
    np.testing.assert_allclose(browser.weights()[1], 1 / 29, atol=1e-4)
    browser.wait("/characters? flipped/.test(document.getElementById('said').textContent)")
    browser.press("ESCAPE")
    assert browser.run(READ) == first
    step = "ArrowLeft" if strongest else "ArrowRight"
    browser.run(f"{CHANGE} press('#row-out [data-out=\"1\"]', '{step}', {{ shiftKey: true }})")
    assert browser.weights()[1][strongest] == 0
    browser.press("TAB")
    assert browser.get(focused) == "uniform"
    browser.press("SPACE", "TAB", "2")
    assert browser.get(focused) == "only" and browser.weights()[1][1] == 1, "chosen by its number"
    assert browser.get("document.getElementById('only').selectedOptions[0].textContent")[0] == "2"
    browser.press("TAB", "ENTER")
    assert browser.run(READ) == first and browser.get(focused) == '{"out":"1"}'
    browser.press("ESCAPE")
    assert browser.get("document.getElementById('force').hidden")


def test_hostile_texts_are_forced_like_any_other(browser, tmp_path):
    (tmp_path / "page.html").write_bytes(page_of(TEXTS[:6])[0])
    browser.open(tmp_path / "page.html")
    tags = {*browser.all("body *", "e.tagName"), "INS"}
    browser.run(f"{CHANGE} press('#row-out button', 'u'); press('#row-out [data-out=\"2\"]', 'u')")
    assert browser.get("document.getElementById('only').options[1].textContent") == f"1 {TEXTS[0][0]}"
    assert set(browser.all("body *", "e.tagName")) <= tags
    assert browser.get("window.ran") is None
