"""Classifiers of texts: gradients of every variant, padding, workers, dropout, PyTorch's twin, sizes, and learning."""

import re
from functools import partial

import numpy as np
import pytest
from layer_table import Draw, gru_case, lively, seqself_case, text_case

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier, TextClassifier, evaluate
from common.gradient_check import check_gradients
from common.layer import named_params, summary
from common.optimizer import Adam, Nadam
from common.parallel import Workers
from common.trainer import Trainer
from dataset.batches import PaddedTexts

V = 9
SIZES = dict(wordvec_size=3, hidden_size=4)
MADE = {  # name: keyword arguments -> a model with lively weights in float64, without dropout
    "gru": lambda **o: lively(partial(GRUClassifier, **SIZES | dict(layers=2, dropout=0) | o), Draw(), V),
    "gru-plain": lambda **o: MADE["gru"](attention=False, classes=3, **o),
    "seqself": lambda **o: lively(partial(SeqSelfClassifier, **SIZES | dict(units=2, classes=3) | o), Draw(), V),
    "seqself-width": lambda **o: MADE["seqself"](attention=dict(attention_width=3), **o),
    "bow": lambda **o: lively(BagOfWords, Draw(), V, 3),
}
TEXTS, LABELS = [[3, 1, 4], [5], [2, 6, 5, 3, 5], [8, 8]], np.array([0, 1, 1, 0])


def close(got, wanted, tolerance=1e-12):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def padded(texts, width, padding="after"):
    xs = np.zeros((len(texts), width), dtype=np.int32)
    for row, text in zip(xs, texts, strict=True):
        row[slice(len(text)) if padding == "after" else slice(width - len(text), None)] = text
    return xs


WIDTH_2 = {"attention_width": 2}


@pytest.mark.parametrize(
    "case",
    {
        "gru, padding before": gru_case("before"),
        "gru, unmasked": gru_case("after", mask=False, layers=2, hidden_size=1),
        "gru, plain, three classes": gru_case("before", attention=False, classes=3),
        "seqself, padding before": seqself_case("before", attention=WIDTH_2),
        "seqself, history": seqself_case("after", attention=WIDTH_2 | {"history_only": True}),
        "seqself, multiplicative": seqself_case(
            "before", attention={"attention_type": "multiplicative", "attention_activation": "sigmoid"}
        ),
        "seqself, unmasked": seqself_case("after", mask=False),
        "bag of words, three classes": text_case(BagOfWords, "before", classes=3),
    }.items(),
    ids=lambda case: case[0],
)
def test_gradients(case):
    model, *inputs = case[1](Draw())
    check_gradients(model, *inputs)


# Padding


@pytest.mark.parametrize("name", MADE)
def test_padding_changes_nothing(name):
    model = MADE[name]()
    alone = [model.explain(np.array([text])) if model.token_weight_kinds else None for text in TEXTS]
    wanted = np.concatenate([model.probabilities(np.array([text])) for text in TEXTS])
    assert len(np.unique(wanted.round(6), axis=0)) == len(TEXTS)
    for padding in ("after", "before"):
        for width in (5, 8):
            xs = padded(TEXTS, width, padding)
            close(model.probabilities(xs), wanted)
            model.forward(xs, LABELS)
            model.backward()
            assert (named_params(model)["embed.W"][0] != 0).all() and (model.grads[0][0] == 0).all()
            if model.token_weight_kinds:
                probabilities, weights = model.explain(xs)
                close(probabilities, wanted)
                assert (weights[xs == 0] == 0).all()
                for x, row, (_, weight) in zip(xs, weights, alone, strict=True):
                    close(row[x != 0], weight[0])


@pytest.mark.parametrize("name", [name for name in MADE if name != "bow"])
def test_without_a_mask_padding_counts(name):
    model = MADE[name](mask=False)
    narrow, wide, before = (
        model.probabilities(xs) for xs in (padded(TEXTS, 5), padded(TEXTS, 8), padded(TEXTS, 8, "before"))
    )
    for some, others in ((narrow, wide), (wide, before)):
        assert (abs(some - others).max(axis=1) > 1e-7).all()
    longest = padded(TEXTS[2:3], 5)
    close(MADE[name](mask=False).probabilities(longest), MADE[name]().probabilities(longest))


@pytest.mark.parametrize("name", MADE)
def test_a_text_of_nothing_disturbs_nobody(name):
    model = MADE[name]()
    xs = padded([*TEXTS, []], 5)
    assert np.isfinite(model.forward(xs, np.append(LABELS, 0)))
    model.backward()
    assert all(np.isfinite(g).all() for g in model.grads)
    p = model.probabilities(xs)
    close(p[:4], model.probabilities(xs[:4]))
    close(p.sum(axis=1), np.ones(5))
    if model.token_weight_kinds:
        assert (model.explain(xs)[1][4] == 0).all()


@pytest.mark.parametrize("name", MADE)
def test_probabilities_take_texts_in_any_form_and_keep_their_order(name):
    model = MADE[name]()
    wanted = model.probabilities(padded(TEXTS, 5))
    texts = PaddedTexts([np.array(text) for text in TEXTS], padding="before")
    for batch_size, workers in ((256, 1), (1, 1), (3, 2), (1, 3)):
        close(model.probabilities(texts, batch_size, workers=workers), wanted)


@pytest.mark.parametrize("as_array", [False, True])
def test_batches_of_long_texts_are_small(monkeypatch, as_array):
    model, shapes = MADE["bow"](), []
    scores = model.scores
    monkeypatch.setattr(model, "scores", lambda xs: (shapes.append(xs.shape), scores(xs))[1])
    model.places = 20
    texts = PaddedTexts([np.ones(length, dtype=int) for length in (1, 30, 2, 9, 10, 2, 3)])
    p = model.probabilities(texts[:] if as_array else texts, 3)
    assert shapes == ([(1, 30)] * 7 if as_array else [(1, 30), (2, 10), (3, 3), (1, 1)])
    close(p, np.concatenate([model.probabilities(texts[[i]]) for i in range(7)]))


# Workers


@pytest.mark.parametrize("name", MADE)
def test_workers_share_a_mini_batch(name):
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 7, 13)
    lengths[4] = 0
    xs = rng.integers(1, V, (13, 7)) * (np.arange(7) < lengths[:, None])
    ts = rng.integers(0, 2, 13)
    assert len(MADE[name]().shares(xs, ts, 3)) == 1, "so little work is not worth a second worker"

    def steps(count):
        model = MADE[name]()
        model.worth_a_worker = 1, 1
        parts = model.shares(xs, ts, count)
        assert len(parts) == count and sorted(np.concatenate(parts)) == list(range(13))
        with Workers(model, count) as workers:
            losses = [workers.step(xs, ts) for _ in range(2)]
        assert losses[0] == losses[1]
        return losses[0], [g.copy() for g in model.grads]

    loss, grads = steps(1)
    for count in (2, 3):
        shared_loss, shared = steps(count)
        close(shared_loss, loss)
        for got, wanted in zip(shared, grads, strict=True):
            close(got, wanted)
        again_loss, again = steps(count)
        assert again_loss == shared_loss
        assert [g.tobytes() for g in again] == [g.tobytes() for g in shared]


def test_more_workers_than_texts():
    model = MADE["gru"]()
    model.worth_a_worker = 0.1, 0.1
    xs = padded(TEXTS[:2], 3)
    wanted = model.forward(xs, LABELS[:2])
    with Workers(model, 4) as workers:
        close(workers.step(xs, LABELS[:2]), wanted)


# Dropout


def test_dropout_in_training_only():
    model = MADE["gru"](dropout=0.5)
    xs = padded(TEXTS, 5)
    assert len({float(model.forward(xs, LABELS)) for _ in range(5)}) == 5
    assert np.array_equal(model.probabilities(xs), MADE["gru"](dropout=0).probabilities(xs))
    assert np.array_equal(model.explain(xs)[0], model.explain(xs)[0])
    close(evaluate(model, xs, LABELS)["loss"], MADE["gru"]().forward(xs, LABELS))
    assert len({float(model.forward(xs, LABELS)) for _ in range(5)}) == 5, "still in training"


def test_dropout_is_on_words_between_layers_and_on_the_query():
    model = GRUClassifier(V, **SIZES, layers=3, dropout=0.25, rng=np.random.default_rng(0))
    layers = [*model.dropouts, model.query_dropout]
    assert [layer.dropout_ratio for layer in layers] == [0.25] * 4
    assert len({id(layer.rng) for layer in layers}) == 1
    xs = padded(TEXTS, 5)
    losses = []
    for on in layers:
        for layer in layers:
            layer.train_flg = layer is on
        losses.append({float(model.forward(xs, LABELS)) for _ in range(4)})
    assert all(len(of_one) > 1 for of_one in losses)


# The same in PyTorch


@pytest.mark.slow
@pytest.mark.parametrize("attention", [True, False])
def test_torch_twin_has_our_scores_and_gradients(attention):
    torch = pytest.importorskip("torch")
    from test_gru import from_torch

    from benchmarks.torch_text import TextTwin

    torch.manual_seed(0)
    twin = TextTwin(V, 3, 4, 2, 0.5, attention).double().eval()
    model = MADE["gru"](attention=attention)
    there = dict(twin.named_parameters())
    with torch.no_grad():
        there["embed.weight"][0] = 7.0  # padding is masked there, too
        there["affine.weight"] *= 5

    def ours(values):
        """What belongs to each of our parameters."""
        ways = [(i, way) for i in range(2) for way in ("", "_reverse")]
        names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
        grus = [from_torch(values[f"gru.{name}_l{i}{way}"]) for i, way in ways for name in names]
        return [values["embed.weight"], *grus, values["affine.weight"].T, values["affine.bias"]]

    for param, value in zip(model.params, ours({n: p.detach().numpy() for n, p in there.items()}), strict=True):
        param[...] = value
    xs = padded(TEXTS, 6)
    scores = twin(torch.from_numpy(xs).long())
    close(model.scores(xs), scores.detach().numpy(), 1e-10)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, torch.from_numpy(LABELS).double())
    close(model.forward(xs, LABELS), loss.item(), 1e-10)
    loss.backward(), model.backward()
    for got, wanted in zip(model.grads, ours({n: p.grad.numpy() for n, p in there.items()}), strict=True):
        close(got, wanted, 1e-10)


# Sizes


def test_original_sizes():
    """At 196,253 words; the table alone is 235 MB, so it is made with fewer."""
    words = 40
    model = SeqSelfClassifier(words, rng=np.random.default_rng(0))
    counts = {}
    for name, count in re.findall(r"^(\w+)\..* ([\d,]+)$", summary(model), re.MULTILINE):
        counts[name] = counts.get(name, 0) + int(count.replace(",", ""))
    counts["embed"] += (196_253 - words) * 300
    assert counts == {"embed": 58_875_900, "attention_layer": 19_265, "lstm": 1_871_136, "affine": 2_852}
    assert sum(counts.values()) == 60_769_153


def test_defaults_of_the_gru_are_the_originals():
    shapes = {name: p.shape for name, p in named_params(GRUClassifier(5, rng=np.random.default_rng(0))).items()}
    assert shapes["embed.W"] == (5, 300) and shapes["affine.W"] == (1024, 1)
    assert shapes["grus.0.forward_gru.Wx"] == (300, 1536) and shapes["grus.2.backward_gru.Wx"] == (1024, 1536)
    assert len(shapes) == 1 + 3 * 8 + 2


@pytest.mark.parametrize("cls", [GRUClassifier, SeqSelfClassifier, BagOfWords])
def test_one_seed_one_model(cls):
    one, same, other = (cls(V, *(() if cls is BagOfWords else (3, 4)), rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert {p.dtype for p in one.params} == {np.dtype(np.float32)}
    assert all(np.array_equal(p, q) for p, q in zip(one.params, same.params, strict=True))
    assert (cls is BagOfWords) == all(np.array_equal(p, q) for p, q in zip(one.params, other.params, strict=True))


# Errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GRUClassifier(V, classes=1), "GRUClassifier: expected at least 2 classes, got 1"),
        (lambda: BagOfWords(V, 0), "BagOfWords: expected at least 2 classes, got 0"),
        (lambda: GRUClassifier(V, 3, 0), "GRUClassifier: expected V, D, H and layers of at least 1, got (9, 3, 0, 3)"),
        (lambda: GRUClassifier(V, 3, 4, 0), "GRUClassifier: expected V, D, H and layers of at least 1, got (9,"),
        (lambda: GRUClassifier(V, 3, 4, dropout=1.0), "Dropout: expected a ratio in [0, 1), got 1.0"),
        (lambda: SeqSelfClassifier(0), "SeqSelfClassifier: expected sizes (V, D, H) of at least 1, got (0, 300, 356)"),
        (lambda: BagOfWords(0), "BagOfWords: expected a vocabulary of at least 1, got 0"),
        (lambda: SeqSelfClassifier(V, 3, 4, 0), "SeqSelfAttention: units: expected at least 1, got 0"),
        (lambda: MADE["gru"]().forward(padded(TEXTS, 5), LABELS + 1), "GRUClassifier: labels: expected 0..1, got 2"),
        (lambda: MADE["gru"]().forward(padded(TEXTS, 5), LABELS - 1), "GRUClassifier: labels: expected 0..1, got -1"),
        (lambda: MADE["bow"]().forward(padded(TEXTS, 5), LABELS + 2), "BagOfWords: labels: expected 0..2, got 3"),
        (lambda: MADE["bow"]().forward(padded(TEXTS, 5), LABELS - 1), "BagOfWords: labels: expected 0..2, got -1"),
        (lambda: MADE["gru"]().forward(padded(TEXTS, 5), LABELS[1:]), "GRUClassifier: labels: expected shape (4,) or"),
        (lambda: MADE["gru"]().forward(padded(TEXTS, 5), LABELS / 2), "GRUClassifier: labels: expected integers, got"),
        (lambda: MADE["seqself"]().forward(LABELS, LABELS), "SeqSelfClassifier: expected xs (N, T) of at least"),
        (lambda: MADE["bow"]().probabilities(np.zeros((2, 0), int)), "BagOfWords: expected xs (N, T) of at least"),
        (lambda: MADE["bow"]().explain(np.zeros((0, 2), int)), "BagOfWords: expected xs (N, T) of at least"),
        (lambda: MADE["bow"]().probabilities(np.zeros((0, 2), int)), "probabilities: expected a text and a batch_size"),
        (lambda: MADE["bow"]().probabilities(padded(TEXTS, 5), 0), "probabilities: expected a text and a batch_size"),
        (lambda: MADE["gru"]().forward(padded(TEXTS, 5) + 7, LABELS), "Embedding: expected ids in 0..8, got 7..15"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}"):
        call()


@pytest.mark.parametrize("name", MADE)
def test_backward_needs_a_forward(name):
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        MADE[name]().backward()


# Learning


def corpus(order: bool):
    """Texts of a few ids; the class is which of the words 1 and 2 is there, or, with order, which is there first."""
    rng = np.random.default_rng(5)
    texts, labels = [], rng.integers(0, 2, 48)
    for label in labels:
        text = rng.integers(3, V, rng.integers(2, 6))
        cues = [1 + label, 2 - label] if order else [1 + label]
        places = np.sort(rng.integers(0, len(text) + 1, len(cues)))
        texts.append(np.insert(text, places, cues))
    return PaddedTexts(texts, padding="before"), labels


@pytest.mark.parametrize(
    ("cls", "optimizer", "order"),
    [
        (GRUClassifier, Adam, True),
        (SeqSelfClassifier, Nadam, True),
        (BagOfWords, Adam, False),
        (BagOfWords, Adam, True),
    ],
)
def test_learns(cls, optimizer, order):
    sizes = () if cls is BagOfWords else (8, 12)
    options = dict(layers=1, dropout=0.2) if cls is GRUClassifier else {}
    model: TextClassifier = cls(V, *sizes, classes=2, rng=np.random.default_rng(0), **options)
    xs, ts = corpus(order)
    Trainer(model, optimizer(lr=0.03), rng=np.random.default_rng(1), callbacks=()).fit(xs, ts, 40, 16, 5.0)
    measured = evaluate(model, xs, ts)
    if cls is BagOfWords and order:
        assert measured["acc"] < 0.8 and measured["loss"] > 0.5, "the order of the words counts for nothing"
    else:
        assert measured["acc"] == 1 and measured["loss"] < 0.1
