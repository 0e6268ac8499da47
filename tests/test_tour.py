"""docs/tour.ipynb runs, and the outputs that it keeps are those of its code.

``python tests/test_tour.py`` runs it and keeps the new outputs.
"""

import json
import os
import re
from pathlib import Path

import pytest
from test_docs import dead_links

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb"
SAID = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
SAID |= {"language_info": {"name": "python"}}  # and not its version


def code_cells(text: str) -> list[dict]:
    return [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]


def executed() -> str:
    """The notebook with the outputs of a fresh run, and nothing about the machine or the time of the run."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # pictures go to the notebook
    env |= {"PYTHONPATH": str(NOTEBOOK.parents[1]), "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}
    options = dict(timeout=300, record_timing=False, coalesce_streams=True)
    nbclient.NotebookClient(notebook, **options).execute(env=env)
    notebook.metadata = SAID
    return nbformat.writes(notebook) + "\n"


def kinds(output: dict) -> list[str]:
    """What a reader sees of an output, but for its numbers: the stream and its lines, or the formats of a value."""
    if output["output_type"] == "stream":
        lines = "".join(output["text"]).splitlines()
        return [output["name"], *(re.sub(r"\d[\d.]*(e[+-]\d+)?", "#", line) for line in lines)]
    return [output["output_type"], *sorted(output["data"])]


@pytest.fixture(scope="module")
def kept() -> str:
    return NOTEBOOK.read_text(encoding="utf-8")


def test_every_cell_was_run_in_order_without_an_error(kept):
    cells = code_cells(kept)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {"stream", "execute_result", "display_data"}
    assert {output["name"] for output in outputs if "name" in output} == {"stdout"}


def test_it_is_small_and_tells_nothing_of_where_and_when_it_ran(kept):
    assert len(kept.encode()) < 1_000_000
    text = re.sub(r'"image/png": "[^"]*"', "", kept)
    assert not re.search(r"/(home|tmp|root|usr|opt|var|Users|private)\b|[A-Z]:\\|\d{4}-\d\d-\d\dT\d\d:", text)
    assert json.loads(kept)["metadata"] == SAID
    assert all(cell["metadata"] == {} for cell in code_cells(kept))


def test_its_links_lead_somewhere(kept):
    texts = ["".join(cell["source"]) for cell in json.loads(kept)["cells"] if cell["cell_type"] == "markdown"]
    assert len(texts) > 5 and dead_links("docs/tour.ipynb", "\n\n".join(texts)) == []


def test_it_shows_a_map_a_picture_and_a_shaded_table(kept):
    data = [output["data"] for cell in code_cells(kept) for output in cell["outputs"] if "data" in output]
    assert sum("image/png" in formats for formats in data) == 1
    date_map, table = ("".join(formats["text/html"]) for formats in data if "text/html" in formats)
    assert all(html.count('style="background:#') > 10 for html in (date_map, table))
    assert '<th scope="col">M</th>' in date_map and "<bdi>京</bdi>" in table


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the packages that talk to the kernel
def test_a_fresh_run_shows_what_is_kept(kept):
    for cell, fresh in zip(code_cells(kept), code_cells(executed()), strict=True):
        assert [kinds(o) for o in fresh["outputs"]] == [kinds(o) for o in cell["outputs"]], "".join(cell["source"])


if __name__ == "__main__":
    NOTEBOOK.write_text(executed(), encoding="utf-8")
