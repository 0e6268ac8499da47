"""Re-exports under the book's module name: every name in its ``time_layers``, from the file that defines it."""

from common.attention import Attention, AttentionWeight, TimeAttention, WeightSum
from common.functions import sigmoid, softmax
from common.gru import GRU, TimeBiGRU, TimeGRU
from common.layers import (
    Affine,
    Dropout,
    Embedding,
    MatMul,
    Sigmoid,
    SigmoidWithLoss,
    Softmax,
    SoftmaxWithLoss,
)
from common.lstm import LSTM, TimeBiLSTM, TimeLSTM
from common.np import np
from common.rnn import RNN, TimeRNN

# These work on any leading axes already; the book's names for (N, T, ...) stay.
TimeAffine = Affine
TimeDropout = Dropout
TimeEmbedding = Embedding
TimeSigmoidWithLoss = SigmoidWithLoss
TimeSoftmaxWithLoss = SoftmaxWithLoss

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Affine",
    "Attention",
    "AttentionWeight",
    "Dropout",
    "Embedding",
    "MatMul",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "TimeAffine",
    "TimeAttention",
    "TimeBiGRU",
    "TimeBiLSTM",
    "TimeDropout",
    "TimeEmbedding",
    "TimeGRU",
    "TimeLSTM",
    "TimeRNN",
    "TimeSigmoidWithLoss",
    "TimeSoftmaxWithLoss",
    "WeightSum",
    "np",
    "sigmoid",
    "softmax",
]
