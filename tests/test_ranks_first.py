"""What the first of several ranks does for all, and what each leaves to the others; without MPI."""

import copy
import importlib
import sys

import numpy as np
import pytest
from rank_tools import all_done, on_ranks, this_rank
from script_tools import ROOT, write_films
from test_training_state import Reader
from threadpoolctl import threadpool_limits

from common import training_state
from common.callbacks import ModelCheckpoint
from common.optimizer import Adam
from common.parallel import Workers, blas_threads
from common.trainer import Trainer
from dataset.tokenizers import SentencePiece
from experiment.text_training import TextParts
from seq2seq import AttentionSeq2seq
from seq2seq.kept_maps import KeepMaps, load_maps


def test_a_worker_of_a_rank_leaves_the_other_cores_to_others():
    """A resumed one, on another computer perhaps, then multiplies with as many threads as before."""
    workers = Workers(Reader(np.random.default_rng(1)), 1, rows=lambda model, x, t: np.arange(len(x)))
    with threadpool_limits(2, "blas"), workers:
        assert blas_threads() == 1


def test_a_tokenizer_is_trained_on_the_first_rank(monkeypatch, tmp_path):
    """What it learns depends on rounding, too."""
    pytest.importorskip("sentencepiece")
    write_films(tmp_path / "films")
    monkeypatch.syspath_prepend(ROOT / "scripts")
    options = "--data films --format lines --tokenizer sentencepiece --pieces 60"
    monkeypatch.setattr(sys, "argv", ["train_text.py", *options.split()])
    args, _ = importlib.import_module("train_text").parse()
    train_pieces = SentencePiece.train
    monkeypatch.setattr(SentencePiece, "train", lambda *sizes: this_rank() == 0 and train_pieces(*sizes))
    monkeypatch.chdir(tmp_path)
    found = all_done(on_ranks(2, lambda ranks: TextParts(copy.copy(args), {}, ranks)))
    assert found[0].same == found[1].same and found[0].tokenizer.to_json() == found[1].tokenizer.to_json()


def test_files_of_callbacks_are_the_first_ranks_and_their_counts_go_on(tmp_path):
    x, t = np.arange(20).reshape(5, 4) % 7, np.arange(15).reshape(5, 3) % 7
    writers, askers = [], []

    def written(ids):
        askers.append(this_rank())
        return "?" * len(ids)

    def trainer(ranks):
        model = AttentionSeq2seq(7, 3, 4, rng=np.random.default_rng(1))
        keeper = KeepMaps(tmp_path / "maps", x[0], 0, 2, written)
        best = ModelCheckpoint("best", "epoch", "max", save=lambda path, model: writers.append(this_rank()))
        rng = np.random.default_rng(2)
        return Trainer(model, Adam(), rng=rng, callbacks=[keeper, best], ranks=ranks)

    def begin(ranks):
        made = trainer(ranks)
        made.fit(x, t, 2, 2)
        training_state.save(tmp_path / "state", made)
        return made.callbacks[1].best_epoch

    def go_on(ranks):
        made = trainer(ranks)
        training_state.restore(tmp_path / "state", made)
        made.fit(x, t, 1, 2)
        return made.callbacks[1].best_epoch

    assert all_done(on_ranks(2, begin)) == [2, 2] and all_done(on_ranks(2, go_on)) == [3, 3]
    assert writers == [0, 0, 0] and set(askers) == {0}
    assert len(load_maps(tmp_path / "maps").written) == 3
