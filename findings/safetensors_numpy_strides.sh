#!/usr/bin/env bash
# safetensors 0.8.0 silently writes other numbers for a NumPy array that is not C-contiguous, such as W.T; 0.7.0 wrote
# the right ones.
#
# A good guess: load(save({"W": array}))["W"] equals the array, or save refuses it, as safetensors.torch does.
# numpy.save, and safetensors up to 0.7.0, write the array's numbers in its order, whatever its strides.
# Seen: 0.8.0 writes as many bytes as the array has, from where its memory begins, under the shape of the array: a
# transposed matrix comes back with the numbers of the untransposed one in its rows, a column slice with its
# neighbours' numbers. (numpy.ascontiguousarray(array) first, and all is well.)
# It hurts whoever transposes weights from one framework's layout to another's and saves them: nothing is raised, and
# shapes, dtypes and the size of the file are right.
# Source: safetensors.numpy, _flatten: data_ptr=tensor.ctypes.data; its docstring asks for "contiguous and dense".
# Seen with safetensors 0.7.0 and 0.8.0, numpy 2.4.6, Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.7.0 0.8.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -q --disable-pip-version-check "safetensors==$version" numpy==2.4.6
    "$folder/$version/bin/python" - <<'PYTHON'
import numpy as np
import safetensors
from safetensors.numpy import load, save

W = np.arange(6, dtype=np.float32).reshape(2, 3)
for name, array in {"W.T": W.T, "W[:, :2]": W[:, :2], "asfortranarray(W)": np.asfortranarray(W)}.items():
    read = load(save({"W": array}))["W"]
    print(f"safetensors {safetensors.__version__}, {name}: {array.astype(int).tolist()} -> {read.astype(int).tolist()}")
PYTHON
done | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
safetensors 0.7.0, W.T: [[0, 3], [1, 4], [2, 5]] -> [[0, 3], [1, 4], [2, 5]]
safetensors 0.7.0, W[:, :2]: [[0, 1], [3, 4]] -> [[0, 1], [3, 4]]
safetensors 0.7.0, asfortranarray(W): [[0, 1, 2], [3, 4, 5]] -> [[0, 1, 2], [3, 4, 5]]
safetensors 0.8.0, W.T: [[0, 3], [1, 4], [2, 5]] -> [[0, 1], [2, 3], [4, 5]]
safetensors 0.8.0, W[:, :2]: [[0, 1], [3, 4]] -> [[0, 1], [2, 3]]
safetensors 0.8.0, asfortranarray(W): [[0, 1, 2], [3, 4, 5]] -> [[0, 3, 1], [4, 2, 5]]
EXPECTED
