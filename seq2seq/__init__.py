"""Encoder-decoder models: baseline, peeky, attention, Transformer; decoding, metrics, measures of maps, files.

Pictures are in ``seq2seq.plot``, which imports matplotlib.
"""

from seq2seq.attention_seq2seq import AttentionDecoder, AttentionEncoder, AttentionSeq2seq, padding_of
from seq2seq.decoding import Decoded
from seq2seq.encoder import Encoder
from seq2seq.map_measures import MeasureMaps
from seq2seq.metrics import exact_match
from seq2seq.model_file import load_model, save_model
from seq2seq.peeky_seq2seq import PeekyDecoder, PeekySeq2seq
from seq2seq.seq2seq import Decoder, Seq2seq
from seq2seq.transformer_seq2seq import TransformerDecoder, TransformerEncoder, TransformerSeq2seq

__all__ = [
    "AttentionDecoder",
    "AttentionEncoder",
    "AttentionSeq2seq",
    "Decoded",
    "Decoder",
    "Encoder",
    "MeasureMaps",
    "PeekyDecoder",
    "PeekySeq2seq",
    "Seq2seq",
    "TransformerDecoder",
    "TransformerEncoder",
    "TransformerSeq2seq",
    "exact_match",
    "load_model",
    "padding_of",
    "save_model",
]
