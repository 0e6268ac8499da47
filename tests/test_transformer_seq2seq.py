"""TransformerSeq2seq: what it computes, what it never sees, its arguments, and that it learns.

Its gradients, and what every layer has to promise, are in the table of layers (transformer_table.py); how it answers,
in test_transformer_decoding.py.
"""

import math

import numpy as np
import pytest
import reference
import reference_transformer
from layer_table import upstream

from common.gradient_check import check_gradients
from common.layer import inference, named_params, walk
from common.layers import Dropout
from common.optimizer import Adam
from common.parallel import Workers
from common.trainer import Trainer
from dataset import sequence
from seq2seq import TransformerSeq2seq, exact_match

V, D, H, START, PAD = 7, 6, 5, 3, 0
T_ENC, T_DEC = 6, 4
REAL = np.arange(T_ENC) < np.array([[6], [4], [1], [0]])  # the last question is padding alone
SIDES = {"after": REAL, "before": REAL[:, ::-1]}
either_norm = pytest.mark.parametrize("pre_norm", [True, False])


def lively(dtype=np.float64, sizes=(V, D, H), seed=5, **options):
    """A model that is not trained but looks so much at the question that it answers each in its own way."""
    model = TransformerSeq2seq(*sizes, **({"heads": 2} | options), rng=np.random.default_rng(seed), dtype=dtype)
    r = np.random.default_rng(seed + 1)
    for name, param in named_params(model).items():
        size = 0.1 if param.ndim == 1 or name == "decoder.embed.W" else 0.5
        size *= 4 if "cross_attention" in name and param.ndim == 2 else 2 if name == "decoder.affine.W" else 1
        param[...] = r.normal(size=param.shape) * size + name.endswith("gamma")
    return model


def questions(real=None, count=4):
    xs = np.random.default_rng(3).integers(1, V, (count, T_ENC))
    if real is not None:
        xs = np.where(real, xs, PAD)
        xs[0, 2] = PAD  # a space between characters, so none of the padding
    return xs


def answers(count=4, length=T_DEC):
    ids = np.random.default_rng(4).integers(0, V, (count, length + 1))
    ids[:, 0] = START
    return ids


def close(got, wanted, rtol=1e-11, atol=1e-12):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


def scores_of(model, xs, ts_in):
    """The scores (N, T_dec, V) after these characters, all in one forward."""
    with inference(model):
        return model.decoder.forward(ts_in, model.encode(xs))


# Forward: equal to the naive loops


@either_norm
@pytest.mark.parametrize("side", [None, *SIDES])
@pytest.mark.parametrize("heads, layers", [(2, 2), (3, 1)])
def test_forward_equals_the_loop(pre_norm, side, heads, layers):
    xs, ts = questions(SIDES.get(side)), answers()
    mask = None if side is None else reference.attended(xs, PAD)
    model = lively(heads=heads, layers=layers, pre_norm=pre_norm, mask_padding=None if side is None else PAD)
    scores, weights = reference_transformer.model_scores(named_params(model), xs, ts[:, :-1], heads, pre_norm, mask)
    close(model.forward(xs, ts), reference.cross_entropy(scores, ts[:, 1:]))
    close(model.decoder.attention.attention_weights, weights.transpose(1, 0, 2))
    close(scores_of(model, xs, ts[:, :-1]), scores)


def test_the_loss_is_that_of_the_labels_that_count():
    model, xs, ts = lively(), questions(), answers()
    model.softmax.ignore_label = 2
    ts[0, 1:] = ts[1, 2] = 2
    scores = scores_of(model, xs, ts[:, :-1])
    assert model.forward(xs, ts) == pytest.approx(reference.cross_entropy(scores, ts[:, 1:], 2), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("pre_norm, side", [(True, "before"), (False, "after")])
def test_gradients_of_a_deeper_model(pre_norm, side):
    """With everything at once: heads, layers, padding, dropout, smoothed labels and some that do not count."""
    model = lively(sizes=(V, 3, 2), heads=3, layers=2, pre_norm=pre_norm, mask_padding=PAD, dropout=0.3)
    for number, dropout in enumerate(part for _, part in walk(model) if isinstance(part, Dropout)):
        dropout.rng = np.random.default_rng(number)
    model.softmax.label_smoothing, model.softmax.ignore_label = 0.1, 2
    ts = answers()
    ts[:2, 2] = 2
    check_gradients(model, questions(SIDES[side]), ts)


# What is seen


@either_norm
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_score_knows_a_later_character(pre_norm, dtype):
    """Bit for bit, and no gradient of an earlier score reaches it."""
    model, xs, ts = lively(dtype, pre_norm=pre_norm), questions(), answers()[:, :-1]
    scores = scores_of(model, xs, ts)
    for t in range(1, T_DEC):
        other = ts.copy()
        other[:, t:] = (ts[:, t:] + 1) % V
        after = scores_of(model, xs, other)
        np.testing.assert_array_equal(after[:, :t], scores[:, :t])
        assert (after[:, t:] != scores[:, t:]).any(axis=(0, 2)).all()
        model.decoder.backward(np.where(np.arange(T_DEC)[:, None] < t, *upstream([after]), 0).astype(dtype))
        of_embedding = model.decoder.embed.grads[0].any(axis=1)
        assert set(np.flatnonzero(of_embedding)) == set(other[:, :t].ravel())


@either_norm
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padding_is_not_looked_at(pre_norm, side, dtype):
    """Bit for bit the same, whatever stands for it; without the mask it is looked at."""
    real = SIDES[side]
    for mask_padding in PAD, None:
        model = lively(dtype, pre_norm=pre_norm, mask_padding=mask_padding)
        xs, ts = np.where(real, questions(), PAD), answers()
        loss, decoded = model.forward(xs, ts), model.decode(xs, START, T_DEC)
        model.encoder.embed.W[PAD] *= 100
        assert (model.forward(xs, ts) == loss) == (mask_padding is not None)
        model.backward()
        again = model.decode(xs, START, T_DEC)
        if mask_padding is None:
            assert model.encoder.embed.grads[0][PAD].any() and (again.log_probs != decoded.log_probs)[1:].all()
            continue
        assert not model.encoder.embed.grads[0][PAD].any(), "and it learns nothing"
        for got, wanted in zip(again, decoded, strict=True):
            np.testing.assert_array_equal(got, wanted)
        assert (decoded.attention_weights[~np.broadcast_to(real[:, None], (4, T_DEC, T_ENC))] == 0).all()
        close(decoded.attention_weights.sum(axis=2), np.tile([[1], [1], [1], [0]], T_DEC), atol=1e-6)


@either_norm
def test_more_padding_after_a_question_changes_rounding_alone(pre_norm):
    model, xs, ts = lively(pre_norm=pre_norm, mask_padding=PAD), questions(REAL), answers()[:, :-1]
    longer = np.concatenate((xs, np.full((4, 3), PAD)), axis=1)
    close(scores_of(model, longer, ts), scores_of(model, xs, ts))


@either_norm
def test_a_question_of_padding_alone_is_answered_from_nothing(pre_norm):
    """Its answer is what the decoder says without having read: finite, and no gradient comes back."""
    model, ts = lively(pre_norm=pre_norm, mask_padding=PAD), answers()
    nothing, short = np.full((4, T_ENC), PAD), np.full((4, 1), PAD)
    assert model.forward(nothing, ts) == pytest.approx(model.forward(short, ts), rel=1e-12)
    model.backward()
    assert not any(g.any() for g in model.encoder.grads) and all(np.isfinite(g).all() for g in model.grads)
    assert not model.decoder.attention.attention_weights.any() and model.decoder.embed.grads[0].any()


# First values and arguments


@either_norm
def test_parameters(pre_norm):
    model = TransformerSeq2seq(59, 64, 256, pre_norm=pre_norm, rng=np.random.default_rng(0))
    named = named_params(model)
    norms = {f"{part}.norm.{name}" for part in ("encoder", "decoder") for name in ("gamma", "beta")}
    assert norms <= set(named) if pre_norm else not norms & set(named)
    shapes = {name: named[name].shape for name in ("encoder.embed.W", "decoder.embed.W", "decoder.affine.W")}
    assert shapes == {"encoder.embed.W": (59, 64), "decoder.embed.W": (59, 64), "decoder.affine.W": (64, 59)}
    for name in shapes:
        assert named[name].std() == pytest.approx(64**-0.5, rel=0.05)
    assert named["decoder.layers.1.cross_attention.layer.key.W"].shape == (64, 64)
    assert len(model.encoder.layers) == len(model.decoder.layers) == 2
    assert {p.dtype for p in model.params} == {np.dtype(np.float32)}
    matrices = [p.tobytes() for p in model.params if p.ndim == 2]
    assert len(set(matrices)) == len(matrices), "no two alike"
    rng = np.random.default_rng(0)
    loss = model.forward(rng.integers(0, 59, (20, 29)), rng.integers(0, 59, (20, 11)))
    assert loss == pytest.approx(math.log(59), abs=0.7)  # it knows nothing


def test_dropout_draws_from_streams_of_its_own():
    with_dropout, without = (
        TransformerSeq2seq(V, D, H, heads=2, dropout=dropout, rng=np.random.default_rng(0)) for dropout in (0.5, 0)
    )
    for a, b in zip(with_dropout.params, without.params, strict=True):
        np.testing.assert_array_equal(a, b)
    dropouts = [part for _, part in walk(with_dropout) if isinstance(part, Dropout)]
    assert len(dropouts) == 2 + 2 * 2 + 2 * 3 and {part.dropout_ratio for part in dropouts} == {0.5}
    assert len({id(part.rng) for part in dropouts}) == len(dropouts)
    assert len({tuple(part.rng.random(5)) for part in dropouts}) == len(dropouts)
    assert not any(isinstance(part, Dropout) for _, part in walk(without))
    xs, ts = questions(), answers()
    assert with_dropout.forward(xs, ts) != with_dropout.forward(xs, ts)
    with inference(with_dropout):
        assert with_dropout.forward(xs, ts) == without.forward(xs, ts)


def test_an_odd_width_has_one_head():
    model, xs, ts = lively(sizes=(V, 5, 3), heads=1), questions(), answers(length=1)
    scores, _ = reference_transformer.model_scores(named_params(model), xs, ts[:, :-1], 1)
    close(model.forward(xs, ts), reference.cross_entropy(scores, ts[:, 1:]))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"hidden_size": 0}, r"expected sizes \(V, D, H\), heads and layers of at least 1, got \(7, 6, 0, 2, 2\)"),
        ({"layers": 0}, r"expected sizes .* got \(7, 6, 5, 2, 0\)"),
        ({"heads": -1}, r"expected sizes .* got \(7, 6, 5, -1, 2\)"),
        ({"dropout": 1}, r"Dropout: expected a ratio in \[0, 1\), got 1"),
        ({"dropout": None}, r"TransformerSeq2seq: dropout: expected a number, got None"),
        ({"pre_norm": "no"}, r"TransformerSeq2seq: expected pre_norm True or False, got str"),
        ({"mask_padding": V}, r"TransformerSeq2seq: expected mask_padding in 0\.\.6, got 7"),
        ({"heads": 4}, r"MultiHeadAttention: expected heads that divide input_size 6, got 4"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    arguments = {"vocab_size": V, "wordvec_size": D, "hidden_size": H, "heads": 2} | options
    with pytest.raises(ValueError, match=message):
        TransformerSeq2seq(**arguments)


@pytest.mark.parametrize("name", ["vocab_size", "wordvec_size", "hidden_size", "heads", "layers"])
def test_sizes_are_whole_numbers(name):
    sizes = {"vocab_size": V, "wordvec_size": D, "hidden_size": H, "heads": 2, "layers": 1}
    model = TransformerSeq2seq(**{key: np.int64(size) for key, size in sizes.items()}, dropout=np.float32(0.5))
    assert model.arguments == sizes | {"mask_padding": None, "dropout": 0.5, "pre_norm": True}
    assert {type(model.arguments[key]) for key in sizes} == {int} and type(model.arguments["dropout"]) is float
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        TransformerSeq2seq(**sizes | {name: float(sizes[name])})


@pytest.mark.parametrize("mask_padding", [None, PAD])
def test_errors_at_the_door(mask_padding):
    model, xs, ts = lively(mask_padding=mask_padding), questions(), answers()
    for wrong in (xs[:0], xs[:, :0], xs[0]):
        for use in (
            lambda wrong=wrong: model.forward(wrong, ts),
            lambda wrong=wrong: model.encode(wrong),
            lambda wrong=wrong: model.generate(wrong, START, 2),
        ):
            with pytest.raises(ValueError, match=r"^TransformerSeq2seq: .* one question and one character, got"):
                use()
    with pytest.raises(ValueError, match=r"^TransformerSeq2seq: xs \(N, T_enc\): expected an array, got list"):
        model.encode(xs.tolist())
    for wrong in (ts[:, :1], ts[:2], ts[0]):
        with pytest.raises(ValueError, match=r"^TransformerSeq2seq: expected ts \(4, T_dec \+ 1\), got"):
            model.forward(xs, wrong)
    for start_id in (V, -1):
        with pytest.raises(ValueError, match=r"expected ids in 0\.\.6"):
            model.decode(xs, start_id, 2)
    with pytest.raises(ValueError, match=r"expected ids in 0\.\.6"):
        model.forward(xs + V, ts)


def test_products_are_those_of_each_row_and_of_each_pair_that_meets():
    N, L = 4, 2
    attention, inside = 4 * D * D, 2 * D * H
    per_question = T_ENC * L * (attention + inside) + L * 2 * T_ENC * T_ENC * D
    per_question += T_DEC * (L * (attention + inside) + D * V) + L * 2 * T_DEC * T_DEC * D
    per_question += L * (2 * T_DEC + 2 * T_ENC) * D * D + L * 2 * T_DEC * T_ENC * D  # to the question
    assert lively(layers=L).products(N * T_ENC, N * T_DEC, T_ENC) == N * per_question


# At work


def test_workers_share_a_batch():
    xs, ts, grads = np.concatenate([questions(REAL)] * 6), answers(24), []
    for count in (1, 2, 3):
        model = lively(mask_padding=PAD)
        model.worth_a_worker = 1, 1
        assert len(model.shares(xs, ts, count)) == count
        with Workers(model, count) as workers:
            workers.step(xs, ts)
        grads.append(np.concatenate([g.ravel() for g in model.grads]))
    close(grads[1], grads[0])
    close(grads[2], grads[0])


@either_norm
def test_learns(pre_norm):
    """Layers, loss, gradients, optimizer, loop and decoding together: twenty additions by heart."""
    data = sequence.generate("addition.txt", count=20, seed=1)
    xs, ts = data.questions, data.answers
    size = len(data.vocabulary)
    model = TransformerSeq2seq(size, 16, 32, heads=2, layers=1, pre_norm=pre_norm, rng=np.random.default_rng(0))
    trainer = Trainer(model, Adam(lr=0.01), rng=np.random.default_rng(1), callbacks=())
    assert exact_match(model, xs, ts) < 0.2
    history = trainer.fit(xs, ts, max_epoch=120, batch_size=20, max_grad=5.0)
    assert history[0]["loss"] > 2 and history[-1]["loss"] < 0.02
    assert exact_match(model, xs, ts) == 1
    assert exact_match(model, xs[:, ::-1], ts) < 1  # it reads the question
