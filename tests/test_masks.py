"""A mask is bool, wherever one comes in: ids would pass for one, and 0 and 1 for indices."""

import importlib
import inspect
import pkgutil

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

import classifier
import common
import dataset
import seq2seq
from classifier import GRUClassifier, SeqSelfClassifier
from classifier.plot import plot_word_attention
from classifier.text_classifier import TextClassifier
from common.attention import (
    SCORES,
    Attention,
    AttentionWeight,
    TimeAttention,
    TimeGeneralAttention,
    TimeScaledAttention,
)
from common.faithfulness import rank_correlations
from common.functions import expect_mask, softmax
from common.layer import Layer
from common.layers import Softmax
from common.multi_head_attention import MultiHeadAttention
from common.self_attention import ScaledDotAttention, SeqSelfAttention
from common.stacked import TimeStack
from common.steps import Ragged
from common.time_layers import TimeBiGRU, TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from common.transformer_layers import Residual, TransformerDecoderLayer, TransformerEncoderLayer
from seq2seq import AttentionSeq2seq, TransformerSeq2seq
from seq2seq.map_measures import MeasureMaps, alignment, measures, pad_mass
from seq2seq.plot_heads import plot_heads

N, T, H = 2, 3, 4
MASK, TRUTH = np.array([[True, True, False], [True, False, False]]), np.ones((N, 1, T), dtype=bool)
XS, QS, MAPS = np.ones((N, T, H)), np.ones((N, H)), np.full((N, 1, T), 1 / 3)


def recurrent(cls, gates):
    weights = np.ones((H, gates * H)), np.ones((H, gates * H)), np.ones(gates * H)
    return cls(*weights * (2 if "Bi" in cls.__name__ else 1))


def asked(mask):
    decoder = AttentionSeq2seq(5, 2, H, dtype=float).decoder
    decoder.mask = mask
    return decoder.forward(np.ones((N, 2), dtype=int), XS)


def read(mask):
    encoder = TransformerSeq2seq(5, H, 3, dtype=float).encoder
    encoder.mask = mask
    return encoder.forward(np.ones((N, T), dtype=int))


def written(mask):
    decoder = TransformerSeq2seq(5, H, 3, dtype=float).decoder
    decoder.mask = mask
    return decoder.forward(np.ones((N, 2), dtype=int), XS)


# the function or class -> its parameters that are masks, each with a right one and a call
TABLE = {
    "common.attention.Attention.forward": {"mask": (MASK, lambda m: Attention().forward(XS, QS, m))},
    "common.attention.AttentionWeight.forward": {"mask": (MASK, lambda m: AttentionWeight().forward(XS, QS, m))},
    "common.attention.TimeAttention.forward": {
        "mask": (MASK, lambda m: [cls.of_size(H).forward(XS, XS, m) for cls in (TimeAttention, SCORES["additive"])])
    },
    "common.attention.TimeGeneralAttention.forward": {
        "mask": (MASK, lambda m: TimeGeneralAttention(np.ones((H, H))).forward(XS, XS, m))
    },
    "common.attention.TimeScaledAttention.forward": {
        "mask": (MASK, lambda m: TimeScaledAttention().forward(XS, XS, m))
    },
    "common.faithfulness.rank_correlations": {"seen": (MASK, lambda m: rank_correlations(MAPS, MAPS, m))},
    "common.functions.expect_mask": {"mask": (MASK, lambda m: expect_mask("x", m))},
    "common.functions.softmax": {"mask": (MASK, lambda m: softmax(XS[:, :, 0], m))},
    "common.gru.TimeGRU.forward": {"mask": (MASK, lambda m: recurrent(TimeGRU, 3).forward(XS, mask=m))},
    "common.layer.Layer.expect_mask": {"mask": (MASK, lambda m: Layer().expect_mask(m, N, T))},
    "common.layers.Softmax.forward": {"mask": (MASK, lambda m: Softmax().forward(XS[:, :, 0], m))},
    "common.lstm.TimeLSTM.forward": {"mask": (MASK, lambda m: recurrent(TimeLSTM, 4).forward(XS, mask=m))},
    "common.multi_head_attention.MultiHeadAttention.forward": {
        "mask": (MASK, lambda m: MultiHeadAttention(H, 2).forward(XS, XS, m))
    },
    "common.multi_head_attention.MultiHeadAttention.step": {
        "mask": (MASK, lambda m: MultiHeadAttention(H, 2, causal=True).step(XS, None, m))
    },
    "common.rnn.TimeRNN.forward": {"mask": (MASK, lambda m: recurrent(TimeRNN, 1).forward(XS, mask=m))},
    "common.bidirectional.TimeBidirectional.forward": {
        "mask": (MASK, lambda m: [recurrent(c, g).forward(XS, mask=m) for c, g in ((TimeBiGRU, 3), (TimeBiLSTM, 4))])
    },
    "common.self_attention.ScaledDotAttention.forward": {
        "mask": (MASK, lambda m: ScaledDotAttention().forward(QS, XS, m))
    },
    "common.self_attention.SeqSelfAttention.forward": {"mask": (MASK, lambda m: SeqSelfAttention(H).forward(XS, m))},
    "common.stacked.TimeStack.forward": {
        "mask": (MASK, lambda m: TimeStack([recurrent(TimeLSTM, 4), recurrent(TimeLSTM, 4)]).forward(XS, mask=m))
    },
    "common.steps.Ragged.__init__": {"mask": (MASK, Ragged)},
    "common.transformer_layers.Residual.step": {
        "mask": (MASK, lambda m: Residual(MultiHeadAttention(H, 2, causal=True), H).step(XS, None, m))
    },
    "common.transformer_layers.TransformerDecoderLayer.forward": {
        "mask": (MASK, lambda m: TransformerDecoderLayer(H, 2, 3).forward(XS, XS, m))
    },
    "common.transformer_layers.TransformerDecoderLayer.step": {
        "mask": (MASK, lambda m: (lambda layer: layer.step(XS, layer.start(XS), m))(TransformerDecoderLayer(H, 2, 3)))
    },
    "common.transformer_layers.TransformerEncoderLayer.forward": {
        "mask": (MASK, lambda m: TransformerEncoderLayer(H, 2, 3).forward(XS, m))
    },
    "seq2seq.attention_seq2seq.AttentionDecoder": {"mask": (MASK, asked)},  # an attribute
    "seq2seq.transformer_seq2seq.TransformerEncoder": {"mask": (MASK, read)},
    "seq2seq.transformer_seq2seq.TransformerDecoder": {"mask": (MASK, written)},
    "seq2seq.map_measures.alignment": {"truth": (TRUTH, lambda m: alignment(MAPS, m))},
    "seq2seq.map_measures.pad_mass": {"padding": (MASK, lambda m: pad_mass(MAPS, m))},
    "seq2seq.map_measures.measures": {
        "padding": (MASK, lambda m: measures(MAPS, m)),
        "truth": (TRUTH, lambda m: measures(MAPS, MASK, m)),
    },
    "seq2seq.map_measures.MeasureMaps.__init__": {
        "padding": (MASK, lambda m: MeasureMaps(np.ones((N, T), int), 0, 1, m)),
        "truth": (TRUTH, lambda m: MeasureMaps(np.ones((N, T), int), 0, 1, MASK, m)),
    },
    "seq2seq.plot_heads.plot_heads": {
        "seen": (MASK, lambda m: plot_heads(MAPS[:, :1, None].repeat(N, 2), "abc", "de", seen=m))
    },
    "classifier.plot.plot_word_attention": {
        "mask": (MASK, lambda m: plot_word_attention([["a", "b"], ["c"]], MAPS[:, 0], mask=m))
    },
}
SWITCHES = {  # whether there is a mask
    "classifier.text_classifier.TextClassifier.__init__": lambda m: TextClassifier(2, m),
    "classifier.gru_classifier.GRUClassifier.__init__": lambda m: GRUClassifier(5, 2, 2, mask=m),
    "classifier.seqself_classifier.SeqSelfClassifier.__init__": lambda m: SeqSelfClassifier(5, 2, 2, mask=m),
}
# padding: "after" or "before"; seen: a set of characters
NO_MASKS = {
    "dataset.batches.PaddedTexts.__init__",
    "dataset.sequence.Vocabulary.encode",
    "classifier.page.PageModel.__init__",
}
NAMES = {"mask", "seen", "truth", "padding"}


def public_functions():
    """``(full name, function)`` of the functions and methods that the packages define."""
    for package in (common, dataset, seq2seq, classifier):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                if getattr(value, "__module__", None) != module.__name__ or name.startswith("_"):
                    continue
                if inspect.isfunction(value):
                    yield f"{module.__name__}.{name}", value
                elif inspect.isclass(value):
                    for method, function in vars(value).items():
                        function = getattr(function, "__func__", function)
                        if inspect.isfunction(function) and (method == "__init__" or not method.startswith("_")):
                            yield f"{module.__name__}.{name}.{method}", function


def test_every_mask_is_in_the_table():
    found = {name: set(inspect.signature(function).parameters) & NAMES for name, function in public_functions()}
    found = {name: masks for name, masks in found.items() if masks}
    attributes = {
        "seq2seq.attention_seq2seq.AttentionDecoder",
        "seq2seq.transformer_seq2seq.TransformerEncoder",
        "seq2seq.transformer_seq2seq.TransformerDecoder",
    }
    assert set(found) == (set(TABLE) - attributes) | set(SWITCHES) | NO_MASKS, "give it an entry in TABLE"
    assert all(set(TABLE[name]) == masks for name, masks in found.items() if name in TABLE)


CASES = [pytest.param(*case, id=f"{name} {what}") for name, of in TABLE.items() for what, case in of.items()]


@pytest.mark.parametrize("right, call", CASES)
def test_what_is_not_bool_is_refused(right, call):
    call(right)
    for wrong in (right.astype(int), right.astype(float), np.full(right.shape, 2), right.astype(object)):
        with pytest.raises(ValueError, match=rf"(mask|seen|truth|padding): expected bool, got {wrong.dtype};"):
            call(wrong)
    plt.close("all")


SHAPED = [case for case in CASES if "expect_mask" not in case.id or "Layer" in case.id]


@pytest.mark.parametrize("right, call", SHAPED)
def test_a_mask_of_another_shape_is_refused(right, call):
    for wrong in (right[0, ..., :-1], np.concatenate((right, right), axis=-1)[None]):
        with pytest.raises(ValueError, match=r"wanted, got|expected .*got|expected shape"):
            call(wrong)


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_is_no_mask(name):
    SWITCHES[name](True), SWITCHES[name](False)
    for wrong in (MASK, 1, "no"):
        with pytest.raises(ValueError, match=f"expected mask True or False, got {type(wrong).__name__}"):
            SWITCHES[name](wrong)


def test_a_mask_may_be_broadcast_to_scores_but_not_enlarge_them():
    x = np.zeros((N, 2, T))
    np.testing.assert_array_equal(softmax(x, MASK[:, None]), softmax(x, np.repeat(MASK[:, None], 2, axis=1)))
    np.testing.assert_array_equal(softmax(x[0], MASK), softmax(x, MASK)[0])
    with pytest.raises(
        ValueError, match=r"softmax: mask: expected shape \(3,\) or one that broadcasts to it, got \(2, 3\)"
    ):
        softmax(x[0, 0], MASK)
