"""A font that has the glyphs is found, or one warning says what to install; no setting changes."""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pytest
from font_tools import forget, install, make, only_matplotlibs_own

from seq2seq.plot import plot_attention
from support import fonts
from support.fonts import drawable, font_for

TEXT = "京都とグルメ"  # matplotlib's STIXGeneral has の, as a symbol


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    only_matplotlibs_own(monkeypatch)
    settings = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == settings
    plt.close("all")
    monkeypatch.undo()
    forget()


def fallbacks(text: str) -> list[str]:
    return font_for(text).get_family()[1:]


def drawn_without_a_warning(text: str, tmp_path) -> None:
    """In each format: matplotlib warns of a missing glyph when it draws, and warnings are errors here."""
    font = font_for(text)
    figure, ax = plt.subplots()
    ax.set_title(drawable(text, font), family=font.get_family() if font else None)
    for kind in ("png", "svg", "pdf"):
        figure.savefig(tmp_path / f"out.{kind}")


def test_the_default_font_is_left_alone_where_it_has_the_glyphs():
    assert font_for("") is None
    assert font_for("plain, naïve → ␣ … ▁\n") is None


@pytest.mark.parametrize("suffix", ["ttf", "ttc"])
def test_an_installed_font_follows_the_default_one(tmp_path, suffix):
    install(make(tmp_path / f"font.{suffix}", f"Tests {suffix}", TEXT))
    assert font_for("京都 → abc").get_family() == [*matplotlib.rcParams["font.family"], f"Tests {suffix}"]
    assert drawable("京都 → abc", font_for("京都")) == "京都 → abc"
    drawn_without_a_warning(f"{TEXT} → abc", tmp_path)


def test_a_japanese_font_comes_before_any_other(tmp_path):
    install(make(tmp_path / "a.ttf", "A Chinese One", TEXT + "们"))
    install(make(tmp_path / "b.ttf", "IPAexGothic", TEXT))
    assert fallbacks(TEXT) == ["IPAexGothic"]
    assert fallbacks(TEXT + "们") == ["IPAexGothic", "A Chinese One"]


def test_the_font_with_most_of_the_glyphs_is_taken(tmp_path):
    install(make(tmp_path / "a.ttf", "A Few", "京"))
    install(make(tmp_path / "b.ttf", "Many", TEXT))
    assert fallbacks(TEXT) == ["Many"]


@pytest.mark.parametrize("name", ["Last Resort High-Efficiency", ".LastResort"])
def test_the_last_resort_is_no_font_for_a_text(tmp_path, name):
    """matplotlib 3.11 brings one along, the first; macOS has the second."""
    install(make(tmp_path / "last.ttf", name, TEXT))
    with pytest.warns(UserWarning, match="no installed font"):
        assert font_for(TEXT) is None


def test_the_packages_font_is_found_and_the_package_not_imported(tmp_path, monkeypatch):
    folder = tmp_path / "a_font_package" / "fonts"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    make(folder / "font.ttf", "Packaged", TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fonts, "PACKAGE", "a_font_package")
    assert fallbacks(TEXT) == ["Packaged"]
    assert "a_font_package" not in sys.modules
    drawn_without_a_warning(TEXT, tmp_path)


def test_a_font_that_cannot_be_read_is_passed_over(tmp_path):
    broken = make(tmp_path / "a.ttf", "Broken", TEXT)
    install(broken)
    install(make(tmp_path / "b.ttf", "Whole", TEXT))
    broken.write_bytes(b"no font")
    assert fallbacks(TEXT) == ["Whole"]
    broken.unlink()
    forget()
    assert fallbacks(TEXT) == ["Whole"]


def test_without_a_font_there_is_one_warning_and_a_picture(tmp_path):
    with pytest.warns(UserWarning, match=r"pip install matplotlib-fontja.*fonts-noto-cjk or fonts-ipaexfont") as caught:
        for text in (TEXT, "携帯電話"):
            drawn_without_a_warning(text, tmp_path)
        plot_attention([[1.0]], ["京"], ["都"], title=TEXT).figure.savefig(tmp_path / "map.png")
    assert len(caught) == 1
    assert drawable("京都 abc\n", None) == "□□ abc\n"


def test_a_part_is_drawn_where_no_font_has_all(tmp_path):
    install(make(tmp_path / "a.ttf", "Tests", "京都"))
    with pytest.warns(UserWarning, match="no installed font"):
        font = font_for(TEXT)
    assert drawable(TEXT, font) == "京都□□□□"
    drawn_without_a_warning(TEXT, tmp_path)


def test_what_was_found_is_remembered(tmp_path, monkeypatch):
    install(make(tmp_path / "a.ttf", "Tests", TEXT))
    first = font_for(TEXT)
    first.set_family("changed by the caller")
    monkeypatch.setattr(fonts, "PREFERRED", None)
    assert fallbacks(TEXT) == ["Tests"]


def test_labels_of_a_map_may_be_japanese(tmp_path):
    install(make(tmp_path / "a.ttf", "Tests", TEXT))
    ax = plot_attention([[0.25, 0.75]], "京都", ["グ"], title="$京$_{都")
    labels = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.title]
    assert [label.get_text() for label in labels] == ["京", "都", "グ", "$京$_{都"]
    assert all("Tests" in label.get_fontfamily() for label in labels)
    ax.figure.savefig(tmp_path / "map.png")
