"""Text in a terminal: escape what cannot be shown, and measure columns."""

import sys
import unicodedata
from collections.abc import Iterator
from itertools import accumulate, takewhile

MISSING = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories of characters that are invisible or move their neighbours


def visible(token: str) -> str:
    """Return the token with invisible characters escaped (``\\x1b``); a token of spaces becomes ``␣``."""
    if not token.strip(" \u3000"):
        return "␣" * len(token)
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in MISSING else c for c in token)


def writable(text: str) -> bool:
    """Tell whether the encoding of standard output has all characters of the text."""
    encoding = getattr(sys.stdout, "encoding", None)  # a StringIO has no encoding
    try:
        return encoding is None or text.encode(encoding) is not None
    except UnicodeEncodeError:
        return False


def printable(text: str) -> str:
    """Return the text with ``?`` for what standard output cannot write, unless its error handler replaces that."""
    if writable(text) or sys.stdout.errors not in (None, "strict"):
        return text
    return text.encode(sys.stdout.encoding, "replace").decode(sys.stdout.encoding)


def width_of(text: str) -> int:
    """Return the number of terminal columns of the text: two per wide character, 0 per combining one."""
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text
    )


def ljust(text: str, width: int) -> str:
    """Pad the text on the right to that many columns."""
    return text + " " * (width - width_of(text))


def rjust(text: str, width: int) -> str:
    """Pad the text on the left to that many columns."""
    return " " * (width - width_of(text)) + text


def columns_that_fit(widths: list[int], room: int, gap: int = 0) -> Iterator[range]:
    """Split cells of these widths, with gaps between them, into lines that fit the room, at least one cell each."""
    first = 0
    while first < len(widths):
        last = first + 1
        while last < len(widths) and sum(widths[first : last + 1]) + gap * (last - first) <= room:
            last += 1
        yield range(first, last)
        first = last


def cut(text: str, width: int) -> str:
    """Return the text, ending in … if it would take more columns than width."""
    if width_of(text) <= width:
        return text
    ends = accumulate(map(width_of, text))  # one pass over the text: a token can be as long as a file
    return text[: sum(1 for _ in takewhile(lambda end: end <= width - 1, ends))] + "…"
