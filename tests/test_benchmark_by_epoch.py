"""Tables of runs that differ in their seed: which runs make a column, and what a cell says."""

import sys

import pytest
from script_tools import refused

from benchmarks import by_epoch
from seq2seq import AttentionSeq2seq, save_model

HEADER = "model,epoch,train_loss,test_accuracy,seconds,alignment,pad_mass,entropy\n"


@pytest.fixture
def write(tmp_path):
    def write(name, *accuracies, model="attention", alignment=0.5):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        before = (folder / "history.csv").read_text() if (folder / "history.csv").exists() else HEADER
        rows = [f"{model},{e},0.5,{accuracy},9,{alignment},,2\n" for e, accuracy in enumerate(accuracies, 1)]
        (folder / "history.csv").write_text(before + "".join(rows))
        return folder

    return write


def printed(monkeypatch, capsys, *folders):
    monkeypatch.setattr(sys, "argv", ["by_epoch.py", *map(str, folders)])
    assert by_epoch.main() == 0
    return capsys.readouterr().out


def test_a_cell_is_the_mean_of_the_seeds(monkeypatch, capsys, write):
    folders = [write("dot-0", 0.5, 0.75), write("dot-1", 0.25, 0.5), write("of-all-0", 0.125), write("alone", 0)]
    out = printed(monkeypatch, capsys, *folders)
    assert out.startswith(
        "test accuracy (in brackets: seeds; the lowest and the highest)\n\n"
        "| epoch | dot (2) | of-all (1) | alone (1) |\n"
        "| --- | --- | --- | --- |\n"
        "| 1 | 37.50% (25.00% to 50.00%) | 12.50% | 0.00% |\n"
        "| 2 | 62.50% (50.00% to 75.00%) |  |  |\n\n"
        "alignment"
    )
    assert "| 1 | 50.0% (50.0% to 50.0%) | 50.0% | 50.0% |" in out
    assert "pad mass (in brackets: seeds; the lowest and the highest)\n\n| epoch | dot (2) |" in out
    assert "| 1 |  |  |  |" in out, "a measure that a run has not"


def test_a_cell_is_empty_until_all_seeds_have_come_so_far(monkeypatch, capsys, write):
    out = printed(monkeypatch, capsys, write("dot-0", 0.5, 0.75), write("dot-1", 0.25))
    assert "| 1 | 37.50% (25.00% to 50.00%) |\n| 2 |  |\n" in out


def test_each_of_several_models_has_a_column(monkeypatch, capsys, write):
    for seed in "01":
        write(f"run-{seed}", 0.5)
        write(f"run-{seed}", 0.25, model="peeky")
    out = printed(monkeypatch, capsys, *(write(f"run-{seed}") for seed in "01"))
    assert "| epoch | run attention (2) | run peeky (2) |" in out
    assert "| 1 | 50.00% (50.00% to 50.00%) | 25.00% (25.00% to 25.00%) |" in out


def test_costs_are_told_seed_by_seed(monkeypatch, capsys, write):
    folders = [write("dot-0", 0.5, 0.999, 0.75, 1), write("dot-1", 0.25, 0.5)]
    for folder in folders:
        save_model(folder / "attention.npz", AttentionSeq2seq(3, 2, 4))
    assert printed(monkeypatch, capsys, *folders, "--costs", 0.999) == (
        "|  | parameters | seconds per epoch | epochs to 99.9% | after the last epoch |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| dot | 263 | 9.0 | 2, - | 100.00%, 50.00% |\n"
    )


def test_what_is_no_run_is_refused(tmp_path, script):
    (tmp_path / "dot-0").mkdir()
    refused(script(tmp_path, "../benchmarks/by_epoch.py", "dot-0"), r"by_epoch.py: .*dot-0/history.csv")
    (tmp_path / "dot-0" / "history.csv").write_text("a,b\n1,2\n")
    refused(script(tmp_path, "../benchmarks/by_epoch.py", "dot-0"), "history.csv: not the history of a run")
