"""The slow truth of the Transformer's layers: naive float64 versions that import nothing of ours.

Written to be obvious, not quick: a row, a head, a position at a time. p: {name: weight}, named as in ours.
Axes: N batch, T time (T_q, T_k), D input, H hidden. A mask is bool (N, T_k), True where real.
"""

import math

import numpy as np
from reference import log_softmax
from reference_text import weights_of


def layer_norm(x, gamma, beta, epsilon=1e-5):
    """x (..., D), gamma and beta (D,) -> (..., D)."""
    y, D = np.zeros(x.shape), x.shape[-1]
    for row in np.ndindex(x.shape[:-1]):
        mean = math.fsum(x[row]) / D
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in x[row]) / D + epsilon)
        for i in range(D):
            y[row][i] = gamma[i] * (x[row][i] - mean) / deviation + beta[i]
    return y


def positional_encoding(xs, start=0):
    """xs (N, T, D) -> (N, T, D): scaled, with the position added."""
    ys, D = np.zeros(xs.shape), xs.shape[-1]
    for n, t, j in np.ndindex(xs.shape):
        angle = (start + t) / 10000 ** (2 * (j // 2) / D)
        ys[n, t, j] = math.sqrt(D) * xs[n, t, j] + (math.cos(angle) if j % 2 else math.sin(angle))
    return ys


def affine(x, W, b=None):
    """x (D,), W (D, M), b (M,) or None -> (M,)."""
    return np.array([math.fsum(x * W[:, j]) + (0.0 if b is None else b[j]) for j in range(W.shape[1])])


def feed_forward(xs, p):
    """xs (N, T, D) -> (N, T, D)."""
    ys = np.zeros(xs.shape)
    for at in np.ndindex(xs.shape[:-1]):
        hidden = [max(h, 0.0) for h in affine(xs[at], p["affine1.W"], p["affine1.b"])]
        ys[at] = affine(np.array(hidden), p["affine2.W"], p["affine2.b"])
    return ys


def multi_head_attention(xs, hs, mask, heads, causal, p):
    """xs (N, T_q, D), hs (N, T_k, D) or None, mask (N, T_k) or None -> ys (N, T_q, D), weights (N, heads, T_q, T_k)."""
    hs = xs if hs is None else hs
    (N, T_q, D), T_k, d = xs.shape, hs.shape[1], xs.shape[2] // heads
    ys, weights = np.zeros(xs.shape), np.zeros((N, heads, T_q, T_k))
    for n in range(N):
        keys = [affine(h, p["key.W"]) for h in hs[n]]
        values = [affine(h, p["value.W"], p["value.b"]) for h in hs[n]]
        for t in range(T_q):
            seen = [s for s in range(T_k) if (mask is None or mask[n, s]) and not (causal and s > t)]
            if not seen:
                continue
            query, context = affine(xs[n, t], p["query.W"], p["query.b"]), np.zeros(D)
            for head in range(heads):
                own = range(head * d, head * d + d)
                scores = {s: math.fsum(query[i] * keys[s][i] for i in own) / math.sqrt(d) for s in seen}
                for s, weight in weights_of(scores).items():
                    weights[n, head, t, s] = weight
                    for i in own:
                        context[i] += weight * values[s][i]
            ys[n, t] = affine(context, p["output.W"], p["output.b"])
    return ys, weights


def within(p, path):
    """The weights of a part."""
    return {name.removeprefix(f"{path}."): weight for name, weight in p.items() if name.startswith(f"{path}.")}


def residual(xs, p, pre_norm, layer):
    """``layer(xs, its weights)``, its norm and the way around."""

    def norm(x):
        return layer_norm(x, p["norm.gamma"], p["norm.beta"])

    inside = within(p, "layer")
    return xs + layer(norm(xs), inside) if pre_norm else norm(xs + layer(xs, inside))


def encoder_layer(xs, mask, heads, pre_norm, p):
    """xs (N, T, D), mask (N, T) or None -> (N, T, D)."""

    def attention(x, inside):
        return multi_head_attention(x, None, mask, heads, False, inside)[0]

    xs = residual(xs, within(p, "attention"), pre_norm, attention)
    return residual(xs, within(p, "feed_forward"), pre_norm, feed_forward)


def decoder_layer(xs, hs, mask, heads, pre_norm, p):
    """xs (N, T_dec, D), hs (N, T_enc, D), mask (N, T_enc) or None
    -> (N, T_dec, D), weights over hs (N, heads, T_dec, T_enc)."""
    looked = []

    def own(x, inside):
        return multi_head_attention(x, None, None, heads, True, inside)[0]

    def cross(x, inside):
        ys, weights = multi_head_attention(x, hs, mask, heads, False, inside)
        looked.append(weights)
        return ys

    xs = residual(xs, within(p, "self_attention"), pre_norm, own)
    xs = residual(xs, within(p, "cross_attention"), pre_norm, cross)
    return residual(xs, within(p, "feed_forward"), pre_norm, feed_forward), looked[0]


def layers_of(p):
    """The weights of each layer, lowest first."""
    numbers = {int(name.split(".")[1]) for name in p if name.startswith("layers.")}
    return [within(p, f"layers.{k}") for k in sorted(numbers)]


def last_norm(xs, p, pre_norm):
    return layer_norm(xs, p["norm.gamma"], p["norm.beta"]) if pre_norm else xs


def model_scores(p, xs, ts_in, heads, pre_norm=True, mask=None):
    """xs (N, T_enc), ts_in (N, T_dec) ids, mask (N, T_enc) or None
    -> scores (N, T_dec, V), the mean of all weights (N, T_dec, T_enc)."""
    of_encoder, of_decoder = within(p, "encoder"), within(p, "decoder")
    hs = positional_encoding(of_encoder["embed.W"][xs])
    for layer in layers_of(of_encoder):
        hs = encoder_layer(hs, mask, heads, pre_norm, layer)
    hs = last_norm(hs, of_encoder, pre_norm)
    ys, looked = positional_encoding(of_decoder["embed.W"][ts_in]), []
    for layer in layers_of(of_decoder):
        ys, weights = decoder_layer(ys, hs, mask, heads, pre_norm, layer)
        looked += [weights[:, head] for head in range(heads)]
    ys = last_norm(ys, of_decoder, pre_norm)
    scores = [[affine(y, of_decoder["affine.W"], of_decoder["affine.b"]) for y in of_one] for of_one in ys]
    return np.array(scores), sum(looked) / len(looked)


def model_decode(p, xs, start_id, sample_size, *how):
    """xs (N, T_enc), what else model_scores takes -> greedy ids (N, T_dec), summed log probabilities (N,), weights.

    Every step computes the whole answer so far."""
    ids, log_probs = np.full((len(xs), 1), start_id), np.zeros(len(xs))
    for _ in range(sample_size):
        scores, weights = model_scores(p, xs, ids, *how)
        log_p = [log_softmax(y) for y in scores[:, -1]]
        best = [int(np.argmax(y)) for y in log_p]
        log_probs += [y[i] for y, i in zip(log_p, best, strict=True)]
        ids = np.concatenate((ids, np.array(best)[:, None]), axis=1)
    return ids[:, 1:], log_probs, weights
