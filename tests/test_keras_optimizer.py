"""A training that begins in Keras 3 goes on here, and the reverse, with the weights of one that stayed."""

import copy
import os
import subprocess
import sys

import numpy as np
import pytest

os.environ |= {"KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"), "TF_CPP_MIN_LOG_LEVEL": "3"}
keras = pytest.importorskip("keras")
attention = pytest.importorskip("keras_self_attention")

from classifier import GRUClassifier, SeqSelfClassifier  # noqa: E402
from common.layer import named_params  # noqa: E402
from common.optimizer import Adam, Nadam  # noqa: E402
from common.trainer import Trainer  # noqa: E402
from interchange import read_arrays, to_model  # noqa: E402
from interchange.export import export_model  # noqa: E402
from interchange.optimizer_state import from_keras, to_keras  # noqa: E402

pytestmark = [
    pytest.mark.keras,
    # Keras's own, as it saves the variables of TensorFlow
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]
V, D, H, N, T = 22, 4, 5, 4, 5
L = keras.layers
TENSORFLOW = keras.backend.backend() == "tensorflow"
OPTIMIZERS = {  # rates that float32 holds, in which Keras raises them to powers
    "Adam": (lambda: keras.optimizers.Adam(0.01, 0.75, 0.984375, 1e-5), lambda: Adam(0.01, 0.75, 0.984375, 1e-5)),
    "Nadam": (
        lambda: keras.optimizers.Nadam(0.02, 0.875, 0.984375),
        lambda: Nadam(0.02, 0.875, 0.984375, schedule_decay=1.0),
    ),
}
KINDS = {  # the layers between Embedding and Dense, the outputs, our model, and its arguments beyond the sizes
    "seqself": (
        lambda: [attention.SeqSelfAttention(units=3), L.Bidirectional(L.LSTM(H))],
        3,
        lambda **o: SeqSelfClassifier(V, D, H, units=3, classes=3, **o),
    ),
    "gru": (
        lambda: [L.Bidirectional(L.GRU(H, return_sequences=True)), L.Bidirectional(L.GRU(H))],
        1,
        lambda **o: GRUClassifier(V, D, H, layers=2, dropout=0.0, attention=False, **o),
    ),
}
if not TENSORFLOW:
    del KINDS["seqself"]  # keras-self-attention asks TensorFlow's shapes for their rank


@pytest.fixture(autouse=True)
def float64():
    """Keras then keeps its own scalars in float64 too."""
    before, policy = keras.backend.floatx(), keras.config.dtype_policy()
    keras.backend.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # which the first layer of another test may have made
    keras.utils.set_random_seed(1)
    yield
    keras.backend.set_floatx(before)
    keras.config.set_dtype_policy(policy)


def make(kind):
    """The model in Keras, and its loss."""
    layers, outputs, _ = KINDS[kind]
    end = L.Dense(outputs, activation="softmax" if outputs > 1 else "sigmoid")
    module = keras.Sequential([L.Input((None,)), L.Embedding(V, D), *layers(), end])
    return module, "sparse_categorical_crossentropy" if outputs > 1 else "binary_crossentropy"


def data(kind, once=TENSORFLOW):
    """once: no token occurs twice; see ``test_tensorflow_adds_up_squares``."""
    rng = np.random.default_rng(0)
    x = rng.permutation(np.arange(2, V)).reshape(N, T) if once else rng.integers(2, 6, (N, T))
    return x, np.arange(N) % 3 if kind == "seqself" else np.arange(N) % 2


def train_there(module, kind, steps):
    for _ in range(steps):
        module.train_on_batch(*data(kind))


def train_here(model, optimizer, kind, steps):
    Trainer(model, optimizer, callbacks=()).fit(*data(kind), max_epoch=steps, batch_size=N)  # all of it: no order


def saved(module, folder, ending=".keras"):
    path = folder / f"model{ending}"
    (module.save_weights if ending == ".weights.h5" else module.save)(path)
    return read_arrays(path)


def agree(model, arrays, kind):
    theirs = named_params(to_model(arrays, kind).model)
    for name, param in named_params(model).items():
        np.testing.assert_allclose(param, theirs[name], rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_from_there_to_here(tmp_path, rule, kind):
    module, loss = make(kind)
    module.compile(OPTIMIZERS[rule][0](), loss)
    train_there(module, kind, 5)
    arrays = saved(module, tmp_path)
    model = to_model(arrays, kind).model
    own = from_keras(model, arrays)
    variables, said = [v.numpy() for v in module.optimizer.variables], keras.optimizers.serialize(module.optimizer)
    weights, legacy = saved(module, tmp_path, ".weights.h5"), saved(module, tmp_path, ".h5")
    for other in (
        from_keras(model, arrays, variables),
        from_keras(model, arrays, variables, said),
        from_keras(model, weights, description=said),
        from_keras(model, legacy),
    ):
        for one, two in zip(own.m + own.v, other.m + other.v, strict=True):
            np.testing.assert_array_equal(one, two)
        assert (own.iter, getattr(own, "schedule", 0)) == (other.iter, getattr(other, "schedule", 0))
    before = copy.deepcopy(model)
    train_there(module, kind, 5)
    train_here(model, own, kind, 5)
    after = saved(module, tmp_path)
    agree(model, after, kind)
    train_here(before, OPTIMIZERS[rule][1](), kind, 5)  # without the state, it is another training
    with pytest.raises(AssertionError):
        agree(before, after, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_from_here_to_there(tmp_path, rule, kind):
    model = KINDS[kind][2](rng=np.random.default_rng(2), dtype=np.float64)
    own = OPTIMIZERS[rule][1]()
    train_here(model, own, kind, 5)
    module, loss = make(kind)
    export_model(tmp_path / "ours.weights.h5", model, {})
    module.load_weights(tmp_path / "ours.weights.h5")  # before compile: the file has no optimizer
    settings, values = to_keras(model, own)
    optimizer = getattr(keras.optimizers, settings.pop("class_name"))(**settings)
    optimizer.build(module.trainable_variables)
    for variable, value in zip(optimizer.variables, values, strict=True):
        variable.assign(value)
    module.compile(optimizer, loss)
    train_here(model, own, kind, 5)
    train_there(module, kind, 5)
    agree(model, saved(module, tmp_path), kind)


@pytest.mark.skipif(not TENSORFLOW, reason="it is this one that begins the other")
def test_on_pytorch_as_well():
    """The tests of the GRU again; there, tokens may repeat."""
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-m", "keras", __file__]
    env = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


@pytest.mark.skipif(not TENSORFLOW, reason="it is TensorFlow's gradient that is of another kind")
def test_tensorflow_adds_up_squares():
    """Why no token may repeat in a batch there: v gets the squares of each occurrence, not that of their sum."""
    module = keras.Sequential([L.Input((None,)), L.Embedding(3, 1), L.GlobalAveragePooling1D(), L.Dense(1)])
    module.compile(keras.optimizers.Adam(beta_1=0.5, beta_2=0.5), "mse")
    module.train_on_batch(np.array([[1, 1, 1, 2]]), np.array([[3.0]]))
    m, v = (variable.numpy()[1:, 0] * 2 for variable in module.optimizer.variables[2:4])
    np.testing.assert_allclose(m[0], 3 * m[1])
    np.testing.assert_allclose(v, [3 * m[1] ** 2, m[1] ** 2])
