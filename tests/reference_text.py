"""The slow truth of the text models: naive float64 versions that import nothing of ours.

Written to be obvious, not quick: a text at a time, a token at a time, the formula as it stands in the paper.
Axes: N batch, T time, D input, H hidden. A mask is bool (N, T), True where real.
"""

import math

import numpy as np

# ---- self-attention ----------------------------------------------------------------------------------


def weights_of(scores):
    """{position: score} -> {position: softmax of the scores}; none for none."""
    top = max(scores.values(), default=0.0)
    total = math.fsum(math.exp(score - top) for score in scores.values())
    return {s: math.exp(score - top) / total for s, score in scores.items()}


def scaled_dot_attention(q, hs, mask=None):
    """q (N, H), hs (N, T, H), mask (N, T) or None -> context (N, H), weights (N, T)."""
    N, T, H = hs.shape
    context, weights = np.zeros((N, H)), np.zeros((N, T))
    for n in range(N):
        real = [t for t in range(T) if mask is None or mask[n, t]]
        scores = {t: math.fsum(q[n, i] * hs[n, t, i] for i in range(H)) / math.sqrt(H) for t in real}
        for t, weight in weights_of(scores).items():
            weights[n, t] = weight
            for i in range(H):
                context[n, i] += weight * hs[n, t, i]
    return context, weights


def window(t, T, width=None, history_only=False):
    """The positions that position t of T sees."""
    if width is None:
        return list(range(t + 1)) if history_only else list(range(T))
    first = t - width + 1 if history_only else t - math.floor(width / 2)
    last = t if history_only else t + math.floor((width - 1) / 2)
    return [s for s in range(T) if first <= s <= last]


def seq_self_attention(p, xs, mask=None, *, kind="additive", width=None, history_only=False, activation=None):
    """p: Wt, Wx, bh, Wa, ba (biases may be missing), xs (N, T, D) -> ys (N, T, D), weights (N, T, T)."""
    N, T, D = xs.shape

    def score(x_t, x_s):
        if kind == "additive":
            e = 0.0
            for u in range(p["Wa"].shape[0]):
                at_t = math.fsum(x_t[i] * p["Wt"][i, u] for i in range(D))
                at_s = math.fsum(x_s[i] * p["Wx"][i, u] for i in range(D))
                e += math.tanh(at_t + at_s + (p["bh"][u] if "bh" in p else 0.0)) * p["Wa"][u, 0]
        else:
            e = math.fsum(x_t[i] * p["Wa"][i, j] * x_s[j] for i in range(D) for j in range(D))
        e += p["ba"][0] if "ba" in p else 0.0
        return 1 / (1 + math.exp(-e)) if activation == "sigmoid" else e

    ys, weights = np.zeros((N, T, D)), np.zeros((N, T, T))
    for n in range(N):
        for t in range(T):
            if mask is not None and not mask[n, t]:
                continue
            seen = [s for s in window(t, T, width, history_only) if mask is None or mask[n, s]]
            for s, weight in weights_of({s: score(xs[n, t], xs[n, s]) for s in seen}).items():
                weights[n, t, s] = weight
                ys[n, t] += weight * xs[n, s]
    return ys, weights


# ---- recurrent layers --------------------------------------------------------------------------------


def masked_states(step, xs, mask, *first):
    """``step(x (D,), *states)`` over xs (N, T, D), first states (N, H) each -> hs (N, T, H); masked, a state stays."""
    hs = np.zeros((*mask.shape, first[0].shape[1]))
    for n in range(len(xs)):
        states = [state[n] for state in first]
        for t in range(xs.shape[1]):
            if mask[n, t]:
                after = step(xs[n, t], *states)
                states = list(after) if isinstance(after, tuple) else [after]
            hs[n, t] = states[0]
    return hs


def gru_after_step(x, h, Wx, Wh, b, bh=None):
    """x (D,), h (H,), Wx (D, 3H), Wh (H, 3H), b and bh (3H,) -> next h (H,); gates z, r, h, reset after the product."""
    D, H = len(x), len(h)

    def from_x(k):
        return math.fsum(x[i] * Wx[i, k] for i in range(D)) + b[k]

    def from_h(k):
        return math.fsum(h[i] * Wh[i, k] for i in range(H)) + (0.0 if bh is None else bh[k])

    h_next = np.zeros(H)
    for j in range(H):
        z = 1 / (1 + math.exp(-from_x(j) - from_h(j)))
        r = 1 / (1 + math.exp(-from_x(H + j) - from_h(H + j)))
        g = math.tanh(from_x(2 * H + j) + r * from_h(2 * H + j))
        h_next[j] = (1 - z) * h[j] + z * g
    return h_next
