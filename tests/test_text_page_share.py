"""Links to the view of a text: copied, opened anew, and from strangers, in a real browser.

Driven by selenium, in Debian's chromium; without them these tests skip.
"""

import numpy as np
import pytest
from hostile_texts import TEXTS
from share_tools import NOTE, OPEN_EACH, SEEN, click_share, open_anew
from text_page_tools import JAPANESE, text_page_of

READY = "document.getElementById('view').ariaBusy === 'false'"
TEXT, ELSE = "text=%E4%BA%AC", "what only another page knows"
HOSTILE = {
    TEXT: "",
    "questions": "",
    "text=a&item=2": "the place in the list",
    "item=2": "",
    "item=4": "the place in the list",
    f"{TEXT}&token=0": "the chosen token",
    f"{TEXT}&token=2": "the chosen token",
    f"{TEXT}&token=1&key=2": "the chosen token",
    f"{TEXT}&show=weights": "what is shown",
    f"{TEXT}&force=1:uniform": ELSE,
    f"text={'a' * 1001}&token=1": "what was done with the text",
    f"{TEXT}{'&a=' * 9_000}": ELSE,
    "text=" + "A" * 1_000_000: None,
}
UNICODE = [
    *TEXTS[::3],  # the browser ends too many at once
    "",
    " ",
    "+ %2B&=#;",
    "a\n\n b\t",
    "👩‍👩‍👧 👍🏽",
    "ab \ud83d",
    "\udc00\ud800 x",
    "\\",
    "\\ud800",
    "\\\\u",
    "\x00",
    "مرحبا \u202e abc",
]
# for each text: the fragment of a link to it, and the text in a view of that link, opened after another
ROUND_TRIPS = """
return (async () => {
  const field = document.getElementById("text");
  const rested = async () => {
    do await new Promise((resolve) => setTimeout(resolve, 5));
    while (document.getElementById("view").ariaBusy === "true");
  };
  const found = [];
  for (const text of arguments[0].map((units) => String.fromCharCode(...units))) {
    field.value = text;
    const typed = field.value;
    field.dispatchEvent(new Event("input"));
    await rested();
    document.getElementById("share").click();
    const { hash } = location;
    location.hash = "text=other";
    await rested();
    const between = field.value;
    location.hash = hash;
    await rested();
    found.push([hash, between === "other", field.value === typed]);
  }
  return found;
})();
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "page.html"
    path.write_bytes(text_page_of(JAPANESE[:3], ["a", "b", None], "seqself"))
    return path


def test_a_link_holds_all_that_is_seen(browser, page):
    browser.open(page)
    browser.run("document.querySelectorAll('#list button')[1].click()")
    browser.wait(READY)
    browser.run("document.getElementById('output_max').click()")
    browser.run("document.getElementById('words').children[3].focus()")
    seen = browser.run(SEEN)
    url = click_share(browser)
    assert url.endswith("&item=2&token=4&show=feature")
    open_anew(browser, url)
    browser.wait(f"{READY} && document.querySelector('.pointed')")
    assert browser.run(SEEN) == seen and browser.get(NOTE) == ""
    browser.press("ARROW_RIGHT")


@pytest.mark.slow  # many texts
def test_every_text_comes_back_exactly(browser, page):
    browser.open(page)
    units = [np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2").tolist() for text in UNICODE]
    for text, (fragment, between, same) in zip(UNICODE, browser.run(ROUND_TRIPS, units), strict=True):
        assert between and same, (text, fragment)
        assert fragment.isascii() and fragment.isprintable() and not set(fragment) & set(' "<>`')
        assert fragment[-1].isalnum() or fragment == "#text=", "a mark at the end would be lost in a mail"


@pytest.mark.slow  # a long text
def test_the_reader_goes_before_a_link_that_takes_long(browser, page):
    browser.open(page)
    browser.run("location.hash = arguments[0]", f"text={'a+' * 999}&token=3")
    browser.wait("document.getElementById('text').value.length > 1000")
    browser.run("document.getElementById('text').select()")
    browser.press("b")
    browser.wait(f"{READY} && document.querySelectorAll('.token').length === 1")
    assert browser.get("location.hash") == "" and not browser.all(".pointed", "1")


@pytest.mark.slow  # a megabyte takes the browser's driver seconds
def test_links_of_strangers_do_no_harm(browser, page):
    browser.open(page)
    found = browser.run(OPEN_EACH, list(HOSTILE))
    for (fragment, left_out), note in zip(HOSTILE.items(), found, strict=True):
        wanted = f"The link is for another page. Left out: {left_out}." if left_out else ""
        assert note == (wanted if left_out is not None else "The link is too long for this page."), fragment[:99]
