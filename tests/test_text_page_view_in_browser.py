"""The page of a text classifier in a real browser: what pointer and keys change, at every width and in both themes.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

from pathlib import Path

import numpy as np
import pytest
from hostile_texts import TEXTS
from page_tools import Parts
from text_page_tools import ENGLISH, JAPANESE, small_classifier, text_page_of, write_text_run

from classifier.page import to_page
from classifier.token_table import luminance
from experiment.text_page import page_of
from support.terminal import visible

pytestmark = pytest.mark.slow  # a long browser run

PIXELS = """
const { width, height } = document.getElementById("canvas");
const { data } = document.getElementById("canvas").getContext("2d").getImageData(0, 0, width, height);
return [width, height, [...data]];
"""
FIRST_PIXEL = "document.getElementById('canvas').getContext('2d').getImageData(0, 0, 1, 1).data.slice(0, 3).join()"
SHADES = [f"s{k}" for k in range(12)]
LABELS = ["class 0", "class 1", "class 2", None]


@pytest.fixture(scope="module")
def looking(tmp_path_factory):
    """A model with self-attention and its page of four texts."""
    folder = tmp_path_factory.mktemp("looking")
    text_model = write_text_run(folder, "seqself")
    (folder / "page.html").write_bytes(page_of(text_model, list(zip(JAPANESE[:4], LABELS, strict=True)), "four texts"))
    return text_model, folder / "page.html"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """A page of English texts: the first right, the second wrong, the third with no class known."""
    path = tmp_path_factory.mktemp("english") / "page.html"
    own = [text["own"][0] for text in Parts(text_page_of(ENGLISH[:3])).data["texts"]]
    path.write_bytes(text_page_of(ENGLISH[:3], [own[0], "ba"["ab".index(own[1])], None]))
    return path


def maps(text_model, text: str) -> tuple[list[str], np.ndarray]:
    answer = text_model.ask(text)
    return answer.tokens, text_model.model.attention_layer.attention_weights[0]


def shades(browser) -> list[int]:
    """The shade of each token."""
    names = browser.all(".token", "[...e.classList].filter((name) => /^s\\d+$/.test(name))")
    assert all(len(each) == 1 for each in names)
    return [SHADES.index(*each) for each in names]


def test_a_pointer_on_a_token_shows_what_it_looks_at(browser, looking):
    text_model, page = looking
    browser.open(page)
    tokens, weights = maps(text_model, JAPANESE[0])
    assert browser.all(".token bdi", "e.textContent") == tokens
    at_first = shades(browser)
    assert at_first == [round(11 * shade) for shade in text_model.ask(JAPANESE[0]).table().shade]
    browser.mouse('.token[data-token="3"]')
    above = np.maximum(weights[3] - weights[3].mean(), 0)
    np.testing.assert_allclose(shades(browser), 11 * above / above.max(), atol=0.51)
    links = [int(place) for place in browser.all("#links path", "e.dataset.to")]
    strongest = [
        place for place in np.argsort(-weights[3], kind="stable") if weights[3, place] >= 0.1 * weights[3].max()
    ]
    assert links == [place for place in strongest[:12] if place != 3]
    chips = browser.all("#readout .chip", "e.textContent")
    assert chips[0] == f"{tokens[weights[3].argmax()]} {weights[3].max():.4f}" and len(chips) == 4
    assert browser.all("#rows .pointed", "e.textContent") == [tokens[3]]
    assert browser.all("#table .pointed", "e.dataset.token") == ["3"]
    browser.mouse("h1")
    assert shades(browser) == at_first and not browser.all("#links path", "1")
    browser.mouse('.token[data-token="3"]', "mouseMoved", "mousePressed", "mouseReleased")
    browser.mouse("h1")
    assert browser.all("#table .pointed", "e.dataset.token") == ["3"], "a click stays"
    browser.press("ESCAPE")
    assert not browser.all("#table .pointed", "1")


def test_a_cell_of_the_map_is_two_tokens(browser, looking):
    text_model, page = looking
    browser.open(page, width=1600)
    tokens, weights = maps(text_model, JAPANESE[0])
    x, y = browser.centre("#cells")
    browser.mouse("#cells")
    at = [browser.all(f"#{side} .pointed", "[...e.parentElement.children].indexOf(e)") for side in ("rows", "columns")]
    middle = len(tokens) / 2
    assert all(abs(place + 0.5 - middle) <= 1 for (place,) in at), (x, y)
    (t,), (s,) = at
    assert browser.all("#readout .chip", "e.textContent") == [f"{tokens[s]} {weights[t, s]:.4f}"]


def test_the_map_is_drawn_in_the_shades_of_the_theme(browser, looking):
    text_model, page = looking
    _, weights = maps(text_model, JAPANESE[0])
    browser.open(page)
    levels = np.floor(11 * weights / weights.max() + 0.5).astype(int)
    drawn = {}
    for theme in ("light", "dark"):
        browser.prefer(prefers_color_scheme=theme)
        ramp = browser.all("#ramp span", "getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number)")
        other = {"light": "Dark", "dark": "Light"}[theme]
        browser.wait(f"document.getElementById('theme').textContent === '{other} theme'")
        width, height, pixels = browser.run(PIXELS)
        assert (width, height) == weights.shape
        drawn[theme] = np.reshape(pixels, (height, width, 4))[..., :3]
        different = (drawn[theme] != np.array(ramp)[levels]).any(axis=2)
        assert different.mean() < 0.02, "up to rounding"
    assert (drawn["light"] != drawn["dark"]).any()
    browser.run("document.getElementById('theme').click()")
    _, _, pixels = browser.run(PIXELS)
    np.testing.assert_array_equal(np.reshape(pixels, (height, width, 4))[..., :3], drawn["light"])
    browser.prefer(forced_colors="active")
    browser.wait(f"{FIRST_PIXEL} !== '{','.join(map(str, drawn['light'][0, 0]))}'")
    _, _, pixels = browser.run(PIXELS)
    assert len({tuple(pixel) for pixel in np.reshape(pixels, (-1, 4)).tolist()}) == len(np.unique(levels))


def test_arrow_keys_lead_along_the_text_and_to_what_a_token_looks_at(browser, looking):
    text_model, page = looking
    browser.open(page)
    tokens, weights = maps(text_model, JAPANESE[0])
    focused = "document.activeElement.dataset.token"
    browser.run("document.querySelector('.token').focus()")
    browser.press("ARROW_RIGHT", "ARROW_RIGHT", "ARROW_LEFT")
    assert browser.get(focused) == "1"
    assert browser.get("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("ARROW_DOWN")
    assert browser.get(focused) == str(weights[1].argmax())
    browser.press("END", "ARROW_RIGHT")
    assert browser.get(focused) == str(len(tokens) - 1)
    browser.press("HOME", "ARROW_LEFT")
    assert browser.get(focused) == "0"
    assert browser.all(".token", "e.tabIndex") == [0] + [-1] * (len(tokens) - 1), "one stop of the tab key"
    label = browser.all(".token", "e.ariaLabel")[0]
    answer = text_model.ask(JAPANESE[0])
    assert label.startswith(f"{tokens[0]}, token 1 of {len(tokens)}, weight {answer.weights[0]:.4f}, rank ")
    assert f"Looks at {tokens[weights[0].argmax()]} at {weights[0].argmax() + 1} {weights[0].max():.4f}, " in label


def test_a_finger_chooses(browser, looking):
    _, page = looking
    browser.open(page, width=360)
    browser.touch('.token[data-token="2"]', '.token[data-token="4"]')
    assert browser.all("#table .pointed", "e.dataset.token") == ["4"]


def test_texts_are_searched_filtered_and_chosen(browser, looking, mixed):
    browser.open(mixed)
    assert browser.all(".question .mark", "e.textContent") == ["✓", "✗", "·"]
    assert browser.all(".question del", "1") == [1], "what was found instead"

    def shown(**filters):
        for name, value in filters.items():
            browser.run(
                "const e = document.getElementById(arguments[0]);"
                "e.value = arguments[1]; e.dispatchEvent(new Event('input'))",
                name,
                value,
            )
        return [int(index) for index in browser.all("#list .question", "e.dataset.index")]

    assert shown(verdict="false") == [1] and shown(verdict="true") == [0] and shown(verdict="") == [0, 1, 2]
    assert shown(search=ENGLISH[2]) == [2] and shown(search="") == [0, 1, 2]
    labels = browser.all("#list .own", "e.lastChild.textContent")
    for name in "ab":
        assert shown(**{"class": name}) == [k for k, label in enumerate(labels) if label == name]
    shown(**{"class": ""})
    browser.run("document.querySelector('[data-index=\"1\"]').click()")
    assert browser.get("document.getElementById('text').value") == ENGLISH[1]
    assert browser.all("#classes .right", "e.parentElement.firstChild.textContent") == [labels[1]]
    assert browser.all("#classes .best th bdi", "e.textContent") != [labels[1]]
    assert browser.all("[aria-current=true]", "e.dataset.index") == ["1"]
    browser.type("good film")
    assert browser.all("[aria-current=true]", "1") == [] and browser.all("#classes .right", "1") == []


def test_what_cannot_be_asked_is_explained(browser, mixed):
    browser.open(mixed)
    browser.type("a " * 1001)
    reasons = browser.get("document.getElementById('reasons').textContent")
    assert reasons == "1,001 tokens; this page reads at most 1,000."
    assert browser.get("document.getElementById('text').ariaInvalid") == "true"
    assert browser.get("document.getElementById('view').inert && document.getElementById('classes').inert")
    browser.type(" \u3000\t")
    assert browser.get("document.getElementById('count').textContent") == "0 tokens"
    assert browser.all("#own, #reasons", "e.textContent") == ["", ""]
    browser.type("it's nonsuch")
    assert not browser.get("document.getElementById('view').inert || document.getElementById('classes').inert")
    assert browser.get("document.getElementById('unknown').textContent") == "Unknown to the model: nonsuch"
    assert [*map(int, browser.all(".token.unknown", "e.dataset.token"))] == [1]
    browser.type("nonsuch")
    assert "the model read nothing but their number" in browser.get("document.getElementById('unknown').textContent")


def test_a_text_of_pieces_can_be_chosen_but_not_typed(browser, tmp_path):
    pytest.importorskip("sentencepiece")
    from dataset.tokenizers import SentencePiece

    tokenizer = SentencePiece.train(JAPANESE, 400)
    text_model = write_text_run(tmp_path, "seqself", {"tokenizer": tokenizer.to_json()})
    (tmp_path / "page.html").write_bytes(page_of(text_model, [(text, None) for text in JAPANESE[:3]], "texts"))
    browser.open(tmp_path / "page.html")
    assert browser.get("document.getElementById('text').readOnly")
    assert not browser.get("document.getElementById('pieces').hidden")
    for k in range(3):
        browser.run(f"document.querySelector('[data-index=\"{k}\"]').click()")
        answer = text_model.ask(JAPANESE[k])
        assert browser.all(".token bdi", "e.textContent") == answer.tokens
        assert browser.get("document.getElementById('own').textContent") == answer.label
        weights = [float(weight) for weight in browser.all("#table tbody td:nth-child(2)", "e.textContent")]
        np.testing.assert_allclose(weights, answer.weights, rtol=1e-3, atol=1e-3)


def test_a_model_without_attention_shows_no_weights(browser, tmp_path):
    text_model = write_text_run(tmp_path, "gru", attention=False)
    (tmp_path / "page.html").write_bytes(page_of(text_model, [(ENGLISH[0], None)], "one text"))
    browser.open(tmp_path / "page.html")
    assert browser.all("#attention-map, #token-table, #legend, #mode", "e.hidden") == [True] * 4
    browser.mouse('.token[data-token="1"]')
    assert browser.get("document.getElementById('readout').textContent") == browser.all(".token", "e.textContent")[1]


def test_a_key_during_a_long_computation_is_answered(browser, tmp_path):
    """The page is busy for a slice at most; the earlier text's answer never shows."""
    words = ["<pad>", "<unk>", *(f"w{k}" for k in range(50))]
    model = small_classifier("gru", len(words), hidden_size=192, layers=2)
    page = to_page(model, [], vocabulary=words, tokenizer={"name": "words"}, classes=["a", "b"])
    (tmp_path / "page.html").write_bytes(page)
    browser.open(tmp_path / "page.html")
    browser.type("w3")
    browser.type(" ".join(f"w{k % 50}" for k in range(900)))
    assert browser.get("document.getElementById('view').ariaBusy") == "true"
    assert not browser.get("document.getElementById('view').inert"), "nor does it flicker"
    browser.wait("getComputedStyle(document.getElementById('view')).opacity === '0.4'")
    browser.type("w1 w2")
    browser.wait("document.getElementById('view').ariaBusy === 'false'")
    assert browser.all(".token", "e.textContent") == ["w1", "w2"]
    browser.type(" ".join(f"w{k % 50}" for k in range(900)))
    browser.type("")
    browser.run("return new Promise((resolve) => setTimeout(resolve, 200))")
    assert browser.all(".token", "e.textContent") == ["w1", "w2"] and browser.get(
        "document.getElementById('view').inert"
    )


@pytest.mark.parametrize("kind", ["gru", "seqself"])
def test_hostile_texts_show_as_themselves_and_run_nothing(browser, tmp_path, kind):
    texts = [text for text in TEXTS if text.strip()]
    path = tmp_path / "<svg onload=window.ran=1> & '$(1)` #.html"
    path.write_bytes(text_page_of(texts, texts, kind=kind, title=texts[0], about=texts))
    browser.open(path)
    before = set(browser.all("body *", "e.tagName"))
    assert not {"STYLE", "IMG", "IFRAME", "BASE", "META", "FORM"} & before
    assert browser.all("#list .asked", "e.textContent") == [visible(text) for text in texts]
    assert browser.get("document.title") == texts[0]
    for index, text in enumerate(texts):
        browser.run(f"document.querySelector('[data-index=\"{index}\"]').click()")
        browser.type(text)
    browser.mouse('.token[data-token="0"]')
    assert set(browser.all("body *", "e.tagName")) - before <= {"path", "B"}
    assert browser.all("body script", "e.type") == ["application/json", "application/json", "module"]
    assert browser.get("window.ran") is None


def test_the_page_never_scrolls_sideways(browser, looking, mixed):
    for page, text in ((looking[1], JAPANESE[0] * 5), (mixed, "W" * 300 + " and a good film" * 40)):
        browser.open(page)
        for what in ("as it opens", text):
            if what == text:
                browser.type(text)
                browser.wait("document.getElementById('view').ariaBusy === 'false'")
            for width in (360, 900, 1600):
                browser.resize(width)
                assert browser.get("document.documentElement.scrollWidth") <= width, (width, what[:20])
                assert browser.get("document.getElementById('view-heading').offsetHeight") < 40, "one line"


def test_a_screen_reader_finds_a_name_for_all_that_can_be_used(browser, looking):
    browser.open(looking[1])
    found = browser.accessible()
    usable = {"button", "textbox", "searchbox", "combobox", "radio", "toolbar", "table", "list", "region"}
    usable |= {"figure", "image"}
    assert {role for role, _ in found} >= usable, usable - {role for role, _ in found}
    assert not [role for role, name in found if role in usable and not name]
    assert [name for role, name in found if role == "heading"][:2] == ["Where the model looks", "Try your own"]


def test_what_is_found_is_spoken_once_the_keys_rest(browser, mixed):
    browser.open(mixed)
    said, live = "document.getElementById('said').textContent", "[role=status], [role=alert], [aria-live=polite]"
    assert browser.all(live, "e.id") == ["said"], "one voice"
    for text in ("g", "go", "good"):
        browser.type(text)
    assert "good" not in browser.get(said)
    browser.wait(f"/^[ab] \\d+\\.\\d%$/.test({said})")
    browser.type("a " * 1001)
    browser.wait(f"{said}.startsWith('1,001 tokens')")


@pytest.mark.parametrize("colours", ["none", "active"])
def test_texts_contrast_with_their_shades(browser, looking, colours):
    """The reader's own colours, too."""
    browser.open(looking[1], forced_colors=colours)
    script = """
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (colour) => {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    return [...document.querySelectorAll(".token")].map((token) => {
      const { color, backgroundColor } = getComputedStyle(token);
      return [rgb(color), rgb(backgroundColor)];
    });
    """
    pairs = browser.run(script)
    assert len({tuple(behind) for _, behind in pairs}) > 3, "shades differ"
    for pair in pairs:
        dark, light = sorted(luminance(np.array(colour)) + 0.05 for colour in pair)
        assert light / dark >= 4.5, pair
