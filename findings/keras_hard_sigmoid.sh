#!/usr/bin/env bash
# hard_sigmoid is a different function in tf_keras 2.21.0 and in Keras 3.15.1.
#
# A good guess: an activation of the same name in Keras 2 and 3 is the same function; a saved model's config stores
# only the name.
# Seen: tf_keras computes clip(0.2 x + 0.5, 0, 1), Keras 3 relu6(x + 3) / 6, whose slope is 1/6: up to 0.083 apart.
# It hurts whoever migrates an LSTM with recurrent_activation hard_sigmoid, the default of Keras up to 2.2: config and
# weights load, and every gate is slightly off.
# Source: tf_keras/src/backend.py, hard_sigmoid; keras.activations.hard_sigmoid.
# Needs Python 3.11 to 3.13, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  tensorflow==2.21.0 tf-keras==2.21.0 keras==3.15.1 numpy==2.4.6
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import keras
import numpy as np
import tensorflow as tf
import tf_keras

x = np.array([-2.5, -1, 0, 1, 2.5], "float32")
old, new = (np.asarray(module.activations.get("hard_sigmoid")(tf.constant(x)), float) for module in (tf_keras, keras))
print("x:       ", x.tolist())
print("tf_keras:", old.round(4).tolist())
print("Keras 3: ", new.round(4).tolist())
assert np.allclose(old, np.clip(0.2 * x + 0.5, 0, 1), atol=1e-6), "tf_keras behaves differently now"
assert np.allclose(new, np.clip(x / 6 + 0.5, 0, 1), atol=1e-6), "Keras 3 behaves differently now"
PYTHON
