"""PyTorch's seq2seq of two nn.LSTM, with dot attention or without: AttentionSeq2seq, Seq2seq, PeekySeq2seq."""

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
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

ORDERS = "context,state", "state,context"
READS: dict[type, str] = {
    AttentionSeq2seq: "context and state; without attention, import it as baseline",
    Seq2seq: "the decoder's state",
    PeekySeq2seq: "the encoder's state and the decoder's",
}
SURPLUS = (
    "the scores of the attention here are dot products without weights, and no layer stands between the state and the "
    "one Linear, such as one with a tanh"
)


def attention_plan(
    arrays: Arrays,
    *,
    linear_reads: str = ORDERS[0],
    cell_state: bool = False,
    mask_padding: int | None = None,
) -> Plan:
    """Plan an AttentionSeq2seq from two nn.LSTM of one direction and layer, their embeddings, and an nn.Linear.

    linear_reads: the order in which the Linear reads context and state. cell_state: whether the decoder starts from
    the encoder's cell state too. mask_padding: see AttentionSeq2seq.
    """
    if linear_reads not in ORDERS:
        raise ValueError(f"linear_reads: expected {' or '.join(ORDERS)}, got {linear_reads!r}")
    extra = {} if mask_padding is None else {"mask_padding": mask_padding}
    plan = _plan(arrays, AttentionSeq2seq, cell_state, extra, swapped=linear_reads == ORDERS[1])
    masked = "everywhere, at padding too" if mask_padding is None else f"not at padding, id {mask_padding}"
    plan.notes.extend(
        [
            "attention: has no weights; taken as dot products of states, not scaled",
            f"linear_reads: the weights do not tell; taken as {linear_reads}",
            f"mask_padding: the weights do not tell; taken as a decoder that looks {masked}",
        ]
    )
    return plan


def baseline_plan(arrays: Arrays, *, cell_state: bool = False) -> Plan:
    """Plan a Seq2seq: as ``attention_plan``, with an nn.Linear that reads the decoder's state alone."""
    return _plan(arrays, Seq2seq, cell_state)


def peeky_plan(arrays: Arrays, *, cell_state: bool = False) -> Plan:
    """Plan a PeekySeq2seq: the decoder's nn.LSTM and the nn.Linear read [the encoder's state; their own input]."""
    plan = _plan(arrays, PeekySeq2seq, cell_state)
    plan.notes.append("peeking: the weights do not tell the order; taken as the encoder's state before the own input")
    return plan


def _plan(
    arrays: Arrays, model: type[Seq2seq], cell_state: bool, extra: dict[str, Any] | None = None, swapped: bool = False
) -> Plan:
    encoder, decoder = _sides(arrays)
    D, H = encoder.inputs, encoder.hidden
    of_lstm, of_dense = model.decoder_class.input_sizes(D, H)
    if (decoder.inputs, decoder.hidden) != (of_lstm, H):
        refuse(
            arrays,
            f"{decoder.about}: expected {of_lstm} -> {H} beside {encoder.about}; a decoder that also reads a context "
            "(input feeding), or whose vectors or states have another size, does not map",
        )
    source, target = (the_embedding(arrays, D, side=side) for side in ("encoder", "decoder"))
    V = source.shape[0]
    if target.shape != source.shape:
        refuse(
            arrays,
            f"{source.weight} {source.shape} and {target.weight} {target.shape}: expected the same vocabulary, because "
            "questions and answers have one here",
        )
    dense = the_linear(arrays, of_dense, V, READS[model], {source.weight, target.weight})
    rows = _rows(encoder, decoder, source, target, dense, swapped)
    arguments = dict(vocab_size=V, wordvec_size=D, hidden_size=H) | (extra or {})
    if cell_state:
        arguments["cell_state"] = True
    start = "its cell state too" if cell_state else "a cell state of 0"
    notes = [
        f"cell_state: the weights do not tell; taken as a decoder that starts from the encoder's h, and {start}",
        "padding: the encoder here reads it; one that does not (pack_padded_sequence) says the same for questions "
        "without padding alone",
        "batch_first: says nothing about weights; questions and answers are (N, T) here",
    ]
    if source.weight == target.weight:
        notes.append(f"{source.weight}: serves both encoder and decoder; here each has a copy, and trains its own")
    return Plan(model, arguments, rows, notes + without_bias(encoder, decoder, dense), surplus=SURPLUS)


def _sides(arrays: Arrays) -> tuple[Recurrent, Recurrent]:
    """Return the encoder's LSTM and the decoder's, by their names."""
    parts = recurrent_parts(arrays)
    for part in parts:
        if part.gates != 4:
            refuse(arrays, f"expected nn.LSTM as encoder and decoder, got {part.about}")
        if part.bidirectional or part.layers > 1:
            what = "two directions" if part.bidirectional else f"{part.layers} layers"
            refuse(arrays, f"{part.about} has {what}; encoder and decoder here are LSTMs of one layer and direction")
    encoder, decoder = ([part for part in parts if side_of(part.prefix) == side] for side in ("encoder", "decoder"))
    if len(encoder) != 1 or len(decoder) != 1 or len(parts) > 2:
        shown = listed((part.about for part in parts), f"none in {listed(arrays)}", "; ")
        refuse(arrays, f"expected two nn.LSTM, with names in which a part begins with enc and with dec, got {shown}")
    return encoder[0], decoder[0]


def _rows(
    encoder: Recurrent, decoder: Recurrent, source: Table, target: Table, dense: Table, swapped: bool = False
) -> list[Row]:
    rows = [
        same("encoder.embed.W", source.weight, source.shape),
        *lstm_rows("encoder.lstm", encoder),
        same("decoder.embed.W", target.weight, target.shape),
        *lstm_rows("decoder.lstm", decoder),
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


def seq2seq_rows_of(model: Seq2seq) -> list[Row]:
    """Return the rows of an AttentionSeq2seq, a Seq2seq or a PeekySeq2seq.

    There it is ``encoder.embedding``, ``encoder.lstm``, ``decoder.embedding``, ``decoder.lstm`` and ``decoder.dense``.
    """
    V, D, H = (model.arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size"))
    encoder, decoder = Recurrent("encoder.lstm.", 4, D, H), Recurrent("decoder.lstm.", 4, len(model.decoder.lstm.Wx), H)
    source, target = (Table(f"{side}.embedding.weight", (V, D)) for side in ("encoder", "decoder"))
    dense = Table("decoder.dense.weight", model.decoder.affine.W.shape[::-1], "decoder.dense.bias")
    return _rows(encoder, decoder, source, target, dense)
