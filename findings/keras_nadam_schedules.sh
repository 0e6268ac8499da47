#!/usr/bin/env bash
# Nadam in tf_keras 2.21.0, in its legacy module and in Keras 3.15.1: one name, the same arguments, two algorithms.
#
# A good guess: optimizers with the same name, learning rate, betas and epsilon take the same steps.
# Seen: the legacy optimizer, that of Keras 2.2, warms its momentum up by 1 - 0.5 * 0.96^(0.004 t), the others by
# 1 - 0.5 * 0.96^t, 250 times as fast; no argument changes it. (torch.optim.NAdam has such an argument, momentum_decay,
# whose default is the old schedule.)
# It hurts whoever reproduces an older result, or compares frameworks, with "Nadam, the same settings".
# Source: tf_keras/src/optimizers/nadam.py and legacy/nadam.py; keras.optimizers.Nadam.
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

STEPS, RATE, B1, B2, EPSILON = 20, 0.01, 0.9, 0.999, 1e-7


def trained(optimizer, variable):
    for gradient in np.random.default_rng(0).standard_normal((STEPS, 2)).astype("float32"):
        optimizer.apply_gradients([(tf.constant(gradient), variable)])
    return np.asarray(variable, float)


def by_hand(decay):
    p, m, v, product = np.array([1.0, 2.0]), 0, 0, 1
    for t, g in enumerate(np.random.default_rng(0).standard_normal((STEPS, 2)).astype("float32"), 1):
        now, ahead = (B1 * (1 - 0.5 * 0.96 ** (decay * step)) for step in (t, t + 1))
        product *= now
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g * g
        step = (1 - now) / (1 - product) * g + ahead / (1 - product * ahead) * m
        p = p - RATE * step / (np.sqrt(v / (1 - B2**t)) + EPSILON)
    return p


options = dict(learning_rate=RATE, beta_1=B1, beta_2=B2, epsilon=EPSILON)
old = trained(tf_keras.optimizers.legacy.Nadam(**options), tf.Variable([1.0, 2.0]))
new = trained(tf_keras.optimizers.Nadam(**options), tf.Variable([1.0, 2.0]))
three = trained(keras.optimizers.Nadam(**options), keras.Variable([1.0, 2.0]))
print("tf_keras, legacy:", old.round(5).tolist(), "   by hand, 0.96^(0.004 t):", by_hand(0.004).round(5).tolist())
print("tf_keras:        ", new.round(5).tolist(), "   by hand, 0.96^t:        ", by_hand(1).round(5).tolist())
print("Keras 3:         ", three.round(5).tolist())
assert np.allclose(old, by_hand(0.004), atol=1e-5), "the legacy one behaves differently now"
assert np.allclose(new, by_hand(1), atol=1e-5) and np.allclose(three, new, atol=1e-5), "they behave differently now"
PYTHON
