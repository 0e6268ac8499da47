"""One page of HTML that holds data, arrays of numbers and the JavaScript that uses them, and asks for nothing else.

The JavaScript is ES modules, in the folder ``page`` of any package; they stand in the page one after another, in one
scope, without their imports and exports.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

import numpy as np

from support.content_policy import source_of
from support.packed_weights import pack, size

FRAME = "support/page/frame.html"
Phrase = str | tuple[str, Mapping[str, str]]  # English, or a text with names in braces, and their values
LARGEST = 2**28  # bytes: Chromium's JavaScript has no strings of twice that
IMPORT = re.compile(r"^(?:import\s.*?;|/\*\* @import .*?\*/)\n", re.MULTILINE | re.DOTALL)  # of values, of types
# A name declared at the top level of a module: the formatter indents all others.
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:const|let|var|class|function)\b[ *]*([\w$]+|[\[{])", re.MULTILINE)
# What would end the script element that holds the JSON; ASCII leaves U+2028 and U+2029 escaped.
ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def read(name: str) -> str:
    """Return the text of a part of a page, such as ``support/page/text.js``."""
    package, *path = name.split("/")
    return resources.files(package).joinpath(*path).read_text(encoding="utf-8")


def to_html(
    template: str,
    *,
    title: Phrase,
    scripts: Sequence[str],
    styles: Sequence[str],
    data: object,
    weights: Mapping[str, np.ndarray],
    precision: str = "float32",
) -> bytes:
    """Build the page: the same arguments always give the same bytes.

    template, scripts, styles: names for ``read``, each module after those it imports from, and the template the body of
    the page; title: of the window; data: anything JSON can hold; weights: arrays by name; precision: the type in which
    they are embedded, of ``PRECISIONS``.
    Raises ValueError for weights that are not finite in that type or make the page too large for a browser.
    """
    taken = size(weights, precision)
    if taken > LARGEST:
        raise ValueError(
            f"page: the weights take {taken} bytes of base64, and browsers open pages of {LARGEST} at most"
        )
    held = {}
    for name, array in weights.items():
        try:
            held[name] = pack(array, precision)
        except ValueError as error:
            raise ValueError(f"page: {error} in {name}") from None
    style = "\n".join(read(name) for name in styles)
    script = joined(scripts)
    policy = {
        "default-src": "'none'",
        "script-src": source_of(script),
        "style-src": source_of(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    parts = {
        "policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "title": html.escape(in_english(title)),
        "style": style,
        "data": _json(data),
        "weights": _json(held),
        "script": script,
    }
    whole = read(FRAME).replace("{body}\n", read(template))
    page = re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], whole)
    return page.encode("utf-8", "replace")


def in_english(phrase: Phrase) -> str:
    """Return the phrase with its values in place."""
    return phrase if isinstance(phrase, str) else phrase[0].format(**phrase[1])


def joined(scripts: Sequence[str]) -> str:
    """Join the modules in one scope, without imports and exports. Raises ValueError for names that would clash."""
    texts = {name: read(name) for name in scripts}
    owners: dict[str, str] = {}
    for name, text in texts.items():
        for declared in DECLARED.findall(text):
            if declared in "[{":
                raise ValueError(f"page: expected one name per declaration at the top level of {name}, got a pattern")
            if declared in owners:
                both = f"{owners[declared]} and {name}"
                raise ValueError(
                    f"page: expected {declared} at the top level of one module, got it in {both}: rename one"
                )
            owners[declared] = name
    script = IMPORT.sub("", "\n".join(texts.values()))
    return re.sub(r"^export ", "", script, flags=re.MULTILINE)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":")).translate(ESCAPES)
