#!/usr/bin/env bash
# Keras: at masked places an LSTM repeats its last state; inside Bidirectional, the same layer gives zeros there.
#
# A good guess: Bidirectional runs the layer in both directions and joins the results; the half that reads forward is
# what the layer alone would give.
# Seen with tf_keras 2.21.0 and Keras 3.15.1: real places agree, masked ones do not. The wrapper sets
# zero_output_for_mask, which a layer alone has off by default (its docstring says so, under the argument layer).
# It hurts whoever takes the last place of the sequences as the state (right for a padded text in the one, zeros in the
# other), rebuilds the layer elsewhere, or unwraps a layer to look at it.
# Source: keras/src/layers/rnn/bidirectional.py, force_zero_output_for_mask; the same in tf_keras.
# Needs Python 3.11 to 3.13, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  tensorflow==2.21.0 tf-keras==2.21.0 keras==3.15.1 numpy==2.4.6
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 KERAS_BACKEND=tensorflow
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import keras
import numpy as np
import tf_keras

x = np.random.default_rng(0).standard_normal((1, 4, 3)).astype("float32")
mask = np.array([[True, True, False, False]])
for module in (tf_keras, keras):
    alone = module.layers.LSTM(2, return_sequences=True)
    wrapped = module.layers.Bidirectional(module.layers.LSTM(2, return_sequences=True))
    alone(x), wrapped(x)
    alone.set_weights(wrapped.get_weights()[:3])
    first = np.asarray(alone(x, mask=mask), float)[0]
    second = np.asarray(wrapped(x, mask=mask), float)[0, :, :2]
    print(f"{module.__name__}, alone:           ", first.round(3).tolist())
    print(f"{module.__name__}, in Bidirectional:", second.round(3).tolist())
    assert np.allclose(first[:2], second[:2], atol=1e-6) and first[1].any(), "it behaves differently now"
    assert np.array_equal(first[1], first[3]) and not second[2:].any(), "it behaves differently now"
PYTHON
