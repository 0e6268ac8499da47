"""Browsers bring back what was chosen in a page that is gone back to, or loaded again: then the page has to show it."""

import re

import pytest
from share_tools import Address

import classifier.page
import seq2seq.page
from support import html_page

CHOICE = """[document.getElementById("given").checked, document.getElementById("verdict").value,
             document.getElementById("found").textContent, document.getElementById("heat").textContent]"""


@pytest.mark.parametrize("page", [seq2seq.page, classifier.page], ids=lambda page: page.__name__)
def test_no_field_of_a_page_is_brought_back_without_it(page):
    fields = re.findall(
        r"<(?:input|select|textarea)[^>]*>", html_page.read(page.TEMPLATE) + html_page.read(html_page.FRAME)
    )
    assert len(fields) > 5 and [field for field in fields if 'autocomplete="off"' not in field] == []


@pytest.mark.parametrize("how", ["location.reload()", "history.back()"])
def test_a_page_shows_what_its_fields_say_when_it_is_there_again(browser, mixed_page, how):
    browser.open(mixed_page)
    first = browser.get(CHOICE)
    browser.run(
        "document.getElementById('given').click(); const verdict = document.getElementById('verdict');"
        "verdict.value = 'true'; verdict.dispatchEvent(new Event('input'))"
    )
    chosen = browser.get(CHOICE)
    assert all(a != b for a, b in zip(first, chosen, strict=True))
    if "back" in how:
        browser.open(Address("data:,"))
    else:
        browser.run("document.getElementById('found').textContent = ''")
    browser.run(how)
    browser.wait("document.getElementById('found')?.textContent")
    assert browser.get(CHOICE) in (first, chosen)
