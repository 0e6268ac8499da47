#!/usr/bin/env bash
# Keras 3.15.1 with TensorFlow: an Embedding's row that a mini-batch uses several times is not trained as Adam says.
#
# A good guess: Adam's second moment gets the square of the gradient of each weight, whichever backend computes it.
# Seen: for a word that occurs three times in a batch, the three parts of its gradient are squared one by one and then
# added up, a third of the square of their sum where they are equal; so the step is sqrt(3) times as long. Nadam does
# the same. On the backend torch, and in torch.optim.Adam, the moment is the square of the sum. The first moment, a word
# that occurs once, and all weights but those of embeddings are right everywhere.
# It hurts whoever compares or continues a training across backends or frameworks: frequent words move farther in
# TensorFlow than in any other, with the same rate, and nothing says so.
# Source: the gradient of tf.gather is a tf.IndexedSlices, with an entry for each use; keras.ops.square, in
# Adam.update_step, squares its entries (keras/src/backend/tensorflow/sparse.py, elementwise_unary).
# Seen with keras 3.15.1, tensorflow-cpu 2.21.0, torch 2.13.0, numpy 2.4.6, Python 3.11. Needs Python 3.11 to 3.13.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  keras==3.15.1 tensorflow-cpu==2.21.0 torch==2.13.0 numpy==2.4.6
export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
for backend in tensorflow torch; do
  KERAS_BACKEND=$backend "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import keras
import numpy as np

keras.utils.set_random_seed(0)
for name in ("Adam", "Nadam"):
    layers = [keras.layers.Embedding(3, 1), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.layers.Input((None,)), *layers])
    model.compile(getattr(keras.optimizers, name)(), "mse")
    model.train_on_batch(np.array([[1, 1, 1, 2]]), np.array([[3.0]]))  # row 1 three times, row 2 once
    m, v = (keras.ops.convert_to_numpy(each)[1:, 0] for each in model.optimizer.variables[2:4])
    g, squares = m / m[1], v / v[1]
    print(f"Keras {keras.__version__}, {keras.backend.backend()}, {name}:", end=" ")
    print(f"gradients {g[0]:.3f} to {g[1]:.0f}, second moments {squares[0]:.3f} to {squares[1]:.0f}")
PYTHON
done | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
Keras 3.15.1, tensorflow, Adam: gradients 3.000 to 1, second moments 3.000 to 1
Keras 3.15.1, tensorflow, Nadam: gradients 3.000 to 1, second moments 3.000 to 1
Keras 3.15.1, torch, Adam: gradients 3.000 to 1, second moments 9.000 to 1
Keras 3.15.1, torch, Nadam: gradients 3.000 to 1, second moments 9.000 to 1
EXPECTED
