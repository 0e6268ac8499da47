"""Properties that hold whatever the sizes, masks and numbers: hypothesis draws them, the same ones in every run."""

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from layer_table import lively
from table_inputs import Draw

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.attention import SCORES, Attention
from common.functions import softmax
from common.layer import inference
from common.self_attention import ScaledDotAttention, SeqSelfAttention
from common.time_layers import TimeBiGRU, TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN
from dataset import addition, dates
from dataset.sequence import Vocabulary
from dataset.tokenizers import Characters, Words, tokenizer_from_json
from dataset.words import WordVocabulary
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

D, H, V = 3, 4, 9
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 6)  # 1 among them: one sequence, one step
GATES = {TimeRNN: 1, TimeGRU: 3, TimeLSTM: 4, TimeBiGRU: 3, TimeBiLSTM: 4}
CLASSIFIERS = {
    "gru": lambda r: lively(lambda V, **o: GRUClassifier(V, D, H, 1, 0.0, 3, **o), r, V),
    "gru-plain": lambda r: lively(lambda V, **o: GRUClassifier(V, D, H, 2, 0.0, 2, attention=False, **o), r, V),
    "seqself": lambda r: lively(lambda V, **o: SeqSelfClassifier(V, D, H, 2, 3, **o), r, V),
    "bow": lambda r: lively(lambda V, **o: BagOfWords(V, 3, **o), r, V),
}


@st.composite
def masks(draw, least=0):
    """Draw bool (N, T) with padding anywhere and at least ``least`` real positions per row."""
    N, T = draw(SIZES), draw(SIZES)
    mask = np.array(draw(st.lists(st.lists(st.booleans(), min_size=T, max_size=T), min_size=N, max_size=N)))
    assume((mask.sum(axis=1) >= least).all())
    return mask


def recurrent(cls, r):
    one = r.weights(GATES[cls], D, H)
    return cls(*one, *r.weights(GATES[cls], D, H)) if cls in (TimeBiGRU, TimeBiLSTM) else cls(*one)


def scores(r):
    """A layer of attention for each score."""
    return [cls.of_size(H, rng=r.rng, dtype=r.dtype) for cls in SCORES.values()]


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


# Padding under a mask changes nothing


@pytest.mark.parametrize("cls", GATES)
@given(mask=masks(), seed=SEEDS)
def test_recurrent_layers_never_see_what_is_masked(cls, mask, seed):
    r = Draw(seed=seed)
    layer, xs, other = recurrent(cls, r), r(*mask.shape, D), r(*mask.shape, D)
    douts = r(*layer.forward(xs, mask=mask).shape)
    outs = []
    for x in (xs, np.where(mask[..., None], xs, 1e4 * other)):
        hs = layer.forward(x, mask=mask)
        dxs = layer.backward(douts)
        assert (dxs[~mask] == 0).all()
        outs.append([hs, dxs, *(g.copy() for g in layer.grads)])
    assert all(np.array_equal(a, b) for a, b in zip(*outs, strict=True))


@pytest.mark.parametrize("cls", GATES)
@given(mask=masks(), seed=SEEDS, wider=st.integers(1, 3))
def test_more_padding_leaves_the_states_that_are_real(cls, mask, seed, wider):
    r = Draw(seed=seed)
    layer, xs = recurrent(cls, r), r(*mask.shape, D)
    hs = layer.forward(xs, mask=mask)
    more = np.concatenate((mask, np.zeros((len(mask), wider), bool)), axis=1)
    padded = layer.forward(np.concatenate((xs, r(len(mask), wider, D)), axis=1), mask=more)
    close(padded[:, : mask.shape[1]][mask], hs[mask])


@given(mask=masks(), seed=SEEDS, wider=st.integers(0, 3))
def test_attention_never_sees_what_is_masked(mask, seed, wider):
    r = Draw(seed=seed)
    N, T = mask.shape
    hs, q, queries = r(N, T, H), r(N, H), r(N, 2, H)
    more = np.concatenate((mask, np.zeros((N, wider), bool)), axis=1)
    spoilt = np.concatenate((np.where(mask[..., None], hs, 1e4), 1e4 * r(N, wider, H)), axis=1)
    for time in scores(r):
        close(time.forward(spoilt, queries, more), time.forward(hs, queries, mask))
    close(Attention().forward(spoilt, q, more), Attention().forward(hs, q, mask))
    close(ScaledDotAttention().forward(q, spoilt, more), ScaledDotAttention().forward(q, hs, mask))
    layer = SeqSelfAttention(H, 3, rng=r.rng, dtype=float)
    close(layer.forward(spoilt, more)[:, :T][mask], layer.forward(hs, mask)[mask])


@pytest.mark.parametrize("name", CLASSIFIERS)
@given(mask=masks(), seed=SEEDS, wider=st.integers(1, 4))
def test_padding_does_not_change_what_a_text_is(name, mask, seed, wider):
    r = Draw(seed=seed)
    model, xs = CLASSIFIERS[name](r), (1 + r.ids(*mask.shape, below=V - 1)) * mask
    after = np.pad(xs, ((0, 0), (0, wider)))
    before = np.pad(xs, ((0, 0), (wider, 0)))
    p = model.probabilities(xs)
    close(p.sum(axis=1), 1)
    for padded in (after, before):
        close(model.probabilities(padded), p)


# The order of the batch is the order of the results


@pytest.mark.parametrize("cls", [Seq2seq, PeekySeq2seq, AttentionSeq2seq])
@given(seed=SEEDS, N=SIZES, T_enc=SIZES, T_dec=SIZES)
def test_seq2seq_in_another_order(cls, seed, N, T_enc, T_dec):
    r = Draw(seed=seed)
    model, order = lively(cls, r, V, D, H), r.rng.permutation(N)
    xs, ts = r.ids(N, T_enc, below=3), r.ids(N, T_dec + 1, below=V)  # few characters: prefixes are shared
    scores = model.decoder.forward(ts[:, :-1], model.encoder.forward(xs))
    close(model.decoder.forward(ts[order, :-1], model.encoder.forward(xs[order])), scores[order])
    close(model.forward(xs[order], ts[order]), model.forward(xs, ts))
    model.encoder.share_prefixes = False
    close(model.decoder.forward(ts[:, :-1], model.encoder.forward(xs)), scores)
    decoded, again = model.decode(xs, 0, T_dec), model.decode(xs[order], 0, T_dec, batch_size=2)
    assert np.array_equal(again.ids, decoded.ids[order])
    close(again.log_probs, decoded.log_probs[order])
    if decoded.attention_weights is not None:
        close(again.attention_weights, decoded.attention_weights[order])


@pytest.mark.parametrize("name", CLASSIFIERS)
@given(mask=masks(), seed=SEEDS)
def test_classifiers_in_another_order(name, mask, seed):
    r = Draw(seed=seed)
    model, xs = CLASSIFIERS[name](r), (1 + r.ids(*mask.shape, below=V - 1)) * mask
    order, ts = r.rng.permutation(len(xs)), r.ids(len(xs), below=model.classes)
    close(model.probabilities(xs[order], batch_size=2), model.probabilities(xs)[order])
    with inference(model):
        close(model.forward(xs[order], ts[order]), model.forward(xs, ts))


# Weights of attention


@given(
    mask=masks(), seed=SEEDS, size=st.sampled_from([1e-4, 1.0, 1e4]), dtype=st.sampled_from([np.float32, np.float64])
)
def test_weights_sum_to_one_or_nothing(mask, seed, size, dtype):
    r = Draw(dtype, seed)
    N, T = mask.shape
    hs, q, queries = r(N, T, H) * dtype(size), r(N, H), r(N, 2, H)
    step, scaled, times = Attention(), ScaledDotAttention(), scores(r)
    own = SeqSelfAttention(H, 3, rng=r.rng, dtype=dtype)
    step.forward(hs, q, mask), scaled.forward(q, hs, mask), own.forward(hs, mask)
    for time in times:
        time.forward(hs, queries, mask)
    for a, seen in (
        (softmax(r(N, T) * dtype(size), mask), mask),
        *((time.attention_weights, np.broadcast_to(mask, (2, N, T))) for time in times),
        (step.attention_weight, mask),
        (scaled.attention_weights, mask),
        (own.attention_weights, mask[:, None] & mask[:, :, None]),
    ):
        assert a.shape == seen.shape and a.dtype == dtype and (a >= 0).all() and (a[~seen] == 0).all()
        np.testing.assert_allclose(a.sum(axis=-1), seen.any(axis=-1), atol=10 * np.finfo(dtype).eps)


# There and back again


@given(text=st.text(st.characters(codec="utf-8"), max_size=30), width=st.integers(0, 40))
def test_vocabulary_there_and_back(text, width):
    vocabulary = Vocabulary.of([text, " "])
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert Vocabulary(vocabulary.chars) == vocabulary
    if width >= len(text):
        assert vocabulary.decode(vocabulary.encode(text, width)) == text.ljust(width)


@given(words=st.lists(st.text(max_size=5), max_size=20), strange=st.text(max_size=5))
def test_word_vocabulary_there_and_back(words, strange):
    vocabulary = WordVocabulary.build([words])
    assert WordVocabulary(vocabulary.words) == vocabulary
    kept = [word if word not in ("<pad>", "<unk>") else "<unk>" for word in words]
    assert vocabulary.decode(vocabulary.encode(words)) == kept
    assert strange in words or vocabulary.encode([strange]).tolist() == [1]
    assert (vocabulary.encode([*words, strange]) > 0).all()


@pytest.mark.parametrize("cls", [Words, Characters])
@given(text=st.text(max_size=60))
def test_tokens_of_tokens_are_the_same(cls, text):
    tokenizer = cls()
    tokens = tokenizer(text)
    assert all(token and not any(char.isspace() for char in token) for token in tokens)
    assert tokenizer(" ".join(tokens)) == tokens
    assert tokenizer_from_json(tokenizer.to_json())(text) == tokens


# What is generated is true

FORMS = "%m/%d/%y", "%b %d, %Y", "%B %d, %Y", "%A, %B %d, %Y"


def read_date(question):
    """The date that datetime reads. Two digits are of 1970 to 2069 here; datetime says 1969 to 2068."""
    for form in FORMS:
        try:
            found = datetime.strptime(question, form)
        except ValueError:
            continue
        assert form != FORMS[3] or question.split(",")[0].lower() == dates.WEEKDAYS[found.weekday()].lower()
        return found.date()
    raise AssertionError(f"no date: {question!r}")


@given(seed=SEEDS)
def test_generated_dates_are_those_of_datetime(seed):
    for line in dates.generate(40, seed):
        question, answer = line.split("_")
        assert len(question) == 29 and date.fromisoformat(answer) == read_date(question.rstrip())


@given(seed=SEEDS)
def test_generated_additions_come_to_what_they_say(seed):
    for line in addition.generate(40, seed):
        question, answer = line.split("_")
        assert sum(map(int, question.split("+"))) == int(answer)
