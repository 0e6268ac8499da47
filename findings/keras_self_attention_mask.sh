#!/usr/bin/env bash
# keras-self-attention 0.51.0: even with a mask, real words attend to padding.
#
# A good guess: a layer that supports masking gives padding no weight, as keras.layers.Attention does for masked values,
# and as this layer did up to 0.45.0 (all weights to and from padding were zero).
# Seen: only the weights of padded queries on padded keys are silenced, because the two complements of the mask are
# multiplied, (1 - mask) (1 - mask^T). A word gives padding as much weight as its score says, and the output for a text
# depends on how far it was padded. Unchanged since 0.46.0.
# It hurts whoever trains on padded batches, or loads weights that an older version trained: predictions silently change
# with the longest text of the batch.
# Source: keras_self_attention/seq_self_attention.py, SeqSelfAttention.call, in 0.45.0 and 0.51.0.
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
from tensorflow import keras

keras.utils.set_random_seed(0)
layer = SeqSelfAttention(units=4, return_attention=True)
words = np.random.default_rng(0).standard_normal((1, 2, 3)).astype("float32")  # a text of two words
padded = np.concatenate([words, np.zeros((1, 2, 3), "float32")], axis=1)  # and two places of padding
alone, _ = layer(words, mask=np.array([[True, True]]))
within, weights = layer(padded, mask=np.array([[True, True, False, False]]))
weights = np.asarray(weights, float)[0]
on_padding, silenced = weights[:2, 2:].sum(axis=1), weights[2:, 2:].sum(axis=1)
moved = np.abs(np.asarray(within)[0, :2] - np.asarray(alone)[0]).max()
print("weight of each word on padding:", on_padding.round(3).tolist())
print("weight of padding on padding:", silenced.round(3).tolist())
print("largest change of a word's output by the padding behind it:", round(float(moved), 3))
assert (on_padding > 0.1).all() and (silenced < 1e-6).all() and moved > 0.01, "it behaves differently now"
PYTHON
