"""Links to the view of a text: copied, opened anew, and from strangers, in a real browser.

In a browser, driven by selenium; without them these tests skip.
"""

import numpy as np
import pytest
from hostile_texts import TEXTS
from share_tools import NOTE, OPEN, OPEN_EACH, SEEN, click_share, open_anew
from text_page_tools import JAPANESE, small_classifier
from what_if_tools import CHANGE

from classifier.page import Example, PageModel, to_page_of_several
from dataset.tokenizers import Characters
from dataset.words import WordVocabulary

CHANGES = f"""
{CHANGE}
press('.token[data-token="3"]', "Delete");
press('.token[data-token="0"]', "🍜");
document.getElementById("change-shown").click();
document.getElementById("output_max").click();
"""
READY = "!document.querySelector('[aria-busy=true]')"
OCCLUDED = "!document.getElementById('parts').hidden"
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
    f"{TEXT}&blank=1&put=1:%E3%81%AE": "",
    f"{TEXT}&blank=2&blank=%EF%BC%91": "blanks",
    **{f"{TEXT}&put={put}": "what was put in" for put in ("1:ab", "2:a", "1:+", "1:", "1:%0A")},
    f"{TEXT}&model=gru": "",
    f"{TEXT}&model=__proto__&model=": "the model",
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
ROUND_TRIPS = f"""
{OPEN}
return (async () => {{
  const field = document.getElementById("text");
  const found = [];
  for (const text of arguments[0].map((units) => String.fromCharCode(...units))) {{
    field.value = text;
    const typed = field.value;
    field.dispatchEvent(new Event("input"));
    await rested();
    document.getElementById("share").click();
    const {{ hash }} = location;
    await open("text=other");
    const between = field.value;
    await open(hash);
    found.push([hash, between === "other", field.value === typed]);
  }}
  return found;
}})();
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "page.html"
    vocabulary = WordVocabulary.build(map(Characters(), JAPANESE[:3]))
    reading = dict(vocabulary=vocabulary.words, tokenizer=Characters().to_json(), classes=["a", "b"], lang="ja")
    models = [
        PageModel(small_classifier(kind, len(vocabulary), classes=2), name=name, **reading)
        for kind, name in (("gru", "gru"), ("seqself", "self-attention"))
    ]
    examples = [Example(text, label, "a") for text, label in zip(JAPANESE, ["a", "b", None], strict=False)]
    path.write_bytes(to_page_of_several(models, [examples, examples]))
    return path


def test_a_link_holds_all_that_is_seen(browser, page):
    browser.open(page)
    browser.run("document.querySelectorAll('#list button')[1].click()")
    browser.wait(READY)
    browser.run("document.querySelectorAll('.side button')[1].click()")
    browser.wait(f"{READY} && document.querySelector('#columns span') !== null")
    browser.run(CHANGES)
    browser.run("document.getElementById('occlude').click()")
    browser.wait(OCCLUDED)
    browser.mouse("#canvas", "mouseMoved", "mousePressed", "mouseReleased")
    browser.mouse("h1")
    seen = browser.run(SEEN)
    url = click_share(browser)
    assert "&item=2&model=self-attention&blank=4&put=1:%F0%9F%8D%9C&token=" in url
    assert url.endswith("&show=feature&show=change&show=occlusion")
    open_anew(browser, url)
    browser.wait(f"{READY} && {OCCLUDED}")
    browser.mouse("#canvas")
    browser.mouse("h1")
    assert browser.run(SEEN) == seen and browser.get(NOTE) == ""


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
