"""Fonts for text that matplotlib's own font cannot draw, especially Japanese.

Only the functions import matplotlib, not the module. They change no settings of matplotlib.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.install import FONT

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

# In order of preference: a Chinese font also has glyphs for most kanji, but draws them differently.
PREFERRED = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Source Han Sans JP",
    "IPAexGothic",
    "IPAGothic",
    "TakaoGothic",
    "TakaoPGothic",
    "VL Gothic",
    "Hiragino Sans",
    "Hiragino Kaku Gothic Pro",
    "Yu Gothic",
    "Meiryo",
    "MS Gothic",
    "Noto Serif CJK JP",
    "IPAexMincho",
)
PACKAGE = "matplotlib_fontja"  # from the extra `japanese`; importing it would change rcParams
BOX = "□"


def font_for(text: str) -> FontProperties | None:
    """Find a font, with fallbacks, that has the glyphs of the text; None when matplotlib's default font has them all.

    The default font remains the first choice for the characters that it has. If no installed font has a character, one
    warning per process says what to install; ``drawable`` replaces such characters.
    """
    from matplotlib.font_manager import FontProperties

    default = tuple(FontProperties().get_family())
    missing = _characters(text) - _glyphs(default)
    if not missing:
        return None
    families = _fallbacks(missing)
    if missing - _glyphs(families):
        _warn_once()
    return FontProperties(family=[*default, *families]) if families else None


def drawable(text: str, font: FontProperties | None) -> str:
    """Return the text with a box for each character that the font lacks: matplotlib would warn at each drawing."""
    from matplotlib.font_manager import FontProperties

    missing = _characters(text) - _glyphs(tuple((font or FontProperties()).get_family()))
    return text.translate({ord(character): BOX for character in missing})


def _characters(text: str) -> frozenset[str]:
    return frozenset(text) - {"\n"}


def _glyphs(families: tuple[str, ...]) -> frozenset[str]:
    """Return the characters for which at least one of the font families has a glyph."""
    from matplotlib.font_manager import FontProperties, findfont

    found: list[frozenset[str]] = []
    for family in families:
        try:
            path = findfont(FontProperties(family=[family]), fallback_to_default=False)
        except ValueError:  # not installed: matplotlib also skips it
            continue
        found.append(_charmap(path, getattr(path, "face_index", 0)))
    return frozenset().union(*found)


@functools.cache
def _charmap(path: str, face_index: int) -> frozenset[str]:
    """Return the characters of one face of a font file; no characters if the file cannot be read."""
    from matplotlib.ft2font import FT2Font

    # matplotlib 3.10 lacks the argument and reads the first face
    face: dict[str, Any] = {"face_index": face_index} if face_index else {}
    try:
        return frozenset(map(chr, FT2Font(path, **face).get_charmap()))
    except (OSError, RuntimeError):  # removed since matplotlib listed it, or damaged
        return frozenset()


@functools.lru_cache(maxsize=256)
def _fallbacks(missing: frozenset[str]) -> tuple[str, ...]:
    """Return the names of installed fonts that together have the missing characters, or as many as possible."""
    from matplotlib.font_manager import fontManager

    installed = {entry.name for entry in fontManager.ttflist}
    families: list[str] = []

    def take(names) -> None:
        nonlocal missing
        for name in names:
            if not missing:
                break
            if has := missing & _glyphs((name,)):
                families.append(name)
                missing -= has

    take(name for name in PREFERRED if name in installed)
    if missing:
        take(_packaged())
    if missing:
        others: dict[str, int] = {}
        for entry in fontManager.ttflist:
            # matplotlib's Last Resort font has a box for every character
            if "lastresort" not in entry.name.replace(" ", "").lower():
                has = missing & _charmap(entry.fname, getattr(entry, "index", 0))
                others[entry.name] = max(others.get(entry.name, 0), len(has))
        take(sorted((name for name in others if others[name]), key=lambda name: (-others[name], name)))
    return tuple(families)


@functools.cache
def _packaged() -> tuple[str, ...]:
    """Register the fonts of the `japanese` extra's package with matplotlib; return their names, () without it."""
    from matplotlib.font_manager import fontManager

    spec = importlib.util.find_spec(PACKAGE)  # does not import it
    names = []
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in sorted(Path(folder).rglob("*.tt[fc]")):
            fontManager.addfont(path)
            names.append(fontManager.ttflist[-1].name)
    return tuple(names)


@functools.cache
def _warn_once() -> None:
    warnings.warn(
        f"no installed font has all characters of this picture: {BOX} replaces the others. For Japanese: {FONT}, "
        "or the system's package fonts-noto-cjk or fonts-ipaexfont",
        UserWarning,
        stacklevel=3,
    )
