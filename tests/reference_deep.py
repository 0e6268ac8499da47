"""The slow truth of encoders that read both ways and of LSTMs on top of each other; see reference.py.

p is a dict of arrays by name, as named_params gives them. A mask is bool, True where real.
"""

import numpy as np
import reference
from reference import f64
from reference_transformer import within


def lstm(p, xs, mask, h, c):
    """One sequence: xs (T, D), mask (T,), h, c (H,) -> hs (T, H), h, c. Where masked, the state stays as it is."""
    hs = np.zeros((len(xs), len(h)))
    for t in range(len(xs)):
        if mask[t]:
            h, c = reference.lstm_step(xs[t], h, c, p["Wx"], p["Wh"], p["b"])
        hs[t] = h
    return hs, h, c


def layer(p, xs, mask, h=None, c=None):
    """An LSTM or, if p has those of both directions, two: xs (T, D), mask (T,) -> hs (T, H), last h and c (H,)."""
    if "forward_lstm.Wx" not in p:
        zero = np.zeros(len(p["Wh"]))
        return lstm(p, xs, mask, zero if h is None else f64(h), zero if c is None else f64(c))
    there, back = within(p, "forward_lstm"), within(p, "backward_lstm")
    hs1, h1, c1 = layer(there, xs, mask)
    hs2, h2, c2 = layer(back, xs[::-1], mask[::-1])
    return np.concatenate([hs1, hs2[::-1]], axis=1), np.concatenate([h1, h2]), np.concatenate([c1, c2])


def stack(p, xs, mask, h=None, c=None, factors=()):
    """K layers: xs (T, D), mask (T,), h, c (K * H,) or None, zeros -> hs (T, H), last h and c (K * H,).

    factors: by what dropout multiplies the input of each layer but the first, (T, H); none: by 1.
    """
    if "layers.0.b" not in p and "layers.0.forward_lstm.b" not in p:
        return layer(p, xs, mask, h, c)
    layers = []
    while inside := within(p, f"layers.{len(layers)}"):
        layers.append(inside)
    K = len(layers)
    firsts = zip(*([None] * K if state is None else np.split(f64(state), K) for state in (h, c)), strict=True)
    hs, last_h, last_c = None, [], []
    for k, (inside, first) in enumerate(zip(layers, firsts, strict=True)):
        inputs = xs if k == 0 else hs * factors[k - 1] if len(factors) else hs
        out, h, c = layer(inside, inputs, mask, *first)
        hs = out if k == 0 else hs + out
        last_h.append(h)
        last_c.append(c)
    return hs, np.concatenate(last_h), np.concatenate(last_c)


def model_scores(kind, p, xs, ts_in, cell_state=False):
    """xs (N, T_enc), ts_in (N, T_dec) ids -> scores (N, T_dec, V), weights (N, T_dec, T_enc) or None."""
    scores, weights = [], []
    for x, t_in in zip(xs, ts_in, strict=True):
        questions, answers = (
            reference.embedding(p["encoder.embed.W"], x),
            reference.embedding(p["decoder.embed.W"], t_in),
        )
        hs_enc, h, c = stack(within(p, "encoder.lstm"), questions, np.ones(len(x), bool))
        top = np.tile(h[-hs_enc.shape[1] :], (len(t_in), 1))
        if kind == "peeky":
            answers = np.concatenate([top, answers], axis=1)
        hs, _, _ = stack(within(p, "decoder.lstm"), answers, np.ones(len(t_in), bool), h, c if cell_state else None)
        if kind == "peeky":
            hs = np.concatenate([top, hs], axis=1)
        elif kind == "attention":
            contexts, looked = reference.time_attention(hs_enc[None], hs[None])
            hs = np.concatenate([contexts[0], hs], axis=1)
            weights.append(looked[0])
        scores.append(reference.affine(hs, p["decoder.affine.W"], p["decoder.affine.b"]))
    return np.array(scores), np.array(weights) if weights else None
