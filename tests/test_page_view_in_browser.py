"""The page in a real browser: what pointer, finger and keys change, at every width and in both themes.

In Chromium and Firefox; without them these tests skip.
"""

import re

import numpy as np
import pytest
from page_tools import page_of

pytestmark = pytest.mark.slow  # a long browser run


def test_a_pointer_on_a_character_shades_the_other_row_and_the_map(browser, date_page):
    browser.open(date_page)
    weights = browser.weights()
    assert weights.shape == (10, 29) and (browser.shades("in") == 0).all() and (browser.shades("out") == 0).all()
    browser.mouse('#row-out [data-out="3"]')
    np.testing.assert_allclose(browser.shades("in"), weights[3], atol=1e-4)
    assert (browser.shades("out") == 0).all()
    assert set(browser.all("#links path:not(.off)", "e.dataset.linkOut")) == {"3"}
    assert set(browser.all("#heat td.across", "e.dataset.out")) == {"3"}
    strongest = f"{weights[3].max():.4f}"
    assert strongest in browser.get("document.getElementById('readout').textContent")
    browser.mouse('#row-in [data-in="5"]')
    np.testing.assert_allclose(browser.shades("out"), weights[:, 5], atol=1e-4)
    assert (browser.shades("in") == 0).all()
    assert set(browser.all("#links path:not(.off)", "e.dataset.linkIn")) <= {"5"}
    assert set(browser.all("#heat td.down", "e.dataset.in")) == {"5"} and not browser.all("#heat td.across", "1")
    browser.mouse('#heat td[data-out="2"][data-in="4"]')
    np.testing.assert_allclose(browser.shades("in"), weights[2], atol=1e-4)
    chips = browser.all("#readout .chip", "e.textContent")
    assert len(chips) == 1 and chips[0].endswith(f"{weights[2, 4]:.4f}")
    browser.mouse("h1")
    assert (browser.shades("in") == 0).all() and not browser.all("#links .off", "1")
    browser.mouse('#row-out [data-out="3"]', "mouseMoved", "mousePressed", "mouseReleased")
    browser.mouse("h1")
    np.testing.assert_allclose(browser.shades("in"), weights[3], atol=1e-4, err_msg="a click stays")


def test_links_and_padding_show_the_weights(browser, date_page):
    browser.open(date_page)
    weights = browser.weights()
    places = "[+e.dataset.linkOut, +e.dataset.linkIn, parseFloat(e.style.getPropertyValue('--w'))]"
    outs, ins, widths = zip(*browser.all("#links path", places), strict=True)
    drawn = np.zeros(weights.shape, dtype=bool)
    drawn[outs, ins] = True
    np.testing.assert_array_equal(drawn, weights >= 0.002)
    assert len(widths) == drawn.sum() < drawn.size, "once each; the faint ones are left out"
    np.testing.assert_allclose(widths, weights[outs, ins], atol=1e-4)
    question = "".join(browser.all("#row-in .glyph", "e.textContent")).rstrip("·")
    assert question == browser.get("document.getElementById('asked').textContent").replace(" ", "␣")
    pad_mass = 100 * weights[:, len(question) :].sum(axis=1).mean()
    assert pad_mass > 1
    assert browser.get("parseFloat(document.getElementById('pad-mass').textContent)") == pytest.approx(
        pad_mass, abs=0.1
    )


def test_a_finger_chooses_and_slides(browser, date_page):
    browser.open(date_page, width=360)
    weights = browser.weights()
    browser.touch('#row-out [data-out="7"]')
    np.testing.assert_allclose(browser.shades("in"), weights[7], atol=1e-4)
    browser.touch('#row-in [data-in="2"]', '#row-in [data-in="3"]', '#row-in [data-in="9"]')
    np.testing.assert_allclose(browser.shades("out"), weights[:, 9], atol=1e-4)


def test_arrow_keys_lead_along_the_rows_and_across(browser, date_page):
    browser.open(date_page)
    weights, focused = browser.weights(), "({...document.activeElement.dataset})"
    browser.run("document.querySelector('#row-out button').focus()")
    browser.press("ARROW_RIGHT", "ARROW_RIGHT")
    assert browser.get(focused) == {"out": "2"}
    np.testing.assert_allclose(browser.shades("in"), weights[2], atol=1e-4)
    assert browser.get("document.activeElement.matches(':focus-visible')")
    assert browser.get("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("ARROW_UP")
    assert browser.get(focused) == {"in": str(weights[2].argmax())}
    np.testing.assert_allclose(browser.shades("out"), weights[:, weights[2].argmax()], atol=1e-4)
    browser.press("END", "ARROW_RIGHT")
    assert browser.get(focused) == {"in": "28"}
    browser.press("ARROW_DOWN")
    assert browser.get(focused) == {"out": str(weights[:, 28].argmax())}
    browser.press("HOME", "ARROW_LEFT", "ARROW_DOWN")
    assert browser.get(focused) == {"out": "0"}
    assert browser.all("#row-out button", "e.tabIndex") == [0] + [-1] * 9, "one stop of the tab key a row"
    browser.press("ESCAPE")
    assert (browser.shades("in") == 0).all()


def test_what_cannot_be_asked_is_explained_where_it_stands(browser, date_page):
    browser.open(date_page)
    browser.type("May 1, ２月 2")
    reasons = browser.get("document.getElementById('reasons').textContent")
    assert reasons == (
        "“２” (U+FF12, character 8) is not in the vocabulary. “月” (U+6708, character 9) is not in the vocabulary."
    )
    assert browser.all("#echo mark", "e.textContent") == ["２", "月"]
    assert browser.get("document.getElementById('text').getAttribute('aria-invalid')") == "true"
    assert browser.get("document.getElementById('view').inert"), "its radio buttons too"
    assert browser.get("document.getElementById('own').textContent") == ""
    browser.type("\ufeff1")
    assert "“\\ufeff” (U+FEFF, character 1)" in browser.get("document.getElementById('reasons').textContent")
    browser.type("月1月")
    assert "(U+6708, characters 1, 3) is" in browser.get("document.getElementById('reasons').textContent")
    browser.type("a" * 31)
    assert browser.get("document.getElementById('reasons').textContent") == "31 characters; the model reads at most 29."
    assert browser.all("#echo mark", "e.textContent") == ["a", "a"]
    browser.type("月a" * 50_000)
    assert browser.get("document.getElementById('reasons').textContent").endswith(
        "100,000 characters; the model reads at most 29."
    )
    assert len(browser.get("document.getElementById('fault').textContent")) < 400, "no place beyond those it can read"
    browser.type("  ")
    assert (
        browser.get("document.getElementById('own').textContent + document.getElementById('reasons').textContent") == ""
    )
    browser.type(f"\u3000 May 1, 1972{' ' * 40}\x1f")
    assert browser.get("document.getElementById('own').textContent.length") == 10
    assert not browser.get("document.getElementById('view').inert")
    assert browser.get("document.getElementById('text').ariaInvalid") == "false"
    assert browser.get("document.getElementById('asked').textContent") == "May 1, 1972"
    assert not browser.get("document.getElementById('given').disabled"), "the answer to a date is known"
    browser.type("May 1")
    assert browser.get("document.getElementById('given').disabled"), "a text that is no date has no given answer"


def test_a_character_that_no_question_had_is_explained_like_one_that_is_unknown(browser, tmp_path):
    found, _ = page_of(["a-b", "b_"], question_characters="ab ")
    (tmp_path / "page.html").write_bytes(found)
    browser.open(tmp_path / "page.html")
    reasons = "document.getElementById('reasons').textContent"
    assert browser.get("document.getElementById('known').textContent") == "a b ␣"
    # a test question that has one is shown all the same
    assert browser.get(reasons) == "“-” (U+002D, character 2) occurs in no training question."
    assert browser.all("#echo mark", "e.textContent") == ["-"]
    assert not browser.get("document.getElementById('view').inert")
    browser.type("a__")
    assert browser.get(reasons) == "“_” (U+005F, characters 2, 3) occurs in no training question."
    assert browser.get("document.getElementById('view').inert")
    assert browser.get("document.getElementById('own').textContent") == ""
    browser.type("a-x")
    assert browser.get(reasons) == (
        "“-” (U+002D, character 2) occurs in no training question. “x” (U+0078, character 3) is not in the vocabulary."
    )
    browser.type("ba")
    assert browser.get(reasons) == "" and not browser.get("document.getElementById('view').inert")


def test_the_page_of_a_run_knows_the_characters_of_its_questions(browser, date_page):
    browser.open(date_page)
    browser.type("1972-05-01")
    reasons = browser.get("document.getElementById('reasons').textContent")
    assert reasons == "“-” (U+002D, characters 5, 8) occurs in no training question."


def test_wrong_characters_are_marked_by_more_than_colour(browser, mixed_page):
    browser.open(mixed_page)
    assert browser.all("#row-verdict span", "e.className") == ["right", "right", "wrong", "right"]
    assert browser.get("document.getElementById('row-verdict').textContent").startswith("✓✓✗")
    underlined = browser.all("#row-out .glyph", "getComputedStyle(e).textDecorationLine")
    assert underlined == ["none", "none", "underline", "none"]
    assert ", wrong, " in browser.all("#row-out button", "e.ariaLabel")[2]
    assert browser.get("document.getElementById('verdict-note').textContent").startswith("✗ 1 of 4 wrong")
    assert len(browser.all('[data-index="0"] del', "1")) == 1
    browser.run("document.getElementById('given').click()")
    assert browser.get("document.getElementById('row-verdict').textContent").startswith("✓✓✗")
    assert not browser.all("#row-out .wrong, #heat .wrong", "1"), "the given answer is right"
    (own,) = browser.all('[data-index="0"] .own', "e.textContent")
    assert browser.get("document.getElementById('own').textContent") == own, "not what follows the given characters"
    best = browser.all("#row-verdict span", "e.querySelector('b')?.textContent")
    assert best[3] is not None, "which is another"
    assert ", the model would write " in browser.all("#row-out button", "e.ariaLabel")[2]
    browser.run("document.getElementById('own-answer').click()")
    assert browser.all(".question .mark", "e.textContent") == ["✗", "✓", "✗", "·"]
    weights = browser.weights()
    alignment = (weights[0, 0] + weights[2, 1:3].sum()) / 2
    assert browser.get("parseFloat(document.getElementById('alignment').textContent)") == pytest.approx(
        100 * alignment, abs=0.1
    )
    assert browser.get("parseFloat(document.getElementById('pad-mass').textContent)") == 0, "as long as the longest"
    entropy = -(weights * np.log(np.maximum(weights, 1e-9))).sum(axis=1).mean()
    assert browser.get("parseFloat(document.getElementById('entropy').textContent)") == pytest.approx(entropy, abs=0.01)
    browser.run("document.querySelector('[data-index=\"2\"]').click()")
    pad_mass = browser.weights()[:, 7:].sum(axis=1).mean()
    assert browser.get("parseFloat(document.getElementById('pad-mass').textContent)") == pytest.approx(
        100 * pad_mass, abs=0.1
    )
    assert browser.get("document.getElementById('alignment').parentElement.hidden")


def test_questions_are_searched_filtered_and_chosen(browser, mixed_page):
    browser.open(mixed_page)
    everything = browser.all("#list .asked", "e.textContent")

    def shown():
        return browser.all("#list .asked", "e.textContent")

    def choose(name, value):
        browser.run(
            "const e = document.getElementById(arguments[0]);"
            "e.value = arguments[1]; e.dispatchEvent(new Event('input'))",
            name,
            value,
        )

    choose("search", "may")
    assert shown() == ["May 1, 1972", "MAY 2, 1973"]
    choose("verdict", "false")
    assert shown() == ["May 1, 1972"]
    assert browser.get("document.getElementById('found').textContent") == "1 of 4, 1 wrong"
    choose("search", "")
    choose("verdict", "")
    formats = browser.all("#shape option", "[e.value, e.textContent]")[1:]
    assert formats[0] == ["Word 0, 0", "like May 1, 1972 (2)"] and len(formats) == 3
    choose("shape", "Word 0, 0")
    assert shown() == ["May 1, 1972", "Jul 4, 2001"]
    choose("shape", "")
    assert shown() == everything
    browser.run("document.querySelector('[data-index=\"0\"]').focus()")
    browser.press("ARROW_DOWN", "ARROW_DOWN", "ENTER")
    assert browser.all("[aria-current=true]", "e.dataset.index") == ["2"]
    assert browser.all("#list [tabindex='0']", "e.dataset.index") == ["2"], "one stop of the tab key"
    browser.press("END", "HOME", "ARROW_UP", "ARROW_DOWN")
    assert browser.all("#list [tabindex='0']", "[e.dataset.index, e === document.activeElement]") == [["1", True]]
    assert browser.get("document.getElementById('text').value") == "7/22/08"
    assert browser.get("document.getElementById('asked').textContent") == "7/22/08"


def test_the_page_never_scrolls_sideways(browser, date_page, mixed_page):
    def check(what):
        for width in (360, 900, 1600):
            browser.resize(width)
            assert browser.get("document.documentElement.scrollWidth") <= width, (width, what)

    browser.open(mixed_page)
    check("a page with wrong answers")
    browser.open(date_page)
    check("as it opens")
    browser.run("document.getElementById('numbers').click()")
    assert browser.all("#heat td span", "e.offsetWidth > 20")[0]
    browser.mouse("#heat tbody td")
    look = "(({ color, backgroundColor }) => color === backgroundColor)(getComputedStyle(e))"
    assert browser.all("#heat th.across", look) == [False], "the name of the row can be read"
    for text in ("Wednesday, September 27, 1995", "W" * 200):
        browser.type(text)
        check(text)


def test_the_theme_follows_the_system_until_it_is_chosen(browser, mixed_page):
    paper, ground = "getComputedStyle(document.body).backgroundColor", {}
    browser.open(mixed_page)
    for theme in ("light", "dark"):
        browser.prefer(prefers_color_scheme=theme)
        ground[theme] = browser.get(paper)
    assert ground == {"light": "rgb(250, 248, 244)", "dark": "rgb(20, 23, 26)"}
    # by an event, which comes after the style
    browser.wait("document.getElementById('theme').textContent === 'Light theme'")
    browser.run("document.getElementById('theme').click()")
    assert browser.get(paper) == ground["light"]
    browser.run("document.getElementById('theme').click()")
    assert browser.get(paper) == ground["dark"]


def test_nothing_moves_for_those_who_asked_for_less_motion(browser, mixed_page):
    seconds = "parseFloat(getComputedStyle(document.querySelector('#links path')).transitionDuration)"
    browser.open(mixed_page, prefers_reduced_motion="no-preference")
    assert browser.get(seconds) > 0
    browser.prefer(prefers_reduced_motion="reduce")
    assert browser.get(seconds) == 0
    assert browser.get("document.getAnimations().length") == 0


def test_a_screen_reader_finds_a_name_for_all_that_can_be_used(browser, mixed_page):
    browser.open(mixed_page)
    found = browser.accessible()
    usable = {"button", "textbox", "searchbox", "combobox", "radio", "toolbar", "table", "list", "region", "figure"}
    assert {role for role, _ in found} >= usable, usable - {role for role, _ in found}
    assert not [role for role, name in found if role in usable and not name]
    assert [name for role, name in found if role == "heading"][:2] == ["Where the model looks", "Try your own"]
    cells = [name for role, name in found if role in ("cell", "gridcell")]
    assert sum(bool(re.fullmatch(r"[01]\.\d{4}", name or "")) for name in cells) == 4 * 11


def test_what_is_typed_is_spoken_once_it_rests(browser, mixed_page):
    browser.open(mixed_page)
    said, live = "document.getElementById('said').textContent", "[role=status], [role=alert], [aria-live=polite]"
    assert browser.all(live, "e.id") == ["said"], "one voice"
    assert browser.get("document.querySelector('output').ariaLive") == "off", "nor at every key"
    for text in ("M", "Ma", "May 1"):
        browser.type(text)
    assert browser.get(said) == ""
    browser.wait(f"{said} === document.getElementById('own').textContent")
    browser.type("May x")
    browser.wait(f"{said}.startsWith('“x” (U+0078')")


def test_colours_that_the_reader_has_chosen_leave_shades_and_choices(browser, mixed_page):
    browser.open(mixed_page, forced_colors="active")
    behind, shade = (
        browser.get(f"getComputedStyle(document.querySelector('#heat tbody td'), {part}).backgroundColor")
        for part in ("null", "'::before'")
    )
    assert behind != shade
    chosen, other = browser.all("#mode span", "getComputedStyle(e).backgroundColor")
    assert chosen != other


def test_long_lists_grow_where_they_are_read(browser, tmp_path):
    (tmp_path / "page.html").write_bytes(page_of([f"{number}" for number in range(1000, 1450)])[0])
    browser.open(tmp_path / "page.html")
    for count in (400, 450):
        browser.run("document.getElementById('more').click()")
        assert len(browser.all("#list button", "1")) == count
    assert browser.get("document.getElementById('more').hidden")
    assert browser.get("document.activeElement.dataset.index") == "400", "the first that is new"
    assert len(browser.all("#list [tabindex='0']", "1")) == 1


@pytest.mark.parametrize("length, scrolls", [(29, False), (60, True)])
def test_a_finger_can_scroll_rows_that_are_too_long_for_the_screen(browser, tmp_path, length, scrolls):
    (tmp_path / "page.html").write_bytes(page_of(["a" * length])[0])
    browser.open(tmp_path / "page.html", width=360)
    rows = "document.querySelector('.rows')"
    assert browser.all("figure > .scroll", "e.scrollWidth > e.clientWidth") == [scrolls, scrolls]
    assert browser.get(f"getComputedStyle({rows}).touchAction") == ("auto" if scrolls else "pan-y")
    assert browser.get("document.documentElement.scrollWidth - innerWidth") <= 0
