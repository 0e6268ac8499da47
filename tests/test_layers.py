"""The layers compute what the slow truth computes, and keep the protocol."""

import numpy as np
import pytest
import reference
from layer_table import CASES, NOTHING, RAGGED, T_ENC, D, H, N, T, V, as_tuple, build, upstream
from recurrent_table import TIME_OF, WithState
from stacked_table import STACKED

from common.attention import SCORES
from common.layer import named_params
from common.layers import Affine, Dropout, Embedding, MatMul, SigmoidWithLoss
from common.time_layers import (
    GRU,
    LSTM,
    RNN,
    Attention,
    AttentionWeight,
    TimeAttention,
    TimeBiLSTM,
    TimeGRU,
    TimeLSTM,
    TimeRNN,
    WeightSum,
)
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

KINDS = {"Seq2seq": "baseline", "PeekySeq2seq": "peeky", "AttentionSeq2seq": "attention"}


def close(got, wanted, rtol=1e-12, atol=1e-13):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


def cases(*classes):
    return [name for name in CASES if name.split("-")[0] in {cls.__name__ for cls in classes}]


# test_steps.py, test_rnn.py, test_gru.py, test_stacked.py
ELSEWHERE = "prefixes", "constant", "mask", "reset_after", "cell", "last"
TIME_LAYERS = cases(TimeRNN, TimeGRU, TimeLSTM, TimeBiLSTM)
TIME_LAYERS = [name for name in TIME_LAYERS if not any(what in name for what in ELSEWHERE)]


# Forward: equal to the naive loops


@pytest.mark.parametrize("name", cases(MatMul, Affine, Embedding))
def test_affine_and_embedding_equal_the_loop(name):
    layer, (x,) = build(name)
    slow = reference.embedding if isinstance(layer, Embedding) else reference.affine
    close(layer.forward(x), slow(*layer.params, x) if isinstance(layer, Embedding) else slow(x, *layer.params))


@pytest.mark.parametrize("name", TIME_LAYERS)
def test_time_layer_equals_the_loop(name):
    layer, (xs, *state) = build(name)
    hs = layer.forward(xs, *state)
    if isinstance(layer, TimeBiLSTM):
        close(hs, reference.bilstm(xs, *layer.params))
        return
    inner = layer.layer if isinstance(layer, WithState) else layer
    slow = {TimeRNN: reference.rnn, TimeGRU: reference.gru, TimeLSTM: reference.lstm}[type(inner)]
    zeros = [np.zeros_like(hs[:, 0])] * (2 if isinstance(inner, TimeLSTM) else 1)
    wanted = slow(xs, *(state or zeros), *layer.params)
    if isinstance(inner, TimeLSTM):
        wanted, cs = wanted
        close(inner.c, cs[:, -1])
    close(hs, wanted)
    close(inner.h, wanted[:, -1])


@pytest.mark.parametrize("name", [name for name in TIME_LAYERS if name.endswith("state")])
def test_time_layer_equals_its_step_repeated(name):
    """Forward and backward: the one-step layers are the readable definition."""
    layer, (xs, *state) = build(name)
    hs = layer.forward(xs, *state)
    (dhs,) = upstream([hs])
    dxs, *dstate = layer.backward(dhs)

    steps = [TIME_OF[type(layer.layer)](*layer.params) for _ in range(T)]
    for t, step in enumerate(steps):
        state = as_tuple(step.forward(xs[:, t], *state))
        close(hs[:, t], state[0])
    carried = [np.zeros((N, H)) for _ in state]
    for t in reversed(range(T)):
        carried[0] = carried[0] + dhs[:, t]
        dx, *carried = steps[t].backward(*carried)
        close(dxs[:, t], dx)
    for got, wanted in zip(dstate, carried, strict=True):
        close(got, wanted)
    for i, grad in enumerate(layer.grads):
        close(grad, sum(step.grads[i] for step in steps))


@pytest.mark.parametrize("name", cases(WeightSum, AttentionWeight, Attention, *SCORES.values()))
def test_attention_equals_the_loop(name):
    layer, inputs = build(name)
    y = layer.forward(*inputs)
    if isinstance(layer, TimeAttention):
        kind = next(kind for kind, cls in SCORES.items() if cls is type(layer))
        wanted, weights = reference.time_attention(*inputs, kind=kind, p=named_params(layer))
        close(np.array(layer.attention_weights), weights.transpose(1, 0, 2))
    elif isinstance(layer, Attention):
        weights = reference.attention_weight(*inputs)
        close(layer.attention_weight, weights)
        wanted = reference.weight_sum(inputs[0], weights)
    else:
        wanted = (reference.weight_sum if isinstance(layer, WeightSum) else reference.attention_weight)(*inputs)
    close(y, wanted)


def test_time_attention_equals_its_step_repeated():
    layer, (hs_enc, hs_dec, mask) = build("TimeAttention-ragged")
    c = layer.forward(hs_enc, hs_dec, mask)
    (dc,) = upstream([c])
    dhs_enc, dhs_dec = layer.backward(dc)
    total = 0
    for t in range(hs_dec.shape[1]):
        step = Attention()
        close(c[:, t], step.forward(hs_enc, hs_dec[:, t], mask))
        dhs, dh = step.backward(dc[:, t])
        close(dhs_dec[:, t], dh)
        total = total + dhs
    close(dhs_enc, total)


MODELS = [name for name in cases(Seq2seq, PeekySeq2seq, AttentionSeq2seq) if name not in STACKED]  # test_deep_models.py


@pytest.mark.parametrize("name", MODELS)
def test_model_equals_the_loop(name):
    model, (xs, ts) = build(name)
    kind, p = KINDS[type(model).__name__], named_params(model)
    options = {
        "mask": reference.attended(xs, getattr(model, "mask_padding", None)),
        "cell_state": "cell_state" in name,
    }
    if kind == "attention":
        options["score"] = model.decoder.score
    close(model.forward(xs, ts), reference.model_loss(kind, p, xs, ts, **options))
    decoded = model.decode(xs, 3, 9, batch_size=2)
    ids, log_probs, weights = reference.model_decode(kind, p, xs, 3, 9, **options)
    assert np.array_equal(decoded.ids, ids)
    close(decoded.log_probs, log_probs)
    if weights is None:
        assert decoded.attention_weights is None
    else:
        close(decoded.attention_weights, weights)
    for n in range(len(xs)):
        assert model.generate(xs[n : n + 1], 3, 9) == ids[n].tolist()


# Masks


@pytest.mark.parametrize("cls", [AttentionWeight, Attention, *SCORES.values()])
@pytest.mark.parametrize("mask", [RAGGED, NOTHING])
def test_masked_positions_get_exactly_nothing(cls, mask):
    name = f"{cls.__name__}-{'ragged' if mask is RAGGED else 'nothing'}"
    layer, (hs, h, _) = build(name)
    y = layer.forward(hs, h, mask)
    weights = {
        AttentionWeight: lambda: y,
        Attention: lambda: layer.attention_weight,
    }.get(cls, lambda: np.moveaxis(layer.attention_weights, 0, -1))()
    assert (weights[~mask] == 0).all()
    seeing = mask.any(axis=1)
    close(weights.sum(axis=1)[seeing], np.ones_like(weights.sum(axis=1)[seeing]))
    dhs, dh = layer.backward(*upstream([y]))
    assert (dhs[~mask] == 0).all() and (dhs[mask & (mask.sum(axis=1) > 1)[:, None]] != 0).all()
    assert (y[~seeing] == 0).all() and (dh[~seeing] == 0).all()


# The protocol, for all


def run(name, dtype=np.float64):
    """``(layer, inputs, outputs, gradients of the inputs, of the parameters)`` of one forward and backward."""
    layer, inputs = build(name, dtype)
    ys = as_tuple(layer.forward(*inputs))
    dins = as_tuple(layer.backward(*upstream(ys)))
    return layer, inputs, ys, dins, layer.grads


def copies(arrays):
    return [np.array(a) for a in arrays]


def equal(some, others):
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
@pytest.mark.parametrize("name", CASES)
def test_dtype_follows_the_weights(name, dtype):
    _, _, *got = run(name, dtype)
    _, _, *exact = run(name)
    for some, exactly in zip(got, exact, strict=True):
        for a, b in zip(some, exactly, strict=True):
            assert a.dtype == dtype
            close(a.real, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_second_backward_and_inputs_unchanged(name):
    layer, inputs, ys, dins, grads = run(name)
    before = copies([*ys, *dins, *grads])
    douts = upstream(ys)
    again = as_tuple(layer.backward(*douts))
    assert equal([*ys, *again, *layer.grads], before)
    assert equal(douts, upstream(ys))
    for x, fresh in zip(inputs, build(name)[1], strict=True):
        assert np.array_equal(x, fresh)


@pytest.mark.parametrize("name", CASES)
def test_params_and_grads_stay_the_same_arrays(name):
    layer, inputs = build(name)
    held, before = [*layer.params, *layer.grads], copies(layer.params)
    layer.backward(*upstream(as_tuple(layer.forward(*inputs))))
    assert all(a is b for a, b in zip(held, [*layer.params, *layer.grads], strict=True))
    assert equal(layer.params, before)


@pytest.mark.parametrize("name", CASES)
def test_backward_before_forward(name):
    _, _, ys, _, _ = run(name)
    layer, _ = build(name)
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        layer.backward(*upstream(ys))


# Errors at the door: the layer, the expected shape, the given shape


W, Wh, b = np.zeros((D, 4 * H)), np.zeros((H, 4 * H)), np.zeros(4 * H)


def z(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "layer", "shape", "got"),
    [
        (lambda: MatMul(z(D, H)).forward(z(N, D + 1)), "MatMul", "(any, 4)", "(3, 5)"),
        (lambda: Affine(z(D, H), z(H)).forward(z(N, T, H)), "Affine", "(any, any, 4)", "(3, 5, 7)"),
        (lambda: Affine(z(D, H), z(D)), "Affine", "(7)", "(4,)"),
        (lambda: TimeLSTM(W, Wh, b[1:]), "TimeLSTM", "(28)", "(27,)"),
        (lambda: TimeLSTM(W, Wh.T, b), "TimeLSTM", "(4, 112)", "(4, 28)"),
        (lambda: TimeLSTM(W, Wh, b).forward(z(N, D)), "TimeLSTM", "(any, any, 4)", "(3, 4)"),
        (lambda: TimeGRU(W, Wh, b), "TimeGRU", "(4, 21)", "(4, 28)"),
        (lambda: TimeRNN(W[:, :H], Wh[:, :H], b[:H]).forward(z(N, T, H)), "TimeRNN", "(any, any, 4)", "(3, 5, 7)"),
        (lambda: RNN(W[:, :H], Wh[:, :H], b[:H]).forward(z(N, D), z(1, H)), "RNN", "(3, 7)", "(1, 7)"),
        (lambda: LSTM(W, Wh, b).forward(z(N, D), z(N, H), z(H)), "LSTM", "(3, 7)", "(7,)"),
        (lambda: GRU(W[:, : 3 * H], Wh[:, : 3 * H], b[: 3 * H]).forward(z(N, H), z(N, H)), "GRU", "(any, 4)", "(3, 7)"),
        (lambda: WeightSum().forward(z(N, T, H), z(N, H)), "WeightSum", "(3, 5)", "(3, 7)"),
        (lambda: AttentionWeight().forward(z(N, T, H), z(1, H)), "AttentionWeight", "(3, 7)", "(1, 7)"),
        (lambda: Attention().forward(z(N, T, H), z(N, H), z(T)), "AttentionWeight", "(3, 5)", "(5,)"),
        (lambda: TimeAttention().forward(z(N, T, H), z(N, T, D)), "TimeAttention", "(3, any, 7)", "(3, 5, 4)"),
        (lambda: TimeAttention().forward(z(N, T, H), z(N, 2, H), z(N, 2)), "TimeAttention", "(3, 5)", "(3, 2)"),
    ],
)
def test_wrong_shape_is_named(call, layer, shape, got):
    with pytest.raises(ValueError) as error:
        call()
    message = str(error.value)
    assert message.startswith(f"{layer}: ") and f"expected shape {shape}" in message and message.endswith(f"got {got}")


@pytest.mark.parametrize("time_layer", [TimeRNN, TimeGRU, TimeLSTM])
def test_wrong_upstream_gradient_is_named(time_layer):
    layer, (xs,) = build(time_layer.__name__)
    layer.forward(xs)
    with pytest.raises(ValueError, match=rf"^{time_layer.__name__}: dhs .* \(3, 5, 7\), got \(3, 1, 7\)$"):
        layer.backward(z(N, 1, H))


@pytest.mark.parametrize("ids", [[0.0, 1.0], [True], [-1, 0], [[0, V]]])
def test_embedding_refuses(ids):
    with pytest.raises(ValueError, match=r"^Embedding: expected (integer ids, got|ids in 0..9, got (-1|0)..)"):
        Embedding(z(V, D)).forward(np.array(ids))


# State


@pytest.mark.parametrize("cls", [TimeRNN, TimeGRU, TimeLSTM])
def test_state_between_calls(cls):
    layer, (xs,) = build(cls.__name__)
    whole = layer.forward(xs)
    assert np.array_equal(layer.forward(xs), whole)  # stateless: every call starts from zeros
    layer.stateful = True
    layer.reset_state()
    halves = [layer.forward(xs[:, :2]), layer.forward(xs[:, 2:])]
    close(np.concatenate(halves, axis=1), whole)
    assert not np.allclose(layer.forward(xs), whole)
    with pytest.raises(ValueError, match=rf"{cls.__name__}: .*reset_state.* expected shape \(2, 7\), got \(3, 7\)"):
        layer.forward(xs[:2])
    layer.reset_state()
    close(layer.forward(xs[:2]), whole[:2])


@pytest.mark.parametrize("cls", [TimeRNN, TimeGRU, TimeLSTM])
def test_set_state(cls):
    layer, (xs, h, *c) = build(f"{cls.__name__}-state")
    layer.forward(xs, h, *c)
    end = [layer.layer.h, *([layer.layer.c] if c else [])]
    continued = layer.forward(xs, *end)
    layer.forward(xs, h, *c)
    assert np.array_equal(layer.layer.forward(xs), continued)
    layer.layer.set_state(h)  # without c it is zero, whatever it was before
    assert np.array_equal(layer.layer.forward(xs), layer.forward(xs, h, *map(np.zeros_like, c)))
    stateless, _ = build(cls.__name__)
    with pytest.raises(RuntimeError, match=rf"^{cls.__name__}: set_state needs stateful=True"):
        stateless.set_state(h)


def test_attention_weights_are_the_layers_own():
    layer, (hs_enc, hs_dec) = build("TimeAttention")
    layer.forward(hs_enc, hs_dec)
    assert np.array(layer.attention_weights).shape == (hs_dec.shape[1], N, T_ENC)
    dc = np.ones_like(hs_dec)
    before = layer.backward(dc)
    layer.attention_weights[0] = 0
    for gradient, expected in zip(layer.backward(dc), before, strict=True):
        assert np.array_equal(gradient, expected)


@pytest.mark.parametrize("name", ["MatMul", "Affine", "TimeRNN", "TimeLSTM", "TimeGRU"])
def test_float64_inputs_do_not_turn_float32_layers_up(name):
    layer, (x,) = build(name)
    small = type(layer)(*(p.astype(np.float32) for p in layer.params))
    assert x.dtype == np.float64
    assert small.forward(x).dtype == np.float32


def test_float64_scalars_do_not_turn_float32_up():
    x = np.ones((3, 4), dtype=np.float32)
    assert Dropout(np.float64(0.5)).forward(x).dtype == np.float32
    loss = SigmoidWithLoss()
    loss.forward(x, np.ones((3, 4), dtype=int))
    assert loss.backward(np.float64(2)).dtype == np.float32
