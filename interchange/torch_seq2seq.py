"""PyTorch's seq2seq of nn.LSTM, with attention of each score or without: AttentionSeq2seq, Seq2seq, PeekySeq2seq."""

import re
from typing import Any

import numpy as np

from interchange.arrays import Arrays
from interchange.rows import Plan, Row, listed
from interchange.torch_names import (
    Recurrent,
    Table,
    recurrent_parts,
    refuse,
    side_of,
    the_embedding,
    the_linear,
    without_bias,
)
from interchange.torch_rows import linear_rows, lstm_rows, same
from interchange.torch_scores import Scores, score_rows_of, scores_of
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

ORDERS = "context,state", "state,context"
READS: dict[type, str] = {
    AttentionSeq2seq: "context and state; without attention, import it as baseline",
    Seq2seq: "the decoder's state",
    PeekySeq2seq: "the encoder's state and the decoder's",
}
SURPLUS = (
    "no layer stands between the encoder's last states and the decoder's first, and none between the decoder's state "
    "and the one Linear, such as one with a tanh"
)
WITHOUT_WEIGHTS = (
    "the scores of the attention were taken as dot products without weights; if they have some, score='general' or "
    "'additive' (--score) says so; "
)
NUMBERED = re.compile(r"(?P<stem>(?:.*\.)?)(?P<number>\d+)\.")  # the prefix of an nn.LSTM in an nn.ModuleList


def attention_plan(
    arrays: Arrays,
    *,
    linear_reads: str = ORDERS[0],
    cell_state: bool = False,
    mask_padding: int | None = None,
    score: str = "dot",
    score_reads: str = "encoder",
    dropout: float = 0.0,
) -> Plan:
    """Plan an AttentionSeq2seq from nn.LSTM of encoder and decoder, their embeddings, and an nn.Linear.

    linear_reads: the order in which the Linear reads context and state. cell_state: whether the decoder starts from
    the encoder's cell state too. mask_padding: see AttentionSeq2seq. score: of the attention, a name in
    common.attention.SCORES; score_reads: whose states the nn.Linear of a general score multiplies, encoder or decoder.
    dropout: acts in training only.
    """
    if linear_reads not in ORDERS:
        raise ValueError(f"linear_reads: expected {' or '.join(ORDERS)}, got {linear_reads!r}")
    H = _decoder(arrays)[0].hidden
    scores = scores_of(arrays, score, score_reads, H)
    extra: dict[str, Any] = {} if mask_padding is None else {"mask_padding": mask_padding}
    extra |= {"dropout": dropout} if dropout != 0 else {}
    extra |= {"score": score} if score != "dot" else {}
    plan = _plan(arrays, AttentionSeq2seq, cell_state, extra, linear_reads == ORDERS[1], scores)
    masked = "everywhere, at padding too" if mask_padding is None else f"not at padding, id {mask_padding}"
    plan.notes.extend(
        [
            f"linear_reads: the weights do not tell; taken as {linear_reads}",
            f"mask_padding: the weights do not tell; taken as a decoder that looks {masked}",
        ]
    )
    return plan if scores.rows else plan._replace(surplus=WITHOUT_WEIGHTS + SURPLUS)


def baseline_plan(arrays: Arrays, *, cell_state: bool = False, dropout: float = 0.0) -> Plan:
    """Plan a Seq2seq: as ``attention_plan``, with an nn.Linear that reads the decoder's state alone."""
    return _plan(arrays, Seq2seq, cell_state, {"dropout": dropout} if dropout != 0 else {})


def peeky_plan(arrays: Arrays, *, cell_state: bool = False, dropout: float = 0.0) -> Plan:
    """Plan a PeekySeq2seq: the decoder's nn.LSTM and the nn.Linear read [the encoder's state; their own input]."""
    plan = _plan(arrays, PeekySeq2seq, cell_state, {"dropout": dropout} if dropout != 0 else {})
    plan.notes.append("peeking: the weights do not tell the order; taken as the encoder's state before the own input")
    return plan


def _plan(
    arrays: Arrays,
    model: type[Seq2seq],
    cell_state: bool,
    extra: dict[str, Any],
    swapped: bool = False,
    scores: Scores | None = None,
) -> Plan:
    scores = scores or Scores([], frozenset(), [])
    encoder, decoder = _side(arrays, "encoder"), _decoder(arrays)
    D, H, both_ways = encoder[0].inputs, _states(encoder[0]), encoder[0].bidirectional
    of_lstm, of_dense = model.decoder_class.input_sizes(D, H)
    if (decoder[0].inputs, decoder[0].hidden) != (of_lstm, H):
        together = ", both directions together," if both_ways else ""
        refuse(
            arrays,
            f"{decoder[0].about}: expected {of_lstm} -> {H}{together} beside {encoder[0].about}; a decoder that also "
            "reads a context (input feeding), or whose vectors or states have another size, does not map",
        )
    if len(encoder) != len(decoder):
        refuse(arrays, f"expected as many layers of encoder and decoder, got {len(encoder)} and {len(decoder)}")
    for part in (*encoder[1:], *decoder[1:]):
        if (part.inputs, _states(part)) != (H, H) or part.bidirectional != (both_ways and part in encoder):
            alike = f"{H} -> {H}{', both directions together' if both_ways and part in encoder else ''}"
            refuse(arrays, f"{part.about}: expected {alike}, as each layer but the first")
    source, target = (the_embedding(arrays, D, scores.weights, side) for side in ("encoder", "decoder"))
    V = source.shape[0]
    if target.shape != source.shape:
        refuse(
            arrays,
            f"{source.weight} {source.shape} and {target.weight} {target.shape}: expected the same vocabulary, because "
            "questions and answers have one here",
        )
    known = {source.weight, target.weight} | scores.weights
    dense = the_linear(arrays, of_dense, V, READS[model], known)
    rows = _rows(encoder, decoder, source, target, dense, swapped) + scores.rows
    arguments = dict(vocab_size=V, wordvec_size=D, hidden_size=H) | extra
    arguments |= {"cell_state": True} if cell_state else {}
    arguments |= {"bidirectional": True} if both_ways else {}
    arguments |= {"layers": len(encoder)} if len(encoder) > 1 else {}
    notes = scores.notes + _notes(encoder, cell_state)
    if source.weight == target.weight:
        notes.append(f"{source.weight}: serves both encoder and decoder; here each has a copy, and trains its own")
    notes += without_bias(*encoder, *decoder, dense)
    return Plan(model, arguments, rows, notes, scores.ignored, SURPLUS)


def _notes(encoder: list[Recurrent], cell_state: bool) -> list[str]:
    """Return what the weights of encoder and decoder do not tell."""
    start = "its cell state too" if cell_state else "a cell state of 0"
    notes = [
        f"cell_state: the weights do not tell; taken as a decoder that starts from the encoder's h, and {start}",
        "padding: the encoder here reads it; one that does not (pack_padded_sequence) says the same for questions "
        "without padding alone",
        "batch_first: says nothing about weights; questions and answers are (N, T) here",
    ]
    if encoder[0].bidirectional:
        notes.append(
            "bidirectional: taken as a decoder that starts from the last states of both directions side by side, that "
            "from left to right first: torch.cat((h[0], h[1]), 1)"
        )
    if len(encoder) > 1:
        notes.append(
            "layers: the weights do not tell what is around them; taken as a skip connection around each but the "
            "first, hs + lstm(hs), and a decoder whose layers start from the encoder's last states, each from its own"
        )
    return notes


def _states(part: Recurrent) -> int:
    """Return the size of its states: of both directions, if it has two."""
    return part.hidden * (1 + part.bidirectional)


def _side(arrays: Arrays, side: str) -> list[Recurrent]:
    """Return the LSTMs of the encoder or the decoder, by their names: the lowest first."""
    parts = recurrent_parts(arrays)
    for part in parts:
        if part.gates != 4:
            refuse(arrays, f"expected nn.LSTM as encoder and decoder, got {part.about}")
        if part.layers > 1:
            refuse(
                arrays,
                f"{part.about} has {part.layers} layers, one on top of the other and no more; those here have a skip "
                "connection around each but the first. An nn.ModuleList of nn.LSTM with one layer each, and such "
                "connections, maps",
            )
    found = [part for part in parts if side_of(part.prefix) == side]
    sides = {side_of(part.prefix) for part in parts}
    if len(found) > 1 and sides == {"encoder", "decoder"}:
        matches = [NUMBERED.fullmatch(part.prefix) for part in found]
        by_number = {int(match["number"]): part for match, part in zip(matches, found, strict=True) if match}
        stems = {match and match["stem"] for match in matches}
        if sorted(by_number) == [*range(len(found))] and len(stems) == 1:
            return [by_number[number] for number in sorted(by_number)]
    if len(found) != 1 or sides != {"encoder", "decoder"}:
        shown = listed((part.about for part in parts), f"none in {listed(arrays)}", "; ")
        refuse(
            arrays,
            "expected two nn.LSTM, with names in which a part begins with enc and with dec, or two nn.ModuleList of "
            f"such, got {shown}",
        )
    return found


def _decoder(arrays: Arrays) -> list[Recurrent]:
    found = _side(arrays, "decoder")
    if found[0].bidirectional:
        refuse(arrays, f"{found[0].about} has two directions; a decoder writes in one")
    return found


def _rows(
    encoder: list[Recurrent],
    decoder: list[Recurrent],
    source: Table,
    target: Table,
    dense: Table,
    swapped: bool = False,
) -> list[Row]:
    rows = [
        same("encoder.embed.W", source.weight, source.shape),
        *_lstm_rows("encoder.lstm", encoder),
        same("decoder.embed.W", target.weight, target.shape),
        *_lstm_rows("decoder.lstm", decoder),
        *linear_rows("decoder.affine", dense),
    ]
    if swapped:
        shift, affine = dense.shape[1] // 2, "decoder.affine.W"
        at = [row.ours for row in rows].index(affine)
        rows[at] = Row(
            affine,
            {dense.weight: dense.shape},
            lambda a: np.roll(a.T, shift, axis=0),
            lambda p: [np.roll(p, shift, axis=0).T],
        )
    return rows


def _lstm_rows(ours: str, parts: list[Recurrent]) -> list[Row]:
    """Return the rows of a TimeLSTM, a TimeBiLSTM or, of several parts, a TimeStack of them."""
    rows = []
    for k, part in enumerate(parts):
        name = ours if len(parts) == 1 else f"{ours}.layers.{k}"
        if part.bidirectional:
            rows += lstm_rows(f"{name}.forward_lstm", part) + lstm_rows(f"{name}.backward_lstm", part, reverse=True)
        else:
            rows += lstm_rows(name, part)
    return rows


def seq2seq_rows_of(model: Seq2seq) -> list[Row]:
    """Return the rows of an AttentionSeq2seq, a Seq2seq or a PeekySeq2seq.

    There it is ``encoder.embedding``, ``encoder.lstm``, ``decoder.embedding``, ``decoder.lstm`` and ``decoder.dense``;
    of a general score also ``decoder.attention.key``, of an additive one ``.query`` and ``.score``, too. Of several
    layers, each ``lstm`` is an nn.ModuleList, because nn.LSTM has no skip connections.
    """
    arguments = model.arguments
    V, D, H = (arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size"))
    layers, both_ways = arguments.get("layers", 1), arguments.get("bidirectional", False)
    of_lstm, of_dense = model.decoder_class.input_sizes(D, H)

    def parts(side: str, inputs: int, hidden: int, both_ways: bool) -> list[Recurrent]:
        prefixes = [f"{side}.lstm.{k}." if layers > 1 else f"{side}.lstm." for k in range(layers)]
        sizes = [inputs] + [H] * (layers - 1)
        return [
            Recurrent(prefix, 4, size, hidden, bidirectional=both_ways)
            for prefix, size in zip(prefixes, sizes, strict=True)
        ]

    encoder, decoder = parts("encoder", D, H // 2 if both_ways else H, both_ways), parts("decoder", of_lstm, H, False)
    source, target = (Table(f"{side}.embedding.weight", (V, D)) for side in ("encoder", "decoder"))
    dense = Table("decoder.dense.weight", (V, of_dense), "decoder.dense.bias")
    return _rows(encoder, decoder, source, target, dense) + score_rows_of(arguments.get("score", "dot"), H)
