#!/usr/bin/env bash
# thinc 9.1.1: the gradients of its NumPy LSTM are wrong: those of the recurrent biases are 0, the others are off.
#
# A good guess: backprop of a layer returns the derivatives of what predict computes, as central differences find them.
# Seen: the output is that of an LSTM (gates f i o g, two biases, both added), in training too. The gradients with
# respect to weights and inputs are as far from central differences as those are large, and farther; the recurrent
# biases get exactly 0, although they act on the output as the other biases do.
# It hurts whoever trains LSTM.v1, the layer that needs no PyTorch: it takes steps, none of them the gradient's, and
# nothing is raised.
# Source: thinc/backends/numpy_ops.pyx, backprop_lstm; found by a gradient check.
# Seen with thinc 9.1.1, numpy 2.4.6, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check thinc==9.1.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from thinc.api import LSTM, with_padded

rng, D, H = np.random.default_rng(0), 4, 3
model = with_padded(LSTM(nO=H, nI=D)).initialize()
flat = rng.standard_normal(model.layers[0].get_param("LSTM").shape).astype("float32")
model.layers[0].set_param("LSTM", flat)
xs = rng.standard_normal((5, D)).astype("float32")
upstream = rng.standard_normal((5, H)).astype("float32")
at = np.cumsum([4 * H * D, 4 * H, 4 * H * H, 4 * H])  # Wx, bx, Wh, bh


def by_hand(flat, xs):
    Wx, bx, Wh, bh = np.split(flat, at[:-1])
    h = c = np.zeros(H)
    for x in xs:
        f, i, o, g = (Wx.reshape(-1, D) @ x + bx + Wh.reshape(-1, H) @ h + bh).reshape(4, H)
        f, i, o = (1 / (1 + np.exp(-a)) for a in (f, i, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        yield h


def central(f, x, step=1e-6):
    x, grads = x.astype(float), np.zeros(x.shape)
    for k in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[k] = step
        grads[k] = (f(x + e) - f(x - e)) / (2 * step)
    return grads


assert np.allclose(model.predict([xs])[0], [*by_hand(flat, xs)], atol=1e-5), "another LSTM now"
(trained,), backprop = model([xs], is_train=True)
assert np.allclose(trained, model.predict([xs])[0], atol=1e-6), "training computes something else now"
dx = backprop([upstream])[0]
found = dict(zip(("Wx", "bx", "Wh", "bh"), np.split(model.layers[0].get_grad("LSTM"), at[:-1]), strict=True))
found["x"] = dx


def total(flat, xs):
    return float((np.array([*by_hand(flat, xs)]) * upstream).sum())


right = dict(zip(("Wx", "bx", "Wh", "bh"), np.split(central(lambda p: total(p, xs), flat), at[:-1]), strict=True))
right["x"] = central(lambda x: total(flat, x), xs)
for name, expected in right.items():
    off = np.abs(found[name] - expected).max()
    print(f"{name}: largest gradient {np.abs(expected).max():.3f}, thinc's is off by up to {off:.3f}")
    assert off > 0.1, "it behaves differently now"
assert not found["bh"].any(), "it behaves differently now"
PYTHON
