#!/usr/bin/env bash
# ignore_class in Keras: the loss of a batch whose labels are all ignored, and the mean of the losses.
#
# A good guess: the loss object and the function of the same name agree, and Keras 3.15.1 and tf_keras 2.21.0 do too.
# Seen: the object divides by the number of labels that count. The function returns 0 for ignored labels; its
# mean is therefore taken over all labels and is half as large here. When every label is ignored, the object returns 0
# in Keras 3 and nan in tf_keras, although the gradients are 0.
# It hurts whoever trains on padded sequences, where one batch of padding makes tf_keras's epoch loss nan, and stops a
# training that watches for nan; and whoever takes the function's mean as the loss.
# Source: keras.losses.SparseCategoricalCrossentropy, and the class of that name in tf_keras.
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

scores = tf.constant(np.log([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.2, 0.6]]), "float32")
labels, ignored = tf.constant([0, 1, -1, -1]), tf.constant([-1, -1, -1, -1])
counted = -(np.log(0.7) + np.log(0.8))
results = {}
for module in (tf_keras, keras):
    loss = module.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    each = module.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True, ignore_class=-1)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        none_counts = loss(ignored, scores)
    found = float(loss(labels, scores)), float(np.mean(each)), float(none_counts)
    print(f"{module.__name__:<9} object {found[0]:.4f}, mean of the function {found[1]:.4f}, all ignored {found[2]}")
    assert np.allclose(found[:2], [counted / 2, counted / 4]), "it behaves differently now"
    assert not np.any(tape.gradient(none_counts, scores)), "the gradient is not 0 now"
    results[module] = found[2]
assert np.isnan(results[tf_keras]) and results[keras] == 0, "all ignored: it behaves differently now"
PYTHON
