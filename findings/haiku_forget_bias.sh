#!/usr/bin/env bash
# Haiku 0.0.17: LSTM adds 1 to its forget gate at every step; the stored bias does not contain it.
#
# A good guess: "we add 1.0 to b_f after initialization" (its documentation) describes the first value of the
# parameter, as unit_forget_bias of Keras does: the stored weights are the whole function.
# Seen: the bias is all zeros after initialisation, and the cell computes sigmoid(f + 1): with the stored weights and
# the textbook's formula, outputs are off; with 1 added to the forget gate's bias, they agree. The blocks are i g f o,
# an order of its own, and the rows of the inputs stand above those of the state.
# It hurts whoever carries weights from or to Haiku, or compares weight decay between frameworks. (Its GRU is the
# textbook's: z r h, reset before the product, one bias.)
# Source: haiku/_src/recurrent.py, "f = jax.nn.sigmoid(f + 1)".
# Seen with dm-haiku 0.0.17, jax 0.10.2, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check dm-haiku==0.0.17 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import haiku as hk
import jax
import numpy as np

rng, D, H = np.random.default_rng(0), 4, 3
xs = rng.standard_normal((5, 1, D)).astype("float32")


def run(core, draw):
    f = hk.without_apply_rng(hk.transform(lambda xs: hk.dynamic_unroll(core(H), xs, core(H).initial_state(1))[0]))
    first = f.init(jax.random.key(0), xs)
    params = jax.tree.map(lambda p: rng.standard_normal(p.shape).astype("float32"), first) if draw else first
    (weights,) = params.values()
    return {name: np.asarray(w, float) for name, w in weights.items()}, np.asarray(f.apply(params, xs))[:, 0]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm(p, extra):
    h = c = np.zeros(H)
    for x in xs[:, 0]:
        i, g, f, o = np.split(np.concatenate([x, h]) @ p["w"] + p["b"], 4)
        c = sigmoid(f + extra) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        yield h


def gru(p):
    h = np.zeros(H)
    for x in xs[:, 0]:
        (xz, xr, xh), (bz, br, bh), (Wz, Wr, Wh) = (np.split(a, 3, axis=-1) for a in (x @ p["w_i"], p["b"], p["w_h"]))
        z, r = sigmoid(xz + h @ Wz + bz), sigmoid(xr + h @ Wr + br)
        h = (1 - z) * h + z * np.tanh(xh + (r * h) @ Wh + bh)
        yield h


stored, _ = run(hk.LSTM, draw=False)
p, out = run(hk.LSTM, draw=True)
off = {extra: np.abs(out - np.array([*lstm(p, extra)])).max() for extra in (0, 1)}
print("bias after initialisation:", stored["b"].tolist())
print(f"off by {off[0]:.3f} with the stored bias, by {off[1]:.0e} with 1 added to that of the forget gate")
assert not stored["b"].any() and off[0] > 0.01 and off[1] < 1e-5, "it behaves differently now"
p, out = run(hk.GRU, draw=True)
assert np.allclose(out, [*gru(p)], atol=1e-5), "the GRU behaves differently now"
PYTHON
