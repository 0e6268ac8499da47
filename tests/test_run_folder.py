"""A new run in a folder moves the one before it out of its way, and touches nothing that is of neither."""

import pytest
from script_tools import ROOT, everything

MODELS, OTHERS = ("a.npz", "b.npz"), ("a.state.npz", "history.csv", "fig/map_*.png")


@pytest.fixture
def set_aside(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from experiment.run_folder import set_aside

    return lambda: set_aside(tmp_path / "run", MODELS, OTHERS, quiet=True)


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_third_run_takes_the_place_of_the_first_and_mixes_with_none(set_aside, tmp_path):
    run, mine = tmp_path / "run", ["c.npz", "mine.state.npz", "fig/mine.png"]
    write(run, *mine, "a.npz", "b.npz", "a.state.npz", "history.csv", "fig/map_0.png", "fig/map_1.png")
    set_aside()
    assert names(run / "before") == ["a.npz", "a.state.npz", "b.npz", "fig/map_0.png", "fig/map_1.png", "history.csv"]
    write(run, "b.npz", "history.csv", "fig/map_0.png", "before/mine.txt")
    set_aside()
    assert names(run / "before") == ["b.npz", "fig/map_0.png", "history.csv", "mine.txt"]
    write(run, "a.state.npz", "history.csv")
    before = everything(run / "before")
    set_aside()
    assert everything(run / "before") == before, "of a run without a model"
    assert names(run) == sorted([*mine, *(f"before/{name}" for name in names(run / "before"))])


def test_a_folder_may_be_reached_by_a_link(set_aside, tmp_path):
    write(tmp_path / "elsewhere", "a.npz", "history.csv")
    (tmp_path / "run").symlink_to("elsewhere")
    set_aside()
    assert names(tmp_path / "elsewhere") == ["before/a.npz", "before/history.csv"]


def test_a_file_in_the_way_costs_nothing(set_aside, tmp_path):
    write(tmp_path / "run", "a.npz", "history.csv", "before")
    found = everything(tmp_path)
    with pytest.raises(FileExistsError):
        set_aside()
    assert everything(tmp_path) == found
