"""Pictures that a reader of either page saves: parsed and compared with what the page shows.

In Chromium, and as slow tests in Firefox; without them these tests skip.
"""

import base64
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hostile_texts import TEXTS
from matplotlib.image import imread
from text_page_tools import JAPANESE, text_page_of

SVG = "{http://www.w3.org/2000/svg}"
DRAWS = {SVG + tag for tag in ("svg", "title", "g", "defs", "pattern", "rect", "path", "text", "tspan", "image")}
BLANK = """
const e = document.querySelector('#row-in [data-in="2"]');
e.focus();
e.dispatchEvent(new KeyboardEvent("keydown", { key: "Delete", bubbles: true }));
"""


# what a button hands to the reader: the name of the file and its bytes, which the download would write
SAVED = """
const [button, done] = arguments;
const { createObjectURL } = URL;
const { click } = HTMLAnchorElement.prototype;
let blob;
URL.createObjectURL = (made) => {
  blob = made;
  return createObjectURL.call(URL, made);
};
HTMLAnchorElement.prototype.click = function () {
  Object.assign(URL, { createObjectURL });
  Object.assign(HTMLAnchorElement.prototype, { click });
  const reader = new FileReader();
  reader.onload = () => done([this.download, reader.result.split(",")[1]]);
  reader.readAsDataURL(blob);
};
document.getElementById(button).click();
"""


@pytest.fixture
def save(browser, tmp_path):
    """``save("svg")`` presses the button and returns the file that it saves."""

    def press(kind: str) -> Path:
        name, content = browser.run_async(SAVED, f"save-{kind}")
        (tmp_path / name).write_bytes(base64.b64decode(content))
        return tmp_path / name

    return press


def parse(path: Path) -> ElementTree.Element:
    """The picture, after a look at its elements: none of them runs or loads anything."""
    root = ElementTree.parse(path).getroot()
    assert {node.tag for node in root.iter()} <= DRAWS
    for name, value in (pair for node in root.iter() for pair in node.attrib.items()):
        assert not name.startswith("on") and name != "style", name
        assert name != "href" or value.startswith("data:image/png;base64,")
    return root


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def numbers(root: ElementTree.Element, name: str, attribute: str) -> np.ndarray:
    """The attribute of all rectangles of a class."""
    return np.array([float(e.get(attribute)) for e in root.iter(f"{SVG}rect") if e.get("class") == name])


def test_a_picture_is_downloaded(chromium, mixed_page, tmp_path):
    from selenium.webdriver.support.wait import WebDriverWait

    chromium.cdp("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    chromium.open(mixed_page)
    chromium.run("document.getElementById('save-svg').click()")
    (path,) = WebDriverWait(chromium.driver, 10, 0.05).until(lambda _: [*tmp_path.glob("*.svg")])
    assert path.name == "attention-May-1-1972.svg" and "Attention weights" in texts(parse(path))
    chromium.cdp("Browser.setDownloadBehavior", {"behavior": "default"})


def test_a_picture_of_a_date_is_what_the_page_shows(browser, date_page, save):
    browser.open(date_page)
    browser.run("document.getElementById('numbers').click()")
    weights = browser.weights()
    path = save("svg")
    question = browser.get("document.getElementById('asked').textContent")
    assert path.name == f"attention-{'-'.join(re.findall('[A-Za-z0-9]+', question))}.svg"
    numbered = parse(path)
    np.testing.assert_allclose(numbers(numbered, "cell", "fill-opacity") / 0.45, weights.ravel(), atol=2e-4)
    assert set(texts(numbered)) >= {*map("{:.4f}".format, weights.ravel()), "Attention weights"}
    assert set("".join(texts(numbered))) >= set("✗·")
    assert texts(numbered)[-1] == browser.get("document.getElementById('about').textContent")
    browser.run("document.getElementById('numbers').click()")
    browser.run(BLANK)
    browser.run("document.getElementById('change-shown').click()")
    changed = parse(save("svg"))
    signs = browser.all("#heat td[data-sign]", "e.dataset.sign")
    assert signs and [text for text in texts(changed) if text in ("+", "−")] == signs
    assert "Change of the attention weights" in texts(changed)
    assert any(text.startswith("before ") for text in texts(changed))
    less = [e.get("fill") == "url(#less)" for e in changed.iter(f"{SVG}rect") if e.get("class") == "cell"]
    assert less == browser.all("#heat tbody td", "e.matches('.less')")


@pytest.mark.slow
def test_a_png_is_its_svg_in_the_colours_of_the_theme(browser, date_page, save):
    for theme, paper in (("light", (250, 248, 244)), ("dark", (20, 23, 26))):
        browser.open(date_page, prefers_color_scheme=theme)
        root, pixels = parse(save("svg")), np.round(255 * imread(save("png"))[..., :3])
        assert pixels.shape[1::-1] == (3 * int(root.get("width")), 3 * int(root.get("height")))
        assert (pixels[0, 0] == paper).all()
        # the corner of a cell, which no text covers
        (g,) = [g for g in root.iter(f"{SVG}g") if any(e.get("class") == "cell" for e in g)]
        top = float(re.fullmatch(r"translate\(0 (.*)\)", g.get("transform"))[1])
        x, y = (numbers(root, "cell", name) for name in "xy")
        drawn = pixels[(3 * (y + top + 3)).astype(int), (3 * (x + 3)).astype(int)]
        mark = np.array({"light": (10, 100, 120), "dark": (111, 199, 218)}[theme])
        away = np.abs(drawn - mark).sum(axis=1)
        strong = browser.weights().ravel()
        assert away[strong > 0.95].max(initial=0) < 30 < away[strong < 0.05].min()
    said = "document.getElementById('said').textContent"
    browser.wait(f"/^Saved attention-.*\\.png\\. $/.test({said})")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gru", "seqself"])
def test_a_picture_of_a_text_is_what_the_page_shows(browser, tmp_path, save, kind):
    hostile = [text for text in TEXTS if text.strip()]
    (tmp_path / "page.html").write_bytes(text_page_of(hostile, kind=kind, about=hostile))
    browser.open(tmp_path / "page.html")
    for text in (JAPANESE[0], f"\ufffe ]]> {' '.join(hostile)}"):
        browser.type(text[:900])
        browser.wait("document.getElementById('view').ariaBusy === 'false'")
        browser.run("document.querySelector('.token').click()")
        root = parse(save("svg"))
        tokens = browser.all(".token", "e.textContent")
        drawn = [[*g] for g in root.iter(f"{SVG}g") if len(g) and g[0].get("class") == "token"]
        colours = browser.all(".token", "getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number)")
        assert [box.get("fill") for box, *_ in drawn] == ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours]
        tokens = [token.replace("\ufffe", "\ufffd") for token in tokens]  # which XML does not have
        for token, (_, (line, _), *_) in zip(tokens, drawn, strict=True):
            assert line.text == token or (line.text.endswith("…") and token.startswith(line.text[:-1]))
        shares = numbers(root, "share", "width") / 400
        np.testing.assert_allclose(shares, browser.all(".share", "Number(e.style.getPropertyValue('--w'))"), atol=1e-4)
        cells = [len(e.get("d").split("z")) - 1 for e in root.iter(f"{SVG}path") if e.get("class") == "cells"]
        images = [*root.iter(f"{SVG}image")]
        assert sum(cells) + len(images) * len(tokens) ** 2 == (len(tokens) ** 2 if kind == "seqself" else 0)
        if kind == "seqself":
            assert len(images) == (len(tokens) > 200)
    assert imread(save("png")).std() > 0.01
    note = browser.get("document.getElementById('save-note').textContent")
    assert ("browsers draw no larger pictures" in note) == (kind == "seqself")
