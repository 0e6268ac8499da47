#!/usr/bin/env bash
# Keras 3.15.1 saves a bfloat16 model as .h5, and cannot load it again.
#
# A good guess: what save writes without a warning, load_model of the same version reads; float16 models do.
# Seen: HDF5 has no bfloat16, so two opaque bytes are written per number. In .weights.h5 (and .keras), an attribute
# says dtype: bfloat16, and loading goes by it. A legacy .h5 has no such attribute: load_model raises "No cast function
# available", and the file itself does not tell bfloat16 from any other two bytes; its model_config does.
# It hurts whoever keeps trained weights in .h5, or reads either file without Keras: h5py gives dtype |V2, which numpy
# neither computes with nor converts.
# Source: keras/src/saving/saving_lib.py, H5IOStore; keras/src/legacy/saving/legacy_h5_format.py.
# Needs Python 3.11 to 3.13, and a few minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1 numpy==2.4.6 h5py==3.14.0
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 KERAS_BACKEND=tensorflow
cd "$folder"
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' | tee "$folder/seen" || { cat "$folder/log"; exit 1; }
import h5py
import keras
import numpy as np


def outcome(load):
    try:
        pairs = zip(load().get_weights(), model.get_weights(), strict=True)
        return "loads, equal" if all(np.array_equal(a, b) for a, b in pairs) else "loads, other numbers"
    except ValueError as error:
        return f"ValueError: {error}"


def into_another():
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.load_weights("x.weights.h5")
    return other


for policy in ("float16", "bfloat16"):
    keras.config.set_dtype_policy(policy)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save("x.h5")
    model.save_weights("x.weights.h5")
    for path, load in (("x.h5", lambda: keras.models.load_model("x.h5")), ("x.weights.h5", into_another)):
        found = []
        with h5py.File(path) as file:
            file.visititems(lambda _, o: found.append((str(o.dtype), dict(o.attrs))) if hasattr(o, "dtype") else None)
        print(f"{policy}, {path}: {found[0][0]}, attributes {found[0][1]}:", outcome(load))
PYTHON
diff - "$folder/seen" <<'EXPECTED'
float16, x.h5: float16, attributes {}: loads, equal
float16, x.weights.h5: float16, attributes {}: loads, equal
bfloat16, x.h5: |V2, attributes {}: ValueError: No cast function available.
bfloat16, x.weights.h5: |V2, attributes {'dtype': 'bfloat16'}: loads, equal
EXPECTED
