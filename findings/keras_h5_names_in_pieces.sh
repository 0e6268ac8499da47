#!/usr/bin/env bash
# Keras: a .h5 of a model with many layers, or long names, has no attribute layer_names.
#
# A good guess: model_weights in a .h5 lists its layers in the attribute layer_names, and each layer its weights in
# weight_names; that is how the format is described, and what most readers without Keras go by.
# Seen with tf_keras 2.21.0 and Keras 3.15.1: HDF5 limits an attribute to 64 KB. Names are stored at the width of the
# longest, and where they need more room, the attribute is split: layer_names0, layer_names1 ... instead. A layer's
# weight_names likewise, for a layer that contains a model.
# It hurts whoever reads such files with h5py: KeyError at best; with .get("layer_names", []), a model without weights.
# Source: keras/src/legacy/saving/legacy_h5_format.py, save_attributes_to_hdf5_group; the same in tf_keras.
# Needs Python 3.11 to 3.13, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  tensorflow==2.21.0 tf-keras==2.21.0 keras==3.15.1 numpy==2.4.6 h5py==3.14.0
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 KERAS_BACKEND=tensorflow
cd "$folder"
"$folder/venv/bin/python" -W ignore - 2>"$folder/log" <<'PYTHON' | tee "$folder/seen" || { cat "$folder/log"; exit 1; }
import h5py
import keras
import tf_keras

for module in (tf_keras, keras):
    for count, width in ((300, 200), (300, 300)):
        names = [f"layer_{i}".ljust(width, "x") for i in range(count)]
        layers = [module.layers.Rescaling(1.0, name=name) for name in names]
        module.Sequential([module.layers.Input((1,)), *layers]).save("x.h5")
        with h5py.File("x.h5") as file:
            found = {k: len(v) for k, v in file["model_weights"].attrs.items() if k.startswith("layer_names")}
        print(f"{module.__name__}, {count} layers, names of {width} characters:", found)
PYTHON
diff - "$folder/seen" <<'EXPECTED'
tf_keras, 300 layers, names of 200 characters: {'layer_names': 300}
tf_keras, 300 layers, names of 300 characters: {'layer_names0': 150, 'layer_names1': 150}
keras, 300 layers, names of 200 characters: {'layer_names': 300}
keras, 300 layers, names of 300 characters: {'layer_names0': 150, 'layer_names1': 150}
EXPECTED
