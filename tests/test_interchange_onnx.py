"""Models exported to ONNX, run by onnxruntime: what they find is what ours find, in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx_tools import date_facts, lively, outputs, run_texts, session, text_facts

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.attention import SCORES
from common.layer import inference
from interchange.onnx_file import to_onnx
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq

CLOSE = 1e-5
V, PAD, START = 9, 4, 1
sizes, flags = st.integers(1, 5), st.booleans()


def close(got, wanted):
    assert got.shape == wanted.shape
    assert got.dtype == (np.int64 if wanted.dtype.kind == "i" else np.float32)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=CLOSE)


def margins(twin, xs, ids):
    """By how much each character of the answers ids (N, T_dec) is likelier than the next best, after those before."""
    given = np.concatenate((np.full((len(ids), 1), START), ids), axis=1)
    with inference(twin):
        scores = np.sort(twin.decoder.forward(given[:, :-1], twin.encode(xs)), axis=2)
    return scores[:, :, -1] - scores[:, :, -2]


def same_answers(twin, got, xs, T_dec):
    """The answers are the same wherever the next best is not as likely, within rounding."""
    ours = twin.decode(xs, START, T_dec)
    clear = (margins(twin, xs, ours.ids) > 1e-4).all(axis=1)
    if isinstance(twin, TransformerSeq2seq):  # after a forward with the same answers
        maps = [layer.cross_attention.layer.attention_weights for layer in twin.decoder.layers]
        close(got.pop("attention_by_head")[clear], np.stack(maps, axis=1)[clear])
    np.testing.assert_array_equal(got["answer"][clear], ours.ids[clear])
    assert got["answer"].dtype == np.int64 and got["answer"].shape == ours.ids.shape
    close(got["log_prob"][clear], ours.log_probs[clear])
    assert got.keys() == {"answer", "log_prob"} | ({"attention_weights"} if twin.has_maps else set())
    if twin.has_maps:
        close(got["attention_weights"][clear], ours.attention_weights[clear])
    return clear


KINDS = [Seq2seq, PeekySeq2seq, AttentionSeq2seq, TransformerSeq2seq]


@st.composite
def dates_of(draw, cls, D, H):
    """Sizes and arguments of a model of this class."""
    masked = {"mask_padding": PAD} if cls.has_maps and draw(flags) else {}
    if cls is TransformerSeq2seq:
        heads, pre_norm = draw(st.integers(1, 3)), draw(flags)
        more = dict(heads=heads, layers=draw(st.integers(1, 3)), dropout=draw(st.sampled_from([0.0, 0.5])))
        # wide enough: a norm of two or three numbers that happen to be alike makes much of their rounding
        return (heads * (3 + D), H), masked | more | {"pre_norm": pre_norm}
    scored = {"score": draw(st.sampled_from(list(SCORES)))} if cls.has_maps else {}
    both_ways, layers = draw(flags), draw(st.integers(1, 3))
    deep = dict(bidirectional=both_ways, layers=layers, dropout=0.5 * draw(flags) if layers > 1 else 0.0)
    return (D, (1 + both_ways) * H), masked | scored | deep | {"cell_state": draw(flags)}


@pytest.mark.parametrize("cls", KINDS)
@given(D=sizes, H=sizes, N=sizes, T_enc=sizes, T_dec=sizes, seed=st.integers(0, 99), data=st.data())
def test_dates(cls, D, H, N, T_enc, T_dec, seed, data):
    made_of, arguments = data.draw(dates_of(cls, D, H))
    model, twin = lively(cls, V, *made_of, seed=seed, **arguments)
    opened = session(to_onnx(model, date_facts(model, T_dec)))
    rng = np.random.default_rng(seed)
    for shape in ((N, T_enc), (1, 1), (N + 1, T_enc + 2)):  # others than the first, too
        xs = rng.choice([PAD, 5, 6, 7], shape)
        xs[0] = PAD
        same_answers(twin, outputs(opened, xs), xs, T_dec)


MADE = {  # and how large their weights are
    "baseline": (Seq2seq, {}, 3),
    "peeky": (PeekySeq2seq, {"cell_state": True}, 3),
    **{f"attention {score}": (AttentionSeq2seq, {"mask_padding": PAD, "score": score}, 3) for score in SCORES},
    "attention, deep": (AttentionSeq2seq, {"bidirectional": True, "layers": 2, "dropout": 0.5, "cell_state": True}, 2),
    "peeky, deep": (PeekySeq2seq, {"layers": 3}, 2),
    "transformer": (TransformerSeq2seq, {"mask_padding": PAD, "heads": 2}, 2),
    "transformer post-norm": (TransformerSeq2seq, {"mask_padding": PAD, "heads": 2, "pre_norm": False}, 1),
}


@pytest.mark.parametrize("name", MADE)
def test_most_answers_are_clear(name):
    """Else the test above could compare nothing."""
    cls, arguments, scale = MADE[name]
    model, twin = lively(cls, V, 12, 8, scale=scale, **arguments)
    for each in (model, twin):
        each.decoder.affine.b[...] = 0
    xs = np.random.default_rng(0).integers(0, V, (50, 6))
    got = outputs(session(to_onnx(model, date_facts(model))), xs)
    assert same_answers(twin, got, xs, 4).mean() > 0.9
    assert len(np.unique(got["answer"], axis=0)) > 2, "answers differ from question to question"


def test_far_positions_of_a_question_are_as_exact_as_near_ones():
    """In float32, the angle of a position would be wrong by as much as its own rounding."""
    model, twin = lively(TransformerSeq2seq, V, 8, 4, heads=2, layers=1)
    xs = np.random.default_rng(0).integers(0, V, (1, 3000))
    same_answers(twin, outputs(session(to_onnx(model, date_facts(model))), xs), xs, 4)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cls", [AttentionSeq2seq, TransformerSeq2seq])
def test_padding_of_a_question_weighs_exactly_nothing(cls, reverse):
    model, _ = lively(cls, V, 8, 7, mask_padding=PAD)
    xs = np.array([[5, PAD, 6, PAD, PAD], [PAD] * 5, [PAD, 5, 6, 7, 5]])[:, :: -1 if reverse else 1]
    real = np.array([[1, 1, 1, 0, 0], [0] * 5, [0, 1, 1, 1, 1]], dtype=bool)[:, :: -1 if reverse else 1]
    got = outputs(session(to_onnx(model, date_facts(model))), np.ascontiguousarray(xs))["attention_weights"]
    for weights, seen in zip(got, real, strict=True):
        assert (weights[:, seen] > 0).all() and (weights[:, ~seen] == 0).all()


def test_the_first_of_equally_likely_characters_is_taken():
    model, _ = lively(Seq2seq, V, 3, 4)
    model.decoder.affine.W[...] = 0
    model.decoder.affine.b[...] = np.isin(np.arange(V), [2, 6])
    xs = np.zeros((2, 3), dtype=int)
    got = outputs(session(to_onnx(model, date_facts(model))), xs)
    np.testing.assert_array_equal(got["answer"], model.decode(xs, START, 4).ids)
    assert (got["answer"] == 2).all()


def texts(rng, N, T):
    """Ids with padding before, after and between words; the first text is all padding, the last all words."""
    xs = rng.choice([0, 0, 1, 2, 3, 4], (N, T))
    xs[-1] = rng.integers(1, 5, T)
    xs[0] = 0
    return xs


def same_judgements(model, twin, xs, *, opened=None):
    got = run_texts(model, xs) if opened is None else outputs(opened, xs)
    close(got.pop("probabilities"), twin.probabilities(xs))
    if twin.token_weight_kinds:
        close(got.pop("token_weights"), twin.explain(xs)[1])
    if getattr(twin, "attention_layer", None) is not None:
        close(got.pop("attention_weights"), twin.attention_layer.attention_weights)
    assert not got


options = st.fixed_dictionaries(
    {
        "attention_type": st.sampled_from(["additive", "multiplicative"]),
        "attention_width": st.none() | st.integers(1, 6),
        "history_only": flags,
        "attention_activation": st.sampled_from([None, "sigmoid"]),
        "use_additive_bias": flags,
        "use_attention_bias": flags,
    }
)


@given(data=st.data(), D=sizes, H=sizes, N=sizes, T=sizes, K=st.integers(2, 4), mask=flags)
def test_seqself(data, D, H, N, T, K, mask):
    attention, units = data.draw(options), data.draw(sizes)
    model, twin = lively(SeqSelfClassifier, V, D, H, units, K, mask, attention, seed=T)
    opened, rng = session(to_onnx(model, text_facts(model))), np.random.default_rng(N)
    for shape in ((N, T), (1, 1), (N, T + 3)):
        same_judgements(model, twin, texts(rng, *shape), opened=opened)


@given(
    D=sizes,
    H=sizes,
    N=sizes,
    T=sizes,
    K=st.integers(2, 4),
    layers=st.integers(1, 3),
    attention=flags,
    mask=flags,
)
def test_gru(D, H, N, T, K, layers, attention, mask):
    model, twin = lively(GRUClassifier, V, D, H, layers, 0.5, K, attention, mask, seed=T)
    opened, rng = session(to_onnx(model, text_facts(model))), np.random.default_rng(N)
    for shape in ((N, T), (1, 1), (N, T + 3)):
        same_judgements(model, twin, texts(rng, *shape), opened=opened)


@given(N=sizes, T=sizes, K=st.integers(2, 4))
def test_bag_of_words(N, T, K):
    model, twin = lively(BagOfWords, V, K, seed=T)
    same_judgements(model, twin, texts(np.random.default_rng(N), N, T))


@pytest.mark.parametrize("cls", [GRUClassifier, SeqSelfClassifier])
def test_padding_changes_nothing_wherever_it_stands(cls):
    """And weighs exactly 0."""
    model, _ = lively(cls, V, 5, 4)
    xs = np.array([[1, 2, 3, 0, 0, 0], [0, 0, 0, 1, 2, 3], [1, 0, 2, 0, 0, 3]])
    got, alone = run_texts(model, xs), run_texts(model, np.array([[1, 2, 3]]))
    for row, weights, p in zip(xs, got["token_weights"], got["probabilities"], strict=True):
        np.testing.assert_allclose(p, alone["probabilities"][0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(weights[row != 0], alone["token_weights"][0], rtol=0, atol=1e-6)
        assert (weights[row == 0] == 0).all()


def test_a_model_in_float64_is_written_in_float32():
    model, twin = lively(GRUClassifier, V, 5, 4, 1)
    assert to_onnx(twin, text_facts(twin)) == to_onnx(model, text_facts(model))
