#!/usr/bin/env bash
# tf_keras 2.21.0: compiled, Nadam takes other steps than eagerly; and fit makes the only weight of a model infinite.
#
# A good guess: tf.function changes the speed of an optimizer, and not its steps.
# Seen: Nadam multiplies its schedule's product once per step, which a Python counter ensures. In a compiled function,
# the counter stands still: weight k skips the multiplication in step k - 1 and does it in all others, so the product
# shrinks once per weight. And fit traces the step twice, so a model with one weight skips that of step 1, and divides
# by 1 - 1. Nor is the product in any file: a training that is resumed begins with 1 again. (Keras 3 keeps it in a
# variable of its own, multiplies it once per step, and agrees with the eager steps.)
# It hurts whoever trains with fit, which compiles, and compares with Keras 3, PyTorch, or a resumed training.
# Source: tf_keras/src/optimizers/nadam.py, _u_product_counter.
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
import tensorflow as tf
import tf_keras

STEPS, WEIGHTS, GRADIENT = 5, 3, tf.constant([0.5])


def trained(module, compiled):
    optimizer = module.optimizers.Nadam(0.01)
    weights = [(tf.Variable if module is tf_keras else keras.Variable)([1.0]) for _ in range(WEIGHTS)]
    optimizer.build(weights)

    def step():
        optimizer.apply_gradients([(GRADIENT, weight) for weight in weights])

    run = tf.function(step) if compiled else step
    for _ in range(STEPS):
        run()
    product = float(optimizer._u_product)
    stored = any(abs(float(np.sum(v)) - product) < 1e-9 for v in optimizer.variables)
    return float(np.asarray(weights[0])[0]), product, stored


def by_hand(once):
    product = 1.0
    for t in range(1, STEPS + 1):
        factors = 1 if once else sum(t != k - 1 for k in range(1, WEIGHTS + 1))
        product *= (0.9 * (1 - 0.5 * 0.96**t)) ** factors
    return product


eager, compiled, new = trained(tf_keras, False), trained(tf_keras, True), trained(keras, True)
for name, (weight, product, stored) in {"eager": eager, "compiled": compiled, "Keras 3": new}.items():
    print(f"{name:9} weight {weight:.6f}, product {product:.3g}, among the optimizer's variables: {stored}")
assert np.isclose(eager[1], by_hand(True)) and np.isclose(compiled[1], by_hand(False)), "it behaves differently now"
assert abs(eager[0] - new[0]) < 1e-6 < abs(eager[0] - compiled[0]), "it behaves differently now"
assert (eager[2], compiled[2], new[2]) == (False, False, True), "it behaves differently now"

model = tf_keras.Sequential([tf_keras.layers.Input((1,)), tf_keras.layers.Dense(1, use_bias=False)])
model.compile(tf_keras.optimizers.Nadam(0.01), "mse")
model.fit(np.ones((2, 1)), np.zeros(2), batch_size=2, verbose=0)
print("one weight, after one step of fit:", model.get_weights()[0].ravel().tolist())
assert np.isinf(model.get_weights()[0]).all(), "it behaves differently now"
PYTHON
