"""The one table of all layers and models, each with inputs: tiny, odd, of unequal sizes, and seeded.

An entry is ``"Class-variant": a function of a Draw -> (layer, *inputs)``. The gradient check, its planted
faults and the protocol tests all run over it; test_gradients.py fails when a class is missing.
"""

import importlib
import pkgutil
from functools import partial

import numpy as np
from recurrent_table import ALIKE, RECURRENT, WithCell, WithState
from stacked_table import STACKED
from table_inputs import BEFORE, HOLES, NOTHING, RAGGED, T_DEC, T_ENC, D, Draw, H, N, T, V, lively
from transformer_table import TRANSFORMER

import classifier
import common
import seq2seq
from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier, TextClassifier
from common.additive_scores import AdditiveScores
from common.attention import SCORES
from common.base_model import BaseModel
from common.bidirectional import TimeBidirectional
from common.layer import Layer, walk
from common.layers import Affine, Dropout, Embedding, MatMul, Sigmoid, SigmoidWithLoss, Softmax, SoftmaxWithLoss
from common.rnn import Recurrent, TimeRecurrent
from common.self_attention import ScaledDotAttention, SeqSelfAttention
from common.time_layers import Attention, AttentionWeight, TimeAttention, WeightSum
from seq2seq import (
    AttentionDecoder,
    AttentionEncoder,
    AttentionSeq2seq,
    Decoder,
    Encoder,
    PeekyDecoder,
    PeekySeq2seq,
    Seq2seq,
)
from seq2seq.decoding import Writer
from seq2seq.transformer_seq2seq import TransformerPart

PACKAGES = classifier, common, seq2seq
ABSTRACT = {AdditiveScores, Recurrent, TimeRecurrent, TimeBidirectional, BaseModel, TextClassifier}
ABSTRACT |= {Writer, TransformerPart}  # of encoders and decoders


class TiedModel(BaseModel):
    """One W three times: looked up, squared, and transposed as the Affine's weight."""

    def __init__(self, W, W_square, b):
        self.embed = Embedding(W)
        self.there, self.back = MatMul(W_square), MatMul(W_square.T)
        self.affine = Affine(W.T, b)
        self.loss = SoftmaxWithLoss()
        self.layers = [self.embed, self.there, self.back, self.affine]
        self.params = [p for layer in self.layers for p in layer.params]
        self.grads = [g for layer in self.layers for g in layer.grads]

    def forward(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        return self.loss.forward(x, t)

    def backward(self, dout=1):
        dout = self.loss.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)


class SoftLoss(SoftmaxWithLoss):
    """The loss of soft labels, of float16, so that their sum is not quite 1; they get no gradient, so are no input."""

    def __init__(self, r, *shape, **options):
        super().__init__(**options)
        self.t = np.exp(r(*shape, V).real)
        self.t[..., 3] = 0  # a class without a share
        self.t = (self.t / self.t.sum(axis=-1, keepdims=True)).astype(np.float16)

    def forward(self, x):
        return super().forward(x, self.t)


def unshared(made):
    """The encoder, or the model's, computes a row for every question."""
    getattr(made, "encoder", made).share_prefixes = False
    return made


def masked(mask, r):
    """A decoder that looks where mask is True."""
    made = lively(AttentionDecoder, r, V, D, H)
    made.mask = mask
    return made


class WithFirstCell(WithState):
    """A decoder that takes its first cell state as a third input."""

    def forward(self, xs, encoded, c):
        self.layer.c = c
        return self.layer.forward(xs, encoded)

    def backward(self, dscores):
        return self.layer.backward(dscores), self.layer.dc


CASES = {
    "MatMul": lambda r: (MatMul(r(D, H)), r(N, D)),
    "MatMul-time": lambda r: (MatMul(r(D, H)), r(N, T, D)),
    "MatMul-vector": lambda r: (MatMul(r(D, H)), r(D)),
    "Affine": lambda r: (Affine(r(D, H), r(H)), r(N, D)),
    "Affine-time": lambda r: (Affine(r(D, H), r(H)), r(N, T, D)),
    "Embedding": lambda r: (Embedding(r(V, D)), r.ids(N)),
    "Embedding-time": lambda r: (Embedding(r(V, D)), r.ids(N, T)),
    "Embedding-repeated": lambda r: (Embedding(r(V, D)), np.array([[3, 9, 3], [3, 0, 0]])),
    "Dropout": lambda r: (Dropout(0.4, rng=np.random.default_rng(1)), r(N, T, D)),
    "Dropout-inference": lambda r: (Dropout(0.4, rng=np.random.default_rng(1)), r(N, T, D), False),
    "Sigmoid": lambda r: (Sigmoid(), r(N, T, D)),
    "Softmax": lambda r: (Softmax(), r(N, T_ENC)),
    "Softmax-ragged": lambda r: (Softmax(), r(N, T_ENC), RAGGED),
    "Softmax-nothing": lambda r: (Softmax(), r(N, T_ENC), NOTHING),
    "SoftmaxWithLoss": lambda r: (SoftmaxWithLoss(), r(N, V), r.ids(N)),
    "SoftmaxWithLoss-time": lambda r: (SoftmaxWithLoss(), r(N, T, V), r.ids(N, T)),
    "SoftmaxWithLoss-ignored": lambda r: (SoftmaxWithLoss(), r(N, 4, V), np.array([[3, 9, 3, -1], [-1] * 4, [0] * 4])),
    "SoftmaxWithLoss-all_ignored": lambda r: (SoftmaxWithLoss(ignore_label=2), r(N, T, V), np.full((N, T), 2)),
    "SoftmaxWithLoss-onehot": lambda r: (SoftmaxWithLoss(), r(N, T, V), np.eye(V, dtype=int)[r.ids(N, T)]),
    "SoftmaxWithLoss-smoothed": lambda r: (SoftmaxWithLoss(label_smoothing=0.1), r(N, V), r.ids(N)),
    "SoftmaxWithLoss-smoothed-ignored": lambda r: (
        SoftmaxWithLoss(label_smoothing=0.3),
        r(N, 4, V),
        np.array([[3, 9, 3, -1], [-1] * 4, [0] * 4]),
    ),
    "SoftLoss-smoothed": lambda r: (SoftLoss(r, N, T, label_smoothing=0.1), r(N, T, V)),
    "SoftLoss": lambda r: (SoftLoss(r, N), r(N, V)),
    "SoftLoss-time": lambda r: (SoftLoss(r, N, T), r(N, T, V)),
    "SigmoidWithLoss": lambda r: (SigmoidWithLoss(), r(N), r.ids(N, below=2)),
    "SigmoidWithLoss-time": lambda r: (SigmoidWithLoss(), r(N, T), r.ids(N, T, below=2)),
    "WeightSum": lambda r: (WeightSum(), r(N, T, H), r(N, T)),
    "WeightSum-N1": lambda r: (WeightSum(), r(1, T, H), r(1, T)),
    "WeightSum-T1": lambda r: (WeightSum(), r(N, 1, H), r(N, 1)),
    "Encoder": lambda r: (lively(Encoder, r, V, D, H), r.ids(N, T_ENC)),
    "Encoder-N1-T1": lambda r: (lively(Encoder, r, V, 2, 2), r.ids(1, 1)),
    "AttentionEncoder": lambda r: (lively(AttentionEncoder, r, V, D, H), r.ids(N, T_ENC)),
    "AttentionEncoder-N1-T1": lambda r: (lively(AttentionEncoder, r, V, 2, 2), r.ids(1, 1)),
    "Decoder": lambda r: (lively(Decoder, r, V, D, H), r.ids(N, T_DEC), r(N, H)),
    "Decoder-N1-T1": lambda r: (lively(Decoder, r, V, 2, 2), r.ids(1, 1), r(1, 2)),
    "PeekyDecoder": lambda r: (lively(PeekyDecoder, r, V, D, H), r.ids(N, T_DEC), r(N, H)),
    "PeekyDecoder-N1-T1": lambda r: (lively(PeekyDecoder, r, V, 2, 2), r.ids(1, 1), r(1, 2)),
    "AttentionDecoder": lambda r: (lively(AttentionDecoder, r, V, D, H), r.ids(N, T_DEC), r(N, T_ENC, H)),
    "AttentionDecoder-N1-T1": lambda r: (lively(AttentionDecoder, r, V, 2, 2), r.ids(1, 1), r(1, 1, 2)),
    "AttentionDecoder-ragged": lambda r: (masked(RAGGED, r), r.ids(N, T_DEC), r(N, T_ENC, H)),
    "AttentionDecoder-nothing": lambda r: (masked(NOTHING, r), r.ids(N, T_DEC), r(N, T_ENC, H)),
    "Decoder-cell": lambda r: (WithFirstCell(lively(Decoder, r, V, 2, 5)), r.ids(N, T_DEC), r(N, 5), r(N, 5)),
    "PeekyDecoder-cell": lambda r: (WithFirstCell(lively(PeekyDecoder, r, V, 2, 5)), r.ids(N, 3), r(N, 5), r(N, 5)),
    "AttentionDecoder-cell": lambda r: (WithFirstCell(masked(RAGGED, r)), r.ids(N, 3), r(N, T_ENC, H), r(N, H)),
    "Seq2seq": lambda r: (lively(Seq2seq, r, V, 2, 5), r.ids(N, T_ENC), r.ids(N, T_DEC + 1)),
    "PeekySeq2seq": lambda r: (lively(PeekySeq2seq, r, V, 2, 5), r.ids(N, T_ENC), r.ids(N, T_DEC + 1)),
    "AttentionSeq2seq": lambda r: (lively(AttentionSeq2seq, r, V, 2, 5), r.ids(N, T_ENC), r.ids(N, T_DEC + 1)),
    **{
        f"AttentionSeq2seq-{score}": lambda r, score=score: (
            lively(partial(AttentionSeq2seq, score=score, mask_padding=3), r, V, 2, 5),
            r.ids(N, T_ENC),
            r.ids(N, T_DEC + 1),
        )
        for score in ("scaled", "general", "additive")
    },
    "TiedModel": lambda r: (TiedModel(r(V, D), r(D, D), r(V)), r.ids(N, T), r.ids(N, T)),
}


def attention(cls, r, units=5):
    """A layer of attention with random weights, if it has any; an additive one of so many ``units``."""
    if cls is SCORES["additive"]:
        return cls(r(H, units), r(H, units), r(units), r(units))
    return cls(r(H, H)) if cls is SCORES["general"] else cls()


def _add_attention(cls):
    many = issubclass(cls, TimeAttention)

    def case(n, t_enc, t_dec, *mask, block=None):
        def build(r):
            layer = attention(cls, r)
            if block:
                layer.block = block
            return layer, r(n, t_enc, H), r(n, t_dec, H) if many else r(n, H), *mask

        return build

    name = cls.__name__
    CASES[name] = case(N, T_ENC, T_DEC)
    CASES[f"{name}-ragged"] = case(N, T_ENC, T_DEC, RAGGED)
    CASES[f"{name}-nothing"] = case(N, T_ENC, T_DEC, NOTHING)
    CASES[f"{name}-N1"] = case(1, T_ENC, T_DEC)
    CASES[f"{name}-T1"] = case(N, 1, 1)
    if cls is SCORES["additive"]:
        CASES[f"{name}-blocks_of_rows"] = case(N, T_ENC, T_DEC, RAGGED, block=2 * T_DEC * T_ENC * 5)
        CASES[f"{name}-blocks_of_queries"] = case(N, T_ENC, T_DEC, HOLES, block=3 * T_ENC * 5)
        CASES[f"{name}-block_of_one"] = case(N, T_ENC, T_DEC, NOTHING, block=1)


def _add_scaled_dot_attention():
    masks = {"": (), "-ragged": (RAGGED,), "-before": (BEFORE,), "-holes": (HOLES,)}
    sizes = {variant: (N, T_ENC, *mask) for variant, mask in masks.items()} | {"-N1": (1, T_ENC), "-T1": (N, 1)}
    for variant, (n, t, *mask) in sizes.items():
        CASES[f"ScaledDotAttention{variant}"] = lambda r, n=n, t=t, mask=mask: (
            ScaledDotAttention(),
            *(r(n, H), r(n, t, H), *mask),
        )


def _add_self_attention():
    def case(n, t, *mask, block=None, **options):
        def build(r):
            layer = lively(partial(SeqSelfAttention, **options), r, D, 3)
            layer.block = block or layer.block
            return layer, r(n, t, D), *mask

        return build

    dot, sigmoid = {"attention_type": "multiplicative"}, {"attention_activation": "sigmoid"}
    no_biases = {"use_additive_bias": False, "use_attention_bias": False}
    for variant, made in {
        "": case(2, 4),
        "-ragged": case(N, T_ENC, RAGGED),
        "-before": case(N, T_ENC, BEFORE, attention_width=3),
        "-holes": case(N, T_ENC, HOLES, **sigmoid),
        "-history": case(2, 4, history_only=True),
        "-history-width2": case(N, T_ENC, HOLES, history_only=True, attention_width=2),
        "-width1": case(2, 4, attention_width=1),
        "-width2": case(2, 4, attention_width=2, **sigmoid),
        "-no_biases": case(2, 4, **no_biases),
        "-N1": case(1, 4),
        "-T1": case(2, 1),
        "-blocks_of_texts": case(N, 4, block=2 * 4 * 4 * 3),
        "-blocks_of_queries": case(N, T_ENC, HOLES, block=4 * T_ENC * 3),
        "-block_of_one": case(2, 3, block=1),
        "-multiplicative": case(2, 4, **dot),
        "-multiplicative-ragged": case(N, T_ENC, RAGGED, **dot, **no_biases),
        "-multiplicative-holes": case(N, T_ENC, HOLES, history_only=True, **dot, **sigmoid),
        "-multiplicative-width3": case(2, 4, attention_width=3, **dot),
        "-multiplicative-N1-T1": case(1, 1, **dot, **sigmoid),
    }.items():
        CASES[f"SeqSelfAttention{variant}"] = made


def _add_questions(cls, *answers):
    """ids of questions that begin alike, in rows that they share or each in its own; answers of given lengths."""
    for alike, ids in ALIKE.items():
        CASES[f"{cls.__name__}-{alike}"] = lambda r, ids=ids: (
            lively(cls, r, 6, 2, 2),
            ids,
            *(r.ids(len(ids), length, below=6) for length in answers),
        )
    if cls is AttentionSeq2seq:
        for name, mask in (("nothing", NOTHING[:, :3]), ("before", BEFORE[:, 3:])):
            CASES[f"AttentionSeq2seq-mask_padding-{name}"] = lambda r, mask=mask: (
                lively(partial(cls, mask_padding=0), r, 6, 2, 2),
                (1 + r.ids(*mask.shape, below=5)) * mask,
                r.ids(N, 3, below=6),
            )
    for alike, ids in ALIKE.items():
        CASES[f"{cls.__name__}-cell_state-{alike}"] = lambda r, ids=ids: (
            WithCell(lively(cls, r, 6, 2, 2)) if not answers else lively(partial(cls, cell_state=True), r, 6, 2, 2),
            ids,
            *(r.ids(len(ids), length, below=6) for length in answers),
        )
    shared = CASES[f"{cls.__name__}-ragged"]
    CASES[f"{cls.__name__}-unshared"] = lambda r: (lambda made, *inputs: (unshared(made), *inputs))(*shared(r))


TEXTS = {  # masks of texts, one of them with nothing
    "after": np.arange(4) < np.array([[4], [2], [0]]),
    "before": np.arange(4) >= np.array([[1], [4], [2]]),
    "N1-T1": np.ones((1, 1), dtype=bool),
}


def text_case(cls, padding, classes=2, **options):
    """An entry: a small classifier, ids of texts with this padding, and their classes."""

    def build(r):
        model = lively(partial(cls, classes=classes, **options), r, 5)
        for _, part in walk(model):
            if isinstance(part, Dropout):
                part.rng = np.random.default_rng(1)
        mask = TEXTS[padding]
        return model, (1 + r.ids(*mask.shape, below=4)) * mask, r.ids(len(mask), below=classes)

    return build


gru_case = partial(text_case, GRUClassifier, wordvec_size=2, hidden_size=2, layers=1, dropout=0)
seqself_case = partial(text_case, SeqSelfClassifier, wordvec_size=2, hidden_size=2, units=2)


def _add_classifiers():
    """The other variants of these models have their gradients checked in test_classifier.py: they are many weights."""
    CASES["GRUClassifier"] = gru_case("after")
    CASES["GRUClassifier-layers"] = gru_case("before", classes=3, layers=2, dropout=0.4, hidden_size=1)
    CASES["GRUClassifier-plain"] = gru_case("after", attention=False)
    CASES["GRUClassifier-N1-T1"] = gru_case("N1-T1", hidden_size=1)
    CASES["SeqSelfClassifier"] = seqself_case("after", classes=3)
    CASES["SeqSelfClassifier-N1-T1"] = seqself_case("N1-T1", hidden_size=1)
    CASES["BagOfWords"] = text_case(BagOfWords, "after")


CASES |= RECURRENT | STACKED | TRANSFORMER
for _cls in (AttentionWeight, Attention, *SCORES.values()):
    _add_attention(_cls)
_add_scaled_dot_attention()
_add_self_attention()
_add_classifiers()
for _cls in (Encoder, AttentionEncoder):
    _add_questions(_cls)
for _cls in (Seq2seq, PeekySeq2seq, AttentionSeq2seq):
    _add_questions(_cls, 3)


def classes_of_ours() -> set[type]:
    """Every subclass of Layer and BaseModel that a module of PACKAGES defines, abstract bases left out."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    def below(cls):
        return {cls}.union(*map(below, cls.__subclasses__()))

    ours = tuple(f"{package.__name__}." for package in PACKAGES)
    return {c for c in below(Layer) | below(BaseModel) if c.__module__.startswith(ours)} - ABSTRACT - {Layer}


def build(name, dtype=np.float64, seed=0):
    """``(layer, inputs)`` of an entry, fresh."""
    layer, *inputs = CASES[name](Draw(dtype, seed))
    return layer, inputs


def as_tuple(x):
    return () if x is None else x if isinstance(x, tuple) else (x,)


def upstream(outputs, seed=7):
    """Random gradients of the outputs, of their shapes and dtypes."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(np.shape(y)).astype(y.dtype)[()] for y in outputs]
