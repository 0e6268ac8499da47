"""Arrays and configs as Keras writes them, without Keras: layers whose names say nothing, sizes V, D, H, U and K."""

import numpy as np

from interchange.arrays import Arrays

V, D, H, U, K = 9, 5, 4, 3, 3
ADDITIVE = {"Add_Wt": (D, U), "Add_Wx": (D, U), "Add_bh": (U,), "Add_Wa": (U, 1), "Add_ba": (1,)}
MULTIPLICATIVE = {"Mul_Wa": (D, D), "Mul_ba": (1,)}


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def lstm(kind="LSTM", **config):
    settings = dict(activation="tanh", recurrent_activation="sigmoid", use_bias=True, stateful=False, units=H)
    settings |= dict(return_sequences=False, go_backwards=False) | ({"reset_after": True} if kind == "GRU" else {})
    return layer(kind, "inner", **settings | config)


def parts(mask=True, attention=(), inner=None, dense=(), bidirectional=()):
    """The layers of Embedding, SeqSelfAttention, Bidirectional, Dense, as a config has them."""
    how = dict(units=U, attention_width=None, attention_type="additive", history_only=False, return_attention=False)
    how |= dict(use_additive_bias=True, use_attention_bias=True, attention_activation="linear")
    return [
        layer("Embedding", "words", input_dim=V, output_dim=D, mask_zero=mask),
        layer("SeqSelfAttention", "look", **how | dict(attention)),
        layer("Bidirectional", "both", **{"merge_mode": "concat", "layer": inner or lstm(), **dict(bidirectional)}),
        layer("Dense", "topic", **{"units": K, "use_bias": True, "activation": "softmax", **dict(dense)}),
    ]


def sequential(layers):
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}


def call(version, name, output=0, **keywords):
    """A node of Keras 2 or 3 with one input."""
    if version == 2:
        return [[name, 0, output, keywords]]
    return {"args": [tensor(name, output)], "kwargs": keywords}


def tensor(name, output=0):
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [name, 0, output]}}


def functional(version, layers, ends=None, **changed):
    """The layers one after another; changed: nodes of layers by name."""
    layers = [layer("InputLayer", "input", batch_shape=[None, None]), *layers]
    for before, here in zip([None, *layers], layers, strict=False):
        here["name"] = name = here["config"]["name"]
        node = [call(version, before["config"]["name"])] if before else []
        here["inbound_nodes"] = changed.get(name, node)
    ends = ends or [layers[-1]["config"]["name"], 0, 0]
    return {"class_name": "Functional", "config": {"name": "model", "layers": layers, "output_layers": ends}}


def weights(attention=ADDITIVE, cell="lstm", outputs=K, prefix="", layers=1):
    """Arrays as a ``.h5`` spells them: layers with names that say nothing."""
    width = 4 * H if cell == "lstm" else 3 * H
    shapes = {f"{prefix}words/embeddings": (V, D)}
    shapes |= {f"{prefix}look/look_{name}": shape for name, shape in attention.items()}
    for number in range(layers):
        for way in ("forward", "backward"):
            path = f"{prefix}both_{number}/{way}_inner/{cell}_cell_7"
            shapes[f"{path}/kernel"] = (2 * H if number else D, width)
            shapes[f"{path}/recurrent_kernel"] = (H, width)
            shapes[f"{path}/bias"] = (width,) if cell == "lstm" else (2, width)
    shapes |= {f"{prefix}forward_topic/kernel": (2 * H, outputs), f"{prefix}forward_topic/bias": (outputs,)}
    rng = np.random.default_rng(2)
    return {name: rng.normal(size=shape).astype("f") for name, shape in shapes.items()}


def file(arrays, config=None, **metadata):
    made = Arrays.of(arrays, "model.h5")
    return Arrays("model.h5", made.entries, config=config, metadata=metadata)
