"""Attention maps as text: what stands where, in how many columns, and when blocks are printed."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from script_tools import ROOT

from seq2seq.text_map import map_text
from support.terminal import width_of

WEIGHTS = np.array([[0.0, 0.04, 0.05, 0.24, 0.25], [0.49, 0.5, 0.74, 0.75, 1.0]])


def test_shades_are_of_the_weights():
    assert map_text(WEIGHTS, "ab cd", "x-") == "  ab␣cd\nx   ░░▒\n- ▒▓▓██\n"
    assert map_text(WEIGHTS, "ab cd", "x ", blocks=False) == "  ab_cd\nx ..123\n_ 55789\n"
    assert map_text(WEIGHTS, "ab cd", "x ", blocks=False).isascii()


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize(("width", "parts"), [(1, 5), (3, 5), (7, 3), (8, 2), (12, 2), (13, 1), (40, 1)])
def test_a_long_question_goes_on_below(blocks, width, parts):
    weights = np.random.default_rng(0).random((2, 5)) * 0.9 + 0.1  # no blanks
    text = map_text(weights, "日本 a\x1b", "年1", width, blocks=blocks)
    found = [part.splitlines() for part in text.split("\n\n")]
    assert "".join(header[3:] for header, *_ in found) == f"日本{'␣' if blocks else '_'}a\\x1b"
    assert [[row[: -len(row.split()[-1])] for row in rows] for _, *rows in found] == [["年 ", " 1 "]] * parts
    for part in found:
        (wide,) = {width_of(line) for line in part}
        assert wide <= max(width, 3 + 4), "a character at least"


def test_a_combining_character_has_a_cell():
    assert map_text(np.ones((1, 3)), "a\u0301b", "x").splitlines() == ["  a\u0301 b", "x ███"]


def test_a_wide_character_has_a_wide_cell():
    text = map_text(np.array([[1.0, 0.5]]), "日b", "年")
    assert text.splitlines() == ["   日b", "年 ██▓"]


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"map_text: expected weights of shape \(2, 5\) for these texts, got \(5, 2\)"):
        map_text(WEIGHTS.T, "ab cd", "x-")
    for blocks in (True, False):
        with pytest.raises(ValueError, match="map_text: expected weights, got nan"):
            map_text(WEIGHTS * np.nan, "ab cd", "x-", blocks=blocks)


@pytest.mark.parametrize(
    ("shown", "terminal", "encoding", "environment"),
    [
        (True, True, "utf-8", {}),
        (True, True, "utf-8", {"NO_COLOR": ""}),
        (False, True, "utf-8", {"NO_COLOR": "1"}),
        (False, True, "utf-8", {"TERM": "dumb"}),
        (False, True, "ascii", {}),
        (False, True, "latin-1", {}),
        (False, False, "utf-8", {}),
    ],
)
def test_blocks_are_for_terminals_that_show_them(monkeypatch, shown, terminal, encoding, environment):
    monkeypatch.syspath_prepend(ROOT / "scripts")

    for name, value in ({"TERM": "xterm", "NO_COLOR": ""} | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: terminal, encoding=encoding))
    from experiment.command_line import blocks

    assert blocks() is shown
