"""Links to the view of a question: copied, opened anew, and from strangers, in a real browser.

In a browser, driven by selenium; without them these tests skip.
"""

import pytest
from page_models_tools import lively
from share_tools import NOTE, OPEN_EACH, SEEN, click_share, open_anew
from what_if_tools import CHANGE

from seq2seq.page import PageModel, State, to_page

pytestmark = pytest.mark.slow  # a long browser run

CHANGES = f"""
{CHANGE}
document.querySelectorAll("#list button")[3].click();
document.getElementById("given").click();
press('#row-in [data-in="2"]', "r");
press('#row-in [data-in="0"]', "Delete");
press('#row-in [data-in="12"]', ",");
press('#row-out [data-out="1"]', "u");
press('#row-out [data-out="2"]', "ArrowLeft", {{ shiftKey: true }});
press('#row-out [data-out="6"]', "u");
const only = document.getElementById("only");
only.value = "4";
only.dispatchEvent(new Event("change", {{ bubbles: true }}));
for (const id of ["change-shown", "numbers", "occlude"]) document.getElementById(id).click();
document.querySelector('#heat td[data-out="6"][data-in="2"]').click();
"""
READY, MAY = "!document.querySelector('[aria-busy=true]')", "text=May+1,+1972"
OCCLUDED = f"{READY} && !document.getElementById('parts').hidden"
OTHER = "The link is for another page. Left out: {}."
FORCED = f"force=2:{','.join(['1', *['0'] * 8])}"
ONE = ["1", *["0"] * 28]
CHOSEN, DONE, ELSE = "the chosen character", "what was done with the text", "what only another page knows"
HOSTILE = {
    "questions": "",
    MAY: "",
    "text=May%201%2C%201972&put=3:r&show=given": "",
    "text=hello+May&show=given": "the given answer",
    f"{MAY}&item=4": "the place in the list",
    f"{MAY}&item=0": "the place in the list",
    f"{MAY}&item=1e3": "the place in the list",
    f"{MAY}&blank=30&blank=-1&blank=": "blanks",
    f"{MAY}&put=3:": "what was put in",
    f"{MAY}&put=30:r": "what was put in",
    f"{MAY}&put=3:rr": "what was put in",
    f"{MAY}&put=3:_&put=3:%E4%BA%AC&put=3:%ED%A0%80&put=3:\\ud800": "what was put in",
    f"{MAY}&force=2:only:30": "forced weights",
    f"{MAY}&force=11:uniform": "forced weights",
    f"{MAY}&force=2:1": "forced weights",
    f"{MAY}&force=2:{','.join(ONE)}": "",
    f"{MAY}&force=2:{','.join([*ONE, '0'])}": "forced weights",
    f"{MAY}&force=2:{','.join(['1', '-1', *ONE[:-2]])}": "forced weights",
    f"{MAY}&force=2:{','.join(['0.99', *ONE[1:]])}": "forced weights",
    **{f"{MAY}&force=2:{w},{','.join(ONE[:-1])}": "forced weights" for w in ("NaN", "Infinity", "1e999", "0x0", "")},
    f"{MAY}&in=30&out=11": CHOSEN,
    f"{MAY}&show=__proto__&__proto__=1&constructor=2": f"what is shown, {ELSE}",
    "text=x%01%E4%BA%AC&put=1:a": DONE,
    "text=&blank=1": DONE,
    "text=%zz%ff%ED%A0%80\\ud800<img src=x onerror=alert(1)>": "",
    f"{MAY}&&==&=x&%00=%00": ELSE,
    f"{MAY}{'&a=' * 9_000}": ELSE,
    f"{MAY}&{'put=1:r&' * 3_000}": "",
    "text=" + "A" * 30_000: None,
}


@pytest.fixture
def link(browser, date_page):
    """``link(fragment)``: to the page of dates, which is open."""
    browser.open(date_page)
    return lambda fragment: f"{date_page.as_uri()}#{fragment}"


def test_a_link_holds_all_that_is_seen(browser, link):
    browser.run(CHANGES)
    browser.wait(OCCLUDED)
    seen = browser.run(SEEN)
    url = click_share(browser)
    assert "&item=4&blank=1&put=3:r&put=13:,&force=2:uniform&force=3:0.0" in url
    assert url.endswith("&force=7:only:5&in=3&out=7&show=given&show=change&show=weights&show=occlusion")
    open_anew(browser, url)
    browser.wait(OCCLUDED)
    assert browser.run(SEEN) == seen
    # a page that is open shows another link, and then this one again
    browser.run("location.hash = arguments[0]", MAY)
    browser.wait("document.getElementById('asked').textContent === 'May 1, 1972'")
    assert not browser.get(OCCLUDED) and browser.get("document.getElementById('changed').hidden")
    assert browser.get("document.getElementById('own-answer').checked")
    browser.run("history.back()")
    browser.wait(OCCLUDED)
    assert browser.run(SEEN) == seen
    assert browser.get(NOTE) == ""


def test_a_link_holds_model_and_epoch(browser, tmp_path):
    states = [State(epoch, lively("attention", 9, seed=epoch)) for epoch in (0, 3)]
    models = [PageModel("one & only", lively("peeky", 9), True), PageModel("two", states[1].model, True, states)]
    page = tmp_path / "page.html"
    page.write_bytes(to_page(models, [], vocabulary="_ May1,97", start="_", T_enc=9, T_dec=5))
    browser.open(page)
    browser.type("May 1")
    browser.run("document.querySelector('#epochs button').click()")
    browser.run("document.querySelectorAll('[name=model]')[0].click()")
    browser.wait(READY)
    seen, url = browser.run(SEEN), click_share(browser)
    assert url.endswith("#text=May+1&model=one+%26+only&epoch=0")
    open_anew(browser, url)
    browser.wait(READY)
    assert browser.run(SEEN) == seen and browser.get(NOTE) == ""
    found = browser.run(
        OPEN_EACH, ["model=two&epoch=3", "model=three", "epoch=1&epoch=", f"model=one+%26+only&{FORCED}"]
    )
    assert found == ["", *(OTHER.format(what) for what in ("the model", "the epoch", "forced weights"))]


def test_the_address_is_true_or_that_of_the_page(browser, link):
    open_anew(browser, link(f"{MAY}&put=3:r&out=2"))
    entries = browser.get("history.length")
    browser.mouse("#row-out [data-out='1']", "mouseMoved", "mousePressed", "mouseReleased")
    browser.press("SHIFT")
    assert browser.get("location.href") == link(f"{MAY}&put=3:r&out=2"), "nothing has changed"
    browser.press("ARROW_RIGHT")
    browser.wait("location.href.endsWith('.html')")
    assert click_share(browser) == link(f"{MAY}&put=3:r&out=3") and browser.get("history.length") == entries
    browser.type("May 1, 197")
    browser.wait("location.hash === ''")
    assert browser.get(NOTE) == ""


@pytest.mark.parametrize("allowed", [True, False])
def test_a_link_is_copied_or_there_to_copy(chromium, date_page, allowed):
    """In Chromium, which tests can tell what a page may."""
    for name in ("clipboard-read", "clipboard-write"):
        setting = "granted" if allowed else "denied"
        chromium.cdp("Browser.setPermission", {"permission": {"name": name}, "setting": setting})
    chromium.open(date_page)
    chromium.type("May 1, 1972.")
    chromium.mouse("#share", "mouseMoved", "mousePressed", "mouseReleased")
    chromium.wait(f"{NOTE}.startsWith('{'Link copied.' if allowed else 'The browser does not let'}')")
    chromium.wait(f"document.getElementById('said').textContent === {NOTE}")
    field, link = "document.getElementById('link')", f"{date_page.as_uri()}#text=May+1,+1972%2E"
    assert chromium.get(f"{field}.hidden") == allowed
    if allowed:
        assert chromium.get("navigator.clipboard.readText()") == link
    else:
        assert chromium.get(f"document.activeElement === {field} && getSelection().toString()") == link


def test_links_of_strangers_do_no_harm(browser, link):
    found = browser.run(OPEN_EACH, list(HOSTILE))
    for (fragment, left_out), note in zip(HOSTILE.items(), found, strict=True):
        wanted = OTHER.format(left_out) if left_out else ""
        assert note == (wanted if left_out is not None else "The link is too long for this page."), fragment[:99]
    assert not browser.all("img", "1")
