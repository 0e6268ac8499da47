"""benchmarks/foreign_weights.py: the models are made, and the table says so; no times."""

import pytest

from benchmarks import foreign_weights
from interchange import read_arrays, to_model

KINDS = [pytest.param(kind, marks=[pytest.mark.slow] * (kind == "pt")) for kind in foreign_weights.PACKAGES]


@pytest.mark.parametrize("kind", KINDS)
def test_each_file_becomes_the_model_that_it_holds(tmp_path, kind):
    pytest.importorskip(foreign_weights.PACKAGES[kind].split(".")[0])
    path = tmp_path / f"model.{kind}"
    foreign_weights.write(kind, path, 50)
    model = to_model(read_arrays(path), "gru").model
    assert model.embed.W.shape == (50, 300) and 0.9 < model.embed.W.std() < 1.1
    for job in ("ours", "bytes"):
        assert set(foreign_weights.once(job, path)) == {"seconds", "cpu_seconds", "bytes"}


def test_the_table_has_a_line_for_each_format_that_can_be_written(monkeypatch, capsys):
    monkeypatch.setattr(foreign_weights, "find_spec", lambda name: name == "numpy" or None)
    monkeypatch.setattr("sys.argv", ["foreign_weights.py", "--rounds", "1", "--vocabulary", "20"])
    assert foreign_weights.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("CPU: ") and lines[1].split()[:2] == ["format", "MB"]
    assert [line.split()[0] for line in lines[2:]] == [".npz"]
