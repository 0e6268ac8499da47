#!/usr/bin/env bash
# keras-self-attention 0.51.0 with Keras 3.15.1: the weights of query and key start as the same matrix.
#
# A good guess: two weights of a layer are drawn independently, as in Keras 2.
# Seen: the layer draws Wt and Wx from one initializer object; since Keras 3, an initializer without a seed chooses one
# when it is created, and returns the same values at every call for one shape. Wt therefore equals Wx to the last bit,
# and the additive score of word a for word b starts equal to the score of b for a, without a message. (tf_keras 2.21
# warns.)
# It hurts whoever compares trainings across versions, or relies on the first attention map having a direction.
# Source: keras_self_attention/seq_self_attention.py, _build_additive_attention; Keras 3, RandomInitializer.
# Needs Python 3.11 to 3.13, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  tensorflow==2.21.0 keras==3.15.1 numpy==2.4.6 keras-self-attention==0.51.0
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import os

os.environ["TF_KERAS"] = "1"  # take Keras from TensorFlow
import numpy as np
from keras_self_attention import SeqSelfAttention

layer = SeqSelfAttention(units=4)
layer.build((None, None, 3))
first, second = (np.asarray(weight, float) for weight in (layer.Wt, layer.Wx))
print("Wt:", first.round(3).tolist())
print("Wx:", second.round(3).tolist())
print("equal:", np.array_equal(first, second))
assert np.array_equal(first, second), "it behaves differently now"
PYTHON
