"""Models with encoders that read both ways and with several layers: naive loops, answers, workers, files, runs."""

import itertools

import numpy as np
import pytest
import reference
import reference_deep
from script_tools import TINY, refused
from test_cell_state import Cell
from test_encoder_variants import BothWaysSeq2seq
from test_parallel import assert_close, one, step
from test_seq2seq import MODELS, START, T_DEC, V, every_model, questions

from common import checkpoint
from common.gradient_check import GradientError, check_gradients
from common.layer import inference, named_params
from common.optimizer import SGD
from common.trainer import Trainer
from seq2seq import AttentionSeq2seq, Seq2seq, load_model, save_model

SHAPES = [
    {"bidirectional": ways, "layers": layers, "cell_state": cell}
    for ways, layers, cell in itertools.product((False, True), (1, 2, 3), (False, True))
    if ways or layers > 1
]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, map(int, shape.values()))))
BOTH, DEEP = {"bidirectional": True}, {"layers": 2}
DROP = {"bidirectional": True, "layers": 2, "dropout": 0.4}
every_kind = pytest.mark.parametrize("options", [BOTH, DEEP, BOTH | DEEP], ids=["both", "deep", "both-deep"])


def lively(kind, dtype=np.float64, **options):
    """A model that is not trained but, its weights being large, answers each question in its own way."""
    model = MODELS[kind](V, 5, 6, **options, rng=np.random.default_rng(0), dtype=dtype)
    for name, param in named_params(model).items():
        param *= 100 if name.endswith("embed.W") else 3
    return model


def batch(count=24):
    xs = np.random.default_rng(4).integers(0, 3, (count, 5))  # of few characters: many begin alike, some are the same
    return xs, np.random.default_rng(5).integers(0, V, (count, 4))


def forced(model, xs, ids):
    """Log probabilities (N, T_dec, V) of the characters after each of these answers' beginnings."""
    given = np.concatenate((np.full((len(xs), 1), START), ids[:, :-1]), axis=1)
    with inference(model):
        return reference.log_softmax(model.decoder.forward(given, model.encode(xs)))


@every_shape
@every_model
def test_scores_are_those_of_the_naive_loop(kind, shape):
    model, (xs, ts) = lively(kind, **shape), batch(5)
    p = named_params(model)
    scores, weights = reference_deep.model_scores(kind, p, xs, ts[:, :-1], shape["cell_state"])
    assert model.forward(xs, ts) == pytest.approx(reference.cross_entropy(scores, ts[:, 1:]), rel=1e-10)
    np.testing.assert_allclose(model.decoder.forward(ts[:, :-1], model.encode(xs)), scores, atol=1e-10)
    if kind == "attention":
        np.testing.assert_allclose(model.decoder.attention.attention_weights.transpose(1, 0, 2), weights, atol=1e-12)


@every_kind
@every_model
def test_answers_are_the_likeliest_one_after_another(kind, options):
    model, xs = lively(kind, **options, cell_state=True), questions(9)
    decoded = model.decode(xs, START, T_DEC)
    log_p = forced(model, xs, decoded.ids)
    np.testing.assert_array_equal(decoded.ids, log_p.argmax(axis=2))
    np.testing.assert_allclose(decoded.log_probs, log_p.max(axis=2).sum(axis=1), rtol=1e-10)
    assert len(np.unique(decoded.ids, axis=0)) > 3, "different questions have different answers"
    for batch_size, workers in ((4, 1), (2, 2)):
        again = model.decode(xs, START, T_DEC, batch_size, workers=workers)
        np.testing.assert_array_equal(again.ids, decoded.ids)
    assert model.generate(xs[:1], START, T_DEC) == decoded.ids[0].tolist()


@every_kind
@every_model
def test_a_beam_goes_on_from_the_states_of_its_own_hypotheses(kind, options):
    model, xs = lively(kind, **options), questions(6)
    greedy, found = model.decode(xs, START, 4), model.beam_search(xs, START, 4, 3)
    np.testing.assert_array_equal(model.beam_search(xs, START, 4, 1).ids[:, 0], greedy.ids)
    assert (found.log_probs[:, 0] >= greedy.log_probs - 1e-10).all()
    for k in range(3):
        log_p = np.take_along_axis(forced(model, xs, found.ids[:, k]), found.ids[:, k, :, None], axis=2)
        np.testing.assert_allclose(found.log_probs[:, k], log_p.sum(axis=(1, 2)), rtol=1e-10)


@pytest.mark.parametrize("options", [BOTH, DEEP, BOTH | DEEP, DROP], ids=["both", "deep", "both-deep", "drop"])
@every_model
def test_shared_prefixes_change_nothing(kind, options):
    """Nor does dropout: the layers above the first, where it drops, have a row for every question then."""
    (xs, ts), results = batch(), []
    for share_prefixes in (True, False):
        model = lively(kind, **options)
        model.encoder.share_prefixes = share_prefixes
        results.append(one(model, xs, ts))
    assert_close(*results)


@pytest.mark.parametrize("share_prefixes", [True, False])
@every_kind
@every_model
def test_any_number_of_workers_gives_the_same_gradients(kind, options, share_prefixes):
    model, (xs, ts) = lively(kind, **options, cell_state=True), batch()
    model.worth_a_worker = 1e-9, 1e-9
    model.encoder.share_prefixes = share_prefixes
    wanted = one(model, xs, ts)
    shares = model.shares(xs, ts, 3)
    assert len(shares) == 3
    np.testing.assert_array_equal(np.sort(np.concatenate(shares)), np.arange(len(xs)))
    for count in (2, 3):
        assert_close(step(model, xs, ts, count), wanted)


def test_workers_drop_each_in_their_own_way_and_learn():
    model, (xs, ts) = lively("attention", **DROP), batch()
    model.worth_a_worker = 1e-9, 1e-9
    for p in model.params:
        p /= 3
    losses = [record["loss"] for record in Trainer(model, SGD(lr=0.5), callbacks=(), workers=2).fit(xs, ts, 20)]
    assert losses[-1] < losses[0]
    assert model.decode(xs, START, 3).ids.tolist() == model.decode(xs, START, 3).ids.tolist()


def test_what_rows_cost():
    """A decoder's row of one layer costs 1; shared and other rows of the encoder's first layer, and what is above."""
    costs = {
        "plain": ({}, (1, 0)),
        "both": (BOTH, (1 / 4, 1 / 4)),
        "deep": ({"layers": 3}, (1, 0)),
        "both-deep": (BOTH | DEEP, (1 / 8, 3 / 8)),
        "drop": ({"layers": 2, "dropout": 0.5}, (1 / 2, 1 / 2)),
    }
    for options, wanted in costs.values():
        model = lively("baseline", **options)
        assert model.encoder.row_costs == pytest.approx(wanted)
        model.encoder.share_prefixes = False
        assert model.encoder.row_costs == pytest.approx((0, sum(wanted)))
    assert BothWaysSeq2seq(V, 5, 6).encoder.row_costs == (0, 1)


# What is passed on


@every_model
def test_the_decoder_starts_from_the_last_state_of_each_layer_and_direction(kind):
    model, (xs, ts) = lively(kind, **BOTH, **DEEP, cell_state=True), batch(4)
    model.forward(xs, ts)
    hs = model.encoder.lstm.layers[0].forward(model.encoder.embed.forward(xs))
    H = hs.shape[2] // 2
    ends = np.concatenate((hs[:, -1, :H], hs[:, 0, H:]), axis=1)
    np.testing.assert_allclose(model.encoder.h[:, : 2 * H], ends, atol=1e-12)
    model.decoder.start(model.encode(xs))
    assert model.encoder.h.shape == model.encoder.c.shape == (4, 12)
    np.testing.assert_array_equal(model.decoder.lstm.h, model.encoder.h)
    np.testing.assert_array_equal(model.decoder.lstm.c, model.encoder.c)


def test_a_gradient_that_does_not_reach_the_encoders_last_states_is_found():
    class Forgetful(AttentionSeq2seq):
        def backward(self, dout=1):
            self.encoder.backward(self.decoder.backward(self.softmax.backward(dout)))

    for options in (BOTH, DEEP):
        model = Forgetful(V, 2, 2, **options, rng=np.random.default_rng(0), dtype=np.float64)
        for p in model.params:
            p[...] = np.random.default_rng(p.size).normal(size=p.shape)
        with pytest.raises(GradientError, match=r"gradient of encoder\."):
            check_gradients(model, *batch(3))


def test_parts_of_a_readers_need_not_know_the_options():
    class ReadersSeq2seq(Seq2seq):
        encoder_class = Cell

    assert ReadersSeq2seq(V, 3, 3, cell_state=True).arguments["cell_state"]
    with pytest.raises(TypeError, match="layers"):
        ReadersSeq2seq(V, 3, 3, layers=2)


# Files and runs


@every_model
def test_a_file_keeps_the_options_that_were_given(tmp_path, kind):
    path, known = tmp_path / "model.npz", ("bidirectional", "layers", "dropout")
    defaults = {"bidirectional": False, "layers": 1, "dropout": 0}
    for options in ({}, defaults, BOTH, DEEP, DROP | {"cell_state": True}):
        model = lively(kind, np.float32, **options)
        save_model(path, model)
        again, facts = load_model(path)
        asked = {} if options is defaults else options
        assert {k: v for k, v in facts["arguments"].items() if k in (*known, "cell_state")} == asked
        assert list(named_params(again)) == list(named_params(model))
        got, wanted = (m.decode(questions(5), START, T_DEC) for m in (again, model))
        np.testing.assert_array_equal(got.log_probs, wanted.log_probs)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bidirectional": 1}, "expected bidirectional True or False, got int"),
        ({"layers": -1}, "expected layers of at least 1, got -1"),
        ({"layers": "2"}, "layers: expected a whole number, got '2'"),
        ({"layers": 10**12}, "weights of shape .* are not in the file"),
        ({"dropout": 2}, r"expected a dropout in \[0, 1\), got 2"),
        ({"layers": 1, "dropout": 0.5}, "it needs layers=2 or more"),
        ({"hidden_size": 5}, "expected an even hidden_size for bidirectional"),
    ],
)
def test_files_and_models_with_other_options_are_refused(tmp_path, wrong, message):
    path = tmp_path / "model.npz"
    save_model(path, lively("attention", **BOTH | DEEP))
    arrays, facts = checkpoint.load(path)
    facts["arguments"] |= wrong
    checkpoint.save(path, arrays, facts)
    with pytest.raises(checkpoint.CheckpointError, match=f"not a model file: .*{message}"):
        load_model(path)
    if "layers" not in wrong or wrong["layers"] != 10**12:
        with pytest.raises(ValueError, match=f"^AttentionSeq2seq: .*{message}"):
            AttentionSeq2seq(**facts["arguments"])


OPTIONS = "--bidirectional", "--layers", 2, "--dropout", 0.25


def weights(folder):
    return {path.name: checkpoint.load(path)[0] for path in sorted(folder.glob("*.npz")) if "state" not in path.name}


@pytest.mark.slow
def test_a_run_goes_on_with_the_same_bits(tiny, script, in_process):
    """Models train side by side, then one after another; dropout goes on in its streams."""
    cwd, kinds = tiny.parent, ("peeky", "attention")
    more = "--data", tiny, *TINY[:-1], 3, *OPTIONS, "--models", *kinds, "--quiet"
    whole = in_process(cwd, "train_date.py", *more, "--out", "whole", "--jobs", 1)
    assert (whole.returncode, whole.stderr) == (0, "")
    begun = script(cwd, "train_date.py", *more, "--out", "parts", "--max-epoch", 1, "--jobs", 2)
    assert (begun.returncode, begun.stderr) == (0, "")
    again = in_process(cwd, "train_date.py", "--resume", "parts", "--max-epoch", 3, "--quiet", "--jobs", 1)
    assert (again.returncode, again.stderr) == (0, "")
    got, wanted = weights(cwd / "parts"), weights(cwd / "whole")
    assert set(wanted) == {f"{name}.npz" for name in kinds}
    for name, arrays in wanted.items():
        assert "encoder.lstm.layers.1.backward_lstm.Wh" in arrays and "decoder.lstm.layers.1.Wh" in arrays
        for key, array in arrays.items():
            np.testing.assert_array_equal(got[name][key], array)
    model, _ = load_model(cwd / "whole" / "peeky.npz")
    assert model.arguments["dropout"] == 0.25


def test_options_of_train_date_go_to_the_models_that_use_them(tiny, in_process):
    cwd, quiet = tiny.parent, ("--data", tiny, *TINY, "--quiet", "--workers", 1)
    for options, message in (
        (("--models", "attention", "--dropout", 0.1), "--dropout 0.1 acts between layers: add --layers 2, or more"),
        (
            ("--hidden-size", 5, "--bidirectional"),
            "--bidirectional: each direction has half of --hidden-size, .* odd: 5",
        ),
        (("--models", "transformer", "--bidirectional"), "--bidirectional is an option of the model baseline or peeky"),
    ):
        refused(in_process(cwd, "train_date.py", *quiet, *options), message)
    both = "--models", "baseline", "transformer", "--width", 4, "--heads", 2, "--dropout", 0.1
    assert in_process(cwd, "train_date.py", *quiet, *both).returncode == 0
    kept = {name: load_model(cwd / "runs" / "date" / f"{name}.npz")[1]["arguments"] for name in both[1:3]}
    assert "dropout" not in kept["baseline"] and kept["transformer"]["dropout"] == 0.1
