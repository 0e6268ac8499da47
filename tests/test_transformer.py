"""The Transformer's layers: what they compute, what they never see, and decoding with kept keys and values."""

import numpy as np
import pytest
import reference_transformer
from layer_table import CASES, as_tuple, build, upstream
from table_inputs import HOLES, NOTHING, RAGGED, T_ENC, Draw, N, T
from transformer_table import HEADS, HIDDEN, D, drawn

from common.layer import inference, named_params
from common.layer_norm import LayerNorm
from common.layers import Dropout
from common.multi_head_attention import MultiHeadAttention
from common.transformer_layers import (
    FeedForward,
    PositionalEncoding,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    sinusoids,
)


def cases(cls, without="dropout"):
    return [name for name in CASES if name.split("-")[0] == cls.__name__ and without not in name]


def close(got, wanted, rtol=1e-12, atol=1e-13):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


# Forward: equal to the naive loops


@pytest.mark.parametrize("name", cases(LayerNorm))
def test_layer_norm_equals_the_loop(name):
    layer, (x,) = build(name)
    close(layer.forward(x), reference_transformer.layer_norm(x, layer.gamma, layer.beta))


@pytest.mark.parametrize("name", cases(PositionalEncoding))
def test_positional_encoding_equals_the_loop(name):
    layer, inputs = build(name)
    close(layer.forward(*inputs), reference_transformer.positional_encoding(*inputs))


@pytest.mark.parametrize("name", cases(FeedForward))
def test_feed_forward_equals_the_loop(name):
    layer, (xs,) = build(name)
    close(layer.forward(xs), reference_transformer.feed_forward(xs, named_params(layer)))


@pytest.mark.parametrize("name", cases(TransformerEncoderLayer))
def test_encoder_layer_equals_the_loop(name):
    layer, (xs, *mask) = build(name)
    wanted = reference_transformer.encoder_layer(
        xs, *(mask or [None]), HEADS, layer.attention.pre_norm, named_params(layer)
    )
    close(layer.forward(xs, *mask), wanted)


@pytest.mark.parametrize("name", cases(TransformerDecoderLayer))
def test_decoder_layer_equals_the_loop(name):
    layer, (xs, hs, *mask) = build(name)
    wanted, weights = reference_transformer.decoder_layer(
        xs, hs, *(mask or [None]), HEADS, layer.self_attention.pre_norm, named_params(layer)
    )
    close(layer.forward(xs, hs, *mask), wanted)
    close(layer.cross_attention.layer.attention_weights, weights)


# LayerNorm and PositionalEncoding


def test_a_norm_at_first():
    layer, x = LayerNorm(50, dtype=np.float64), 3 + 5 * Draw()(N, T, 50)
    y = layer.forward(x)
    close(y.mean(axis=-1), np.zeros((N, T)))
    close(y.std(axis=-1), np.ones((N, T)), rtol=1e-5)
    assert layer.epsilon == 1e-5 and {p.dtype for p in LayerNorm(2).params} == {np.dtype(np.float32)}


def test_equal_features_give_beta():
    layer, _ = build("LayerNorm")
    y = layer.forward(np.full((N, D), 7.0))
    assert np.array_equal(y, np.tile(layer.beta, (N, 1)))
    assert np.isfinite(layer.backward(*upstream([y]))).all()


def test_positions():
    P = sinusoids(3, 4)
    close(P[0], [0, 1, 0, 1])
    close(P[2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])
    assert np.array_equal(sinusoids(2, 4, start=1), P[1:])
    close(sinusoids(3, 3)[2], [np.sin(2), np.cos(2), np.sin(2 / 10000 ** (2 / 3))])  # an odd size


@pytest.mark.parametrize("name", ["LayerNorm", "FeedForward", "TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_float64_inputs_do_not_turn_float32_layers_up(name):
    layer, inputs = build(name, np.float32)
    assert layer.forward(*(x.astype(np.float64) for x in inputs)).dtype == np.float32


# What is seen


@pytest.mark.parametrize("pre_norm", [True, False])
def test_blocks_where_there_is_nothing_to_see(pre_norm):
    """The attention adds nothing: as without it."""
    r = Draw()
    layer, xs, hs = drawn(TransformerDecoderLayer, r, D, HEADS, HIDDEN, pre_norm=pre_norm), r(N, T, D), r(N, T_ENC, D)
    ys = layer.forward(xs, hs, NOTHING)
    dxs, dhs = layer.backward(*upstream([ys]))
    assert (dhs[~NOTHING] == 0).all() and (dhs[NOTHING] != 0).all() and (dxs != 0).all()
    layer.cross_attention.layer.forward = lambda xs, hs, mask: np.zeros_like(xs)
    assert np.array_equal(layer.forward(xs, hs, NOTHING)[1], ys[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("t", range(1, T_ENC))
def test_a_causal_layer_leaks_nothing(t, dtype):
    """Bit for bit: what is at t or later changes no output before, and gets no gradient from there."""
    r = Draw(dtype)
    attention, hs = drawn(MultiHeadAttention, r, D, HEADS, causal=True), r(N, T_ENC, D)
    xs, other = r(N, T_ENC, D), 100 * r(N, T_ENC, D)
    changed = np.where(np.arange(T_ENC)[:, None] < t, xs, other)
    for layer, *inputs in (
        (attention,),
        (attention, None, RAGGED),
        *((drawn(TransformerDecoderLayer, r, D, HEADS, HIDDEN, pre_norm=pre), hs, RAGGED) for pre in (True, False)),
    ):
        before, after = layer.forward(changed, *inputs), layer.forward(xs, *inputs)
        assert np.array_equal(before[:, :t], after[:, :t])
        assert (before[:, t:] != after[:, t:]).any(axis=(0, 2)).all()
        dys = np.where(np.arange(T_ENC)[:, None] < t, *upstream([after]), 0).astype(dtype)
        dxs = as_tuple(layer.backward(dys))[0]
        assert not dxs[:, t:].any() and dxs[:, 0].any()


@pytest.mark.parametrize("cls", [TransformerEncoderLayer, TransformerDecoderLayer])
@pytest.mark.parametrize("pre_norm", [True, False])
def test_padding_reaches_no_other_position(cls, pre_norm):
    r = Draw()
    layer, first, hs = drawn(cls, r, D, HEADS, HIDDEN, pre_norm=pre_norm), r(N, T, D), r(N, T_ENC, D)
    other = np.where(RAGGED[..., None], hs, 100 * r(N, T_ENC, D))
    if cls is TransformerDecoderLayer:
        assert np.array_equal(layer.forward(first, hs, RAGGED), layer.forward(first, other, RAGGED))
    else:
        assert np.array_equal(layer.forward(hs, RAGGED)[RAGGED], layer.forward(other, RAGGED)[RAGGED])


# A token at a time


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("mask", [None, RAGGED, NOTHING])
def test_a_decoder_layer_step_by_step(pre_norm, mask):
    r = Draw()
    layer = drawn(TransformerDecoderLayer, r, D, HEADS, HIDDEN, pre_norm=pre_norm, dropout=0.4)
    xs, hs = r(N, T, D), r(N, T_ENC, D)
    with inference(layer):
        ys = layer.forward(xs, hs, mask)
        looked = layer.cross_attention.layer.attention_weights
        kept = layer.start(hs)
        for t in range(T):
            y, kept = layer.step(xs[:, t : t + 1], kept, mask)
            close(y[:, 0], ys[:, t])
            close(layer.cross_attention.layer.attention_weights[:, :, 0], looked[:, :, t])
        with pytest.raises(RuntimeError, match=r"^MultiHeadAttention: backward was called before forward"):
            layer.backward(y)


# Dropout and first values


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("cls", [TransformerEncoderLayer, TransformerDecoderLayer])
def test_dropout_is_an_option(cls, pre_norm):
    r = Draw()
    xs = [r(N, T, D)] * (1 if cls is TransformerEncoderLayer else 2)

    def make(dropout):
        return cls(D, HEADS, HIDDEN, dropout, pre_norm, rng=np.random.default_rng(0), dtype=np.float64)

    without, layer = make(0), make(0.5)
    assert list(named_params(layer)) == list(named_params(without))
    assert all(np.array_equal(a, b) for a, b in zip(layer.params, without.params, strict=True))
    ys = without.forward(*xs)
    assert not np.allclose(layer.forward(*xs), ys)
    with inference(layer):
        close(layer.forward(*xs), ys)
    parts = [residual for residual in vars(layer).values() if hasattr(residual, "dropout")]
    masks = [part.dropout.rng.random(9).tolist() for part in parts]
    assert len({tuple(mask) for mask in masks}) == len(masks) == len(xs) + 1  # streams of their own
    assert all(isinstance(part.dropout, Dropout) and part.dropout.dropout_ratio == 0.5 for part in parts)


def test_parameters():
    layer = TransformerDecoderLayer(64, 4, 256, rng=np.random.default_rng(0))
    shapes = {name: p.shape for name, p in named_params(layer).items()}
    matrices = {"query.W", "key.W", "value.W", "output.W"}
    attention = dict.fromkeys(matrices, (64, 64)) | dict.fromkeys(("query.b", "value.b", "output.b"), (64,))
    inside = {"affine1.W": (64, 256), "affine1.b": (256,), "affine2.W": (256, 64), "affine2.b": (64,)}
    parts = {"self_attention": attention, "cross_attention": attention, "feed_forward": inside}
    wanted = {f"{part}.layer.{name}": shape for part, of in parts.items() for name, shape in of.items()}
    assert shapes == wanted | {f"{part}.norm.{name}": (64,) for part in parts for name in ("gamma", "beta")}
    assert {p.dtype for p in layer.params} == {np.dtype(np.float32)}
    for name, p in named_params(layer).items():
        if name.endswith("W"):
            assert p.std() == pytest.approx((2 / sum(p.shape)) ** 0.5, rel=0.03)
        else:
            assert (p == name.endswith("gamma")).all()
    assert len({p.tobytes() for p in layer.params if p.ndim == 2}) == 10  # no two alike


# The layers at work


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pre_norm", [True, False])
def test_large_inputs_stay_finite(pre_norm, dtype):
    r = Draw(dtype)
    encoder = drawn(TransformerEncoderLayer, r, D, HEADS, HIDDEN, pre_norm=pre_norm)
    decoder = drawn(TransformerDecoderLayer, r, D, HEADS, HIDDEN, pre_norm=pre_norm)
    with np.errstate(all="raise", under="ignore"):
        for scale in (1e4, 1e-30):
            hs = encoder.forward(dtype(scale) * r(N, T_ENC, D), HOLES)
            ys = decoder.forward(dtype(scale) * r(N, T, D), hs, HOLES)
            dxs, dhs = decoder.backward(*upstream([ys]))
            found = hs, ys, dxs, dhs, encoder.backward(dhs), *encoder.grads, *decoder.grads
            assert all(np.isfinite(array).all() for array in found)


# Errors at the door


def z(*shape):
    return np.zeros(shape)


def decoder():
    return TransformerDecoderLayer(6, 3, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LayerNorm(0), r"LayerNorm: input_size: expected at least 1, got 0"),
        (lambda: LayerNorm(4, -1e-5), r"LayerNorm: expected an epsilon above 0, got -1e-05"),
        (lambda: LayerNorm(4, "small"), r"LayerNorm: epsilon: expected a number, got 'small'"),
        (lambda: LayerNorm(4).forward(z(3, 5)), r"LayerNorm: x .*: expected shape \(any, 4\), got \(3, 5\)"),
        (lambda: FeedForward(4, 0), r"FeedForward: expected sizes \(D, H\) of at least 1, got \(4, 0\)"),
        (lambda: PositionalEncoding().forward(z(3, 4)), r"PositionalEncoding: xs .*, got \(3, 4\)"),
        (lambda: TransformerEncoderLayer(6, 3, 4, dropout=1), r"Dropout: expected a ratio in \[0, 1\), got 1"),
        (lambda: decoder().forward(z(3, 2, 6), None), r"TransformerDecoderLayer: hs .*, got NoneType"),
        (lambda: decoder().step(z(3, 1, 6), decoder().start(z(2, 5, 6))), r"\w+: expected a multiple of 2 .*, got 3"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


@pytest.mark.parametrize("name", ["LayerNorm", "MultiHeadAttention", "PositionalEncoding"])
def test_wrong_upstream_gradient_is_named(name):
    layer, inputs = build(name)
    ys = layer.forward(*inputs)
    with pytest.raises(ValueError, match=rf"^{name}: dys?\b.*: expected shape .*, got"):
        layer.backward(ys[..., :-1])
