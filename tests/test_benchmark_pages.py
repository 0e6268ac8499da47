"""benchmarks/pages.py: it measures each page, and refuses in one line where it cannot. No times."""

import re
import shutil

import pytest
from script_tools import refused

from benchmarks import pages
from classifier import GRUClassifier


def small():
    return pages.page_of_texts(GRUClassifier, wordvec_size=2, hidden_size=2, layers=1)


@pytest.mark.slow
@pytest.mark.usefixtures("chromium")  # which skips where there is none
def test_every_page_is_measured(in_process, monkeypatch, tmp_path):
    assert [name.split()[0] for name in pages.PAGES] == ["dates"] * 5 + ["gru", "seqself", "gru"]
    monkeypatch.setattr(
        pages,
        "PAGES",
        {
            "dates": pages.page_of_dates,
            "dates, blank": pages.page_of_dates,
            "dates, occlude": pages.page_of_dates,
            "small": small,
        },
    )
    monkeypatch.setattr(pages, "TIMES", 2)
    done = in_process(tmp_path, "benchmarks.pages")
    assert (done.returncode, done.stderr) == (0, "")
    facts, head, *rows = done.stdout.splitlines()
    assert re.fullmatch(r".+, Chromium [\d.]+; medians of 2", facts)
    assert re.fullmatch(r" +key to picture +CPU +longest pause", head)
    for name, row in zip(pages.PAGES, rows, strict=True):
        assert re.fullmatch(rf"{name}( +[\d.]+ ms){{3}}", row)


def test_typed_texts_differ_from_one_another():
    for name in ("dates", "gru"):
        texts = pages.typed(pages.np.random.default_rng(0), name, 25)
        assert len(set(texts)) == len(texts) == 25
    assert {len(text.split()) for text in texts} == {pages.WORDS}


def test_without_a_browser(in_process, monkeypatch, tmp_path):
    pytest.importorskip("selenium", reason="selenium is not installed")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    refused(in_process(tmp_path, "benchmarks.pages"), "no chromium and no chromedriver here; Debian has them as")
