"""Gradient x input is the complex step's, occlusion a loop's, and rank correlation the textbook's; for all models."""

import itertools
import math
import re
from functools import partial

import numpy as np
import pytest
import reference
from reference_transformer import model_scores as transformer_scores
from script_tools import TINY, refused

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from classifier.faithfulness import parts as classifier_parts
from common.faithfulness import mean_ranks, occlusion, rank_correlations, spearman, summary
from common.functions import log_softmax
from common.layer import inference, named_params, set_train_flg
from dataset.sequence import read
from experiment import TextModel
from seq2seq import AttentionSeq2seq, PeekySeq2seq, TransformerSeq2seq, load_model
from seq2seq.faithfulness import parts as seq2seq_parts

V, START, SPACE, T_DEC = 7, 1, 0, 3
QUESTIONS = np.array([[0, 0, 5, 2], [0, 0, 5, 3], [6, 0, 4, 4]])  # two begin alike; read backwards, padding first
TEXTS = np.array([[3, 1, 4, 1], [2, 5, 0, 0], [6, 0, 0, 0]])
DATES = {
    "attention": partial(AttentionSeq2seq, V, 3, 4),
    "attention-mask": partial(AttentionSeq2seq, V, 3, 4, mask_padding=SPACE),
    "attention-cell_state": partial(AttentionSeq2seq, V, 3, 4, cell_state=True),
    "attention-additive": partial(AttentionSeq2seq, V, 3, 4, score="additive"),
    "attention-bidirectional": partial(AttentionSeq2seq, V, 3, 4, bidirectional=True),
    "attention-layers": partial(AttentionSeq2seq, V, 3, 4, layers=2, dropout=0.4, mask_padding=SPACE),
    "transformer": partial(TransformerSeq2seq, V, 4, 3, heads=2),
    "transformer-mask": partial(TransformerSeq2seq, V, 4, 3, SPACE, heads=2, dropout=0.4),
    "transformer-post_norm": partial(TransformerSeq2seq, V, 4, 3, heads=1, layers=1, pre_norm=False),
}
every_kind = pytest.mark.parametrize("name", DATES)
CLASSIFIERS = {
    "gru": partial(GRUClassifier, V, 3, 2, 2, 0.4, 2),
    "gru-classes": partial(GRUClassifier, V, 3, 2, 1, 0.4, 3),
    "gru-no_mask": partial(GRUClassifier, V, 3, 2, 1, 0.4, 3, mask=False),
    "seqself": partial(SeqSelfClassifier, V, 3, 2, 2, 3),
}


def lively(make, dtype=np.float64):
    model = make(rng=np.random.default_rng(0), dtype=dtype)
    for param in model.params:
        param[...] = np.random.default_rng(param.size).normal(size=param.shape)
    return model


def by_complex_step(model, xs, log_probs, T_out):
    """d log_probs / d s, where the embedding of one token after the other is multiplied by s, at s = 1."""
    embed, found = getattr(model, "encoder", model).embed, np.zeros((len(xs), T_out, xs.shape[1]))
    forward = type(embed).forward
    for t in range(xs.shape[1]):
        scale = np.ones((xs.shape[1], 1), dtype=complex)
        scale[t] += 1e-30j
        embed.forward = lambda ids, scale=scale: forward(embed, ids) * scale
        found[:, :, t] = log_probs(model).imag / 1e-30
    return found


def picked(scores, ids):
    return np.take_along_axis(log_softmax(scores), ids[..., None], axis=-1)[..., 0]


def scores_of(model, xs, ts):
    with inference(model):
        return model.decoder.forward(ts, model.encode(xs))


@every_kind
def test_gradients_of_dates_are_those_of_the_complex_step(name):
    model, twin = lively(DATES[name]), lively(DATES[name], np.complex128)
    set_train_flg(twin, False)
    ids = model.decode(QUESTIONS, START, T_DEC).ids
    ts = np.concatenate((np.full((3, 1), START), ids[:, :-1]), axis=1)
    twin.encoder.share_prefixes = False
    wanted = by_complex_step(twin, QUESTIONS, lambda m: picked(m.decoder.forward(ts, m.encode(QUESTIONS)), ids), T_DEC)
    got = seq2seq_parts(model, QUESTIONS, START, T_DEC, SPACE).gradient
    assert abs(wanted).max() > 1e-3
    np.testing.assert_allclose(got, wanted, atol=1e-10)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_gradients_of_texts_are_those_of_the_complex_step(name):
    model, twin = lively(CLASSIFIERS[name]), lively(CLASSIFIERS[name], np.complex128)
    classes = model.probabilities(TEXTS).argmax(axis=1)
    set_train_flg(twin, False)

    def log_probs(m):
        scores = m.scores(TEXTS)
        return picked(scores if scores.ndim == 2 else np.stack((0 * scores, scores), axis=1), classes)[:, None]

    wanted = by_complex_step(twin, TEXTS, log_probs, 1)
    assert abs(wanted).max() > 0.01
    np.testing.assert_allclose(classifier_parts(model, TEXTS).gradient, wanted, atol=1e-10)


@every_kind
def test_occluded_characters_cost_what_the_reference_says(name):
    model = lively(DATES[name])
    decoded = model.decode(QUESTIONS, START, T_DEC)
    parts = seq2seq_parts(model, QUESTIONS, START, T_DEC, SPACE)
    np.testing.assert_allclose(parts.attention, decoded.attention_weights, atol=1e-12)
    np.testing.assert_array_equal(parts.seen, [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
    ts = np.concatenate((np.full((3, 1), START), decoded.ids[:, :-1]), axis=1)

    def log_p(xs):
        mask, p, kind = reference.attended(xs, model.mask_padding), named_params(model), model.arguments
        if name.startswith("transformer"):
            scores, _ = transformer_scores(p, xs, ts, kind["heads"], kind["pre_norm"], mask)
        elif "bidirectional" in kind or "layers" in kind:  # whose own scores are compared with loops elsewhere
            scores = scores_of(model, xs, ts)
        else:
            scores, _ = reference.model_scores("attention", p, xs, ts, mask, model.cell_state, kind.get("score", "dot"))
        return np.take_along_axis(reference.log_softmax(scores), decoded.ids[..., None], axis=-1)[..., 0]

    for t in range(4):
        without = QUESTIONS.copy()
        without[:, t] = SPACE
        np.testing.assert_allclose(parts.occlusion[:, :, t], log_p(QUESTIONS) - log_p(without), atol=1e-10)
    assert (parts.occlusion[QUESTIONS.repeat(3, axis=0).reshape(3, 3, 4) == SPACE] == 0).all(), "exactly"


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_occluded_words_cost_their_share_of_the_class(name):
    model = lively(CLASSIFIERS[name])
    parts, (p, attention) = classifier_parts(model, TEXTS), model.explain(TEXTS)
    np.testing.assert_array_equal(parts.attention[:, 0], attention)
    np.testing.assert_array_equal(parts.seen, TEXTS != 0)
    for n, t in np.ndindex(*TEXTS.shape):
        without = TEXTS[n : n + 1].copy()
        without[0, t] = 0
        k = p[n].argmax()
        lost = math.log(p[n, k]) - math.log(model.probabilities(without)[0, k])
        assert parts.occlusion[n, 0, t] == pytest.approx(lost, abs=1e-10)


def test_occlusion_asks_nothing_of_padding():
    asked = []

    def log_probs(xs):
        asked.append(xs.copy())
        return xs.sum(axis=1, keepdims=True).astype(float)

    xs = np.array([[4, 9, 9], [5, 6, 9]])
    assert occlusion(log_probs, xs, 9).tolist() == [[[-5, 0, 0]], [[-4, -3, 0]]]
    assert [a.tolist() for a in asked] == [xs.tolist(), [[9, 9, 9], [9, 6, 9]], [[4, 9, 9], [5, 9, 9]]]


@every_kind
def test_a_measured_model_is_as_it_was(name):
    xs, ts = QUESTIONS, np.random.default_rng(2).integers(0, V, (3, T_DEC + 1))
    one, other = (lively(DATES[name]) for _ in range(2))
    seq2seq_parts(other, xs, START, T_DEC, SPACE)
    assert other.encoder.share_prefixes == one.encoder.share_prefixes
    assert "backward" not in vars(other.encoder.embed)
    with pytest.raises(RuntimeError, match="before forward"):
        other.backward()
    for model in (one, other):
        model.forward(xs, ts)
        model.backward()
    for a, b in zip(one.grads, other.grads, strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_without_attention_are_refused():
    with pytest.raises(ValueError, match="expected a model with attention, got a PeekySeq2seq without"):
        seq2seq_parts(PeekySeq2seq(V, 3, 4), QUESTIONS, START, T_DEC, SPACE)
    for model in (BagOfWords(V), GRUClassifier(V, 3, 2, 1, attention=False)):
        with pytest.raises(ValueError, match=f"expected a model with attention, got a {type(model).__name__} without"):
            classifier_parts(model, TEXTS)


def test_ranks_of_equal_values_are_their_mean():
    assert mean_ranks(np.array([3.0, 1, 3, 2, 3])).tolist() == [4, 1, 4, 2, 4]
    assert mean_ranks(np.array([7, 7])).tolist() == [1.5, 1.5]


def test_spearman():
    rng = np.random.default_rng(0)
    a, b = rng.permutation(9), rng.permutation(9)
    no_ties = 1 - 6 * ((a - b) ** 2).sum() / (9 * (9**2 - 1))
    assert spearman(a, b) == pytest.approx(no_ties) and spearman(np.exp(a), b**3) == pytest.approx(no_ties)
    assert spearman(a, a) == 1 and spearman(a, -a) == -1
    x, y = rng.integers(0, 4, 20), rng.integers(0, 4, 20)
    assert spearman(x, y) == pytest.approx(np.corrcoef(mean_ranks(x), mean_ranks(y))[0, 1])
    for tied in (np.zeros(4), np.ones(1), np.array([])):
        assert math.isnan(spearman(tied, np.arange(len(tied))))
    with pytest.raises(ValueError, match=r"spearman: expected two arrays \(T,\), got \(3,\) and \(4,\)"):
        spearman(np.arange(3), np.arange(4))


def test_correlations_are_over_the_tokens_that_are_seen():
    rng = np.random.default_rng(1)
    a, b, seen = rng.random((3, 2, 6)), rng.random((3, 2, 6)), rng.random((3, 6)) < 0.7
    found = rank_correlations(a, b, seen)
    for n, i in np.ndindex(3, 2):
        real = [t for t in range(6) if seen[n, t]]
        assert found[n, i] == pytest.approx(spearman(a[n, i, real], b[n, i, real]), nan_ok=True)


def test_what_has_no_correlation_is_left_out_and_counted():
    nan = math.nan
    mean, spread, left_out = summary(np.array([[0.5, nan], [nan, nan], [0.0, 0.2]]))
    assert (mean, spread, left_out) == (pytest.approx(0.3), pytest.approx(0.2), 3)
    assert math.isnan(summary(np.full((2, 1), nan)).mean) and summary(np.full((2, 1), nan)).left_out == 2


ROW = re.compile(r"^(.*\S) +(-?\d\.\d\d|nan) +(\d\.\d\d|nan) +(\d+)$", re.MULTILINE)


def test_the_script_measures_dates(trained_run, test_part, in_process):
    done = in_process(trained_run.cwd, "faithfulness.py", "--count", 12)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("runs/date/attention.npz: 12 test questions, 10 characters of each answer")
    model, facts = load_model(trained_run.folder / "attention.npz")
    id_of = facts["vocabulary"].index
    parts = seq2seq_parts(model, test_part[0][:12], id_of("_"), 10, id_of(" "))
    ways = {
        "attention": parts.attention,
        "|gradient x input|": abs(parts.gradient),
        "|occlusion|": abs(parts.occlusion),
    }
    rows = ROW.findall(done.stdout)
    assert [pair for pair, *_ in rows] == [", ".join(pair) for pair in itertools.combinations(ways, 2)]
    for pair, mean, spread, left_out in rows:
        found = summary(rank_correlations(*(ways[way] for way in pair.split(", ")), parts.seen))
        assert (float(mean), float(spread)) == pytest.approx(found[:2], abs=0.02) and int(left_out) == found.left_out
    assert len(done.stdout.splitlines()) == 2 + 3 + 2 + 3


def test_the_script_measures_texts(text_run, in_process):
    done = in_process(text_run.cwd, "faithfulness.py", "--run", "runs/text")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"runs/text/best\.npz: the class of \d+ test texts", done.stdout)
    assert len(ROW.findall(done.stdout)) == 3 and len(done.stdout.splitlines()) == 2 + 3


def test_the_script_tells_of_each_character_of_one_question(trained_run, in_process):
    done = in_process(trained_run.cwd, "faithfulness.py", "--text", " May 1, 1972")
    assert (done.returncode, done.stderr) == (0, "")
    assert "attention.npz: 1 question, 10 characters" in done.stdout
    model, facts = load_model(trained_run.folder / "attention.npz")
    id_of, question = facts["vocabulary"].index, "May 1, 1972"
    xs = np.array([[id_of(c) for c in question.ljust(29)[::-1]]])
    parts = seq2seq_parts(model, xs, id_of("_"), 10, id_of(" "))
    written = [facts["vocabulary"][i] for i in model.decode(xs, id_of("_"), 10).ids[0]]
    lines = [line.split() for line in done.stdout.splitlines() if re.match(r"\S +\S +\d\.\d{4} ", line)]
    assert [line[:2] for line in lines] == [[w, c.replace(" ", "␣")] for w in written for c in question]
    wanted = np.stack(parts[:3], axis=3)[0, :, ::-1][:, : len(question)].reshape(-1, 3)
    np.testing.assert_allclose(np.array([line[2:] for line in lines], dtype=float), wanted, atol=6e-5)


def test_the_script_tells_of_each_token_of_one_text(text_run, in_process):
    done = in_process(text_run.cwd, "faithfulness.py", "--run", "runs/text", "--text", "寺 \x1b 寺")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.partition("\n\n")[0].splitlines()[1:]]
    assert [line[1] for line in lines if line[1] != "␣"] == ["寺", r"\x1b", "寺"]
    assert len({line[0] for line in lines}) == 1 and sum(float(line[2]) for line in lines) == pytest.approx(1, abs=3e-4)


def test_the_script_tells_of_one_test_question(trained_run, test_part, in_process):
    def printed(*arguments):
        done = in_process(trained_run.cwd, "faithfulness.py", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    question = read(trained_run.data).vocabulary.decode(test_part[0][7][::-1])
    table = printed("--index", 7)
    assert table.replace("1 test question", "1 question") == printed("--text", question)
    assert printed("--index", 0).endswith("\n\n" + printed("--count", 1)), "which counts, and tells of no token"


def test_the_script_tells_of_one_test_text(text_run, in_process):
    text_model = TextModel(text_run.folder)
    texts = text_model.test_texts().texts
    tokens, probabilities, _ = text_model.explain(texts)
    index = np.flatnonzero(probabilities.argmax(axis=1))[-1]
    done = in_process(text_run.cwd, "faithfulness.py", "--run", "runs/text", "--index", index)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.partition("\n\n")[0].splitlines()[1:]]
    assert [line[:2] for line in lines] == [
        [text_model.classes[probabilities[index].argmax()], t] for t in tokens[index]
    ]


def test_the_script_asks_the_model_that_is_named_and_refuses_one_without_maps(trained_run, text_run, in_process):
    refused(in_process(trained_run.cwd, "faithfulness.py", "--model", "peeky"), "PeekySeq2seq has no attention maps")
    refused(
        in_process(text_run.cwd, "faithfulness.py", "--run", "runs/text", "--model", "attention"),
        "--model attention: runs/text is a run of train_text.py, which has one model",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", " "], "expected a question, got an empty text"),
        (["--text", "1972-05-01"], "'-', character 5 of '1972-05-01', occurs in no training question"),
        (["--text", "May 1", "--count", 3], "not allowed with"),
        (["--index", 10**6], r"--index 1000000: the test part has \d+ examples, 0\.\."),
    ],
)
def test_the_script_refuses_what_it_cannot_ask(trained_run, in_process, arguments, message):
    refused(in_process(trained_run.cwd, "faithfulness.py", *arguments), message)


def test_the_script_wants_spaces(train, in_process, tmp_path):
    (tmp_path / "sums.txt").write_text("".join(f"{i}+1_{i + 1} \n" for i in range(10, 40)))  # none in the questions
    done = train(tmp_path, "--data", "sums.txt", *TINY, "--quiet", "--models", "attention")
    assert done.returncode == 0, done.stderr
    assert "alignment" not in done.stdout and done.stdout.split()[-2] == "0.0%", "these are no dates"
    refused(in_process(tmp_path, "faithfulness.py"), r"attention\.npz: its questions have no spaces")


def test_the_script_refuses_a_folder_without_a_run(tmp_path, in_process):
    refused(in_process(tmp_path, "faithfulness.py"), "no trained model in runs/date")


def test_a_nan_has_no_rank():
    nan, right = np.array([1, np.nan, 3, 2]), np.array([1.0, 2, 3, 4])
    for call, message in (
        (lambda: mean_ranks(nan), r"mean_ranks: expected numbers, which have ranks, got nan at \[1\]"),
        (lambda: spearman(nan, right), r"spearman: a: .* got nan at \[1\]"),
        (lambda: spearman(right, nan), r"spearman: b: .* got nan at \[1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    parts, seen = np.array([[[1, np.nan, 3]]]), np.array([[True, True, True]])
    with pytest.raises(ValueError, match=r"rank_correlations: b .*got nan at \[0, 0, 1\]"):
        rank_correlations(np.ones((1, 1, 3)), parts, seen)
    assert rank_correlations(parts, parts, np.array([[True, False, True]])) == 1, "what is not seen has none"
    assert mean_ranks(np.array([np.inf, -np.inf, 0])).tolist() == [3, 1, 2] and mean_ranks(
        np.array([2, 1])
    ).tolist() == [2, 1]
