"""The description of a model that Keras writes into its files: which layers, in which order, with which settings.

The layers must be a chain from the input to the classes. What computes something else than ours is refused, each with
its reason; what acts in training alone is noted.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from interchange.arrays import Arrays, ForeignFileError

# layers and settings that do nothing when a model predicts
TRAINING = ("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D")
TRAINING_SETTINGS = ("constraint", "dropout", "regularizer", "regularizer_weight")
GATES = "our gates are sigmoid; hard_sigmoid is clip(0.2 x + 0.5) in Keras 2 and relu6(x + 3) / 6 in Keras 3"
RESET = "the reset of GRUClassifier comes after the product, that of this layer before it"
# of each class, settings, the values that ours can be, and why no other; versions without a setting had that value
SETTINGS: dict[str, dict[str, tuple[tuple, str]]] = {
    "SeqSelfAttention": {
        "attention_type": (("additive", "multiplicative"), "keras-self-attention has these two"),
        "attention_activation": ((None, "linear", "sigmoid"), "ours has none or sigmoid"),
    },
    "Bidirectional": {"merge_mode": (("concat",), "ours puts the two directions side by side")},
    "recurrent": {
        "activation": (("tanh",), "ours is tanh"),
        "recurrent_activation": (("sigmoid",), GATES),
        "use_bias": ((True,), "ours has biases"),
        "stateful": ((False,), "a stateful layer goes on from the mini-batch before; ours starts from zeros"),
        "time_major": ((False,), "our axes are text, time, feature"),
        "reset_after": ((True,), RESET),
    },
    "Dense": {"use_bias": ((True,), "our Affine has a bias")},
    "Softmax": {"axis": ((-1, 1), "the classes are the last axis")},
}


class KerasLayer(NamedTuple):
    """A layer of a model: its class without the package, its name, its settings."""

    kind: str
    name: str
    config: dict[str, Any]


def chain(arrays: Arrays, kinds: Sequence[str]) -> tuple[list[KerasLayer], list[str]]:
    """Return the layers from the input to the classes, without those that act in training alone, and notes.

    kinds: the classes to expect, such as ``Bidirectional(GRU)``; with a ``*``, one or more of them. The activation of
    the last layer is in its config, even where it is a layer of its own. Raises ForeignFileError for other layers,
    another order, branches, and settings that cannot be the same here.
    """
    try:
        return _chain(arrays.config or {}, kinds, arrays.path)
    except ForeignFileError:
        raise
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ForeignFileError(f"{arrays.path}: the config of the model is damaged: {error!r:.200}") from error


def activation_of(config: dict[str, Any], key: str = "activation") -> Any:
    """Return the name of an activation, which Keras writes as a text, or as a dict around it."""
    value = config.get(key)
    return value.get("config") if isinstance(value, dict) else value


def _chain(model: dict[str, Any], kinds: Sequence[str], path: str) -> tuple[list[KerasLayer], list[str]]:
    if isinstance(model.get("config"), dict) and "layers" not in model["config"]:
        raise ForeignFileError(
            f"{path}: expected a Sequential or functional model, whose config lists its layers, got "
            f"{model.get('class_name')!r:.60}, a class of its own; save_weights('model.weights.h5') keeps its weights"
        )
    layers, in_training = [], []
    for layer in _in_order(model, path):
        if layer.kind in TRAINING:
            in_training.append(layer.name)
        elif layer.kind != "InputLayer":
            layers.append(layer)
            in_training += [f"{layer.name}.{key}" for key in _training_settings(layer.config)]
    if len(layers) > 1 and layers[-1].kind in ("Activation", "Softmax"):
        layers[-2:] = [_activated(layers[-2], layers[-1], path)]
    got = [layer.kind for layer in layers]
    more = max(0, len(got) - len(kinds))
    expected = [kind.strip("*") for kind in kinds for _ in range(1 + more * kind.endswith("*"))]
    if got != expected:
        raise ForeignFileError(
            f"{path}: expected the layers {', '.join(kinds)}, one after another, got {', '.join(got)}; "
            "with another layer, or in another order, a model computes something else"
        )
    for layer, then in zip(layers, [*got[1:], ""], strict=True):
        _check(layer, layer.kind.split("(")[0], path)
        if layer.kind.startswith("Bidirectional"):
            _check_directions(layer, then == layer.kind, path)
    notes = [f"What acts in training alone is left out: {', '.join(in_training)}."] if in_training else []
    if any("float16" in str(layer.config.get("dtype")) for layer in layers):
        notes.append("Keras computes this model in half precision in part; here it is computed in float32.")
    return layers, notes


def _training_settings(config: dict[str, Any]) -> Iterator[str]:
    for key, value in config.items():
        if key in ("layer", "backward_layer") and value:
            yield from (f"{key}.{inner}" for inner in _training_settings(value["config"]))
        elif value and key.endswith(TRAINING_SETTINGS):
            yield key


def _check_directions(layer: KerasLayer, inside: bool, path: str) -> None:
    """Check both layers in a Bidirectional. inside: whether another one follows, which reads all their states."""
    why = "all states go to the next layer of the same kind, the final ones to the classes"
    for key in ("layer", "backward_layer"):
        if part := layer.config.get(key):
            inner = _layer(part)
            if f"Bidirectional({inner.kind})" != layer.kind:
                raise ForeignFileError(
                    f"{path}: layer {layer.name}: expected {layer.kind} in both directions, got {inner.kind} back"
                )
            _check(inner, "recurrent", path)
            _expect(inner, "return_sequences", (inside,), why, path)
            _expect(inner, "go_backwards", (key == "backward_layer",), "ours reads there, then back", path)


def _check(layer: KerasLayer, kind: str, path: str) -> None:
    for key, (allowed, reason) in SETTINGS.get(kind, {}).items():
        _expect(layer, key, allowed, reason, path)


def _expect(layer: KerasLayer, key: str, allowed: tuple, reason: str, path: str) -> None:
    value = activation_of(layer.config, key)
    if key in layer.config and value not in allowed:
        expected = " or ".join(repr(value) for value in allowed if value != "linear")
        raise ForeignFileError(
            f"{path}: layer {layer.name} ({layer.kind}): expected {key}={expected}, got {value!r}: {reason}"
        )


def _activated(dense: KerasLayer, activation: KerasLayer, path: str) -> KerasLayer:
    """Return a layer with the activation that follows it as a layer of its own."""
    _expect(dense, "activation", (None, "linear"), f"{activation.name} activates it once more", path)
    _check(activation, activation.kind, path)
    name = "softmax" if activation.kind == "Softmax" else activation_of(activation.config)
    return dense._replace(config=dense.config | {"activation": name})


def _layer(description: dict[str, Any]) -> KerasLayer:
    config, kind = description["config"], description["class_name"].split(">")[-1]
    if kind == "Bidirectional":
        kind = f"Bidirectional({_layer(config['layer']).kind})"
    return KerasLayer(kind, config.get("name") or description["name"], config)


def _in_order(model: dict[str, Any], path: str) -> list[KerasLayer]:
    """Return the layers in the order of computing: all of a Sequential, else those that lead to the classes."""
    config = model["config"]
    if model["class_name"] == "Sequential":
        # the first versions wrote the list itself
        return [_layer(layer) for layer in (config if isinstance(config, list) else config["layers"])]
    described = {layer["name"]: layer for layer in config["layers"]}
    outputs = [name for name, _ in _tensors(config["output_layers"])]
    ends = [name for name in outputs if described[name]["class_name"].split(">")[-1] != "SeqSelfAttention"]
    if len(ends) != 1:
        raise ForeignFileError(f"{path}: expected one output, the classes, got {', '.join(ends) or 'none'}")
    order, name = [_layer(described[ends[0]])], ends[0]
    while order[-1].kind != "InputLayer":
        name = _source(order[-1], described, path)
        if len(order) > len(described):
            raise ForeignFileError(f"{path}: the config of the model is damaged: {name} leads to itself")
        order.append(_layer(described[name]))
    return order[::-1]


def _source(layer: KerasLayer, described: dict[str, dict], path: str) -> str:
    """Return the name of the one layer that a layer reads; refuse several, and what else decides what it does."""
    where = f"{path}: layer {layer.name} ({layer.kind})"
    calls = described[layer.name]["inbound_nodes"]
    if len(calls) != 1:
        raise ForeignFileError(f"{where}: expected one call, got {len(calls)}")
    inputs, keywords = _call(calls[0])
    if len(inputs) != 1 or inputs[0][1] != 0:
        got = ", ".join(f"output {index} of {name}" for name, index in inputs)
        raise ForeignFileError(f"{where}: expected one input, the first output of another layer, got {got}")
    if keywords.get("training"):
        raise ForeignFileError(f"{where}: expected training=False, got True: ours acts in training alone")
    for key, value in keywords.items():
        for name, _ in _tensors(value):
            if key != "mask" or not _marks_padding(described[name], described):
                raise ForeignFileError(f"{where}: expected no tensor but the mask of mask_zero, got {key} from {name}")
    return inputs[0][0]


def _marks_padding(description: dict, described: dict[str, dict]) -> bool:
    """Tell whether a layer compares ids with 0, as Keras 3 writes down the mask of an Embedding with mask_zero."""
    if description["class_name"] != "NotEqual":
        return False
    ids, zero = description["inbound_nodes"][0]["args"]
    embeddings = [d for d in described.values() if d["class_name"] == "Embedding" and d["config"]["mask_zero"]]
    return zero == 0 and any(_call(d["inbound_nodes"][0])[0] == list(_tensors(ids)) for d in embeddings)


def _call(node: Any) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """Return the tensors and the keywords of a call.

    node: {"args": ..., "kwargs": ...} of Keras 3, or [[layer, node, output, keywords], ...] of Keras 2.
    """
    if isinstance(node, dict):
        return list(_tensors(node["args"])), node["kwargs"]
    keywords = {key: value for _, _, _, given in node for key, value in given.items()}
    return [(name, output) for name, _, output, _ in node], keywords


def _tensors(value: Any) -> Iterator[tuple[str, int]]:
    """Yield (layer, number of its output) of the tensors in a part of a config, [layer, node, output] each."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str):
            yield value[0], value[2]
        else:
            for part in value:
                yield from _tensors(part)
