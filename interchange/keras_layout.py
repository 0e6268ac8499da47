"""Keras: layers, variables and gate orders of the models that ours correspond to."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from interchange.arrays import Arrays, ForeignFileError
from interchange.description import description
from interchange.gates import KERAS, OURS, reorder
from interchange.keras_config import RESET, KerasLayer, activation_of, chain
from interchange.keras_names import RECURRENT, Group, LayersInFile, LayersToWrite
from interchange.rows import Plan, Row, second_less_first
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq

Layers = LayersInFile | LayersToWrite
SEQSELF: dict[str, Any] = {
    "mask": True,
    "attention_type": "additive",
    "attention_width": None,
    "history_only": False,
    "attention_activation": None,
    "use_additive_bias": True,
    "use_attention_bias": True,
}
GRU: dict[str, Any] = {"mask": True, "attention": True, "dropout": 0.0}
PADDING = (
    "Padding is masked, as keras-self-attention does up to 0.45.0; from 0.46.0 on its words look at padding, and no "
    "file tells the version. With a later one, predictions and attention are the same for unpadded texts alone."
)
WINDOW = "In keras-self-attention 0.46.0 an attention_width does nothing; here, and in other versions, it is a window."
UNWRITTEN = (
    "load_weights goes by the positions of layers in a model, and no model of Keras's own layers alone has these; "
    ".safetensors (names of PyTorch) and .onnx take every model"
)


def _recurrent(ours: str, group: Group, cell: str, inputs: int, H: int) -> list[Row]:
    """Rows of a layer or direction. cell: lstm, or gru with reset_after, whose bias (2, 3H) is our b and bh."""
    width = len(OURS[cell].order) * H
    read = partial(reorder, source=KERAS[cell], target=OURS[cell])
    kernel, recurrent_kernel, bias = group.names(*RECURRENT)

    def write(*arrays: np.ndarray) -> list[np.ndarray]:
        array = arrays[0] if len(arrays) == 1 else np.stack(arrays)
        return [reorder(array, OURS[cell], KERAS[cell])]

    b: str | tuple[str, ...] = f"{ours}.b" if cell == "lstm" else (f"{ours}.b", f"{ours}.bh")
    return [
        Row(f"{ours}.Wx", {kernel: (inputs, width)}, read, write),
        Row(f"{ours}.Wh", {recurrent_kernel: (H, width)}, read, write),
        Row(b, {bias: (width,) if cell == "lstm" else (2, width)}, read, write),
    ]


def _plain(group: Group, **variables: tuple[str, tuple[int, ...]]) -> list[Row]:
    """Rows of a layer whose variables are ours as they are. variables: our names, and the shapes."""
    named = zip(group.names(*variables), variables.values(), strict=True)
    return [Row(ours, {name: shape}) for name, (ours, shape) in named]


def _dense(layers: Layers, ours: str, inputs: int, outputs: int) -> list[Row]:
    variables = {"kernel": (f"{ours}.W", (inputs, outputs)), "bias": (f"{ours}.b", (outputs,))}
    return _plain(layers.group("dense"), **variables)


def _seqself_rows(layers: Layers, arguments: Mapping[str, Any], outputs: int | None = None) -> list[Row]:
    """Rows of a SeqSelfClassifier with these arguments. outputs: of Dense, if they are not as many as the classes."""
    V, D, H, units = (arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size", "units"))
    how = SEQSELF | arguments["attention"]
    if how["attention_type"] == "multiplicative":
        shapes: dict[str, tuple[int, ...]] = {"Mul_Wa": (D, D), "Mul_ba": (1,)}
    else:
        shapes = {"Add_Wt": (D, units), "Add_Wx": (D, units), "Add_bh": (units,), "Add_Wa": (units, 1), "Add_ba": (1,)}
    for last, has in (("bh", how["use_additive_bias"]), ("ba", how["use_attention_bias"])):
        shapes = {name: shape for name, shape in shapes.items() if has or not name.endswith(last)}
    attention = {name: (f"attention_layer.{name[4:]}", shape) for name, shape in shapes.items()}
    rows = _plain(layers.group("embedding"), embeddings=("embed.W", (V, D)))
    rows += _plain(layers.group("seq_self_attention"), **attention)
    for direction in ("forward", "backward"):
        rows += _recurrent(f"lstm.{direction}_lstm", layers.group(direction), "lstm", D, H)
    return rows + _dense(layers, "affine", 2 * H, outputs or arguments["classes"])


def _gru_rows(layers: Layers, arguments: Mapping[str, Any], outputs: int | None = None) -> list[Row]:
    """Rows of a GRUClassifier with these arguments. outputs: of Dense; ours has one for two classes."""
    V, D, H, K = (arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size", "classes"))
    rows = _plain(layers.group("embedding"), embeddings=("embed.W", (V, D)))
    for number in range(arguments["layers"]):
        for direction in ("forward", "backward"):
            ours, inputs = f"grus.{number}.{direction}_gru", 2 * H if number else D
            rows += _recurrent(ours, layers.group(direction, number), "gru", inputs, H)
    return rows + _dense(layers, "affine", 2 * H, outputs or (K if K > 2 else 1))


def _date_rows(cls: type[Seq2seq], layers: LayersToWrite, arguments: Mapping[str, Any]) -> list[Row]:
    V, D, H = (arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size"))
    depth, score, both_ways = arguments.get("layers", 1), arguments.get("score", "dot"), arguments.get("bidirectional")
    if depth > 1 or score not in ("dot", "scaled"):
        what = f"layers={depth!r}" if depth > 1 else f"score={score!r:.60}"
        raise ValueError(f"to_arrays: Keras: {what}: {UNWRITTEN}")
    lstm_inputs, affine_inputs = cls.decoder_class.input_sizes(D, H)
    rows = _plain(layers.group("embedding"), embeddings=("encoder.embed.W", (V, D)))
    if both_ways:
        for direction in ("forward", "backward"):
            rows += _recurrent(f"encoder.lstm.{direction}_lstm", layers.group(direction), "lstm", D, H // 2)
    else:
        rows += _recurrent("encoder.lstm", layers.group("lstm"), "lstm", D, H)
    rows += _plain(layers.group("embedding", 1), embeddings=("decoder.embed.W", (V, D)))
    rows += _recurrent("decoder.lstm", layers.group("lstm", 0 if both_ways else 1), "lstm", lstm_inputs, H)
    return rows + _dense(layers, "decoder.affine", affine_inputs, V)


def _bow_rows(layers: LayersToWrite, arguments: Mapping[str, Any]) -> list[Row]:
    V, K = arguments["vocab_size"], arguments["classes"]
    return _plain(layers.group("dense"), kernel=("embed.W", (V, K)), bias=("b", (K,)))


ROWS: dict[type, Callable[[LayersToWrite, Mapping[str, Any]], list[Row]]] = {
    SeqSelfClassifier: _seqself_rows,
    GRUClassifier: _gru_rows,
    AttentionSeq2seq: partial(_date_rows, AttentionSeq2seq),
    Seq2seq: partial(_date_rows, Seq2seq),
    PeekySeq2seq: partial(_date_rows, PeekySeq2seq),
    BagOfWords: _bow_rows,
}


def rows_of(model: Any) -> list[Row]:
    """Return the rows of a model of ours, with the names that ``to_arrays`` writes: the paths in a ``.weights.h5``.

    Keras 3's ``load_weights`` puts such a file into these models; ``from keras import Model, Sequential, layers as L,
    ops``, and V, D, H, K are sizes. SeqSelfClassifier, with SeqSelfAttention of keras-self-attention, the same for
    unpadded texts::

        Sequential([L.Embedding(V, D, mask_zero=True), SeqSelfAttention(units), L.Bidirectional(L.LSTM(H)),
                    L.Dense(K, activation="softmax")])

    GRUClassifier of two classes; before the last, each layer has ``return_sequences=True`` alone, and without attention
    Dense reads the query::

        words = L.Input((None,))
        x = L.Embedding(V, D, mask_zero=True)(words)
        x, *final = L.Bidirectional(L.GRU(H, return_sequences=True, return_state=True))(x)
        query = ops.expand_dims(L.Concatenate()(final), 1) / (2 * H) ** 0.5
        context = L.Attention()([query, x], mask=[None, ops.not_equal(words, 0)])
        Model(words, L.Dense(1, activation="sigmoid")(context[:, 0]))

    AttentionSeq2seq without ``mask_padding``; with ``cell_state``, the LSTM of the question has ``return_state=True``,
    and its c takes the place of the zeros; with ``bidirectional``, it is an ``L.Bidirectional(L.LSTM(H // 2, ...))``
    with ``return_state=True``, and h joins its states of both directions; with ``score="scaled"``, hs_dec is divided
    by ``H**0.5`` in front of Attention; in Seq2seq, Dense reads hs_dec::

        question, answer = L.Input((None,)), L.Input((None,))
        hs_enc = L.LSTM(H, return_sequences=True)(L.Embedding(V, D)(question))
        h = hs_enc[:, -1]
        hs_dec = L.LSTM(H, return_sequences=True)(L.Embedding(V, D)(answer), initial_state=[h, ops.zeros_like(h)])
        context = L.Attention()([hs_dec, hs_enc])
        Model([question, answer], L.Dense(V, activation="softmax")(L.Concatenate()([context, hs_dec])))

    PeekySeq2seq joins h in front of what its second LSTM and Dense read. BagOfWords is a Dense that reads the count of
    each word, but 0 for padding. Raises ValueError for a model that is not one of ours, and for several layers, other
    scores and a Transformer, which have no such place there.
    """
    if type(model) is TransformerSeq2seq:
        raise ValueError(f"to_arrays: Keras: TransformerSeq2seq: {UNWRITTEN}")
    if type(model) not in ROWS:
        known = ", ".join(kind.__name__ for kind in ROWS)
        raise ValueError(f"to_arrays: expected one of {known}, got {type(model).__name__}")
    return ROWS[type(model)](LayersToWrite(), model.arguments)


def _seqself(
    arrays: Arrays,
    *,
    mask: bool | None = None,
    attention_type: str | None = None,
    attention_width: int | None = None,
    history_only: bool | None = None,
    attention_activation: str | None = None,
    use_additive_bias: bool | None = None,
    use_attention_bias: bool | None = None,
) -> Plan:
    """Plan a SeqSelfClassifier from Embedding, SeqSelfAttention, Bidirectional(LSTM), Dense.

    Options are those of SeqSelfClassifier and SeqSelfAttention, for what no config says; None: not given.
    """
    options = {
        "mask": mask,
        "attention_type": attention_type,
        "attention_width": attention_width,
        "history_only": history_only,
        "attention_activation": attention_activation,
        "use_additive_bias": use_additive_bias,
        "use_attention_bias": use_attention_bias,
    }
    layers, dense = LayersInFile(arrays), None
    notes: list[str] = []
    said: dict[str, Any] = layers.attention()
    if arrays.config is not None:
        kinds = "Embedding", "SeqSelfAttention", "Bidirectional(LSTM)", "Dense"
        (embedding, attention, _, dense), notes = chain(arrays, kinds)
        said = {name: attention.config.get(name, default) for name, default in SEQSELF.items()}
        activation = activation_of(attention.config, "attention_activation")
        said |= {"attention_activation": None if activation == "linear" else activation}
        said |= {"mask": bool(embedding.config.get("mask_zero"))}
        if isinstance(said["attention_width"], int) and said["attention_width"] >= 10**9:
            said["attention_width"] = None  # a history without a width is written so
    settings = _settle(arrays, said, SEQSELF, options, notes)
    notes += [PADDING] * settings["mask"] + [WINDOW] * (settings["attention_width"] is not None)
    V, D, H = layers.sizes()
    units = 1
    if settings["attention_type"] == "additive":
        units = layers.shape(layers.group("seq_self_attention").names("Add_Wt")[0])[1]
    outputs = layers.shape(layers.group("dense").names("kernel")[0])[1]
    sizes = {"vocab_size": V, "wordvec_size": D, "hidden_size": H, "units": units, "classes": max(2, outputs)}
    arguments = sizes | {"mask": settings.pop("mask"), "attention": settings}
    rows = _seqself_rows(layers, arguments, outputs)
    _check_outputs(arrays, outputs, dense, notes)
    if outputs == 1:  # the sigmoid of s is the second of softmax([0, s])
        rows[-2:] = [row._replace(read=lambda a: np.concatenate((np.zeros_like(a), a), axis=-1)) for row in rows[-2:]]
        notes.append("Dense: its one output is the score of the second of two classes; that of the first is 0 here.")
    return Plan(SeqSelfClassifier, arguments, rows, notes, _ignored(arrays))


def _gru(
    arrays: Arrays, *, mask: bool | None = None, attention: bool | None = None, dropout: float | None = None
) -> Plan:
    """Plan a GRUClassifier from Embedding, one or more Bidirectional(GRU), Dense.

    Options are those of GRUClassifier, for what no config says; one with attention cannot be told from it. None: not
    given.
    """
    layers, dense = LayersInFile(arrays), None
    notes: list[str] = []
    said: dict[str, Any] = {}
    count = len(layers.groups.get("forward", []))
    if arrays.config is not None:
        (embedding, *grus, dense), notes = chain(arrays, ("Embedding", "Bidirectional(GRU)*", "Dense"))
        layers.arrange([gru.name for gru in grus])
        count = len(grus)
        said = {"mask": bool(embedding.config.get("mask_zero")), "attention": False, "dropout": 0.0}
    settings = _settle(arrays, said, GRU, {"mask": mask, "attention": attention, "dropout": dropout}, notes)
    V, D, H = layers.sizes()
    outputs = layers.shape(layers.group("dense").names("kernel")[0])[1]
    bias = layers.group("forward").names(*RECURRENT)[2]
    if bias in arrays.entries and arrays.entries[bias].shape == (3 * H,):
        raise ForeignFileError(
            f"{arrays.path}: {bias}: expected (2, {3 * H}), got ({3 * H},), reset_after=False: {RESET}"
        )
    sizes = {"vocab_size": V, "wordvec_size": D, "hidden_size": H, "layers": count, "classes": max(2, outputs)}
    rows = _gru_rows(layers, sizes, outputs)
    _check_outputs(arrays, outputs, dense, notes)
    if outputs == 2:
        rows[-2:] = [row._replace(read=second_less_first) for row in rows[-2:]]
        notes.append("Dense: ours has one score for two classes, the second output less the first; that is the same.")
    return Plan(GRUClassifier, sizes | settings, rows, notes, _ignored(arrays))


def _described(cls: type, arrays: Arrays) -> Plan:
    """Plan a model that was exported from here: its description says all, and the names are those of ``rows_of``."""
    arguments = description(arrays)["arguments"]
    return Plan(cls, arguments, ROWS[cls](LayersToWrite(), arguments), [])


def _settle(
    arrays: Arrays, said: Mapping[str, Any], defaults: Mapping[str, Any], options: Mapping[str, Any], notes: list[str]
) -> dict[str, Any]:
    """Return the arguments of a model: what the file says, else the caller, else the defaults, which are noted."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if said.get(name, value) != value:
            raise ForeignFileError(f"{arrays.path}: expected {name}={said[name]!r}, as the file says, got {value!r}")
    known = {**said, **given}
    for name, value in known.items():
        if isinstance(defaults[name], bool) and not isinstance(value, bool):
            raise ForeignFileError(f"{arrays.path}: {name}: expected True or False, got {value!r:.80}")
        if name == "attention_width" and not isinstance(value, int | None):
            raise ForeignFileError(f"{arrays.path}: {name}: expected a whole number, got {value!r:.80}")
    assumed = ", ".join(f"{name}={value!r}" for name, value in defaults.items() if name not in known)
    if assumed:
        notes.append(f"The file does not say, so these are assumed: {assumed}.")
    if arrays.config is None:
        notes.append(
            "The file has no config, so these are assumed: gates of sigmoid and tanh; layers computed in the order of "
            "their numbers; a Dense that reads the final states of both directions; softmax, or sigmoid for one output."
        )
    return {name: known.get(name, value) for name, value in defaults.items()}


def _check_outputs(arrays: Arrays, outputs: int, dense: KerasLayer | None, notes: list[str]) -> None:
    """Check the activation of the last layer, if a config says it."""
    expected = "sigmoid" if outputs == 1 else "softmax"
    activation = activation_of(dense.config) if dense else expected
    if activation in (None, "linear") and outputs > 1:
        notes.append("Dense: its outputs are scores without an activation; probabilities here are their softmax.")
    elif activation != expected:
        raise ForeignFileError(
            f"{arrays.path}: Dense: expected {expected} for {outputs} outputs, got {activation!r}: ours are classes of "
            "which one is right, and their probabilities"
        )


def _ignored(arrays: Arrays) -> frozenset[str]:
    """Return the states of random generators, which layers such as Dropout keep among their variables."""
    return frozenset(name for name in arrays if "seed_generator" in name)


PLANS: dict[str, Callable[..., Plan]] = {"seqself": _seqself, "gru": _gru}
DESCRIBED: dict[str, Callable[..., Plan]] = {
    "attention": partial(_described, AttentionSeq2seq),
    "baseline": partial(_described, Seq2seq),
    "peeky": partial(_described, PeekySeq2seq),
    "bow": partial(_described, BagOfWords),
}
