"""Pages as they are printed: on how many sheets, in which colours, and without what.

Driven by selenium, in Debian's chromium; without them these tests skip.
"""

import base64
import re

import pytest
from text_page_tools import JAPANESE, text_page_of
from what_if_tools import CHANGE

SHEETS = {"A4": (8.27, 11.69), "Letter": (8.5, 11)}  # inches
CHANGES = f"""
{CHANGE}
press('#row-in [data-in="2"]', "Delete");
press('#row-out [data-out="3"]', "u");
document.getElementById("change-shown").click();
document.getElementById("occlude").click();
"""
SEEN = "!!e.getClientRects().length"
CELL = "[...document.getElementById('canvas').getContext('2d').getImageData(0, 0, 1, 1).data].slice(0, 3)"


def sheets(browser, paper: str) -> int:
    """How many sheets of paper the page takes."""
    size = dict(zip(("paperWidth", "paperHeight"), SHEETS[paper], strict=True))
    pdf = base64.b64decode(browser.cdp("Page.printToPDF", size | {"preferCSSPageSize": False})["data"])
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.fixture
def any_browser(chromium):
    """Chromium alone makes PDFs of pages here, and shows them as they are printed."""
    return chromium


@pytest.fixture
def print_media(browser):
    """``print_media(**media)`` shows the page as if it were printed by a reader who prefers that."""

    def show(kind: str = "print", **media) -> None:
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        browser.cdp("Emulation.setEmulatedMedia", {"media": kind, "features": features})

    yield show
    show("")


def test_a_question_with_all_that_was_tried_prints_in_light_colours_on_one_sheet(browser, date_page, print_media):
    browser.open(date_page, prefers_color_scheme="dark")
    browser.run(CHANGES)
    browser.wait("!document.getElementById('parts').hidden")
    assert sheets(browser, "Letter") == 1, "the shorter one"
    print_media(prefers_color_scheme="dark", forced_colors="active")
    colours = "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    assert browser.get(colours) == ["rgb(31, 28, 24)", "rgb(255, 255, 255)"]
    assert browser.all("#asked, #links, #heat, #measures, #changed, #parts, #about", SEEN) == [True] * 7
    assert not any(browser.all("button:not(.char), input[type=search], textarea, #text, #list, #replacement", SEEN))
    assert browser.all("#mode span, #shown span", SEEN) == [True, False, False, True], "the choice, in words"


@pytest.mark.slow
def test_exact_weights_print_on_one_broad_sheet(browser, date_page):
    browser.open(date_page)
    assert {paper: sheets(browser, paper) for paper in SHEETS} == {"A4": 1, "Letter": 1}
    browser.run("document.getElementById('numbers').click()")
    assert {paper: sheets(browser, paper) for paper in SHEETS} == {"A4": 1, "Letter": 1}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gru", "seqself"])
def test_a_text_prints_with_its_map_in_light_shades(browser, tmp_path, print_media, kind):
    (tmp_path / "page.html").write_bytes(text_page_of(JAPANESE[:4], kind=kind))
    browser.open(tmp_path / "page.html", prefers_color_scheme="dark")
    assert sheets(browser, "A4") == (1 if kind == "gru" else 2)
    dark = browser.get(CELL)
    browser.type(JAPANESE[0] * 4)
    browser.wait("document.getElementById('view').ariaBusy === 'false'")
    print_media(prefers_color_scheme="dark")
    assert browser.get("document.getElementById('asked').textContent") == JAPANESE[0] * 4
    assert browser.all("#asked, #own, #classes, #words, #table, #about", SEEN) == [True] * 6
    assert not any(browser.all("button:not(.token), input[type=search], textarea, #list", SEEN))
    assert browser.get("document.documentElement.scrollWidth - innerWidth") <= 0
    if kind == "seqself":
        ramp = browser.all("#ramp span", "getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number)")
        browser.wait(f"{ramp}.some((shade) => shade.join() === {CELL}.join())")
        assert ramp[0] == [247, 251, 255]
        print_media("screen", prefers_color_scheme="dark")
        browser.type(JAPANESE[0])
        browser.wait(f"{CELL}.join() === '{','.join(map(str, dark))}'")
