"""What classifiers tell and leave: the weights of tokens, metrics, model files."""

import json

import numpy as np
import pytest
from test_classifier import LABELS, MADE, SIZES, TEXTS, V, close, padded

import classifier
import seq2seq
from classifier import BagOfWords, Evaluate, GRUClassifier, SeqSelfClassifier, confusion_matrix, evaluate
from common.callbacks import Measure
from common.checkpoint import CheckpointError
from common.optimizer import SGD
from common.trainer import Trainer

# The weights of tokens


@pytest.mark.parametrize("padding", ["after", "before"])
@pytest.mark.parametrize("name", ["gru", "seqself", "seqself-width"])
def test_attention_is_shared_among_the_tokens(name, padding):
    model = MADE[name](mask=True)
    xs = padded([*TEXTS, []], 6, padding)
    _, weights = model.explain(xs)
    close(weights.sum(axis=1), [1, 1, 1, 1, 0])
    assert (weights[xs == 0] == 0).all() and (weights[xs != 0] > 0).all()
    close(weights[1].max(), 1.0)  # its only word


def test_attention_is_that_of_the_query_and_received_the_mean_over_queries():
    gru, seqself, xs = MADE["gru"](), MADE["seqself"](), padded(TEXTS, 6, "before")
    _, weights = gru.explain(xs, "attention")
    close(weights, gru.attention_layer.attention_weights)
    _, weights = seqself.explain(xs, "received")
    for x, a, row in zip(xs, seqself.attention_layer.attention_weights, weights, strict=True):
        real = np.flatnonzero(x)
        close(row[real], [np.mean([a[t, s] for t in real]) for s in real])


def test_received_without_a_mask_is_from_words_all_the_same():
    model, xs = MADE["seqself"](mask=False), padded(TEXTS, 6)
    _, weights = model.explain(xs)
    for row, a, real in zip(weights, model.attention_layer.attention_weights, xs != 0, strict=True):
        close(row, np.where(real, a[real].mean(axis=0) if real.any() else 0, 0))
    assert (weights.sum(axis=1) < 1).all()  # padding received the rest


def test_output_max_is_the_largest_feature_of_what_attention_made_of_the_token():
    model, xs = MADE["seqself"](), padded(TEXTS, 6)
    p, weights = model.explain(xs, "output_max")
    attended = model.attention_layer.attention_weights @ model.embed.W[xs]
    close(weights, np.where(xs != 0, attended.max(axis=2), 0))
    close(p, model.explain(xs, "received")[0])


def test_evidence_is_what_a_word_says_for_the_predicted_class():
    model, xs = MADE["bow"](), padded(TEXTS, 6, "before")
    p, weights = model.explain(xs)
    for x, row, best in zip(xs, weights, p.argmax(axis=1), strict=True):
        close(row, [model.embed.W[i, best] if i else 0 for i in x])
    scores = weights.sum(axis=1) + model.b[p.argmax(axis=1)]
    close(scores, np.array([model.embed.W[text].sum(axis=0) + model.b for text in TEXTS]).max(axis=1))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("gru", "received", r"^GRUClassifier: token weights: expected one of attention, got 'received'$"),
        ("seqself", "attention", r"^SeqSelfClassifier: .* expected one of received, output_max, got 'attention'$"),
        ("bow", "attention", r"^BagOfWords: .*: expected one of evidence, got 'attention'$"),
        ("gru-plain", None, "expected no kind, as the model has no attention, got None$"),
        ("gru-plain", "attention", "expected no kind, as the model has no attention, got 'attention'$"),
    ],
)
def test_unknown_weights_are_refused(name, kind, message):
    with pytest.raises(ValueError, match=message):
        MADE[name]().explain(padded(TEXTS, 5), kind)


# Metrics


class Answers:
    """A model with these probabilities, which counts how often it is asked."""

    params, grads, asked = [], [], 0

    def __init__(self, probabilities):
        self.answers = np.array(probabilities)

    def probabilities(self, xs, *, workers=1):
        self.asked += 1
        return self.answers[xs]


ANSWERS = [[0.5, 0.25, 0.25], [0.125, 0.25, 0.625], [0, 0, 1]]


def test_evaluate_by_hand():
    measured = evaluate(Answers(ANSWERS), np.arange(3), np.array([0, 1, 2]))
    assert {name: type(value) for name, value in measured.items()} == dict.fromkeys(
        ("loss", "acc", "mse", "mae"), float
    )
    assert measured["loss"] == pytest.approx((np.log(2) + np.log(4)) / 3)
    assert measured["acc"] == pytest.approx(2 / 3)
    assert measured["mse"] == pytest.approx(((0.25 + 2 * 0.0625) + (0.125**2 + 0.75**2 + 0.625**2)) / 9)
    assert measured["mae"] == pytest.approx((1 + 1.5) / 9)


@pytest.mark.parametrize(
    ("count", "labels", "message"),
    [
        (3, [0, 1], "evaluate: expected as many labels as texts, got 3 and 2"),
        (0, [0], "evaluate: expected as many labels as texts, got 0 and 1"),
        (3, [0, 1, 3], r"labels: expected 0\.\.2, got 3"),
        (3, [0, 1, -1], r"labels: expected 0\.\.2, got -1"),
    ],
)
def test_evaluate_refuses(count, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluate(Answers(ANSWERS), np.arange(count), np.array(labels))


def test_evaluate_of_no_texts():
    with pytest.raises(ValueError, match="a text and a batch_size, got 0"):
        evaluate(MADE["gru"](), np.zeros((0, 3), int), np.zeros(0, int))


def test_measured_after_an_epoch_beside_what_training_met():
    model, xs = MADE["gru"](dropout=0.5), padded(TEXTS, 5)
    callbacks = Evaluate(xs, LABELS), Evaluate(xs, LABELS, "val_"), Measure("again", lambda m: evaluate(m, xs, LABELS))
    trainer = Trainer(model, SGD(), rng=np.random.default_rng(0), callbacks=callbacks)
    *_, record = trainer.fit(xs, LABELS, 2, 4, eval_interval=None)
    assert list(record) == [
        *("epoch", "loss", "acc", "mse", "mae"),
        *("val_loss", "val_acc", "val_mse", "val_mae", "again"),
    ]
    for name, value in record["again"].items():
        assert record[f"val_{name}"] == value
        assert (record[name] == value) == (name != "loss"), "of the training texts the loss is that with dropout"


def test_confusion_matrix():
    matrix = confusion_matrix(np.array([0, 0, 2, 1, 0]), np.array([0, 1, 2, 1, 0]), 4)
    assert matrix.tolist() == [[2, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert confusion_matrix(np.array([], int), np.array([], int), 2).tolist() == [[0, 0], [0, 0]]


# Files

ATTENTION = dict(
    attention_type="additive",
    attention_width=2,
    history_only=True,
    attention_activation="sigmoid",
    use_additive_bias=False,
    use_attention_bias=True,
)


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (GRUClassifier, SIZES | dict(layers=2, dropout=0.25, classes=3, attention=False, mask=False)),
        (GRUClassifier, SIZES | dict(layers=1, dropout=0.5, classes=2, attention=True, mask=True)),
        (SeqSelfClassifier, SIZES | dict(units=2, classes=3, mask=False, attention=ATTENTION)),
        (SeqSelfClassifier, SIZES | dict(units=5, classes=2, mask=True, attention={})),
        (BagOfWords, dict(classes=3)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_is_read_as_it_was_written(tmp_path, cls, arguments, dtype):
    arguments = dict(vocab_size=V) | arguments
    model, xs = cls(**arguments, rng=np.random.default_rng(3), dtype=dtype), padded(TEXTS, 6)
    for p in model.params:
        p += np.random.default_rng(4).standard_normal(p.shape).astype(dtype)
    assert model.arguments == arguments
    classifier.save_model(tmp_path / "a", model, classes=["負", "正"], max_len=None)
    read, facts = classifier.load_model(tmp_path / "a")
    assert type(read) is cls and read.arguments == arguments
    assert (facts["classes"], facts["max_len"]) == (["負", "正"], None)
    assert [(p.dtype, p.tobytes()) for p in read.params] == [(np.dtype(dtype), p.tobytes()) for p in model.params]
    assert read.probabilities(xs).tobytes() == model.probabilities(xs).tobytes()
    classifier.save_model(tmp_path / "b", read, classes=["負", "正"], max_len=None)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_arguments_are_a_copy_that_json_can_hold():
    options = {"attention_width": 2}
    model = SeqSelfClassifier(V, 3, 4, attention=options)
    options["attention_width"] = 9
    assert json.loads(json.dumps(model.arguments)) == model.arguments
    assert model.arguments["attention"] == {"attention_width": 2}


def test_models_of_the_two_packages_are_not_mixed_up(tmp_path):
    ours, theirs = MADE["gru"](), seq2seq.AttentionSeq2seq(9, 3, 4)
    with pytest.raises(ValueError, match="SeqSelfClassifier or BagOfWords, got AttentionSeq2seq"):
        classifier.save_model(tmp_path / "x", theirs)
    with pytest.raises(ValueError, match=r"save_model: expected .*, got GRUClassifier"):
        seq2seq.save_model(tmp_path / "x", ours)
    assert not list(tmp_path.iterdir())
    classifier.save_model(tmp_path / "ours", ours)
    seq2seq.save_model(tmp_path / "theirs", theirs)
    with pytest.raises(CheckpointError, match=r"theirs: .*: expected one of gru, seqself, bow, got 'attention'"):
        classifier.load_model(tmp_path / "theirs")
    with pytest.raises(CheckpointError, match=r"ours: .*: expected one of baseline, .*, got 'gru'"):
        seq2seq.load_model(tmp_path / "ours")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 3}, r"missing grus\.2\.forward_gru\.Wx|weights of shape \(8, 12\)"),
        ({"hidden_size": 0}, "not a model file: gru of .*V, D, H and layers of at least 1"),
        ({"dropout": 2}, "not a model file: .*a ratio in"),
        ({"attention": True, "colour": "red"}, "not a model file: .*colour"),
        ({"vocab_size": V + 1}, r"embed\.W is \(9, 3\), the model's \(10, 3\)|weights of shape \(10, 3\)"),
    ],
)
def test_a_file_of_other_arguments_is_refused(tmp_path, change, message):
    model = MADE["gru"]()
    model.arguments |= change
    classifier.save_model(tmp_path / "x", model)
    with pytest.raises(CheckpointError, match=message):
        classifier.load_model(tmp_path / "x")
