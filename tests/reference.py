"""The slow truth: naive float64 forward versions that import nothing of ours.

Written to be obvious, not quick: a row at a time, a time step at a time, the formula as in the book.
Axes: N batch, T time (T_enc, T_dec), D input, H hidden, V vocabulary. A mask is bool, True where real.
"""

import math

import numpy as np

KINDS = ("baseline", "peeky", "attention")


def f64(x):
    """Any array-like -> a float64 array."""
    return np.asarray(x, dtype=np.float64)


# ---- functions ---------------------------------------------------------------------------------------


def sigmoid(x):
    """x (...) -> 1 / (1 + e^-x) (...), written so that the exponent is never positive."""

    def one(v):
        return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))

    return np.vectorize(one, otypes=[np.float64])(f64(x))


def softmax(x, mask=None):
    """x (..., V), mask (..., V) or None -> probabilities (..., V); masked is 0, all masked is all 0."""
    x = f64(x)
    mask = np.ones(x.shape, bool) if mask is None else np.broadcast_to(mask, x.shape)
    y = np.zeros(x.shape)
    for row in np.ndindex(x.shape[:-1]):
        seen = [j for j in range(x.shape[-1]) if mask[row][j]]
        if not seen:
            continue
        top = max(x[row][j] for j in seen)
        total = math.fsum(math.exp(x[row][j] - top) for j in seen)
        for j in seen:
            y[row][j] = math.exp(x[row][j] - top) / total
    return y


def log_softmax(x):
    """x (..., V) -> log probabilities (..., V)."""
    x = f64(x)
    y = np.zeros(x.shape)
    for row in np.ndindex(x.shape[:-1]):
        top = max(x[row])
        y[row] = x[row] - top - math.log(math.fsum(math.exp(v - top) for v in x[row]))
    return y


def cross_entropy(scores, labels, ignore_label=-1):
    """scores (..., V), labels (...) -> mean -log p(label), nats, over labels that count; 0 when none does."""
    log_p, labels = log_softmax(scores), np.asarray(labels)
    losses = [-log_p[i][labels[i]] for i in np.ndindex(labels.shape) if labels[i] != ignore_label]
    return math.fsum(losses) / len(losses) if losses else 0.0


def smoothed_cross_entropy(scores, shares, counts, s):
    """scores, shares (..., V), counts bool (...) -> mean, nats, over labels that count; s / V goes to every class."""
    log_p, V, losses = log_softmax(scores), scores.shape[-1], []
    for i in zip(*np.nonzero(counts), strict=True):
        losses.append(-math.fsum(((1 - s) * shares[i][k] + s / V) * log_p[i][k] for k in range(V)))
    return math.fsum(losses) / len(losses) if losses else 0.0


def sigmoid_cross_entropy(x, t):
    """x (...) scores, t (...) in {0, 1} -> mean over all elements of -log p(t), nats."""
    x, t = f64(x), np.asarray(t)
    losses = []
    for i in np.ndindex(x.shape):
        z = -x[i] if t[i] else x[i]  # -log sigmoid(-z) = log(1 + e^z)
        losses.append(max(z, 0) + math.log1p(math.exp(-abs(z))))
    return math.fsum(losses) / len(losses)


def embedding(W, ids):
    """W (V, D), ids (...) -> (..., D)."""
    W, ids = f64(W), np.asarray(ids)
    y = np.zeros((*ids.shape, W.shape[1]))
    for i in np.ndindex(ids.shape):
        y[i] = W[ids[i]]
    return y


def affine(x, W, b=None):
    """x (..., D), W (D, V), b (V,) or None -> (..., V)."""
    x, W = f64(x), f64(W)
    y = np.zeros((*x.shape[:-1], W.shape[1]))
    for i in np.ndindex(x.shape[:-1]):
        for j in range(W.shape[1]):
            y[i][j] = math.fsum(x[i] * W[:, j]) + (0 if b is None else float(b[j]))
    return y


# ---- recurrent layers: one step, then the loop -------------------------------------------------------


def rnn_step(x, h, Wx, Wh, b):
    """x (..., D), h (..., H), Wx (D, H), Wh (H, H), b (H,) -> next h (..., H)."""
    return np.tanh(f64(h) @ f64(Wh) + f64(x) @ f64(Wx) + f64(b))


def lstm_step(x, h, c, Wx, Wh, b):
    """x (..., D), h, c (..., H), Wx (D, 4H), Wh (H, 4H), b (4H,) -> next h, c (..., H); gates f, g, i, o."""
    A = f64(x) @ f64(Wx) + f64(h) @ f64(Wh) + f64(b)
    H = A.shape[-1] // 4
    f = sigmoid(A[..., 0 * H : 1 * H])
    g = np.tanh(A[..., 1 * H : 2 * H])
    i = sigmoid(A[..., 2 * H : 3 * H])
    o = sigmoid(A[..., 3 * H : 4 * H])
    c = f * f64(c) + g * i
    return o * np.tanh(c), c


def gru_step(x, h, Wx, Wh, b):
    """x (..., D), h (..., H), Wx (D, 3H), Wh (H, 3H), b (3H,) -> next h (..., H); gates z, r, h."""
    x, h, Wx, Wh, b = f64(x), f64(h), f64(Wx), f64(Wh), f64(b)
    (Wxz, Wxr, Wxh), (Whz, Whr, Whh) = np.split(Wx, 3, axis=1), np.split(Wh, 3, axis=1)
    bz, br, bh = np.split(b, 3)
    z = sigmoid(x @ Wxz + h @ Whz + bz)
    r = sigmoid(x @ Wxr + h @ Whr + br)
    h_new = np.tanh(x @ Wxh + (r * h) @ Whh + bh)
    return (1 - z) * h + z * h_new


def rnn(xs, h0, Wx, Wh, b, step=rnn_step):
    """xs (N, T, D), h0 (N, H) -> hs (N, T, H)."""
    hs = np.zeros((*xs.shape[:2], len(Wh)))
    for n in range(len(xs)):
        h = h0[n]
        for t in range(xs.shape[1]):
            hs[n, t] = h = step(xs[n, t], h, Wx, Wh, b)
    return hs


def gru(xs, h0, Wx, Wh, b):
    """xs (N, T, D), h0 (N, H) -> hs (N, T, H)."""
    return rnn(xs, h0, Wx, Wh, b, step=gru_step)


def lstm(xs, h0, c0, Wx, Wh, b):
    """xs (N, T, D), h0 and c0 (N, H) -> hs (N, T, H), cs (N, T, H)."""
    hs = np.zeros((*xs.shape[:2], len(Wh)))
    cs = np.zeros_like(hs)
    for n in range(len(xs)):
        h, c = h0[n], c0[n]
        for t in range(xs.shape[1]):
            hs[n, t], cs[n, t] = h, c = lstm_step(xs[n, t], h, c, Wx, Wh, b)
    return hs, cs


def bilstm(xs, Wx1, Wh1, b1, Wx2, Wh2, b2):
    """xs (N, T, D) -> (N, T, 2H): left to right beside right to left, all states zero at their start."""
    N, T, _ = xs.shape
    H = len(Wh1)
    hs = np.zeros((N, T, 2 * H))
    for n in range(N):
        h, c = np.zeros(H), np.zeros(H)
        for t in range(T):
            hs[n, t, :H], _ = h, c = lstm_step(xs[n, t], h, c, Wx1, Wh1, b1)
        h, c = np.zeros(H), np.zeros(H)
        for t in reversed(range(T)):
            hs[n, t, H:], _ = h, c = lstm_step(xs[n, t], h, c, Wx2, Wh2, b2)
    return hs


# ---- attention ---------------------------------------------------------------------------------------


def attention_weight(hs, h, mask=None):
    """hs (N, T, H), h (N, H), mask (N, T) or None -> weights (N, T)."""
    hs, h = f64(hs), f64(h)
    scores = np.zeros(hs.shape[:2])
    for n, t in np.ndindex(scores.shape):
        scores[n, t] = math.fsum(hs[n, t] * h[n])
    return softmax(scores, mask)


def weight_sum(hs, a):
    """hs (N, T, H), weights a (N, T) -> context (N, H)."""
    hs, a = f64(hs), f64(a)
    c = np.zeros((hs.shape[0], hs.shape[2]))
    for n, t in np.ndindex(a.shape):
        c[n] += a[n, t] * hs[n, t]
    return c


def attention_score(p, state, h, kind="dot"):
    """state, h (H,): one of the encoder's states and one of the decoder's -> their score. p: W; or Wd, We, b, v."""
    if kind == "general":
        W = f64(p["W"])
        return math.fsum(h[i] * W[i, j] * state[j] for i, j in np.ndindex(W.shape))
    if kind == "additive":
        Wd, We, b, v = (f64(p[name]) for name in ("Wd", "We", "b", "v"))
        inside = [math.fsum([*(h * Wd[:, u]), *(state * We[:, u]), b[u]]) for u in range(len(v))]
        return math.fsum(v[u] * math.tanh(inside[u]) for u in range(len(v)))
    return math.fsum(state * h) / (math.sqrt(len(h)) if kind == "scaled" else 1)


def time_attention(hs_enc, hs_dec, mask=None, kind="dot", p=None):
    """hs_enc (N, T_enc, H), hs_dec (N, T_dec, H) -> contexts (N, T_dec, H), weights (N, T_dec, T_enc)."""
    hs_enc, hs_dec = f64(hs_enc), f64(hs_dec)
    contexts = np.zeros(hs_dec.shape)
    weights = np.zeros((*hs_dec.shape[:2], hs_enc.shape[1]))
    for t in range(hs_dec.shape[1]):
        for n in range(len(hs_enc)):
            scores = [attention_score(p, state, hs_dec[n, t], kind) for state in hs_enc[n]]
            weights[n, t] = softmax(scores, None if mask is None else mask[n])
        contexts[:, t] = weight_sum(hs_enc, weights[:, t])
    return contexts, weights


# ---- the three models; p is a dict of arrays: encoder.embed.W, encoder.lstm.Wx, ..., decoder.affine.b


def encode(p, xs, cells=False):
    """xs (N, T_enc) ids -> hs (N, T_enc, H); with cells also cs (N, T_enc, H)."""
    zero = np.zeros((len(xs), len(p["encoder.lstm.Wh"])))
    lstm_weights = [p[f"encoder.lstm.{name}"] for name in ("Wx", "Wh", "b")]
    hs, cs = lstm(embedding(p["encoder.embed.W"], xs), zero, zero, *lstm_weights)
    return (hs, cs) if cells else hs


def attended(xs, pad):
    """xs (N, T) ids -> bool (N, T), what is no padding, at either end of a question; None, all, when pad is None."""
    if pad is None:
        return None
    return np.array([[(x[: t + 1] != pad).any() and (x[t:] != pad).any() for t in range(len(x))] for x in xs])


def decoder_step(kind, p, hs_enc, h, c, word, seen=None, score="dot"):
    """One question, one id: hs_enc (T_enc, H), h, c (H,), what attention sees (T_enc,) or None, all
    -> scores (V,), h, c, weights (T_enc,) or None. score: how attention scores, see ``attention_score``."""
    first = hs_enc[-1]  # the decoder's first h; peeky sees it at every step
    x = f64(p["decoder.embed.W"][word])
    if kind == "peeky":
        x = np.concatenate([first, x])
    h, c = lstm_step(x, h, c, *(p[f"decoder.lstm.{name}"] for name in ("Wx", "Wh", "b")))
    y, weights = h, None
    if kind == "peeky":
        y = np.concatenate([first, h])
    elif kind == "attention":
        of_score = {name.removeprefix("decoder.attention."): array for name, array in p.items()}
        weights = softmax([attention_score(of_score, state, h, score) for state in hs_enc], seen)
        context = sum(a * state for a, state in zip(weights, hs_enc, strict=True))
        y = np.concatenate([context, h])
    return affine(y, p["decoder.affine.W"], p["decoder.affine.b"]), h, c, weights


def model_scores(kind, p, xs, ts_in, mask=None, cell_state=False, score="dot"):
    """xs (N, T_enc), ts_in (N, T_dec) ids -> scores (N, T_dec, V), weights (N, T_dec, T_enc) or None.
    cell_state: the decoder's first c is the encoder's last, not zero."""
    hs, cs = encode(p, xs, cells=True)
    steps = []
    mask = [None] * len(xs) if mask is None else mask
    for n in range(len(xs)):
        h, c = hs[n, -1], cs[n, -1] if cell_state else np.zeros(hs.shape[2])
        for word in ts_in[n]:
            y, h, c, a = decoder_step(kind, p, hs[n], h, c, word, mask[n], score)
            steps.append((y, a))
    scores, weights = zip(*steps, strict=True)
    shape = np.shape(ts_in)
    seen = np.reshape(weights, (*shape, -1)) if kind == "attention" else None
    return np.reshape(scores, (*shape, -1)), seen


def model_loss(kind, p, xs, ts, ignore_label=-1, mask=None, cell_state=False, score="dot"):
    """xs (N, T_enc), ts (N, T_dec + 1) ids -> loss of ts[:, 1:] given ts[:, :-1], nats per label."""
    scores, _ = model_scores(kind, p, xs, ts[:, :-1], mask, cell_state, score)
    return cross_entropy(scores, ts[:, 1:], ignore_label)


def model_decode(kind, p, xs, start_id, sample_size, mask=None, cell_state=False, score="dot"):
    """xs (N, T_enc) -> greedy ids (N, T_dec), summed log probs (N,), weights (N, T_dec, T_enc) or None."""
    hs, cs = encode(p, xs, cells=True)
    ids, log_probs = np.zeros((len(xs), sample_size), int), np.zeros(len(xs))
    weights = np.zeros((len(xs), sample_size, hs.shape[1]))
    mask = [None] * len(xs) if mask is None else mask
    for n in range(len(xs)):
        h, c, word = hs[n, -1], cs[n, -1] if cell_state else np.zeros(hs.shape[2]), start_id
        for t in range(sample_size):
            y, h, c, a = decoder_step(kind, p, hs[n], h, c, word, mask[n], score)
            ids[n, t] = word = int(np.argmax(y))
            log_probs[n] += log_softmax(y)[word]
            if kind == "attention":
                weights[n, t] = a
    return ids, log_probs, weights if kind == "attention" else None
