#!/usr/bin/env bash
# Flax 0.12.8: nnx.GRUCell has one bias less than linen.GRUCell, so weights of the one do not fit the other.
#
# A good guess: nnx is the newer interface to the same cells, and weights of a linen.GRUCell can be moved.
# Seen: both apply r after the product with the state. linen therefore keeps a bias beside that product, hn, which r
# scales; nnx has none there (dense_h.bias is None), and no value of its other bias makes up for it. The LSTM cells
# agree: one bias, of the states. (linen: a matrix per gate; nnx.OptimizedLSTMCell: i f g o, nnx.GRUCell: r z n.)
# It hurts whoever moves a model from linen to nnx, or brings weights from PyTorch or Keras (reset_after), which have
# that bias.
# Source: flax/linen/recurrent.py, "add bias because the linear transformations aren't directly summed";
# flax/nnx/nn/recurrent.py.
# Seen with flax 0.12.8, jax 0.10.2, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import flax.linen as linen
import jax
import numpy as np
from flax import nnx

rng, D, H = np.random.default_rng(0), 4, 3
x, h, c = (rng.standard_normal((1, n)).astype("float32") for n in (D, H, H))


def drawn(tree):
    return jax.tree.map(lambda p: rng.standard_normal(p.shape).astype("float32"), tree)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


old = linen.GRUCell(H)
p = drawn(old.init(jax.random.key(0), h, x))["params"]
new = nnx.GRUCell(D, H, rngs=nnx.Rngs(0))
for dense, side in ((new.dense_i, "i"), (new.dense_h, "h")):
    dense.kernel[...] = np.concatenate([p[side + gate]["kernel"] for gate in "rzn"], axis=1)
new.dense_i.bias[...] = np.concatenate([p["i" + gate]["bias"] for gate in "rzn"])
print("linen: biases of", [name for name in p if "bias" in p[name]], "  nnx: dense_h.bias is", new.dense_h.bias)
r, z = (sigmoid(x @ p["i" + g]["kernel"] + p["i" + g]["bias"] + h @ p["h" + g]["kernel"]) for g in "rz")
for name, bias, out in (("linen", p["hn"]["bias"], old.apply({"params": p}, h, x)[0]), ("nnx", 0, new(h, x)[0])):
    n = np.tanh(x @ p["in"]["kernel"] + p["in"]["bias"] + r * (h @ p["hn"]["kernel"] + bias))
    assert np.allclose(out, (1 - z) * n + z * h, atol=1e-5), f"{name} behaves differently now"
apart = np.abs(old.apply({"params": p}, h, x)[0] - new(h, x)[0]).max()
print("the same weights, next states apart by", round(float(apart), 3))
assert new.dense_h.bias is None and p["hn"]["bias"].shape == (H,), "it behaves differently now"

old = linen.OptimizedLSTMCell(H)
p = drawn(old.init(jax.random.key(0), (c, h), x))["params"]
new = nnx.OptimizedLSTMCell(D, H, rngs=nnx.Rngs(0))
for dense, side in ((new.dense_i, "i"), (new.dense_h, "h")):
    dense.kernel[...] = np.concatenate([p[side + gate]["kernel"] for gate in "ifgo"], axis=1)
new.dense_h.bias[...] = np.concatenate([p["h" + gate]["bias"] for gate in "ifgo"])
assert np.allclose(old.apply({"params": p}, (c, h), x)[1], new((c, h), x)[1], atol=1e-5), "LSTM cells differ now"
PYTHON
