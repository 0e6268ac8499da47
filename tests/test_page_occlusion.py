"""What the answer loses without each character of the question: the page in a real browser, beside Python.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from test_page_models_in_browser import CHARACTERS, several, write_page_of
from what_if_tools import CHANGE, write_page

from common.faithfulness import occlusion, rank_correlations, spearman
from common.functions import log_softmax
from common.layer import inference
from dataset import dates
from seq2seq.faithfulness import parts
from support.html_page import joined

pytestmark = pytest.mark.slow  # a long browser run

DONE = "!document.getElementById('parts').hidden"
TABLE = """
const numbers = (row) => [...row.cells].map((cell) => Number(cell.textContent.replace("−", "-")));
const [attention, lost] = document.getElementById("parts-table").tBodies;
return {
  of: document.getElementById("parts-of").textContent,
  rows: [attention, lost].map((body) => numbers(body.rows[1])),
  rho: document.getElementById("rho").textContent.replace("−", "-"),
};
"""


def test_ranks_correlate_as_in_python(browser, mixed_page):
    browser.open(mixed_page)
    script = joined(["common/page/faithfulness.js"])
    rng = np.random.default_rng(16)
    pairs = [rng.integers(4, size=(2, 12)).astype(float) for _ in range(20)] + [rng.normal(size=(2, 5))]
    found = browser.run(f"{script}\nreturn arguments[0].map(([a, b]) => spearman(a, b))", [p.tolist() for p in pairs])
    np.testing.assert_allclose(found, [spearman(*pair) for pair in pairs], rtol=0, atol=1e-12)
    constant = [[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]
    assert browser.run(f"{script}\nreturn Number.isNaN(spearman(...arguments[0]))", constant)


@pytest.mark.parametrize("masks", [False, True])
def test_attention_and_occlusion_are_those_of_python(browser, date_model, tmp_path, full, masks):
    _, vocabulary = date_model
    model = write_page(tmp_path / "page.html", *date_model, masks)
    browser.open(tmp_path / "page.html")
    texts = [line[:29].strip() for line in dates.generate(30 if full else 2, seed=80)]
    xs = np.array([[vocabulary.index(char) for char in text.ljust(29)] for text in texts])[:, ::-1]
    attention, _, lost, seen = parts(model, xs, vocabulary.index("_"), 10, vocabulary.index(" "))
    assert abs(lost).max() > 1 and (lost < -0.1).any(), "else nothing would be below the line"
    for n, text in enumerate(texts):
        browser.type(text)
        browser.run("document.getElementById('occlude').click()")
        browser.wait(DONE)
        for out in (None, 0, 7):
            if out is None:
                expected, of = [attention[n].sum(axis=0), lost[n].sum(axis=0)], "For the whole answer"
            else:
                browser.run(f"document.querySelector('#row-out [data-out=\"{out}\"]').focus()")
                expected, of = [attention[n, out], lost[n, out]], f", character {out + 1} of the answer"
            found = browser.run(TABLE)
            assert found["of"].endswith(of)
            np.testing.assert_allclose(found["rows"], np.array(expected)[:, ::-1], rtol=1e-3, atol=2e-3)
            a, b = (values[None, None] for values in expected)
            rho = rank_correlations(a, b, seen[n : n + 1])[0, 0]
            assert float(found["rho"].split()[0]) == pytest.approx(rho, abs=0.02)
            assert found["rho"].endswith(f"over {seen[n].sum()} characters")


def test_a_changed_question_is_occluded_as_it_is_now(browser, date_page, date_model):
    model, vocabulary = date_model
    browser.open(date_page)
    browser.type("May 1, 1972")
    browser.run(f"{CHANGE} press('#row-in button', 'Delete'); press('[data-in=\"9\"]', '3')")
    browser.press("ESCAPE", "3", "TAB")  # the answer's first character is chosen
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    xs = np.array([[vocabulary.index(char) for char in " ay 1, 1932".ljust(29)]])[:, ::-1]
    attention, _, lost, _ = parts(model, xs, vocabulary.index("_"), 10, vocabulary.index(" "))
    found = browser.run(TABLE)["rows"]
    np.testing.assert_allclose(found, [attention[0, 0, ::-1], lost[0, 0, ::-1]], rtol=1e-3, atol=2e-3)
    browser.run(f"{CHANGE} press('[data-in=\"9\"]', 'Escape')")
    assert not browser.get(DONE), "of another question"


def test_it_yields_to_every_key(browser, date_page):
    browser.open(date_page)
    note = "document.getElementById('occlude-note').textContent"
    ticks = browser.run_async(
        """const [done] = arguments;
        let now = 0;
        performance.now = () => (now += 1000); // each character takes longer than a slice
        let ticks = 0;
        const tick = () => {
          ticks++;
          if (document.getElementById("parts").hidden) setTimeout(tick);
          else done(ticks);
        };
        document.getElementById("occlude").click();
        tick();"""
    )
    assert ticks >= 29, "one character at a time"
    browser.type("May 1, 1972")
    assert not browser.get(DONE)
    stopped = browser.run_async(
        """const [done] = arguments;
        const note = document.getElementById("occlude-note");
        const own = document.getElementById("own").textContent;
        const field = document.getElementById("text");
        document.getElementById("occlude").click();
        const wait = () => {
          if (note.textContent === "") return setTimeout(wait);
          field.dispatchEvent(new KeyboardEvent("keydown", { key: "Shift", bubbles: true }));
          const said = note.textContent;
          setTimeout(() => done([said, note.textContent, own === document.getElementById("own").textContent]), 100);
        };
        wait();"""
    )
    assert stopped == ["stopped", "stopped", True]
    assert not browser.get(DONE)
    browser.run("document.getElementById('occlude').click()")
    browser.type("May 1, 1973")
    assert browser.get(note) == "", "a text that is typed starts anew"
    browser.run("document.getElementById('occlude').focus()")
    browser.press("ENTER")
    browser.wait(DONE)
    browser.wait("document.getElementById('said').textContent.startsWith('Spearman correlation of the two: ')")


def test_one_character_has_nothing_to_compare_with(browser, date_page):
    browser.open(date_page)
    browser.type("7")
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    assert browser.run(TABLE)["rho"] == "none, as one row is all equal, over 1 characters"
    browser.mouse('#parts-table td[data-in="3"]')
    assert browser.all("#row-in .pointed", "e.dataset.in") == ["3"]


@pytest.mark.parametrize("kind", ["baseline", "peeky, cell"])
def test_without_attention_it_shows_what_the_answer_loses_alone(browser, tmp_path, kind):
    (page_model,) = several([kind], epochs=())
    write_page_of(tmp_path / "page.html", [page_model])
    browser.open(tmp_path / "page.html")
    browser.type("May 1, 1972")
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    order = slice(None, None, -1 if page_model.reverse else 1)
    model, xs = page_model.model, np.array([[CHARACTERS.index(char) for char in "May 1, 1972".ljust(29)][order]])
    ids = [CHARACTERS.index(char) for char in browser.get("document.getElementById('own').textContent")]

    def log_probs(xs):
        scores = model.decoder.forward(np.array([[0, *ids[:-1]]] * len(xs)), model.encode(xs))
        return log_softmax(scores)[:, range(10), ids]

    with inference(model):
        lost = occlusion(log_probs, xs, CHARACTERS.index(" "))[0, :, order]
    assert abs(lost).max() > 0.1
    assert browser.all("#occlude, #parts, #agreement", "e.checkVisibility()") == [True, True, False]
    browser.wait("document.getElementById('said').textContent.startsWith('Log-probability lost without it')")
    shown = "#parts-table tbody td", "Number(e.textContent.replace('−', '-'))"
    np.testing.assert_allclose(browser.all(*shown), lost.sum(axis=0), rtol=1e-3, atol=2e-3)
    browser.run("document.querySelector('#row-out [data-out=\"3\"]').focus()")
    np.testing.assert_allclose(browser.all(*shown), lost[3], rtol=1e-3, atol=2e-3)
