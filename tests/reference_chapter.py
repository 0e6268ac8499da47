"""The three date models as chapters 7 and 8 build them: what a reader who follows them to the letter would run.

It is the yardstick of ``benchmarks/date.py`` and, being slow and plain, a second opinion for the tests. Each
time step has a layer object of its own, kept in a list from forward to backward; every result is a fresh array;
attention repeats its arrays to one shape, multiplies and sums, one object per step of the decoder; an optimizer
step makes temporaries. numpy only, nothing of ours. The dtype is that of the weights, float32 for the yardstick.

Left as the chapter has it: sigmoid by way of exp, and the logarithm of a probability, so numbers must be tame.
Left out: stateful training, ignored labels and one-hot labels, which the dates do not use.

Axes: N batch, T time (T_enc, T_dec), D embedding, H hidden, V vocabulary.
Source: 『ゼロから作るDeep Learning 2』 1.4.4, 6.1.4, 6.3, 7.3, 7.4.2, 8.1 and 8.2.
"""

import numpy as np

KINDS = ("baseline", "peeky", "attention")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Weights:
    """Base of the layers that have some: lists of weights, and of their gradients, which are filled in place."""

    def __init__(self, *params):
        self.params, self.grads = list(params), [np.zeros_like(p) for p in params]


# ---- one step: a layer object for it -----------------------------------------------------------------


class Embedding(Weights):
    """ids (N,) -> rows of W (N, D); backward (N, D) fills the gradient of W."""

    def forward(self, ids):
        self.ids = ids
        return self.params[0][ids]

    def backward(self, dout):
        (dW,) = self.grads
        dW[...] = 0
        np.add.at(dW, self.ids, dout)


class LSTM(Weights):
    """x (N, D), h, c (N, H) -> next h, c; backward dh, dc (N, H) -> dx, and dh, dc of before. Gates f, g, i, o."""

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        H = len(Wh)
        a = np.dot(x, Wx) + np.dot(h_prev, Wh) + b
        f = sigmoid(a[:, :H])
        g = np.tanh(a[:, H : 2 * H])
        i = sigmoid(a[:, 2 * H : 3 * H])
        o = sigmoid(a[:, 3 * H :])
        c = f * c_prev + g * i
        h = o * np.tanh(c)
        self.cache = x, h_prev, c_prev, f, g, i, o, c
        return h, c

    def backward(self, dh, dc):
        Wx, Wh, _ = self.params
        x, h_prev, c_prev, f, g, i, o, c = self.cache
        squashed = np.tanh(c)
        dc = dc + dh * o * (1 - squashed**2)  # c went on by itself and through h
        df = dc * c_prev * f * (1 - f)
        dg = dc * i * (1 - g**2)
        di = dc * g * i * (1 - i)
        do = dh * squashed * o * (1 - o)
        da = np.hstack((df, dg, di, do))
        self.grads[0][...] = np.dot(x.T, da)
        self.grads[1][...] = np.dot(h_prev.T, da)
        self.grads[2][...] = da.sum(axis=0)
        return np.dot(da, Wx.T), np.dot(da, Wh.T), dc * f


class Attention:
    """hs (N, T, H), h (N, H) -> context (N, H); backward (N, H) -> dhs (N, T, H), dh (N, H)."""

    def forward(self, hs, h):
        N, T, H = hs.shape
        query = h.reshape(N, 1, H).repeat(T, axis=1)
        weight = softmax((hs * query).sum(axis=2))  # (N, T)
        spread = weight.reshape(N, T, 1).repeat(H, axis=2)
        self.cache = hs, query, weight, spread
        return (hs * spread).sum(axis=1)

    def backward(self, dcontext):
        hs, query, weight, spread = self.cache
        N, T, H = hs.shape
        dsum = dcontext.reshape(N, 1, H).repeat(T, axis=1)  # forward summed over T, so every t gets it
        weighted = weight * (dsum * hs).sum(axis=2)
        dscore = weighted - weight * weighted.sum(axis=1, keepdims=True)
        dscores = dscore.reshape(N, T, 1).repeat(H, axis=2)  # forward summed over H
        return dsum * spread + dscores * query, (dscores * hs).sum(axis=1)


# ---- whole sequences: lists of those objects ---------------------------------------------------------


class TimeEmbedding(Weights):
    """ids (N, T) -> (N, T, D); backward (N, T, D)."""

    def forward(self, ids):
        (W,) = self.params
        self.steps = [Embedding(W) for _ in range(ids.shape[1])]
        vectors = np.empty((*ids.shape, W.shape[1]), dtype=W.dtype)
        for t, step in enumerate(self.steps):
            vectors[:, t, :] = step.forward(ids[:, t])
        return vectors

    def backward(self, dvectors):
        total = 0
        for t, step in enumerate(self.steps):
            step.backward(dvectors[:, t, :])
            total += step.grads[0]
        self.grads[0][...] = total


class TimeLSTM(Weights):
    """xs (N, T, D) -> hs (N, T, H), from the state on; backward dhs -> dxs, and ``dh`` of the first state."""

    def set_state(self, h):
        self.h, self.c = h, np.zeros_like(h)

    def forward(self, xs):
        N, T, _ = xs.shape
        self.steps = [LSTM(*self.params) for _ in range(T)]
        hs = np.empty((N, T, self.h.shape[1]), dtype=self.h.dtype)
        for t, step in enumerate(self.steps):
            self.h, self.c = step.forward(xs[:, t, :], self.h, self.c)
            hs[:, t, :] = self.h
        return hs

    def backward(self, dhs):
        N, T, _ = dhs.shape
        Wx = self.params[0]
        dxs = np.empty((N, T, len(Wx)), dtype=Wx.dtype)
        totals, dh, dc = [0, 0, 0], 0, 0
        for t in reversed(range(T)):
            step = self.steps[t]
            dxs[:, t, :], dh, dc = step.backward(dhs[:, t, :] + dh, dc)
            for k, grad in enumerate(step.grads):
                totals[k] += grad
        for grad, total in zip(self.grads, totals, strict=True):
            grad[...] = total
        self.dh = dh
        return dxs


class TimeAttention:
    """hs_enc (N, T_enc, H), hs_dec (N, T_dec, H) -> contexts (N, T_dec, H); backward -> dhs_enc, dhs_dec."""

    def forward(self, hs_enc, hs_dec):
        self.steps = [Attention() for _ in range(hs_dec.shape[1])]
        contexts = np.empty_like(hs_dec)
        for t, step in enumerate(self.steps):
            contexts[:, t, :] = step.forward(hs_enc, hs_dec[:, t, :])
        return contexts

    def backward(self, dcontexts):
        dhs_enc, dhs_dec = 0, np.empty_like(dcontexts)
        for t, step in enumerate(self.steps):
            dhs, dhs_dec[:, t, :] = step.backward(dcontexts[:, t, :])
            dhs_enc += dhs
        return dhs_enc, dhs_dec


class TimeAffine(Weights):
    """x (N, T, M) -> (N, T, V), by way of (N * T, M); backward (N, T, V) -> (N, T, M)."""

    def forward(self, x):
        W, b = self.params
        N, T, M = x.shape
        self.rows = x.reshape(N * T, M)
        return (np.dot(self.rows, W) + b).reshape(N, T, -1)

    def backward(self, dout):
        N, T, V = dout.shape
        drows = dout.reshape(N * T, V)
        self.grads[0][...] = np.dot(self.rows.T, drows)
        self.grads[1][...] = drows.sum(axis=0)
        return np.dot(drows, self.params[0].T).reshape(N, T, -1)


class TimeSoftmaxWithLoss:
    """scores (N, T, V), labels (N, T) -> mean cross entropy; backward -> (N, T, V)."""

    def forward(self, scores, labels):
        N, T, V = scores.shape
        y, labels = softmax(scores.reshape(N * T, V)), labels.reshape(N * T)
        self.cache = y, labels, scores.shape
        return -np.log(y[np.arange(N * T), labels]).sum() / (N * T)

    def backward(self):
        y, labels, shape = self.cache
        dscores = y.copy()
        dscores[np.arange(len(labels)), labels] -= 1
        return (dscores / len(labels)).reshape(shape)


# ---- the models --------------------------------------------------------------------------------------


class ChapterModel:
    """kind of KINDS; params: name -> array, as ``common.layer.named_params`` names those of our models (copied).

    ``params`` and ``grads``: dicts with those names. xs int (N, T_enc); ts int (N, T_dec + 1), start character first.
    """

    def __init__(self, kind, params):
        if kind not in KINDS:
            raise ValueError(f"ChapterModel: one of {KINDS} wanted, got {kind!r}")
        self.kind = kind
        self.params, self.grads = {}, {}

        def build(layer_class, path, *names):
            layer = layer_class(*(params[f"{path}.{name}"].copy() for name in names))
            for name, param, grad in zip(names, layer.params, layer.grads, strict=True):
                self.params[f"{path}.{name}"], self.grads[f"{path}.{name}"] = param, grad
            return layer

        self.encoder_embed = build(TimeEmbedding, "encoder.embed", "W")
        self.encoder_lstm = build(TimeLSTM, "encoder.lstm", "Wx", "Wh", "b")
        self.embed = build(TimeEmbedding, "decoder.embed", "W")
        self.lstm = build(TimeLSTM, "decoder.lstm", "Wx", "Wh", "b")
        self.affine = build(TimeAffine, "decoder.affine", "W", "b")
        self.attention, self.softmax = TimeAttention(), TimeSoftmaxWithLoss()
        self.updates, self.m, self.v = 0, *({n: np.zeros_like(p) for n, p in self.params.items()} for _ in "mv")

    def encode(self, xs):
        """All states of the encoder (N, T_enc, H); the decoder starts from the last."""
        Wh = self.params["encoder.lstm.Wh"]
        self.encoder_lstm.set_state(np.zeros((len(xs), len(Wh)), dtype=Wh.dtype))
        hs_enc = self.encoder_lstm.forward(self.encoder_embed.forward(xs))
        self.lstm.set_state(hs_enc[:, -1, :])
        return hs_enc

    def scores(self, ids, hs_enc):
        """Scores (N, T, V) after the characters ids (N, T), going on from the state of the decoder's LSTM."""
        vectors = self.embed.forward(ids)
        if self.kind == "baseline":
            return self.affine.forward(self.lstm.forward(vectors))
        if self.kind == "attention":
            hs = self.lstm.forward(vectors)
            return self.affine.forward(np.concatenate((self.attention.forward(hs_enc, hs), hs), axis=2))
        N, T = ids.shape
        peek = np.repeat(hs_enc[:, -1, :], T, axis=0).reshape(N, T, -1)
        hs = self.lstm.forward(np.concatenate((peek, vectors), axis=2))
        return self.affine.forward(np.concatenate((peek, hs), axis=2))

    def forward(self, xs, ts):
        self.hs_enc = self.encode(xs)
        return self.softmax.forward(self.scores(ts[:, :-1], self.hs_enc), ts[:, 1:])

    def backward(self):
        H = self.hs_enc.shape[2]
        dhs_enc = np.zeros_like(self.hs_enc)
        dout = self.affine.backward(self.softmax.backward())
        if self.kind == "attention":
            dhs_enc, dhs = self.attention.backward(dout[:, :, :H])
            dout = dout[:, :, H:] + dhs
        elif self.kind == "peeky":
            dpeek, dout = dout[:, :, :H], dout[:, :, H:]
        dvectors = self.lstm.backward(dout)
        if self.kind == "peeky":
            dpeek, dvectors = dpeek + dvectors[:, :, :H], dvectors[:, :, H:]
            dhs_enc[:, -1, :] += dpeek.sum(axis=1)
        self.embed.backward(dvectors)
        dhs_enc[:, -1, :] += self.lstm.dh
        self.encoder_embed.backward(self.encoder_lstm.backward(dhs_enc))

    def step(self, max_grad=5.0, lr=0.001):
        """Clip the gradients to the norm max_grad together, then one update of Adam."""
        norm = np.sqrt(sum((grad**2).sum() for grad in self.grads.values()))
        if norm > max_grad:
            for grad in self.grads.values():
                grad *= max_grad / norm
        self.updates += 1
        lr_now = lr * (1 - 0.999**self.updates) ** 0.5 / (1 - 0.9**self.updates)
        for name, grad in self.grads.items():
            self.m[name] += (1 - 0.9) * (grad - self.m[name])
            self.v[name] += (1 - 0.999) * (grad**2 - self.v[name])
            self.params[name] -= lr_now * self.m[name] / (np.sqrt(self.v[name]) + 1e-7)

    def generate(self, xs, start_id, sample_size):
        """The answer to one question xs (1, T_enc): ids, the most likely at each step."""
        hs_enc, ids = self.encode(xs), [start_id]
        for _ in range(sample_size):
            ids.append(int(np.argmax(self.scores(np.array([ids[-1:]]), hs_enc))))
        return ids[1:]
