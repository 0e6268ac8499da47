"""The Transformer's layers give what PyTorch's give, forward and backward, with the same weights in float64."""

import numpy as np
import pytest
from layer_table import upstream
from reference_transformer import within
from table_inputs import HOLES, NOTHING, RAGGED, T_ENC, Draw, N, T
from transformer_table import HEADS, HIDDEN, D, drawn, norm

from common.layer import named_grads, named_params
from common.multi_head_attention import MultiHeadAttention
from common.transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer, sinusoids
from seq2seq import TransformerSeq2seq

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
nn = torch.nn


def close(got, wanted, rtol=1e-10, atol=1e-10):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


def layout(p, key_bias):
    """{our name: array} -> {their name: array}; their keys have a bias, ours have none."""

    def norm(p):
        return {"weight": p["gamma"], "bias": p["beta"]}

    def attention(p):
        return {
            "in_proj_weight": np.concatenate([p[f"{name}.W"].T for name in ("query", "key", "value")]),
            "in_proj_bias": np.concatenate([p["query.b"], key_bias, p["value.b"]]),
            "out_proj.weight": p["output.W"].T,
            "out_proj.bias": p["output.b"],
        }

    if "gamma" in p:
        return norm(p)
    if "query.W" in p:
        return attention(p)
    blocks = {"attention": "self_attn", "self_attention": "self_attn", "cross_attention": "multihead_attn"}
    found, norms = {}, 0
    for ours in [*blocks, "feed_forward"]:
        inside = within(p, ours)
        if not inside:
            continue
        norms += 1
        found |= {f"norm{norms}.{name}": array for name, array in norm(within(inside, "norm")).items()}
        inside = within(inside, "layer")
        if ours in blocks:
            found |= {f"{blocks[ours]}.{name}": array for name, array in attention(inside).items()}
        else:
            for i in "12":
                found |= {f"linear{i}.weight": inside[f"affine{i}.W"].T, f"linear{i}.bias": inside[f"affine{i}.b"]}
    return found


def give(ours, theirs):
    """Give their module our weights, and its keys a random bias: softmax cancels it."""
    weights = layout(named_params(ours), Draw(seed=5)(D))
    theirs.load_state_dict({name: torch.tensor(array) for name, array in weights.items()}, strict=True)


def alike(Ours, Theirs, r, pre_norm):
    """A layer of a Transformer and their module, of the same weights."""
    ours = drawn(Ours, r, D, HEADS, HIDDEN, pre_norm=pre_norm)
    theirs = Theirs(D, HEADS, HIDDEN, dropout=0, batch_first=True, norm_first=pre_norm, dtype=torch.float64)
    give(ours, theirs)
    return ours, theirs


def same_gradients(ours, theirs):
    wanted = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    found = layout(named_grads(ours), np.zeros(D))
    assert set(found) == set(wanted)
    for name, gradient in found.items():
        close(gradient, wanted[name])


def same_both_ways(ours, theirs, ys, there, inputs):
    """ys, there: what our layer and their module gave; inputs: their tensors, in the order of our gradients."""
    close(ys, there.detach().numpy())
    dys = upstream([ys])[0]
    there.backward(torch.tensor(dys))
    found = ours.backward(dys)
    for got, tensor in zip(found if isinstance(found, tuple) else [found], inputs, strict=True):
        close(got, tensor.grad.numpy())
    same_gradients(ours, theirs)


def tensors(*arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def padding(mask):
    return None if mask is None else torch.from_numpy(~mask)


def causal(T):
    return torch.triu(torch.ones(T, T, dtype=torch.bool), diagonal=1)


def test_layer_norm():
    r = Draw()
    ours, theirs, x = norm(r, D), nn.LayerNorm(D, dtype=torch.float64), 3 * r(N, T, D)
    give(ours, theirs)
    (there,) = tensors(x)
    same_both_ways(ours, theirs, ours.forward(x), theirs(there), [there])


@pytest.mark.parametrize("kind", ["self", "causal", "cross"])
@pytest.mark.parametrize("mask", [None, RAGGED, HOLES[:2]])
def test_multi_head_attention(kind, mask):
    r = Draw()
    n = N if mask is None else len(mask)
    ours = drawn(MultiHeadAttention, r, D, HEADS, kind == "causal")
    theirs = nn.MultiheadAttention(D, HEADS, batch_first=True, dtype=torch.float64)
    give(ours, theirs)
    xs, hs = r(n, T_ENC if kind != "cross" else T, D), r(n, T_ENC, D)
    x, h = tensors(xs, hs)
    to, given = (h, hs) if kind == "cross" else (x, None)
    hidden = causal(T_ENC) if kind == "causal" else None
    if mask is not None and kind == "causal":
        mask = mask | (np.arange(T_ENC) == 0)  # or the first query sees nothing, for which they give nan
    ys = ours.forward(xs, given, mask)
    there, weights = theirs(x, to, to, key_padding_mask=padding(mask), attn_mask=hidden, average_attn_weights=False)
    close(ours.attention_weights, weights.detach().numpy())
    same_both_ways(ours, theirs, ys, there, [x, h] if kind == "cross" else [x])


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("mask", [None, RAGGED])
def test_encoder_layer(pre_norm, mask):
    r = Draw()
    ours, theirs = alike(TransformerEncoderLayer, nn.TransformerEncoderLayer, r, pre_norm)
    xs = r(N, T_ENC, D)
    (x,) = tensors(xs)
    same_both_ways(ours, theirs, ours.forward(xs, mask), theirs(x, src_key_padding_mask=padding(mask)), [x])


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("mask", [None, RAGGED])
def test_decoder_layer(pre_norm, mask):
    r = Draw()
    ours, theirs = alike(TransformerDecoderLayer, nn.TransformerDecoderLayer, r, pre_norm)
    xs, hs = r(N, T, D), r(N, T_ENC, D)
    x, h = tensors(xs, hs)
    there = theirs(x, h, tgt_mask=causal(T), memory_key_padding_mask=padding(mask))
    same_both_ways(ours, theirs, ours.forward(xs, hs, mask), there, [x, h])


class Whole(nn.Module):
    """Their whole Transformer, with our embeddings, positions and padding; its parameters are named as ours."""

    def __init__(self, V, heads, layers, pre_norm, pad):
        super().__init__()
        how = dict(dropout=0, batch_first=True, norm_first=pre_norm, dtype=torch.float64)
        self.pad = pad
        for name, Layer in (("encoder", nn.TransformerEncoderLayer), ("decoder", nn.TransformerDecoderLayer)):
            half = nn.Module()
            half.embed = nn.Embedding(V, D, dtype=torch.float64)
            half.layers = nn.ModuleList([Layer(D, heads, HIDDEN, **how) for _ in range(layers)])
            half.norm = nn.LayerNorm(D, dtype=torch.float64) if pre_norm else nn.Identity()
            setattr(self, name, half)
        self.decoder.affine = nn.Linear(D, V, dtype=torch.float64)

    def read(self, half, ids):
        positions = torch.from_numpy(sinusoids(ids.shape[1], D))
        return half.embed(torch.from_numpy(ids)) * D**0.5 + positions

    def forward(self, xs, ts):
        hidden = None if self.pad is None else torch.from_numpy(xs == self.pad)
        hs, ys = self.read(self.encoder, xs), self.read(self.decoder, ts)
        for layer in self.encoder.layers:
            hs = layer(hs, src_key_padding_mask=hidden)
        hs = self.encoder.norm(hs)
        for layer in self.decoder.layers:
            ys = layer(ys, hs, tgt_mask=causal(ts.shape[1]), memory_key_padding_mask=hidden)
        return self.decoder.affine(self.decoder.norm(ys))


def whole_layout(p, key_bias):
    """{our name: array} -> {name in Whole: array}."""
    found = {f"{half}.embed.weight": p[f"{half}.embed.W"] for half in ("encoder", "decoder")}
    found |= {"decoder.affine.weight": p["decoder.affine.W"].T, "decoder.affine.bias": p["decoder.affine.b"]}
    parts = {name.split(".norm.")[0].split(".layer.")[0].rpartition(".")[0] for name in p if ".layers." in name}
    parts |= {f"{half}.norm" for half in ("encoder", "decoder") if f"{half}.norm.gamma" in p}
    for part in parts:
        found |= {f"{part}.{name}": array for name, array in layout(within(p, part), key_bias).items()}
    return found


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("pad", [None, 0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_whole_model(pre_norm, pad, smoothing):
    """Scores, loss and all gradients; some labels do not count."""
    r, V, layers = Draw(), 7, 2
    how = dict(heads=HEADS, layers=layers, pre_norm=pre_norm, mask_padding=pad)
    ours = drawn(TransformerSeq2seq, r, V, D, HIDDEN, **how)
    ours.softmax.label_smoothing, ours.softmax.ignore_label = smoothing, 2
    theirs = Whole(V, HEADS, layers, pre_norm, pad)
    weights = whole_layout(named_params(ours), Draw(seed=5)(D))
    theirs.load_state_dict({name: torch.tensor(array) for name, array in weights.items()}, strict=True)
    xs, ts = r.ids(N, T_ENC, below=V), r.ids(N, T + 1, below=V)
    xs = np.where(RAGGED, 1 + xs % (V - 1), 0)
    ts[0, 1:3] = ts[1, 3] = 2
    there = theirs(xs, ts[:, :-1])
    close(ours.decoder.forward(ts[:, :-1], ours.encode(xs)), there.detach().numpy())
    labels = torch.from_numpy(ts[:, 1:])
    loss = nn.functional.cross_entropy(there.transpose(1, 2), labels, ignore_index=2, label_smoothing=smoothing)
    close(ours.forward(xs, ts), loss.item())
    loss.backward()
    ours.backward()
    wanted = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    found = whole_layout(named_grads(ours), np.zeros(D))
    assert set(found) == set(wanted)
    for name, gradient in found.items():
        close(gradient, wanted[name])


def test_rows_with_nothing_to_see():
    """Ours give 0; theirs, nan where weights are asked for, and else the bias of the output.

    That row need not count for its nan to reach the gradients of theirs.
    """
    r = Draw()
    ours = drawn(MultiHeadAttention, r, D, HEADS)
    theirs = nn.MultiheadAttention(D, HEADS, batch_first=True, dtype=torch.float64)
    give(ours, theirs)
    xs, blind = r(N, T_ENC, D), ~NOTHING.any(axis=1)
    ys, x = ours.forward(xs, None, NOTHING), torch.from_numpy(xs)
    with torch.no_grad():
        asked, weights = theirs(x, x, x, key_padding_mask=padding(NOTHING))
        there, _ = theirs(x, x, x, key_padding_mask=padding(NOTHING), need_weights=False)
    assert not ys[blind].any() and asked[blind].isnan().all() and weights[blind].isnan().all()
    close(there.numpy()[blind], np.broadcast_to(ours.output.b, ys[blind].shape))
    close(there.numpy()[~blind], ys[~blind])
    close(asked.numpy()[~blind], ys[~blind])

    theirs(x, x, x, key_padding_mask=padding(NOTHING))[0][~blind].sum().backward()
    spoilt = {name for name, p in theirs.named_parameters() if p.grad.isnan().all()}
    assert spoilt == {"in_proj_weight", "in_proj_bias", "out_proj.weight"}
    assert theirs.out_proj.bias.grad.isfinite().all()
