#!/usr/bin/env bash
# Chainer 7.8.1: the first step of StatefulGRU leaves out three of its six biases; and its GRUs are two different cells.
#
# A good guess: a stateful layer after reset_state() computes what it computes from a state of zeros; and StatefulGRU
# and NStepGRU, given the same matrices, compute the same GRU.
# Seen: without a state, StatefulGRU skips all three products with it, and with them the biases of U, U_z and U_r: the
# first output differs from that of set_state(zeros). StatefulGRU applies r before the product with U, and its new state
# is (1 - z) h + z h_bar; NStepGRU applies r after it, and its state is z h + (1 - z) h_bar.
# It hurts whoever carries weights over, or trains with one layer and predicts with the other. Also shown: the
# rows of links.LSTM are g i f o for one unit, then for the next; the matrices of NStepLSTM are i f g o.
# Source: chainer/links/rnn/gru.py, StatefulGRU.forward; functions/rnn/n_step_gru.py; functions/rnn/lstm.py.
# Needs Python 3.8 to 3.11, and compiles nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "setuptools<66" wheel numpy==1.23.5
"$folder/venv/bin/pip" install -q --disable-pip-version-check --no-build-isolation chainer==7.8.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import chainer
import chainer.links as L
import numpy as np

rng, D, H = np.random.default_rng(0), 4, 3
xs = rng.standard_normal((3, 1, D)).astype("float32")


def drawn(link):
    for parameter in link.params():
        parameter.array[...] = rng.standard_normal(parameter.shape)
    return {name: parameter.array for name, parameter in link.namedparams()}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm(g, i, f, o, c):
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


gru = L.StatefulGRU(D, H)
W = drawn(gru)
without = gru(xs[0]).array
gru.set_state(chainer.Variable(np.zeros((1, H), "float32")))
start = gru(xs[0]).array
second = gru(xs[1]).array


def linear(name, v):
    return v @ W[f"/{name}/W"].T + W[f"/{name}/b"]


dropped = sigmoid(linear("W_z", xs[0])) * np.tanh(linear("W", xs[0]))
r, z = (sigmoid(linear("W" + k, xs[1]) + linear("U" + k, start)) for k in ("_r", "_z"))
before = (1 - z) * start + z * np.tanh(linear("W", xs[1]) + linear("U", r * start))
print("StatefulGRU, first output: without a state", without.round(3), "from zeros", start.round(3))
assert np.allclose(without, dropped, atol=1e-6) and abs(without - start).max() > 0.1, "it behaves differently now"
assert np.allclose(second, before, atol=1e-6), "it behaves differently now"

nstep = L.NStepGRU(1, D, H, 0.0)
p = drawn(nstep)


def w(i, v):
    return v @ p[f"/0/w{i}"].T + p[f"/0/b{i}"]


h = np.zeros((1, H))
for x in xs:
    r, z = (sigmoid(w(i, x) + w(i + 3, h)) for i in (0, 1))
    h = z * h + (1 - z) * np.tanh(w(2, x) + r * w(5, h))
assert np.allclose(nstep(None, [xs[:, 0]])[0].array[0], h, atol=1e-6), "it behaves differently now"
print("NStepGRU: r, z, h_bar; r after the product; z h + (1 - z) h_bar")

one, many = L.LSTM(D, H), L.NStepLSTM(1, D, H, 0.0)
a, p = drawn(one), drawn(many)
h, c, h2, c2 = (np.zeros((1, H)) for _ in range(4))
for x in xs:
    got = one(x).array
    h, c = lstm(*(x @ a["/upward/W"].T + a["/upward/b"] + h @ a["/lateral/W"].T).reshape(1, H, 4).transpose(2, 0, 1), c)
    i, f, g, o = (w(k, x) + w(k + 4, h2) for k in range(4))
    h2, c2 = lstm(g, i, f, o, c2)
assert np.allclose(got, h, atol=1e-6), "it behaves differently now"
assert np.allclose(many(None, None, [xs[:, 0]])[0].array[0], h2, atol=1e-6), "it behaves differently now"
print("LSTM: g i f o of each unit; NStepLSTM: i f g o")
PYTHON
