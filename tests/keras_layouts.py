"""Files as Keras writes them, made with h5py alone: whole models, weights, and zips of both. Checked against Keras's.

Layers are ``{name: (class, {weight: array})}``; weights are called as in a ``.h5``: ``forward_lstm/lstm_cell/kernel``.
"""

import io
import json
import subprocess
import zipfile

import numpy as np

from interchange import hdf5_outline

PARTS = {"forward_lstm": "forward_layer", "backward_lstm": "backward_layer", "lstm_cell": "cell"}


def hdf5_here(command: list[str], **_) -> subprocess.CompletedProcess:
    """In the place of ``subprocess.run``: HDF5 in this process, which is quicker, for files that do not harm it."""
    found = hdf5_outline.describe(command[3], *map(int, command[4:]))
    return subprocess.CompletedProcess(command, 0, json.dumps(found).encode(), b"")


def example(seed: int = 0) -> dict[str, tuple[str, dict[str, np.ndarray]]]:
    """Eleven dense layers, of which ``dense_10`` stands before ``dense_2`` in the file, and a bidirectional LSTM."""
    rng = np.random.default_rng(seed)

    def draw(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {name.replace("__", "/"): rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}

    halves = {
        f"{way}_lstm__lstm_cell__{weight}": shape
        for way in ("forward", "backward")
        for weight, shape in {"kernel": (4, 12), "recurrent_kernel": (3, 12), "bias": (12,)}.items()
    }
    layers = {"words": ("embedding", draw(embeddings=(9, 4))), "bidirectional": ("bidirectional", draw(**halves))}
    for i in range(11):
        layers["dense" if i == 0 else f"dense_{i}"] = "dense", draw(kernel=(6, 6), bias=(6,))
    return layers


def write_h5(file, layers: dict, *, whole: bool = True, prefix: str = "", suffix: str = "", config=None, slots=None):
    """A ``.h5``: of ``model.save``, or of tf_keras's ``model.save_weights``; tf_keras's suffix is ``:0``."""
    import h5py

    with h5py.File(file, "w") as root:
        root.attrs["keras_version"] = "3.15.1"
        if config is not None:
            root.attrs["model_config"] = json.dumps(config)
        weights = root.create_group("model_weights") if whole else root
        weights.attrs["layer_names"] = [name.encode() for name in layers]
        weights.attrs["backend"] = b"tensorflow"
        for layer, (_, arrays) in layers.items():
            group = weights.create_group(layer)
            names = [f"{prefix}{layer}/{name}{suffix}" for name in arrays]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays.values(), strict=True):
                group.create_dataset(name, data=array)
        weights.create_group("top_level_model_weights").attrs["weight_names"] = []
        if slots:
            group = root.create_group("optimizer_weights")
            group.attrs["weight_names"] = [name.encode() for name in slots]
            root.attrs["training_config"] = json.dumps({"optimizer_config": {"class_name": "Adam", "config": {}}})
            for name, array in slots.items():
                group.create_dataset(name, data=array)


def write_weights_h5(file, layers: dict, *, names: bool = True, slots=None):
    """A ``.weights.h5``: groups by class, counted; the layer's name, if at all, is an attribute, as in Keras 3."""
    import h5py

    count: dict[str, int] = {}
    with h5py.File(file, "w") as root:
        for layer, (kind, arrays) in layers.items():
            n = count[kind] = count.get(kind, -1) + 1
            path = f"layers/{kind}_{n}" if n else f"layers/{kind}"
            groups: dict[str, int] = {}
            root.create_group(f"{path}/vars")
            for name, array in arrays.items():
                inner = path
                for part in name.split("/")[:-1]:
                    inner += f"/{PARTS[part]}"
                    if names:
                        root.require_group(f"{inner}/vars").attrs["name"] = part
                inner += "/vars"
                i = groups[inner] = groups.get(inner, -1) + 1
                root.require_group(inner).create_dataset(str(i), data=array)
            if names:
                root[f"{path}/vars"].attrs["name"] = layer
        root.create_group("vars").attrs["name"] = "mine"
        if slots:
            for i, array in enumerate(slots.values()):
                root.require_group("optimizer/vars").create_dataset(str(i), data=array)
            root.require_group("metrics/mean/vars").create_dataset("0", data=np.float32(3))


def write_keras(path, layers: dict, config: dict, slots=None):
    """A ``.keras``: a zip of ``metadata.json``, ``config.json`` and ``model.weights.h5``."""
    weights = io.BytesIO()
    write_weights_h5(weights, layers, slots=slots)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": "2026-11-29@19:41:51"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
