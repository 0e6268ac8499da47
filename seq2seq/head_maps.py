"""Where each head of each layer of a Transformer looked."""

from common.np import np
from seq2seq.transformer_seq2seq import TransformerSeq2seq
from support.array import Array

PARTS = {  # what looks, and at what
    "cross": "where the answer looks in the question",
    "encoder": "where the question looks in itself",
    "decoder": "where the answer looks in what is written of it",
}


def head_maps(model, part: str = "cross") -> Array:
    """Return the weights of every head in the model's latest forward: (N, layers, heads, T_out, T_in).

    part: ``"cross"`` (T_dec, T_enc), the decoder's attention to the question, of which ``MeanAttention`` is the mean;
    ``"encoder"`` (T_enc, T_enc), the question's to itself; ``"decoder"`` (T_dec, T_dec), the answer's to the characters
    that it was given so far, the start sign first: 0 above the diagonal.
    Raises ValueError for a model without heads, and for another part; RuntimeError before the first forward.
    """
    if part not in PARTS:
        raise ValueError(f"head_maps: expected a part of {', '.join(PARTS)}, got {part!r}")
    if not has_heads(model):
        raise ValueError(f"head_maps: expected a model with heads, got a {type(model).__name__} without")
    if part == "encoder":
        found = [layer.attention for layer in model.encoder.layers]
    else:
        found = [getattr(layer, f"{'self' if part == 'decoder' else part}_attention") for layer in model.decoder.layers]
    maps = [residual.layer.attention_weights for residual in found]
    if maps[0] is None:
        raise RuntimeError("head_maps: called before forward")
    return np.stack(maps, axis=1)


def has_heads(model) -> bool:
    """Whether the model's attention has layers and heads, of which ``head_maps`` returns the maps."""
    return isinstance(model, TransformerSeq2seq)
