"""Every kind of model on the page, in a real browser, beside Python; the maps of a Transformer's heads, and what forces
them.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import numpy as np
import pytest
from page_models_tools import lively, written_by
from share_tools import NOTE, OPEN_EACH, SEEN, click_share, open_anew
from test_page_models_in_browser import CHARACTERS, KINDS, expect_same, several, write_page_of
from test_page_models_in_browser import READ as CARDS
from test_page_occlusion import DONE, TABLE
from what_if_tools import CHANGE, READ

from common.faithfulness import occlusion
from common.functions import log_softmax
from common.layer import inference
from common.packed_model import as_in_page
from seq2seq import Seq2seq
from seq2seq.page import PageModel, to_page

TEXT = "September 27, 1994"
CHOOSE = """
const choose = (head) => {
  const select = document.getElementById("head");
  select.value = head;
  select.dispatchEvent(new Event("change"));
};
"""
READY = "!document.querySelector('[aria-busy=true]')"
CONTENTS = "document.getElementById('heat-contents').textContent"


def maps_of(model: Seq2seq, reverse: bool, forced=None, head: int | None = None):
    """Where each head looks while the model writes its answer to TEXT, all at once: (heads of all layers, 10, 29).

    forced: weights (29,) by place of the answer, of the head, or of all heads. Returns also the answer, and the
    log-probability of each of its characters.
    """
    order, heads = slice(None, None, -1 if reverse else 1), model.arguments["heads"]
    crossed = [layer.cross_attention.layer for layer in model.decoder.layers]
    rows = {out: np.asarray(a, dtype=np.float32)[order] for out, a in (forced or {}).items()}

    def force(k, layer):
        look = layer._look

        def forced_look(q, kept, mask):
            _, a, seeing = look(q, kept, mask)
            for out in rows.keys() & range(a.shape[2]):
                for of in range(heads):
                    if head in (None, k * heads + of):
                        a[:, of, out] = rows[out]
            layer.attention_weights = a.copy()
            return layer.output.forward(layer._merge(a @ kept[1])), a, seeing

        layer._look = forced_look

    for k, layer in enumerate(crossed):
        force(k, layer)
    written = ["_"]
    try:
        with inference(model):
            encoded = model.encode(np.array([[CHARACTERS.index(char) for char in TEXT.ljust(29)][order]]))
            for _ in range(10):
                ids = np.array([[CHARACTERS.index(char) for char in written]])
                log_p = log_softmax(model.decoder.forward(ids, encoded))[0]
                written.append(CHARACTERS[log_p[-1].argmax()])
    finally:
        for layer in crossed:
            del layer._look
    maps = np.concatenate([layer.attention_weights[0] for layer in crossed])[:, :, order]
    return maps, "".join(written[1:]), log_p.max(axis=1)


def made(name: str) -> PageModel:
    kind, reverse, options = KINDS[name]
    return PageModel(name, lively(kind, len(CHARACTERS), seed=7, **options), reverse)


def test_every_kind_answers_as_python_does(browser, tmp_path):
    models = several(epochs=())
    write_page_of(tmp_path / "page.html", models)
    browser.open(tmp_path / "page.html")
    for text in ("September 27, 1995", TEXT):  # some states of the first are kept for the second
        browser.type(text)
        cards = browser.run(CARDS)
        written = {expect_same(card, m, m.model, text) for card, m in zip(cards, models, strict=True)}
    assert len(written) > 12, "else any would do"


def test_each_head_has_its_map(browser, tmp_path):
    attention, transformer = models = [made("attention"), made("transformer")]
    write_page_of(tmp_path / "page.html", models)
    browser.open(tmp_path / "page.html")
    browser.type(TEXT)
    assert not browser.get("document.getElementById('head').checkVisibility()"), "a model without heads is shown"
    assert browser.get(CONTENTS) == "Attention weights"
    browser.run("document.querySelectorAll('.card input')[1].click()")
    names = [f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3, 4)]
    assert browser.all("#head option", "e.textContent") == ["mean of all heads", *names]
    maps, written, _ = maps_of(transformer.model, transformer.reverse)
    assert browser.run(READ)["written"] == written
    np.testing.assert_allclose(browser.weights(), maps.mean(axis=0), rtol=0, atol=1e-3)
    np.testing.assert_allclose(maps.mean(axis=0), written_by(transformer.model, CHARACTERS, TEXT)[2], atol=1e-5)
    assert abs(maps - maps.mean(axis=0)).max(axis=(1, 2)).min() > 0.1, "else any would do"
    for head, name in enumerate(names):
        browser.run(f"{CHOOSE} choose(arguments[0])", str(head))
        np.testing.assert_allclose(browser.weights(), maps[head], rtol=0, atol=1e-3)
        assert browser.get(CONTENTS) == f"Attention weights, {name}"
    assert browser.run(READ)["written"] == written
    browser.run("document.getElementById('head').focus()")
    browser.press("HOME")
    np.testing.assert_allclose(browser.weights(), maps.mean(axis=0), rtol=0, atol=1e-3)
    browser.press("ARROW_DOWN", "ARROW_DOWN")
    np.testing.assert_allclose(browser.weights(), maps[1], rtol=0, atol=1e-3)
    browser.run("document.querySelectorAll('.card input')[0].click()")
    np.testing.assert_allclose(browser.weights(), written_by(attention.model, CHARACTERS, TEXT)[2], atol=1e-3)
    browser.run("document.querySelectorAll('.card input')[1].click()")
    assert browser.get("document.getElementById('head').value") == "", "of another model"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "post-norm", "deep, masked"])
def test_one_head_or_all_are_forced_as_in_python(browser, tmp_path, name):
    model, reverse = (page_model := made(name)).model, page_model.reverse
    write_page_of(tmp_path / "page.html", [page_model])
    browser.open(tmp_path / "page.html")
    browser.type(TEXT)
    own, written, _ = maps_of(model, reverse)
    seen = np.arange(29) < (29 if model.mask_padding is None else len(TEXT))
    flipped = 0
    for head in (None, 0, len(own) - 1):
        browser.run(f"{CHOOSE} choose(arguments[0])", "" if head is None else str(head))
        assert browser.all("#row-out .forced", "1") == [], "the weights were another head's"
        forced = {}
        for out, only in ((0, None), (4, 3), (5, None), (7, 12)):
            if only is None:
                browser.run(f"{CHANGE} press('#row-out [data-out=\"{out}\"]', 'u')")
            else:
                script = "const only = document.getElementById('only'); only.value = arguments[1]"
                browser.run(
                    f'document.querySelector(`#row-out [data-out="${{arguments[0]}}"]`).focus(); {script};'
                    "only.dispatchEvent(new Event('change'))",
                    out,
                    str(only),
                )
            forced[out] = seen / seen.sum() if only is None else np.eye(29)[only]
            maps, after, log_probs = maps_of(model, reverse, forced, head)
            state = browser.run(READ)
            assert state["written"] == after
            shown = maps.mean(axis=0) if head is None else maps[head]
            np.testing.assert_allclose(state["cells"], shown, rtol=0, atol=1e-3)
            flipped += after != written
            if after == written:
                assert state["logs"][1] == pytest.approx(log_probs.sum(), rel=1e-3, abs=2e-3)
        said = browser.get("document.getElementById('forced-heads').textContent")
        assert said.startswith("Every head of every layer " if head is None else "Only layer ")
    assert flipped > 1, "else any would do"


@pytest.mark.slow
def test_the_head_is_in_the_link(browser, tmp_path):
    write_page_of(tmp_path / "page.html", [made("transformer")])
    browser.open(tmp_path / "page.html")
    browser.type(TEXT)
    browser.run(f"{CHANGE} {CHOOSE} choose('5'); press('#row-out [data-out=\"2\"]', 'u')")
    browser.wait(READY)
    seen, url = browser.run(SEEN), click_share(browser)
    assert url.endswith("#text=September+27,+1994&head=2.2&force=3:uniform&out=3")
    open_anew(browser, url)
    browser.wait(READY)
    assert browser.run(SEEN) == seen and browser.get(NOTE) == ""
    found = browser.run(OPEN_EACH, [f"text=May+1&head={head}" for head in ("1.4", "0.1", "3.1", "1.5", "", "1")])
    assert found == ["", *["The link is for another page. Left out: the head."] * 5]
    assert browser.get("document.getElementById('head').value") == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "deep, masked"])
def test_a_head_is_compared_with_occlusion(browser, tmp_path, name):
    page_model = made(name)
    write_page_of(tmp_path / "page.html", [page_model])
    browser.open(tmp_path / "page.html")
    browser.type(TEXT)
    model, xs = page_model.model, np.array([[CHARACTERS.index(char) for char in TEXT.ljust(29)]])[:, ::-1]
    maps, written, _ = maps_of(model, page_model.reverse)
    ids = [CHARACTERS.index(char) for char in written]

    def log_probs(xs):
        scores = model.decoder.forward(np.array([[0, *ids[:-1]]] * len(xs)), model.encode(xs))
        return log_softmax(scores)[:, range(10), ids]

    with inference(model):
        lost = occlusion(log_probs, xs, CHARACTERS.index(" "))[0, :, ::-1].sum(axis=0)
    assert abs(lost).max() > 0.1
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    expected = maps.mean(axis=0).sum(axis=0), lost
    np.testing.assert_allclose(browser.run(TABLE)["rows"], expected, rtol=1e-3, atol=3e-3)
    browser.run(f"{CHOOSE} choose('2')")
    browser.run("document.getElementById('occlude').click()")
    browser.wait(DONE)
    np.testing.assert_allclose(browser.run(TABLE)["rows"], [maps[2].sum(axis=0), lost], rtol=1e-3, atol=3e-3)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_smaller_weights_are_those_of_python(browser, tmp_path, precision):
    models = [made(name) for name in ("transformer", "post-norm", "additive", "deep, both ways")]
    settings = dict(vocabulary=CHARACTERS, start="_", T_enc=29, T_dec=10, precision=precision)
    (tmp_path / "page.html").write_bytes(to_page(models, [], **settings))
    browser.open(tmp_path / "page.html")
    browser.type(TEXT)
    for k, page_model in enumerate(models):
        browser.run("document.querySelectorAll('.card input')[arguments[0]].click()", k)
        small = as_in_page(page_model.model, precision)
        written, _, weights, margin = written_by(small, CHARACTERS, TEXT, page_model.reverse)
        assert margin > 1e-3 and browser.run(READ)["written"] == written
        np.testing.assert_allclose(browser.weights(), weights, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_the_heads_fit_every_width_and_have_a_name(browser, tmp_path):
    write_page_of(tmp_path / "page.html", [made("deep, masked")])
    browser.open(tmp_path / "page.html")
    browser.type("Wednesday, September 27, 1995")
    browser.run(f"{CHANGE} {CHOOSE} choose('23'); press('#row-out button', 'u')")
    for width in (360, 900, 1600):
        browser.resize(width)
        assert browser.get("document.documentElement.scrollWidth") <= width
    names = {name.strip() for role, name in browser.accessible() if role == "combobox" and name}
    assert "Attention of" in names
