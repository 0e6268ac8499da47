"""The token table of a text: its numbers, and how the terminal, CSV and HTML show them."""

import base64
import csv
import hashlib
import html.parser
import io
import re
import subprocess
import sys

import numpy as np
import pytest

from classifier.token_table import SHADES, ink, luminance, numbers, rgb, to_csv, to_html, to_text, token_table
from support.terminal import cut, visible, width_of

TOKENS = ["京都", "の", "abc", "、", "とても美味しい"]
TABLE = token_table(TOKENS, [0.5, 0.125, 0.125, 0.0, 0.25])
HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "&lt;",
    "=1+1",
    "\x1b[31m",
    "\u202e",
    "{{x}}",
]
ESCAPE = re.compile(r"\x1b\[([\d;]*)m")


def contrast(one, other) -> float:
    low, high = sorted(luminance(colour) + 0.05 for colour in (one, other))
    return high / low


def test_rank_normalized_and_attention_of_a_text():
    np.testing.assert_array_equal(TABLE.rank, [1, 3.5, 3.5, 5, 2])
    np.testing.assert_allclose(TABLE.normalized, [0.3, 0, 0, 0, 0.05], atol=1e-15)
    assert TABLE.attention.tolist() == [True, False, False, False, True] and TABLE.attention.dtype == bool
    np.testing.assert_allclose(TABLE.shade, [1, 0, 0, 0, 1 / 6], atol=1e-15)
    np.testing.assert_array_equal(token_table(list("abcd"), [-3, 2, 2, 2]).rank, [4, 2, 2, 2])


@pytest.mark.parametrize("count", [1, 3, 10, 49])
def test_equal_weights_stand_out_nowhere(count):
    table = token_table(["x"] * count, np.full(count, 0.1))
    assert not table.attention.any() and not table.shade.any()
    assert set(table.rank) == {(count + 1) / 2}


def test_the_weights_given_are_left_alone():
    weight = np.array([1.0, 2.0])
    token_table(["a", "b"], weight).weight[:] = 0
    assert weight.tolist() == [1, 2]


@pytest.mark.parametrize("tokens, weight", [([], []), (["a"], [1, 2]), (["a", "b"], [1]), (["a"], [[1]]), (["a"], 1.0)])
def test_tokens_and_weights_that_do_not_fit_are_refused(tokens, weight):
    with pytest.raises(ValueError, match="a weight for each, got"):
        token_table(tokens, weight)


def test_weights_that_are_no_number_are_refused():
    with pytest.raises(ValueError, match="finite"):
        token_table(["a", "b"], [1, np.nan])


@pytest.mark.parametrize(
    "text, width", [("abc", 3), ("京都", 4), ("ｶﾅ", 2), ("！", 2), ("é", 1), ("e\u0301", 1), ("a京", 3), ("", 0)]
)
def test_width_in_a_terminal(text, width):
    assert width_of(text) == width


def test_what_cannot_be_seen_is_escaped():
    assert [visible(t) for t in ("\x1b[0m", "a\nb", "\u202e", "\ud800", " ", "\u3000 ", "a b", "é京😀")] == [
        r"\x1b[0m", r"a\nb", r"\u202e", r"\ud800", "␣", "␣␣", "a b", "é京😀",
    ]  # fmt: skip


def test_text_has_aligned_columns():
    lines = to_text(TABLE).splitlines()
    assert [line.split() for line in lines] == [
        ["token", *TOKENS],
        ["weight", "0.5000", "0.1250", "0.1250", "0.0000", "0.2500"],
        ["rank", "1", "3.5", "3.5", "5", "2"],
        ["normalized", "0.3000", "0.0000", "0.0000", "0.0000", "0.0500"],
        ["attention", "yes", "no", "no", "no", "yes"],
    ]
    assert len({width_of(line) for line in lines}) == 1
    for t in range(1, len(TOKENS) + 1):
        ends = {width_of(line[: re.match(rf"(?:\s*\S+){{{t + 1}}}", line).end()]) for line in lines}
        assert len(ends) == 1, "a column's cells end at the same place"


def test_small_weights_keep_three_digits():
    weight, _, normalized, _ = token_table(["a", "b", "c"], np.array([0.00873, 0.0005, 0.00872])).columns()
    assert weight == ["0.00873", "0.00050", "0.00872"] and normalized == ["0.00275", "0.00000", "0.00274"]
    assert token_table(["a", "b"], np.array([1e-30, 0])).columns()[0] == ["1.00e-30", "0"]
    assert token_table(["a", "b"], np.array([12345.678, -0.5])).columns()[0] == ["1.23e+04", "-0.5000"]
    assert token_table(["a", "b"], np.array([0.123, 0.0001])).columns()[0] == ["0.1230", "0.0001"]
    small = to_text(token_table(["a", "b", "c"], np.array([1e-9, 2e-9, 3e-9])))
    assert re.search(r"^weight +1\.00e-09 2\.00e-09 3\.00e-09$", small, re.MULTILINE)
    assert len({len(line) for line in small.splitlines()}) == 1


@pytest.mark.parametrize("power", range(-320, 9))
def test_the_largest_weight_shows_three_digits_of_any_size(power):
    largest = float(f"1.23e{power}")
    shown, small = numbers(np.array([largest, largest / 10]))
    assert float(shown) == pytest.approx(largest, rel=5e-3, abs=1e-322) and len(shown) <= 10
    assert float(small) > 0


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_text_keeps_to_the_width_and_loses_no_token(width):
    tokens = [f"語{t}" for t in range(60)] + ["x" * 300]
    text = to_text(token_table(tokens, np.arange(61.0)), width=width)
    blocks = text.split("\n\n")
    assert max(map(width_of, text.splitlines())) <= width
    assert all(len(block.strip().splitlines()) == 5 for block in blocks)
    shown = [token for block in blocks for token in block.splitlines()[0].split()[1:]]
    assert shown[:-1] == tokens[:-1]
    assert shown[-1].endswith("x…" if width < 300 else "x") and len(blocks) > 1


def test_text_in_colour_is_the_same_text_shaded_and_legible():
    text = to_text(TABLE, colour=True)
    assert ESCAPE.sub("", text) == to_text(TABLE)
    codes = [[int(n) for n in code.split(";")] for code in ESCAPE.findall(text) if code != "0"]
    assert [tuple(code[2:5]) for code in codes] == [rgb(shade) for shade in TABLE.shade]
    assert all(contrast(code[2:5], code[7:]) >= 4.5 for code in codes)


def test_no_token_can_send_an_escape_to_the_terminal():
    for colour in (False, True):
        text = ESCAPE.sub("", to_text(token_table(HOSTILE, np.arange(len(HOSTILE))), colour))
        assert "\x1b" not in text and "\u202e" not in text and r"\x1b[31m" in text


def test_csv_gives_back_tokens_and_numbers():
    tokens = [*HOSTILE, "+1", "-1", "@x", "a,b", 'say "x"', "a\r\nb", "\r", "12", ""]
    table = token_table(tokens, np.random.default_rng(0).random(len(tokens)))
    header, *rows = csv.reader(io.StringIO(to_csv(table), newline=""))
    assert header == ["token", "weight", "rank", "normalized", "attention"]
    assert [row[0] for row in rows] == tokens
    for column, values in enumerate((table.weight, table.rank, table.normalized), 1):
        assert [float(row[column]) for row in rows] == values.tolist()
    assert [row[4] for row in rows] == [str(a) for a in table.attention.tolist()]


class Page(html.parser.HTMLParser):
    """What a browser would see: elements with their attributes, and the text of the cells."""

    def __init__(self, page: str):
        super().__init__()
        self.elements, self.rows, self.inside = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, text):
        if {"td", "th"} & set(self.inside):
            self.rows[-1][-1] += text


def test_html_holds_the_table():
    page = to_html(TABLE, "京都 & <more>", note="a <note>")
    seen = Page(page)
    assert seen.rows[0] == ["token", "weight", "rank", "normalized", "attention"]
    assert seen.rows[1:] == [list(row) for row in zip(TOKENS, *TABLE.columns(), strict=True)]
    assert ("meta", {"charset": "utf-8"}) in seen.elements and "<title>京都 &amp; &lt;more&gt;</title>" in page
    assert "<p>a &lt;note&gt;</p>" in page
    shades = [attributes["class"] for tag, attributes in seen.elements if tag == "th" and "class" in attributes]
    assert shades == [f"s{SHADES - 1}", "s0", "s0", "s0", f"s{round((SHADES - 1) / 6)}"]
    assert next(attributes for tag, attributes in seen.elements if tag == "html")["lang"] == "en"
    assert [a["lang"] for tag, a in seen.elements if tag == "th" and "class" in a] == ["ja"] * len(TOKENS)
    assert 'lang="en">京都' not in to_html(TABLE, "x") and 'lang="fr"' in to_html(TABLE, "x", lang="fr")


def test_html_of_several_tables():
    lines = ["input: 京都|の", "label: (L)グルメ == (P)<グルメ>(0.98)"]
    page = to_html([(lines, TABLE), ([], token_table(["x"], [1.0]))], "two")
    assert page.count("<table>") == 2 and page.index(lines[0]) < page.index("<table>")
    assert "(P)&lt;グルメ&gt;(0.98)" in page


def test_hostile_texts_show_as_themselves():
    table = token_table(HOSTILE, np.arange(len(HOSTILE)))
    page = to_html([(HOSTILE, table)], HOSTILE[0], note=HOSTILE[1], lang='"><script>')
    seen = Page(page)
    assert [row[0] for row in seen.rows[1:]] == [visible(token) for token in HOSTILE]
    assert {tag for tag, _ in seen.elements} == {
        *("html", "head", "meta", "title", "style", "body", "h1", "section", "p", "span", "bdi"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    allowed = {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
    assert {name for _, attributes in seen.elements for name in attributes} <= allowed
    page.encode("utf-8")


def test_html_allows_its_own_style_and_nothing_else():
    page = to_html(TABLE, "x")
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = (a["content"] for tag, a in Page(page).elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"
    assert "url(" not in style and "@import" not in style


def test_html_is_legible_in_each_shade_and_scheme():
    style = re.search("<style>(.*?)</style>", to_html(TABLE, "x"), re.DOTALL).group(1)
    pairs = re.findall(r"(body|\.s\d+)\{(?:[^{}]*;)?background:#(\w{6});color:#(\w{6})", style)
    schemes = [dict((name, colours) for name, *colours in pairs[k : k + SHADES + 1]) for k in (0, SHADES + 1)]
    assert [len(scheme) for scheme in schemes] == [SHADES + 1, SHADES + 1] and len(pairs) == 2 * SHADES + 2
    colours = [{name: [bytes.fromhex(c) for c in pair] for name, pair in scheme.items()} for scheme in schemes]
    assert min(contrast(*map(list, pair)) for scheme in colours for pair in scheme.values()) >= 4.5
    for scheme in colours:
        page = luminance(list(scheme["body"][0]))
        away = [abs(luminance(list(scheme[f".s{k}"][0])) - page) for k in range(SHADES)]
        assert away == sorted(away), "the heavier, the further from the page's colour"


def test_black_or_white_is_legible_on_every_colour():
    values = range(0, 256, 17)
    colours = [(r, g, b) for r in values for g in values for b in values]
    assert min(contrast(colour, list(bytes.fromhex(ink(colour)[1:]))) for colour in colours) >= 4.5


def test_a_table_needs_no_matplotlib(script_environment):
    code = (
        "import sys\nfrom classifier.token_table import *\nt = token_table(['京都'], [1.0])\n"
        "to_html(t, 'x'), to_csv(t), to_text(t, True)\nassert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=script_environment)


def test_a_token_as_long_as_a_file_is_cut_at_once():
    """One pass over the characters; dropping them one at a time would take an hour."""
    assert cut("一" * 500_000, 8) == "一一一…"
    assert (cut("ab", 2), cut("abc", 2), cut("一", 1)) == ("ab", "a…", "…")
