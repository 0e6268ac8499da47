"""PyTorch's nn.Transformer, or its two halves, between two nn.Embedding and an nn.Linear: TransformerSeq2seq."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from common.transformer_layers import sinusoids
from interchange.arrays import Arrays
from interchange.rows import Plan, Row, listed
from interchange.torch_names import Table, matrix, refuse, the_embedding, the_linear
from interchange.torch_rows import linear_rows, same
from interchange.torch_scores import CANCELS
from seq2seq import TransformerSeq2seq

LAYER = re.compile(r"(?P<prefix>(?:.*\.)?)layers\.(?P<number>\d+)\.(?P<part>\w+)\.(?:.*\.)?\w+")
POSITIONS = re.compile(r"(?:.*\.)?(pe|pos\w*)", re.IGNORECASE)  # a buffer
# by the parts of a layer of ours, those there, and the norm that each has
ENCODER = {"attention": ("self_attn", "norm1"), "feed_forward": ("", "norm2")}
DECODER = {
    "self_attention": ("self_attn", "norm1"),
    "cross_attention": ("multihead_attn", "norm2"),
    "feed_forward": ("", "norm3"),
}
SURPLUS = (
    "positions here are sinusoids, not learned, and nothing stands between the embeddings, the nn.Transformer and the "
    "one Linear"
)
Has = Callable[[str], bool]  # whether there is such an array


def transformer_plan(
    arrays: Arrays,
    *,
    heads: int | None = None,
    pre_norm: bool | None = None,
    mask_padding: int | None = None,
    dropout: float = 0.0,
) -> Plan:
    """Plan a TransformerSeq2seq from an nn.Transformer, two nn.Embedding and an nn.Linear.

    heads: ``nhead``; pre_norm: ``norm_first``: the weights tell neither. mask_padding: see TransformerSeq2seq; dropout
    acts in training only. Raises ForeignFileError for post-norm layers with a last LayerNorm, which nn.Transformer adds
    unless it is given its encoder and decoder, and for pre-norm ones without.
    """
    encoder, decoder = _halves(arrays)
    if heads is None or pre_norm is None:
        refuse(
            arrays,
            "expected heads (--heads) and pre_norm (--norm-first or --no-norm-first), nhead and norm_first of "
            "nn.Transformer: the weights do not tell them",
        )
    if not isinstance(pre_norm, bool):
        raise ValueError(f"pre_norm: expected True or False, got {pre_norm!r:.60}")
    _check_norms(arrays, encoder, decoder, pre_norm)
    counts = [_count(arrays, prefix) for prefix in (encoder, decoder)]
    if counts[0] != counts[1]:
        refuse(arrays, f"expected as many layers of encoder and decoder, got {counts[0]} and {counts[1]}")
    H, D = _matrix(arrays, f"{encoder}layers.0.linear1.weight")
    inside = {name for name in arrays.entries if name.startswith((f"{encoder}layers.", f"{decoder}layers."))}
    source, target = (the_embedding(arrays, D, inside, side) for side in ("encoder", "decoder"))
    if source.shape != target.shape:
        refuse(
            arrays,
            f"{source.about} and {target.about}: expected the same vocabulary, because questions and answers have one "
            "here",
        )
    V = source.shape[0]
    dense = the_linear(arrays, D, V, "the decoder's states", inside | {source.weight, target.weight})
    biased = any(name.endswith("bias") for name in inside)  # bias=False leaves out those of all layers

    def has(name: str) -> bool:
        return biased if name.startswith((f"{encoder}layers.", f"{decoder}layers.")) else name in arrays.entries

    rows = _rows((encoder, decoder), counts[0], D, H, pre_norm, (source, target, dense), has)
    arguments: dict[str, Any] = dict(vocab_size=V, wordvec_size=D, hidden_size=H, mask_padding=mask_padding)
    arguments |= dict(heads=heads, layers=counts[0], dropout=dropout, pre_norm=pre_norm)
    buffers = _positions(arrays, D)
    notes = _notes(mask_padding, buffers)
    if biased:
        notes.append(f"in_proj_bias: its second third, of the keys, {CANCELS}")
    else:
        notes.append("no biases (bias=False); here they are 0, which is the same")
    if source.weight == target.weight:
        notes.append(f"{source.weight}: serves both encoder and decoder; here each has a copy, and trains its own")
    return Plan(TransformerSeq2seq, arguments, rows, notes, buffers, SURPLUS)


def transformer_rows_of(model: TransformerSeq2seq) -> list[Row]:
    """Return the rows of a TransformerSeq2seq.

    There it is ``source_embedding``, ``target_embedding``, ``transformer`` and ``dense``. With pre-norm, the third is
    ``nn.Transformer(D, heads, layers, layers, H, norm_first=True)``; with post-norm, it is given ``custom_encoder`` and
    ``custom_decoder``, an nn.TransformerEncoder and an nn.TransformerDecoder without a norm.
    """
    arguments = model.arguments
    V, D, H, layers = (arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size", "layers"))
    source, target = (Table(f"{side}_embedding.weight", (V, D)) for side in ("source", "target"))
    tables = source, target, Table("dense.weight", (V, D), "dense.bias")
    halves = "transformer.encoder.", "transformer.decoder."
    return _rows(halves, layers, D, H, arguments["pre_norm"], tables, lambda name: True)


def _rows(
    halves: tuple[str, str], layers: int, D: int, H: int, pre_norm: bool, tables: tuple[Table, Table, Table], has: Has
) -> list[Row]:
    """Return all rows. halves: the prefixes of encoder and decoder there; tables: embeddings and Linear."""
    rows = []
    source, target, dense = tables
    for ours, prefix, parts, table in zip(
        ("encoder", "decoder"), halves, (ENCODER, DECODER), (source, target), strict=True
    ):
        rows.append(same(f"{ours}.embed.W", table.weight, table.shape))
        for k in range(layers):
            there = f"{prefix}layers.{k}."
            for part, (attention, norm) in parts.items():
                name = f"{ours}.layers.{k}.{part}"
                if attention:
                    rows += _attention_rows(f"{name}.layer", f"{there}{attention}.", D, has)
                else:
                    for i, shape in (("1", (H, D)), ("2", (D, H))):
                        rows += linear_rows(f"{name}.layer.affine{i}", _table(f"{there}linear{i}", shape, has))
                rows += _norm_rows(f"{name}.norm", f"{there}{norm}", D, has)
        rows += _norm_rows(f"{ours}.norm", f"{prefix}norm", D, has) if pre_norm else []
    return rows + linear_rows("decoder.affine", dense)


def _table(name: str, shape: tuple[int, int], has: Has) -> Table:
    return Table(f"{name}.weight", shape, f"{name}.bias" if has(f"{name}.bias") else "")


def _norm_rows(ours: str, name: str, D: int, has: Has) -> list[Row]:
    beta = [same(f"{ours}.beta", f"{name}.bias", (D,))] if has(f"{name}.bias") else []
    return [same(f"{ours}.gamma", f"{name}.weight", (D,)), *beta]


def _attention_rows(ours: str, prefix: str, D: int, has: Has) -> list[Row]:
    """Return the rows of a MultiHeadAttention. The bias of the keys, which ours has not, is written as 0."""
    rows = [
        Row(
            tuple(f"{ours}.{name}.W" for name in ("query", "key", "value")),
            {f"{prefix}in_proj_weight": (3 * D, D)},
            lambda a: [W.T for W in np.split(a, 3)],
            lambda *p: [np.concatenate([W.T for W in p])],
        )
    ]
    if has(f"{prefix}in_proj_bias"):
        rows.append(
            Row(
                (f"{ours}.query.b", f"{ours}.value.b"),
                {f"{prefix}in_proj_bias": (3 * D,)},
                lambda a: [a[:D], a[2 * D :]],
                lambda q, v: [np.concatenate((q, np.zeros_like(q), v))],
            )
        )
    return rows + linear_rows(f"{ours}.output", _table(f"{prefix}out_proj", (D, D), has))


def _halves(arrays: Arrays) -> tuple[str, str]:
    """Return the prefixes of encoder and decoder: the decoder's layers also look at the encoder's states."""
    parts: dict[str, set[str]] = {}
    for name in arrays.entries:
        if match := LAYER.fullmatch(name):
            parts.setdefault(match["prefix"], set()).add(match["part"])
    halves = [prefix for prefix, found in parts.items() if "self_attn" in found]
    decoders = [prefix for prefix in halves if "multihead_attn" in parts[prefix]]
    encoders = [prefix for prefix in halves if prefix not in decoders]
    if len(encoders) != 1 or len(decoders) != 1:
        shown = listed((f"{prefix}layers" for prefix in halves), f"none in {listed(arrays)}")
        refuse(
            arrays,
            f"expected an nn.TransformerEncoder and an nn.TransformerDecoder, as in an nn.Transformer, got {shown}",
        )
    return encoders[0], decoders[0]


def _count(arrays: Arrays, prefix: str) -> int:
    matches = (LAYER.fullmatch(name) for name in arrays.entries if name.startswith(f"{prefix}layers."))
    return len({match["number"] for match in matches if match})


def _matrix(arrays: Arrays, name: str) -> tuple[int, int]:
    if name not in arrays.entries:
        refuse(arrays, f"missing {name}; found {listed(arrays)}")
    return matrix(arrays, name)


def _check_norms(arrays: Arrays, encoder: str, decoder: str, pre_norm: bool) -> None:
    """Refuse last norms that ours has not, or lacks."""
    for prefix in (encoder, decoder):
        if (f"{prefix}norm.weight" in arrays.entries) and not pre_norm:
            refuse(
                arrays,
                f"{prefix}norm: nn.Transformer has a last LayerNorm with norm_first=False, too; post-norm layers here "
                "have none after them, and no weights of theirs do the same. One that is given custom_encoder="
                "nn.TransformerEncoder(layer, layers) and such a custom_decoder, without a norm, maps",
            )
        if pre_norm and f"{prefix}norm.weight" not in arrays.entries:
            refuse(arrays, f"missing {prefix}norm: pre-norm layers here have a LayerNorm after the last")


def _positions(arrays: Arrays, D: int) -> frozenset[str]:
    """Return the names of buffers of positions. Raises ForeignFileError for one that does not hold our sinusoids."""
    names = [name for name in arrays.entries if POSITIONS.fullmatch(name)]
    for name in names:
        entry = arrays.entries[name]
        shape = [n for n in entry.shape if n > 1] if entry.dtype.kind == "f" else []
        fits = len(entry.shape) in (2, 3) and entry.shape[-1] == D and len(shape) <= 2
        table = arrays[name].reshape(-1, D) if fits and 0 not in entry.shape else np.zeros((1, D))
        if not (abs(table - sinusoids(len(table), D)) < 0.01).all():  # computed in float32 there, far ones are rounded
            refuse(arrays, f"{name} {entry.shape}: expected sinusoids, sin and cos in turn, as the positions here are")
    return frozenset(names)


def _notes(mask_padding: int | None, buffers: frozenset[str]) -> list[str]:
    masked = "is looked at" if mask_padding is None else f"is not looked at, id {mask_padding}"
    known = f"; {', '.join(buffers)}: the same sinusoids, computed here" if buffers else ""
    return [
        "activation, layer_norm_eps: the weights do not tell; taken as relu and 1e-5; gelu does not map",
        "positions: the weights do not tell; taken as sinusoids that are added to the embeddings times the root of "
        f"their size{known}",
        f"mask_padding: the weights do not tell; taken as a model in which the questions' padding {masked}",
        "masks: taken as a decoder that looks at no later character (tgt_mask)",
        "batch_first: says nothing about weights; questions and answers are (N, T) here",
    ]
