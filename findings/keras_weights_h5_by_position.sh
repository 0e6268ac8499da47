#!/usr/bin/env bash
# Keras 3.15.1: load_weights of a .weights.h5 goes by class and position; the layers' names, which are in the file, are
# ignored, and so are layers that the model does not have.
#
# A good guess: the weights of a layer named "query" go to the layer named "query", or an error says that the names
# differ; a file with more layers than the model does not fit. (Layers of a legacy .h5 are counted, and matched by name
# on request; by_name=True is refused for .weights.h5.)
# Seen: two layers of one class and shape that are listed in the other order get each other's weights, and a model of
# two layers loads the first two of the file's three; without a message in both cases.
# It hurts whoever names layers in order to find them again, reorders or shortens a model, or reads the file elsewhere:
# the groups are called dense, dense_1 ... by class; the name is an attribute of the group `vars`. In sorted order,
# as h5py lists them, dense_10 comes before dense_2.
# Source: keras/src/saving/saving_lib.py, _load_state and _load_container_state.
# Needs Python 3.11 to 3.13, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1 numpy==2.4.6 h5py==3.14.0
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 KERAS_BACKEND=tensorflow
cd "$folder"
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import h5py
import keras
import numpy as np


def model(*names):
    layers = [keras.layers.Dense(3, name=name, bias_initializer="random_normal") for name in names]
    return keras.Sequential([keras.Input((3,)), *layers])


saved = model("query", "key", "value")
saved.save_weights("x.weights.h5")
with h5py.File("x.weights.h5") as file:
    print("in the file:", {group: file["layers"][group]["vars"].attrs["name"] for group in file["layers"]})
loaded = model("key", "query")
loaded.load_weights("x.weights.h5")
for name in ("key", "query"):
    here = loaded.get_layer(name).get_weights()[1]
    (source,) = [layer.name for layer in saved.layers if np.array_equal(layer.get_weights()[1], here)]
    print(f"the layer named {name} has the weights of the one named {source}")
    assert source != name, "it behaves differently now"
many = keras.Sequential([keras.Input((2,)), *[keras.layers.Dense(2) for _ in range(12)]])
many.save_weights("many.weights.h5")
with h5py.File("many.weights.h5") as file:
    groups = list(file["layers"])
print("twelve layers:", groups)
assert groups.index("dense_10") < groups.index("dense_2"), "it behaves differently now"
PYTHON
