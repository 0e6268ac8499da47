"""The JavaScript modules of seq2seq/page, and how seq2seq/page.py joins them in one scope."""

import re
import shutil

import pytest
from page_tools import Parts, page_of

from seq2seq import page
from seq2seq.page import FOLDER, SCRIPTS, STYLES

DATES = ["May 1, 1972", "7/22/08"]


def test_the_files_of_the_page_fit_together():
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {*SCRIPTS, *STYLES, "page.html"}
    known = {}
    for name in SCRIPTS:
        text = (FOLDER / name).read_text(encoding="utf-8")
        for imported, source in re.findall(r"^import \{(.*?)\} from \"\./(.*?)\";$", text, re.MULTILINE | re.DOTALL):
            assert set(re.findall(r"\w+", imported)) <= known[source], "not exported, or of a later file"
        known[name] = set(re.findall(r"^export (?:const|function|class) (\w+)", text, re.MULTILINE))
    script = Parts(page_of(DATES)[0]).texts["script"]
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE) and "@import" not in script
    assert len(re.findall(r"^(?:const|let|function|class) \w+", script, re.MULTILINE)) > 40


@pytest.mark.parametrize(
    "line, clash",
    [
        ("const find = 1;", "find at the top level of one module, got it in text.js and main.js"),
        ("let shown;", "shown at the top level of one module, got it in pointing.js and main.js"),
        ("export function ask() {}", "ask at the top level of one module, got it in data.js and main.js"),
        ("async function* ask() {}", "ask at the top level of one module, got it in data.js and main.js"),
        ("export class LSTM {}", "LSTM at the top level of one module, got it in forward.js and main.js"),
        ("var first = 1;", "first at the top level of one module, got it in main.js and main.js"),
        ("  const find = 1;", None),
        ("const another = 1;", None),
        ("// const find", None),
    ],
)
def test_two_top_level_names_that_clash_are_refused(monkeypatch, tmp_path, line, clash):
    shutil.copytree(FOLDER, tmp_path / "page")
    monkeypatch.setattr(page, "FOLDER", tmp_path / "page")
    with (tmp_path / "page" / "main.js").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    if clash is None:
        assert Parts(page_of(DATES)[0]).texts["script"].endswith(f"\n{line}\n")
        return
    with pytest.raises(ValueError, match=f"^page: expected {clash}: rename one$"):
        page_of(DATES)


@pytest.mark.parametrize("line", ["const { find } = {};", "export let [find] = [];"])
def test_a_pattern_at_the_top_level_whose_names_could_clash_is_refused(monkeypatch, tmp_path, line):
    shutil.copytree(FOLDER, tmp_path / "page")
    monkeypatch.setattr(page, "FOLDER", tmp_path / "page")
    with (tmp_path / "page" / "main.js").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match=r"^page: expected one name per declaration at the top level of main\.js"):
        page_of(DATES)


def test_the_types_of_every_module_are_checked():
    for name in SCRIPTS:
        assert (FOLDER / name).read_text(encoding="utf-8").startswith("// @ts-check\n"), name
