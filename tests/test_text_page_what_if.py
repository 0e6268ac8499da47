"""What if a token of the text were blank, or another one: the page in a real browser, beside Python.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from hostile_texts import TEXTS
from text_page_tools import JAPANESE, text_page_of
from text_what_if_tools import CHANGE, EDITS, MODELS, READ, answer, edits_of, texts_of, write_page

QUICK = list(MODELS)[:2]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
)
def test_every_edit_is_answered_as_python_answers_it(browser, tmp_path, full, name):
    kind, options, facts = MODELS[name]
    text_model = write_page(tmp_path, kind, facts, **options)
    browser.open(tmp_path / "page.html")
    rng = np.random.default_rng(18)
    texts = texts_of(kind, 50 if full else 3)
    tokens = [text_model.tokens(text) for text in texts]
    edits = [edits_of(kind, each, 5, rng) for each in tokens]
    asked = [[text, [edit for edit, _ in each]] for text, each in zip(texts, edits, strict=True)]
    flips = blanks = 0
    for original, each, states in zip(tokens, edits, browser.run(EDITS, asked), strict=True):
        before, log_before, weights_before, _ = answer(text_model, original)
        for (edit, now), state in zip(each, states, strict=True):
            after, log_after, weights, a = answer(text_model, now)
            assert state["tokens"] == [token or "·" for token in now], edit
            assert state["struck"] == [[k, was] for k, was in enumerate(original) if was != now[k]]
            np.testing.assert_allclose(state["weights"], weights, rtol=1e-3, atol=1e-3)
            assert all(state["weights"][k] == 0 for k, token in enumerate(now) if token == "")
            if a is not None:
                strongest = [sorted(row, reverse=True)[:3] if row.any() else [] for row in a]
                for found, expected in zip(state["looks"], strongest, strict=True):
                    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
            assert state["changed"] == (now != original)
            if not state["changed"]:
                assert state["change"] == []
                continue
            np.testing.assert_allclose(state["change"], weights - weights_before, rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(state["shares"], np.stack((before, after), axis=1), rtol=0, atol=1e-4)
            first, last = before.argmax(), after.argmax()
            np.testing.assert_allclose(state["logs"], [log_before[first], log_after[first]], rtol=1e-3, atol=2e-3)
            assert np.argmax(state["best"], axis=0).tolist() == [first, last]
            names = text_model.classes[first], text_model.classes[last]
            stays, flips_to = f"The class stays {names[0]}.", f"The class flips from {names[0]} to {names[1]}."
            assert state["flipped"] == (stays if first == last else flips_to)
            flips += first != last
            blanks += "" in now
    assert blanks > 1 and (flips > 1 or not full), "else any would do"


@pytest.fixture(scope="module")
def japanese(tmp_path_factory):
    folder = tmp_path_factory.mktemp("japanese")
    return write_page(folder, "seqself", texts=JAPANESE[:3]), folder / "page.html"


@pytest.fixture(scope="module")
def english(tmp_path_factory):
    folder = tmp_path_factory.mktemp("english")
    return write_page(folder, "gru", texts=["a good film , a dull plot"]), folder / "page.html"


def test_with_nothing_but_keys(browser, english):
    focused = "document.activeElement.id || document.activeElement.dataset.token"
    refused = "document.getElementById('refused').textContent"
    browser.open(english[1])
    first = browser.run(READ)
    browser.run("document.getElementById('text').focus()")
    browser.press(*["TAB"] * 3, "ARROW_RIGHT", "BACKSPACE")
    state = browser.run(READ)
    assert browser.get(focused) == "1" and state["struck"] == [[1, "good"]] and state["tokens"][1] == "·"
    assert state["labels"][1].startswith("blank, token 2 of 7, in place of good, weight 0.0000, rank 7, change ")
    assert browser.get("document.getElementById('edit').ariaLabel") == "Change blank, token 2 of 7"
    browser.press("DELETE")
    assert browser.run(READ) == first and browser.get(focused) == "1", "the same again puts it back"
    browser.press("b")
    assert browser.get(focused) == "replacement", "what is typed on a word goes into the field"
    assert browser.all("#known option", "e.value") == ["bad"]
    browser.press("a", "D", "ENTER")
    assert browser.run(READ)["tokens"][1] == "bad" and browser.get(focused) == "1"
    browser.press("ESCAPE")
    assert browser.run(READ) == first and browser.get(focused) == "1"
    browser.press("x", "ESCAPE")
    assert browser.run(READ) == first and browser.get(focused) == "1", "nothing is put"
    browser.press("ESCAPE")
    assert browser.get("document.getElementById('edit').hidden"), "nothing is chosen, until something is typed"
    browser.press("n", "e", "w", ENTER := "ENTER")
    state = browser.run(READ)
    assert state["labels"][1].startswith("new, token 2 of 7, unknown, in place of good"), "it is read as unknown"
    assert browser.get("document.getElementById('unknown').textContent") == "Unknown to the model: new"
    browser.wait("document.getElementById('said').textContent.startsWith('Unknown to the model: new The class ')")
    browser.press("a", "SPACE", "b", ENTER)
    assert browser.get(refused) == "“a b” is 2 tokens; put one." and browser.run(READ)["tokens"][1] == "new"
    browser.press("<", "b", "r", ">", ENTER)
    assert browser.get(refused) == "“<br>” has no token in it."
    browser.press("TAB", "TAB", "SPACE")
    assert browser.get(focused) == "blank" and browser.run(READ)["tokens"][1] == "·"
    browser.press("TAB", "TAB", ENTER)
    assert browser.run(READ) == first and browser.get(focused) == "1"
    browser.press("DELETE", "ARROW_RIGHT", "DELETE", *["TAB"] * 5, "SPACE")
    assert browser.run(READ) == first, "everything is put back"
    browser.press("DELETE")
    browser.type("a good film")
    assert not browser.run(READ)["changed"], "another text"


@pytest.mark.slow
def test_the_change_is_shown_in_words_and_map(browser, japanese):
    text_model, page = japanese
    browser.open(page)
    tokens = text_model.tokens(JAPANESE[0])
    browser.run(f"{CHANGE} press(3, 'Delete')")
    assert browser.get("document.getElementById('shown').hidden") is False
    was = answer(text_model, tokens)[-1]
    now = answer(text_model, [*tokens[:3], "", *tokens[4:]])[-1]
    browser.run("document.getElementById('change-shown').click()")
    bars = browser.all(".token", "[Number(e.style.getPropertyValue('--w')), e.matches('.less'), e.dataset.sign]")
    by = now[3] - was[3]  # of the token that is pointed at
    by = by / abs(by).max()
    np.testing.assert_allclose([-w if less else w for w, less, _ in bars], by, rtol=0, atol=1e-2)
    for share, (_, _, sign) in zip(by, bars, strict=True):
        if abs(abs(share) - 0.1) > 0.01:
            assert sign == (None if abs(share) < 0.1 else "−" if share < 0 else "+"), "in print too"
    width, height, pixels = browser.run(
        """const canvas = document.getElementById("canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.width, canvas.height, [...data]];"""
    )
    T = len(tokens)
    scale = width // T
    assert width == height == T * scale and scale > 2
    alpha = np.reshape(pixels, (T, scale, T, scale, 4))[..., 3] / 255
    by = now - was
    np.testing.assert_allclose(alpha.max(axis=(1, 3)), abs(by) / abs(by).max(), rtol=0, atol=0.02)
    is_hatched = alpha.min(axis=(1, 3)) == 0
    clear = abs(by) > 0.02 * abs(by).max()
    assert (is_hatched == (by < 0))[clear].all() and (by < 0)[clear].any() and (by > 0)[clear].any()
    name = "document.getElementById('canvas').ariaLabel"
    assert browser.get(name) == "Change of the attention to each other"
    browser.run("document.getElementById('weights-shown').click()")
    assert browser.get("document.getElementById('canvas').width") == T and "receives the most" in browser.get(name)
    assert not browser.all("#words.change", "1")
    browser.run("document.getElementById('output_max').click()")
    _, _, weights, _ = answer(text_model, [*tokens[:3], "", *tokens[4:]], "output_max")
    np.testing.assert_allclose(browser.run(READ)["weights"], weights, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_what_is_put_back_while_the_model_runs_stays_put_back(browser, japanese):
    browser.open(japanese[1])
    first, at_once, after, last = browser.run(
        f"""{CHANGE}
        return (async () => {{
          const first = read();
          press(1, "Delete");
          press(1, "Delete"); // the first one is computed, but not drawn yet
          await settled();
          const atOnce = read();
          let now = 0;
          performance.now = () => (now += 10); // a slice ends after three steps
          press(1, "Delete");
          press(2, "Delete");
          press(1, "Delete"); // of the first one, which is not drawn yet
          await settled();
          const after = read();
          press(2, "Delete");
          press(1, "Delete");
          press(1, "Delete");
          await settled();
          await new Promise((resolve) => setTimeout(resolve, 600));
          return [first, atOnce, after, read()];
        }})();"""
    )
    assert at_once == first
    assert [place for place, _ in after["struck"]] == [2]
    assert last == first


@pytest.mark.slow
def test_characters_are_put_as_the_model_reads_them(browser, japanese):
    browser.open(japanese[1])
    browser.run(f"{CHANGE} put(0, 'ｶﾞ'); press(1, 'Ｂ')")
    state = browser.run(READ)
    assert state["tokens"][:2] == ["ガ", "B"] and len(state["struck"]) == 2
    browser.run(f"{CHANGE} put(2, '㌀')")
    assert browser.run(READ)["refused"] == "“㌀” is 4 tokens; put one."
    browser.run(f"{CHANGE} for (let k = 0; k < all('.token').length; k++) press(k, 'Delete')")
    browser.run(f"{CHANGE} press(0, 'Delete'); press(1, 'Delete'); press(0, 'Delete'); press(1, 'Delete')")
    state = browser.run(READ)
    assert set(state["tokens"]) == {"·"} and state["shares"] and all("Looks at nothing" in e for e in state["labels"])


@pytest.mark.slow
def test_a_model_that_drops_unknown_words_takes_none(browser, tmp_path):
    write_page(tmp_path, "gru", dict(drops_unknown=True))
    browser.open(tmp_path / "page.html")
    browser.type("a good film")
    browser.run(f"{CHANGE} put(1, 'nonsuch')")
    state = browser.run(READ)
    assert state["refused"] == "“nonsuch” is unknown to the model, which leaves out unknown words."
    assert not state["changed"]


@pytest.mark.slow
def test_pieces_are_blanked_and_replaced_by_pieces(browser, tmp_path):
    pytest.importorskip("sentencepiece")
    from dataset.tokenizers import SentencePiece

    facts = {"tokenizer": SentencePiece.train(JAPANESE, 400).to_json()}
    text_model = write_page(tmp_path, "seqself", facts, JAPANESE[:1])
    browser.open(tmp_path / "page.html")
    tokens, piece = text_model.tokens(JAPANESE[0]), text_model.vocabulary.words[5]
    browser.run(f"{CHANGE} press(1, 'Delete'); put(2, arguments[0])", piece)
    state = browser.run(READ)
    _, _, weights, _ = answer(text_model, [tokens[0], "", piece, *tokens[3:]])
    np.testing.assert_allclose(state["weights"], weights, rtol=1e-3, atol=1e-3)
    browser.run(f"{CHANGE} put(0, 'no such piece')")
    assert browser.run(READ)["refused"] == "“no such piece” is not a piece that the model knows."
    browser.run("location.hash = 'text=other'")
    browser.wait("document.getElementById('link-note').textContent.endsWith('Left out: the text.')")
    browser.run(f"{CHANGE} press(3, 'Delete')")
    assert [place for place, _ in browser.run(READ)["struck"]] == [1, 2, 3], "a link that does not fit undoes nothing"


@pytest.mark.slow
def test_a_finger_changes_a_token(browser, japanese):
    browser.open(japanese[1], width=360)
    browser.touch('.token[data-token="2"]')
    browser.mouse("#blank", "mousePressed", "mouseReleased")
    assert [place for place, _ in browser.run(READ)["struck"]] == [2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gru", "seqself"])
def test_hostile_texts_are_changed_like_any_other(browser, tmp_path, kind):
    texts = [text for text in TEXTS if text.strip()]
    (tmp_path / "page.html").write_bytes(text_page_of(texts, texts, kind=kind))
    browser.open(tmp_path / "page.html")
    tags = {*browser.all("body *", "e.tagName"), "DEL", "OPTION", "TR", "TH", "TD", "DIV", "BDI", "SPAN", "BUTTON"}
    struck = browser.run(
        f"""{CHANGE}
        return (async () => {{
          const struck = new Set();
          for (const text of arguments[0]) {{
            await type(text);
            if ($("view").inert) continue;
            for (const token of all(".token").keys()) press(token, "Delete");
            for (const what of arguments[0]) {{
              put(0, what);
              await settled();
              struck.add(all("del").length);
            }}
          }}
          return [...struck];
        }})();""",
        texts[::5],
    )
    assert max(struck) > 1
    assert set(browser.all("body *", "e.tagName")) <= tags | {"path", "B", "LI"}
    assert browser.get("window.ran") is None
