"""Makes models with keras-self-attention in whichever Keras its environment has, and writes what they compute.

    python keras_driver.py FOLDER

For each case ``FOLDER/0.h5``, ``0.weights.h5``, ``0.keras`` and ``0.npz``: ids of texts of one length and of padded
ones, and for both the predictions and the attention. ``FOLDER/facts.json`` has the versions and the cases' options. Run
by ``keras_environments`` and by the tests; imports nothing of ours.
"""

import itertools
import json
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

# before the imports that read it, which therefore stand below
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "TF_KERAS": "1"}
warnings.simplefilter("ignore")  # it runs on versions that have been superseded

import numpy as np  # noqa: E402
import tensorflow  # noqa: E402

tensorflow.get_logger().setLevel("ERROR")
if not hasattr(tensorflow.keras, "wrappers"):
    tensorflow.keras.wrappers = None  # which versions up to 0.45.0 import and do not use
import keras_self_attention.seq_self_attention as module  # noqa: E402
from keras_self_attention import SeqSelfAttention  # noqa: E402

keras = module.keras  # what the version of the package builds on
PACKAGES = "keras-self-attention", "tensorflow-cpu", "keras", "tf-keras", "h5py", "numpy"
V, D, H, K, N, T = 11, 5, 4, 3, 6, 7
BIASES = {"use_additive_bias": False}, {"use_attention_bias": False}, {"use_additive_bias": True}


def cases() -> list[dict]:
    """The options of the attention, and of the model around it."""
    windows = {}, {"attention_width": 3}, {"attention_width": 2, "history_only": True}, {"history_only": True}
    found = []
    for number, (kind, window, mask) in enumerate(
        itertools.product(("additive", "multiplicative"), windows, (False, True))
    ):
        attention = {"attention_type": kind, "units": 3 + number % 3, **window, **BIASES[number % 3]}
        attention |= {"attention_activation": "sigmoid"} if number % 4 > 1 else {}
        found.append({"attention": attention, "mask": mask, "sequential": number % 5 == 4})
    return found


def build(case: dict) -> tuple:
    """Return a model, and another of its layers that returns the attention; None of a Sequential."""
    L = keras.layers
    attention = SeqSelfAttention(return_attention=not case["sequential"], name="look", **case["attention"])
    layers = [L.Embedding(V, D, mask_zero=case["mask"], name="words"), attention]
    layers += [L.Bidirectional(L.LSTM(H)), L.Dropout(0.5), L.Dense(K, activation="softmax", name="topic")]
    if case["sequential"]:
        model = keras.models.Sequential(layers)
        model(np.ones((1, 2), "int32"))
        return model, None
    words = L.Input((None,))
    x, weights = attention(layers[0](words))
    for layer in layers[2:]:
        x = layer(x)
    return keras.models.Model(words, x), keras.models.Model(words, weights)


def main(folder: Path) -> None:
    for number, case in enumerate(cases()):
        rng = np.random.default_rng(number)
        keras.backend.clear_session()
        model, look = build(case)
        if number % 4 == 0:  # an optimizer comes into the file
            model.compile("nadam", "categorical_crossentropy")
            model.train_on_batch(np.ones((1, 2), "int32"), np.eye(K, dtype="f")[:1])
        model.set_weights([rng.normal(size=w.shape).astype("f") * 0.4 for w in model.get_weights()])
        full = rng.integers(1, V, size=(N, T))
        padded = np.where(
            np.arange(T) < rng.integers(0, T + 1, size=(N, 1)), full, 0
        )  # an empty text may be among them
        padded = padded[:, ::-1] if number % 2 else padded  # padding in front, or behind
        arrays = {"full": full, "padded": padded}
        for name, ids in list(arrays.items()):
            arrays[f"{name}_predictions"] = np.asarray(model(ids, training=False))
            if look is not None:
                arrays[f"{name}_attention"] = np.asarray(look(ids, training=False))
        np.savez(folder / f"{number}.npz", **arrays)
        for ending in ("h5", "keras"):
            model.save(str(folder / f"{number}.{ending}"))
        model.save_weights(str(folder / f"{number}.weights.h5"))
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except ModuleNotFoundError:
            versions[name] = "none"
    facts = {"versions": versions, "keras": keras.layers.Layer.__module__, "cases": cases()}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
