#!/usr/bin/env bash
# Files of tf_keras 2.21.0 and Keras 3.15.1: .weights.h5 load in each other, models in one direction, without recurrent
# layers.
#
# A good guess: both read a .h5 or .keras of the other, whose layers have the same names and arguments; or neither reads
# any.
# Seen: .weights.h5 go both ways, bit for bit, for LSTM and GRU too. Keras 3 loads models of tf_keras with Dense
# layers, but none with a recurrent layer (its config has time_major). tf_keras loads no model of Keras 3 (batch_shape
# of the input layer).
# It hurts whoever upgrades and tries it with a small model first; and whoever rebuilds the model by hand to load
# .weights.h5, which checks shapes only: an argument whose meaning changed, such as hard_sigmoid, passes unnoticed.
# Source: the config of each class; keras/src/layers/rnn/rnn.py, tf_keras/src/engine/input_layer.py.
# Needs Python 3.11 to 3.13, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  tensorflow==2.21.0 tf-keras==2.21.0 keras==3.15.1 numpy==2.4.6
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 KERAS_BACKEND=tensorflow
cd "$folder"
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' | tee "$folder/seen" || { cat "$folder/log"; exit 1; }
import keras
import numpy as np
import tf_keras


def model(module, kind):
    layers = module.layers
    last = layers.Dense(2) if kind == "Dense" else layers.Bidirectional(getattr(layers, kind)(2))
    return module.Sequential([layers.Input((3,) if kind == "Dense" else (None, 3)), last])


for source, target in ((tf_keras, keras), (keras, tf_keras)):
    for kind in ("Dense", "LSTM", "GRU"):
        saved, found = model(source, kind), {}
        for ending in (".weights.h5", ".h5", ".keras"):
            try:
                if ending == ".weights.h5":
                    saved.save_weights("x" + ending)
                    loaded = model(target, kind)
                    loaded.load_weights("x" + ending)
                else:
                    saved.save("x" + ending)
                    loaded = target.models.load_model("x" + ending)
                pairs = zip(saved.get_weights(), loaded.get_weights(), strict=True)
                found[ending] = "equal" if all(np.array_equal(a, b) for a, b in pairs) else "other numbers"
            except Exception as error:
                found[ending] = type(error).__name__
        print(f"{source.__name__} to {target.__name__}, {kind}:", found)
PYTHON
diff - "$folder/seen" <<'EXPECTED'
tf_keras to keras, Dense: {'.weights.h5': 'equal', '.h5': 'equal', '.keras': 'equal'}
tf_keras to keras, LSTM: {'.weights.h5': 'equal', '.h5': 'ValueError', '.keras': 'ValueError'}
tf_keras to keras, GRU: {'.weights.h5': 'equal', '.h5': 'ValueError', '.keras': 'ValueError'}
keras to tf_keras, Dense: {'.weights.h5': 'equal', '.h5': 'TypeError', '.keras': 'TypeError'}
keras to tf_keras, LSTM: {'.weights.h5': 'equal', '.h5': 'TypeError', '.keras': 'TypeError'}
keras to tf_keras, GRU: {'.weights.h5': 'equal', '.h5': 'TypeError', '.keras': 'TypeError'}
EXPECTED
