"""What a class loses without each token of the text: the page in a real browser, beside Python.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from text_page_tools import JAPANESE
from text_what_if_tools import CHANGE, MODELS, answer, ids_of, texts_of, write_page

from classifier.faithfulness import parts
from common.faithfulness import rank_correlations
from experiment.faithfulness import compared, of_texts

pytestmark = pytest.mark.slow  # a long browser run

DONE = "!document.getElementById('parts').hidden"
READY = "document.getElementById('view').ariaBusy === 'false'"
ROWS = f"""
{CHANGE}
const rows = all("#parts-words li").map((e) => e.lastChild.textContent.split(", ").map(number));
return [rows[0].map((_, k) => rows.map((row) => row[k])), $("rho").textContent, $("rho-size").textContent];
"""


def occlude(browser) -> tuple[np.ndarray, float, int, float]:
    """The rows that the page finds, their correlation, over how many tokens, and that of their sizes."""
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    rows, rho, by_size = browser.run(ROWS)
    rho, over = rho.replace("−", "-").split(" over ")
    return np.array(rows), float(rho), int(over.split()[0]), float(by_size.replace("−", "-").rpartition(" ")[2][:-1])


def correlations(parts) -> list[float]:
    """Rank correlations of attention with occlusion, and with the size of occlusion."""
    signed = rank_correlations(*parts[::2], parts.seen)[0, 0]
    return [signed, compared([parts])["attention, |occlusion|"][0, 0]]


def rounded_parts(parts) -> dict:
    return {name: np.round(getattr(parts, name), 4) for name in ("attention", "occlusion")}


@pytest.mark.parametrize("name", MODELS)
def test_weights_and_occlusion_are_those_of_python(browser, tmp_path, full, name):
    kind, options, facts = MODELS[name]
    text_model = write_page(tmp_path, kind, facts, **options)
    browser.open(tmp_path / "page.html")
    largest = count = 0
    for text in texts_of(kind, 30 if full else 2):
        browser.type(text)
        browser.wait(READY)
        rows, rho, over, by_size = occlude(browser)
        examples = of_texts(text_model, [text])
        (expected,) = map(examples.parts, examples.batches())
        seen = expected.seen[0]
        python = [part[0, 0, seen] for part in (expected.attention, expected.occlusion)]
        np.testing.assert_allclose(rows, python, rtol=1e-3, atol=2e-3)
        assert over == seen.sum()
        theirs, rounded = (correlations(each) for each in (expected, expected._replace(**rounded_parts(expected))))
        if np.allclose(theirs, rounded, rtol=0, atol=0.02):  # else rounding decides which of two is larger
            np.testing.assert_allclose([rho, by_size], theirs, rtol=0, atol=0.05)
            count += 1
        largest = max(largest, abs(expected.occlusion).max())
    assert largest > 0.1 and count > 0, "else any would do"


@pytest.fixture(scope="module")
def japanese(tmp_path_factory):
    folder = tmp_path_factory.mktemp("japanese")
    return write_page(folder, "seqself", texts=JAPANESE[:3]), folder / "page.html"


def test_a_changed_text_is_occluded_as_it_is_now(browser, japanese):
    text_model, page = japanese
    browser.open(page)
    browser.run(f"{CHANGE} press(1, 'Delete'); put(2, '京')")
    rows, rho, over, _ = occlude(browser)
    tokens = text_model.tokens(JAPANESE[0])
    tokens[1:3] = ["", "京"]
    xs, where = ids_of(text_model, tokens)
    expected = parts(text_model.model, xs)
    attention, lost = expected.attention[0, 0, where], expected.occlusion[0, 0, where]
    np.testing.assert_allclose(rows, [attention, lost], rtol=1e-3, atol=2e-3)
    assert rows[1, 1] == 0 and over == len(tokens) - 1
    assert rho == pytest.approx(rank_correlations(*expected[::2], expected.seen)[0, 0], abs=0.05)
    browser.run("document.getElementById('output_max').click()")
    largest = answer(text_model, tokens, "output_max")[2]
    found = np.array(browser.run(ROWS)[0])
    np.testing.assert_allclose(found, [largest, lost], rtol=1e-3, atol=2e-3)
    assert browser.get("document.getElementById('weight-name').textContent") == "largest feature"
    browser.mouse('#parts-words [data-token="4"]')
    assert browser.all(".token.pointed", "e.dataset.token") == ["4"]
    assert browser.get("document.getElementById('readout').textContent").endswith(
        "Log-probability lost without it: " + f"{found[1, 4]:+.4f}".replace("-", "−")
    )
    browser.run(f"{CHANGE} press(1, 'Escape')")
    assert not browser.get(DONE), "of another text"


def test_it_yields_to_every_key(browser, japanese):
    browser.open(japanese[1])
    note = "document.getElementById('occlude-note').textContent"
    slow = """
    let now = 0;
    performance.now = () => (now += 10); // a slice ends after three steps
    """
    ticks, notes = browser.run_async(
        f"""const [done] = arguments;
        {slow}
        let ticks = 0;
        const notes = new Set();
        const tick = () => {{
          ticks++;
          notes.add(document.getElementById("occlude-note").textContent);
          if (document.getElementById("parts").hidden) setTimeout(tick);
          else done([ticks, [...notes]]);
        }};
        document.getElementById("occlude").click();
        tick();"""
    )
    count = len(japanese[0].tokens(JAPANESE[0]))
    assert ticks >= count and f"{count - 1} of {count} …" in notes
    stopped = browser.run_async(
        """const [kind, done] = arguments;
        const note = document.getElementById("occlude-note");
        document.getElementById("occlude").click();
        const wait = () => {
          if (note.textContent === "") return setTimeout(wait);
          document.body.dispatchEvent(new Event(kind, { bubbles: true }));
          const said = note.textContent;
          setTimeout(() => done([said, note.textContent]), 600); // time for some tokens
        };
        wait();""",
        "pointerdown",
    )
    assert stopped == ["stopped", "stopped"] and not browser.get(DONE)
    browser.run("document.getElementById('occlude').click()")
    browser.run(f"{CHANGE} press(2, 'Delete')")
    browser.wait(READY)
    assert browser.all("del", "1") == [1] and not browser.get(DONE) and browser.get(note) == ""
    browser.run("document.getElementById('occlude').click()")
    browser.run(
        f"""{CHANGE}
        all(".token")[4].click();
        $("blank").click(); // as a screen reader does, without a key
        return new Promise((resolve) => setTimeout(resolve)).then(() => fire(document.body, "keydown"));"""
    )
    browser.wait(READY)
    assert browser.all("del", "1") == [1, 1], "a key ends the occlusion, not the answer to the change"
    browser.type(JAPANESE[1])
    browser.wait(READY)
    assert browser.get(note) == "" and not browser.all("del", "1"), "a text that is typed starts anew"
    browser.open(japanese[1])
    browser.run("document.getElementById('occlude').focus()")
    browser.press("ENTER")
    browser.wait(DONE)
    browser.wait("document.getElementById('said').textContent.startsWith('Spearman correlation of the two: ')")


def test_a_model_without_attention_has_occlusion_alone(browser, tmp_path):
    text_model = write_page(tmp_path, "gru", attention=False, texts=["a good film"])
    browser.open(tmp_path / "page.html")
    browser.run(f"{CHANGE} press(1, 'Delete')")
    assert browser.all("#shown, #agreement", "e.hidden")[0]
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    assert browser.all("#agreement, #weight-key", "e.hidden") == [True, True]
    browser.wait("/^What “class [01]” loses without each token$/.test(document.getElementById('said').textContent)")
    (lost,) = browser.run(ROWS)[0]
    p = [
        text_model.model.probabilities(ids_of(text_model, tokens)[0])[0]
        for tokens in (["a", "", "film"], ["", "", "film"])
    ]
    best = p[0].argmax()
    assert lost[0] == pytest.approx(np.log(p[0][best] / p[1][best]), abs=2e-3) and lost[1] == 0


def test_it_fits_every_width_and_all_has_a_name(browser, japanese, tmp_path):
    write_page(tmp_path, "gru", texts=["W" * 200 + " and a good film" * 15])
    for page, kind in ((japanese[1], "seqself"), (tmp_path / "page.html", "gru")):
        browser.open(page)
        browser.wait(READY)
        browser.run(f"{CHANGE} press(1, 'Delete'); document.getElementById('change-shown').click()")
        browser.wait(READY)
        browser.run("document.getElementById('occlude').click()")
        browser.wait(DONE)
        for width in (360, 900, 1600):
            browser.resize(width)
            assert browser.get("document.documentElement.scrollWidth") <= width, (kind, width)
    browser.open(japanese[1])
    browser.run(f"{CHANGE} press(1, 'Delete')")
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    found = {*browser.accessible()}
    usable = {"button", "textbox", "radio", "table", "combobox", "region", "rowheader", "list"}
    assert not [role for role, name in found if role in usable and not name]
    count = len(japanese[0].tokens(JAPANESE[0]))
    assert found >= {
        ("group", "What if"),
        ("group", f"Change blank, token 2 of {count}"),
        ("button", "Blank it"),
        ("button", "Put it back"),
        ("button", "Put everything back"),
        ("group", "What words, map and table show"),
        ("table", "The probability of each class before and after the changes"),
        ("list", "Each token: its weight, and the log-probability lost without it"),
    }
