"""What if a character of the question were blank, or another one: the page in a real browser, beside Python.

In Chromium and Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from hostile_texts import TEXTS
from page_tools import page_of
from what_if_tools import CHANGE, EDITS, READ, answer, write_page

from dataset import dates

pytestmark = pytest.mark.slow  # a long browser run


@pytest.fixture(scope="module", params=["looks at padding", "masks padding"])
def edited(request, date_model, tmp_path_factory):
    """A model, its vocabulary and its page."""
    path = tmp_path_factory.mktemp("edited") / "page.html"
    return write_page(path, *date_model, request.param == "masks padding"), date_model[1], path


def sequences(count: int, vocabulary: str):
    """Questions, and five edits of each: a place, a key, and the 29 characters that are then there, "" if blank."""
    rng = np.random.default_rng(14)
    for line in dates.generate(count, seed=79):
        original = list(line[:29])
        chars, edits = [*original], []
        for _ in range(5):
            edited = [place for place, char in enumerate(chars) if char != original[place]]
            place = int(rng.choice(edited if edited and rng.random() < 0.4 else len(line[:29].strip()) + 2))
            key = str(rng.choice(["Delete", "Backspace", "Escape", *rng.choice([*vocabulary.strip("_ ")], 3)]))
            if key == "Escape":
                chars[place] = original[place]
            elif len(key) > 1:
                chars[place] = original[place] if chars[place] == "" else ""
            else:
                chars[place] = key
            edits.append((place, key, [*chars]))
        yield "".join(original).strip(), edits


def test_every_edit_is_answered_as_python_answers_it(browser, edited, full):
    model, vocabulary, path = edited
    browser.open(path)
    asked = list(sequences(50 if full else 3, vocabulary))
    found = browser.run(EDITS, [[text, [[place, key] for place, key, _ in edits]] for text, edits in asked])
    flips = blanks = 0
    for (text, edits), states in zip(asked, found, strict=True):
        own, log_before, _ = answer(model, vocabulary, list(text.ljust(29)))
        for (_, _, chars), state in zip(edits, states, strict=True):
            written, _, weights = answer(model, vocabulary, chars)
            assert state["written"] == written
            np.testing.assert_allclose(state["cells"], weights, rtol=0, atol=1e-3)
            assert state["changed"] == (chars != list(text.ljust(29)))
            if state["changed"]:
                _, log_after, _ = answer(model, vocabulary, chars, given=own)
                assert (state["before"], state["after"]) == (own, written)
                assert state["flipped"] == [t for t in range(10) if own[t] != written[t]]
                np.testing.assert_allclose(state["logs"], [log_before.sum(), log_after.sum()], rtol=1e-3, atol=2e-3)
                flips += len(state["flipped"])
                blanks += "" in chars
    assert flips > 3 and blanks > 1, "else any would do"


def test_a_blank_in_the_middle_is_not_looked_at_where_padding_is_masked(browser, edited):
    model, _, path = edited
    browser.open(path)
    browser.type("MAY 1")
    browser.run(f"{CHANGE} press('#row-in [data-in=\"1\"]', 'Delete')")
    assert (browser.weights()[:, 1] == 0).all() == (model.mask_padding is not None)
    # a space is padding already: what is blanked is that it can be looked at
    browser.run(f"{CHANGE} press('#row-in [data-in=\"1\"]', 'Delete'); press('#row-in [data-in=\"3\"]', 'Delete')")
    assert (browser.weights()[:, 3] == 0).all() == (model.mask_padding is not None)
    browser.run(f"{CHANGE} for (const k of [0, 1, 2, 4]) press(`#row-in [data-in=\"${{k}}\"]`, 'Delete')")
    assert (browser.weights() == 0).all() == (model.mask_padding is not None), "nothing left to look at"


def test_what_changed_is_shown_and_put_back(browser, date_page):
    browser.open(date_page)
    browser.type("May 1, 1972")
    first = browser.run(READ)
    assert not first["changed"] and browser.get("document.getElementById('shown').hidden")
    browser.mouse('#row-in [data-in="0"]', "mouseMoved", "mousePressed", "mouseReleased")
    assert browser.get("document.getElementById('edit').ariaLabel") == "Change M, character 1 of the question"
    browser.mouse("#blank", "mouseMoved", "mousePressed", "mouseReleased")
    state = browser.run(READ)
    assert state["changed"] and state["flipped"], "else there is nothing to see here"
    assert browser.get("document.getElementById('blank').ariaPressed") == "true"
    assert browser.all("#after > *", "e.tagName === 'INS'") == [k in state["flipped"] for k in range(10)]
    assert browser.get("document.getElementById('flipped').textContent") == (
        f"{len(state['flipped'])} of 10 characters flipped"
    )
    assert browser.get("document.getElementById('own').textContent") == first["written"], "of what was typed"
    labels = browser.all("#row-out button", "e.ariaLabel")
    for k, label in enumerate(labels):
        assert (f", {first['written'][k]} before the changes" in label) == (k in state["flipped"])
    label = browser.get("document.querySelector('#row-in button').ariaLabel")
    assert label.startswith("blank, character 1 of the question, in place of M. Looked at by ")
    assert browser.all("#row-padding del", "[e.textContent, e.style.gridColumn]") == [["M", "1"]]
    assert browser.get("document.querySelector('#row-in .changed').classList.contains('pointed')"), "still chosen"
    browser.wait(f"document.getElementById('said').textContent.startsWith('{len(state['flipped'])} of 10')")
    browser.run("document.getElementById('change-shown').click()")
    change = browser.run(READ)["cells"]
    np.testing.assert_allclose(change, np.array(state["cells"]) - first["cells"], rtol=0, atol=1.1e-4)
    signs = browser.all("#heat tbody td", "[e.dataset.sign ?? '', e.textContent, e.className.includes('less')]")
    assert {sign for sign, _, _ in signs} == {"", "+", "−"}, "in print too"
    assert all(text[0] == ("−" if less else "+") and sign in ("", text[0]) for sign, text, less in signs)
    assert browser.get("document.querySelector('#heat caption').textContent").startswith("Change of the attention")
    browser.run("document.getElementById('put-back').click()")
    assert browser.run(READ) == first
    assert browser.get("document.activeElement.dataset.in") == "0", "where its keys are"
    browser.run(f"{CHANGE} press('#row-in button', '7'); press('[data-in=\"2\"]', 'Delete')")
    assert len(browser.all("#row-in .changed", "1")) == 2
    browser.run("document.getElementById('put-all-back').click()")
    assert browser.run(READ) == first
    browser.run(f"{CHANGE} press('#row-in button', 'Delete')")
    browser.type("May 1, 1973")
    assert not browser.run(READ)["changed"], "another question"


def test_under_the_given_answer_too(browser, date_page, date_model):
    model, vocabulary = date_model
    browser.open(date_page)
    browser.type("May 1, 1972")
    browser.run(f"document.getElementById('given').click(); {CHANGE} press('#row-in button', 'Delete')")
    state, given = browser.run(READ), "1972-05-01"
    chars = ["", *"ay 1, 1972".ljust(28)]
    best, logs, weights = answer(model, vocabulary, chars, given=given)
    own, before, _ = answer(model, vocabulary, list("May 1, 1972".ljust(29)), given=given)
    assert (state["written"], state["before"], state["after"]) == (given, own, best)
    np.testing.assert_allclose(state["cells"], weights, rtol=0, atol=1e-3)
    np.testing.assert_allclose(state["logs"], [before.sum(), logs.sum()], rtol=1e-3, atol=2e-3)
    browser.run("document.getElementById('own-answer').click()")
    assert browser.run(READ)["written"] == answer(model, vocabulary, chars)[0], "the change stays"


def test_with_nothing_but_keys(browser, date_page):
    focused = "document.activeElement.id || JSON.stringify({...document.activeElement.dataset})"
    browser.open(date_page)
    first = browser.run(READ)
    browser.run("document.getElementById('text').focus()")
    for _ in range(10):
        browser.press("TAB")
        if browser.get(focused) == '{"in":"0"}':
            break
    browser.press("ARROW_RIGHT", "BACKSPACE")
    assert browser.get(focused) == '{"in":"1"}' and browser.all("#row-in .changed", "e.dataset.in") == ["1"]
    browser.press("BACKSPACE")
    assert browser.run(READ) == first, "the same again puts it back"
    browser.press("7")
    assert browser.all("#row-in .changed", "e.textContent") == ["7"]
    browser.press("ESCAPE")
    assert browser.run(READ) == first and browser.get(focused) == '{"in":"1"}'
    browser.press("~")
    assert browser.get("document.getElementById('refused').textContent") == "“~” is not in the vocabulary."
    browser.press("TAB", "TAB")
    assert browser.get(focused) == "blank"
    browser.press("SPACE")
    assert browser.all("#row-in .changed", "e.dataset.in") == ["1"] and browser.get(focused) == "blank"
    browser.press("TAB", "8", "9")
    assert browser.all("#row-in .changed", "e.textContent") == ["9"], "one character, the last"
    browser.press("TAB", "ENTER")
    assert browser.run(READ) == first and browser.get(focused) == '{"in":"1"}'
    browser.press("DELETE", "ESCAPE", "ESCAPE")
    assert browser.get("document.getElementById('edit').hidden"), "nothing is chosen"


def test_a_finger_changes_a_character(browser, date_page):
    browser.open(date_page, width=360)
    browser.touch('#row-in [data-in="2"]')
    browser.mouse("#blank", "mousePressed", "mouseReleased")
    assert browser.all("#row-in .changed", "[e.dataset.in, e.textContent]") == [["2", "·"]]


def test_hostile_texts_are_changed_like_any_other(browser, tmp_path):
    (tmp_path / "page.html").write_bytes(page_of(TEXTS)[0])
    browser.open(tmp_path / "page.html")
    tags = sorted({*browser.all("body *", "e.tagName"), "INS", "DEL"})
    browser.run(
        f"""{CHANGE}
        document.getElementById("change-shown").click();
        for (const [place, key] of [[0, "Delete"], [1, "<"], [2, '"'], [3, "&"]])
          press(`#row-in [data-in="${{place}}"]`, key);
        const field = document.getElementById("replacement");
        for (const text of arguments[0]) {{
          field.value = text;
          field.dispatchEvent(new InputEvent("input"));
        }}""",
        TEXTS[::5],
    )
    assert browser.all("#row-in .changed .glyph", "e.textContent")[:3] == ["·", "<", '"']
    assert set(browser.all("body *", "e.tagName")) <= set(tags)
    assert browser.get("window.ran") is None


def test_a_page_without_a_character_for_padding_blanks_nothing(browser, tmp_path):
    (tmp_path / "page.html").write_bytes(
        page_of(["ab", "ba"], T_dec=2)[0].replace(b'"vocabulary":["_"," "', b'"vocabulary":["_","c"')
    )
    browser.open(tmp_path / "page.html")
    browser.run(f"{CHANGE} press('#row-in button', 'Delete')")
    assert browser.get("document.getElementById('refused').textContent") == "“space” is not in the vocabulary."


def test_it_fits_every_width_and_all_has_a_name(browser, date_page):
    browser.open(date_page)
    browser.type("Wednesday, September 27, 1995")
    browser.run(
        f"{CHANGE} press('#row-in button', 'Delete'); press('#row-out button', 'u');"
        "for (const id of ['change-shown', 'numbers', 'occlude']) document.getElementById(id).click();"
    )
    browser.wait("!document.getElementById('parts').hidden")
    for width in (360, 900, 1600):
        browser.resize(width)
        assert browser.get("document.documentElement.scrollWidth") <= width
    found = set(browser.accessible())
    usable = {"button", "textbox", "radio", "table", "combobox", "region", "rowheader"}
    assert not [role for role, name in found if role in usable and not name]
    written = browser.run(READ)["written"][0]
    assert found >= {
        ("group", "What if"),
        ("group", "Change blank, character 1 of the question"),
        ("button", "Blank it"),
        ("button", "Put it back"),
        ("button", "Put everything back"),
        ("group", "What the map shows"),
        ("group", f"Where the model looks before {written}, character 1 of the answer"),
        ("button", "Look everywhere alike"),
        ("combobox", "Look only at"),
        ("button", "Its own weights"),
        ("table", "The answer before and after the changes"),
        ("region", f"For {written}, character 1 of the answer"),
        ("table", "One column per character of the question"),
    }
    rows = {name.split(";")[0] for role, name in found if role == "rowheader" and "tallest" in name}
    assert rows == {"Attention", "Log-probability lost without it, in nats"}
