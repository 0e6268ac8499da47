"""The Japanese pages say what the English ones say: the same code, links, names and figures, in one typography."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    name: f"{name.removesuffix('.md')}.ja.md"
    for name in ("README.md", "docs/from-the-book.md", "docs/kinds-of-attention.md")
}
BLOCK = re.compile(r"((?:^<!--[^\n]*-->\n)*)^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
JAPANESE = r"[\u3041-\u30ff\u3400-\u9fff々、。「」『』（）：]"
POLITE = re.compile(r"(です|ます|でした|ました|ません|ましょう|ください)。$")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str) -> list[tuple[str, str, str]]:
    """Each block: the comments above it, its kind, its code without comments."""
    return [(above, kind, re.sub(r"(^| +)# .*", "", code)) for above, kind, code in BLOCK.findall(text)]


def links(section: str) -> set[str]:
    """Pictures too; "#" for a heading of the page itself."""
    targets = re.findall(r"\]\(([^)\s]+)\)", section)
    return {"#" if target.startswith("#") else target.replace(".ja.md", ".md") for target in targets}


def names(text: str) -> list[str]:
    return sorted(re.findall(r"`([^`]+)`", text))


def figures(text: str) -> list[str]:
    """Measured numbers: with a point, a thousands separator or a percent sign."""
    return sorted(re.findall(r"\d+(?:\.\d+)+%?|\d+(?:,\d{3})+|\d+%|\d+e-\d+", text))


def rows(section: str) -> list[str]:
    return [line for line in section.splitlines() if line.startswith("|")]


def drift(english: str, japanese: str) -> list[str]:
    """Where one page says what the other does not."""
    found = [f"code: {a[2]}" for a, b in zip(blocks(english), blocks(japanese), strict=True) if a != b]
    a, b = (re.split("^##+ ", BLOCK.sub("", text), flags=re.MULTILINE) for text in (english, japanese))
    for section, other in zip(a, b, strict=True):
        title = section.splitlines()[0]
        found += [f"{title}: links {links(section) ^ links(other)}"] * (links(section) != links(other))
        found += [f"{title}: names {n}" for n in {*names(section)} ^ {*names(other)}]
        found += [f"{title}: figures {figures(section)}, {figures(other)}"] * (figures(section) != figures(other))
        if len(rows(section)) != len(rows(other)):
            found.append(f"{title}: tables of {len(rows(section))} and of {len(rows(other))} lines")
        for row, other_row in zip(rows(section), rows(other), strict=False):
            cells = zip(row.split("|"), other_row.split("|"), strict=True)
            found += [f"{title}: {x} {y}" for x, y in cells if (names(x), figures(x)) != (names(y), figures(y))]
    return found


def slips(japanese: str) -> list[str]:
    """Spaces beside Japanese, half-width punctuation, full-width Latin; outside tables, sentences in plain style."""
    text = re.sub(r"`[^`]*`", "x", re.sub(r"\]\([^)]*\)", "]", BLOCK.sub("", japanese)))
    text = re.sub(r"^(#+|-) ", "", text, flags=re.MULTILINE)
    spaced = re.sub(r"(?<=\d\.\d) | *\| *", "\n", text)  # a number of a section, the cells of a table
    patterns = [rf"{JAPANESE} +\S", rf"\S +{JAPANESE}", rf"{JAPANESE}[,.:;!?()]", rf"[,:;!?()]{JAPANESE}"]
    patterns.append("[Ａ-Ｚａ-ｚ０-９，．]")
    found = [match[0] for pattern in patterns for match in re.finditer(rf".{{,9}}(?:{pattern}).{{,9}}", spaced)]
    outside = re.sub(r"^\|.*|（[^（）]*）", "", text, flags=re.MULTILINE)
    return found + [sentence for sentence in re.findall(r"[^。\n]+。", outside) if not POLITE.search(sentence)]


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_say_the_same(page):
    english, japanese = read(page), read(PAGES[page])
    assert "\n".join(drift(english, japanese)) == ""
    for text, other in ((english, PAGES[page]), (japanese, page)):
        assert f"]({Path(other).name})" in text.split("##")[0]  # the way to the other language


@pytest.mark.parametrize("page", PAGES.values())
def test_one_typography(page):
    assert "\n".join(slips(read(page))) == ""


ENGLISH = "# A\n\n[b](b.md) `c` takes 1.5 s.\n\n## D\n\n| e | 99% |\n\n```sh\nls  # here\n```\n"
SAME = "# あ\n\n[び](b.ja.md)の`c`は1.5秒です。\n\n## で\n\n| え | 99% |\n\n```sh\nls  # ここ\n```\n"


@pytest.mark.parametrize(
    "before, after, fault",
    [
        ("ls", "ls -l", "code: ls"),
        ("b.ja.md", "d.md", "links"),
        ("`c`", "`d`", "names"),
        ("1.5", "1.6", "figures"),
        ("99%", "98%", "99%"),
        ("| え | 99% |\n", "| え | 99% |\n| お | か |\n", "tables of 1 and of 2"),
    ],
)
def test_a_drift_is_found(before, after, fault):
    assert drift(ENGLISH, SAME) == []
    assert fault in "\n".join(drift(ENGLISH, SAME.replace(before, after)))


@pytest.mark.parametrize(
    "text",
    ["本 の", "LSTM の層です。", "本と LSTM", "`x` を", "本です.", "本(英語)です。", "Ａ", "本である。", "- 使う。"],
)
def test_a_slip_is_found(text):
    assert slips(SAME) == []
    assert slips(text)
