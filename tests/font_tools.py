"""Small fonts made for the tests: every glyph is a box; what matters is which characters have one."""

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont
from matplotlib import font_manager

from support import fonts


def make(path: Path, name: str, characters: str) -> Path:
    """Write a TrueType font, one em per character; a collection whose second face is empty when path ends in .ttc."""
    if path.suffix == ".ttc":
        collection = TTCollection()
        faces = [
            (f"{name}{k}.ttf", face, text) for k, (face, text) in enumerate([(name, characters), (f"{name} 2", "")])
        ]
        collection.fonts = [TTFont(make(path.with_name(file), face, text)) for file, face, text in faces]
        collection.save(path)
        return path
    glyphs = [".notdef", *(f"g{ord(c):04x}" for c in characters)]
    pen = TTGlyphPen(None)
    for move, *point in (("moveTo", 100, 0), ("lineTo", 100, 800), ("lineTo", 900, 800), ("lineTo", 900, 0)):
        getattr(pen, move)(tuple(point))
    pen.closePath()
    box = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap({ord(c): f"g{ord(c):04x}" for c in characters})
    builder.setupGlyf(dict.fromkeys(glyphs, box))
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 100)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


def only_matplotlibs_own(monkeypatch) -> None:
    """Hide all fonts except those that come with matplotlib until the test ends."""
    manager = font_manager.fontManager
    own = [entry for entry in manager.ttflist if "mpl-data" in str(entry.fname)]
    monkeypatch.setattr(manager, "ttflist", own)
    monkeypatch.setattr(fonts, "PACKAGE", "no_package_of_this_name")
    forget()


def install(path: Path) -> None:
    font_manager.fontManager.addfont(path)
    forget()


def forget() -> None:
    """What support.fonts remembers for a process."""
    for function in (fonts._fallbacks, fonts._packaged, fonts._warn_once):
        function.cache_clear()
