"""Measures of attention maps: on maps made by hand, on dates, and after each epoch of a training."""

import math

import numpy as np
import pytest

from common.optimizer import Adam
from common.trainer import Trainer
from dataset import dates, sequence
from experiment.date_parts import truth_of
from seq2seq import AttentionSeq2seq, MeasureMaps, padding_of
from seq2seq.map_measures import alignment, entropy, measures, pad_mass

QUESTION = "5/1/72  "  # month 5, day 1, year 72, two of padding
TRUTH = dates.parse(QUESTION).truth[None]
PADDING = np.array([[False] * 6 + [True] * 2])


def one_hot(*places):
    return np.eye(8)[list(places)][None]


def test_a_perfect_map_and_a_useless_one():
    perfect = one_hot(4, 4, 5, 5, 1, 0, 0, 3, 2, 2)
    assert measures(perfect, PADDING, TRUTH)["alignment"] == 1
    assert measures(perfect, PADDING, TRUTH)["pad_mass"] == measures(perfect, PADDING, TRUTH)["entropy"] == 0
    useless = one_hot(*[7] * 10)
    assert measures(useless, PADDING, TRUTH)["alignment"] == 0 and measures(useless, PADDING, TRUTH)["pad_mass"] == 1


def test_measures_of_an_even_map():
    even = np.full((1, 10, 8), 1 / 8)
    found = measures(even, PADDING, TRUTH)
    # 4 digits of the year see its 2 characters, 2 of the month and 2 of the day 1 each
    assert found["alignment"] == pytest.approx((4 * 2 / 8 + 4 * 1 / 8) / 8)
    assert found["pad_mass"] == pytest.approx(2 / 8)
    assert found["entropy"] == pytest.approx(math.log(8))
    assert list(found) == ["alignment", "pad_mass", "entropy", *(f"pad_mass_{i}" for i in range(1, 11))]


def test_each_output_place_has_its_own_pad_mass():
    weights = one_hot(6, 0, 0, 0, 7, 0, 0, 0, 0, 0)
    weights[0, 1] = [0.5, 0, 0, 0, 0, 0, 0.25, 0.25]
    found = measures(weights, PADDING, TRUTH)
    assert [found[f"pad_mass_{i}"] for i in range(1, 11)] == [1, 0.5, 0, 0, 1, 0, 0, 0, 0, 0]
    assert found["pad_mass"] == pytest.approx(0.25), "hyphens included"
    assert found["entropy"] == pytest.approx((0.5 * math.log(2) + 2 * 0.25 * math.log(4)) / 10)


def test_measures_equal_their_formulas():
    rng = np.random.default_rng(0)
    weights, truth = rng.dirichlet(np.full(5, 0.3), size=(4, 3)), rng.random((4, 3, 5)) < 0.4
    truth[1, 2] = False
    padding = rng.random((4, 5)) < 0.5
    aligned, padded, spread = alignment(weights, truth), pad_mass(weights, padding), entropy(weights)
    for n, i in np.ndindex(4, 3):
        a = weights[n, i]
        right = sum(a[t] for t in range(5) if truth[n, i, t]) if truth[n, i].any() else math.nan
        assert aligned[n, i] == pytest.approx(right, nan_ok=True)
        assert padded[n, i] == pytest.approx(sum(a[t] for t in range(5) if padding[n, t]))
        assert spread[n, i] == pytest.approx(-sum(w * math.log(w) for w in a))
    assert measures(weights, padding, truth)["alignment"] == pytest.approx(np.nanmean(aligned))


def test_without_truth_there_is_no_alignment():
    even = np.full((1, 10, 8), 1 / 8)
    for truth in (None, np.zeros((1, 10, 8), dtype=bool)):
        assert "alignment" not in measures(even, PADDING, truth)


def test_padding_is_the_run_at_the_end_in_either_direction():
    xs = np.array([[5, 9, 5, 9, 9], [9, 9, 9, 9, 9], [5, 5, 9, 5, 5]])
    wanted = np.array([[0, 0, 0, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(padding_of(xs, 9), wanted)
    np.testing.assert_array_equal(padding_of(xs[:, ::-1], 9), wanted[:, ::-1])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a: alignment(a, np.ones((1, 2, 4), dtype=bool)),
        lambda a: alignment(a, np.ones((1, 2, 3))),
        lambda a: pad_mass(a, np.ones((1, 2, 3), dtype=bool)),
        lambda a: pad_mass(a[0], np.ones((1, 3), dtype=bool)),
        lambda a: pad_mass(a[:0], np.ones((0, 3), dtype=bool)),
        lambda a: entropy(a[0]),
        lambda a: entropy(a.tolist()),
        lambda a: measures(None, np.ones((1, 3), dtype=bool)),
    ],
)
def test_errors_at_the_door(wrong):
    with pytest.raises(ValueError, match=r"map_measures: .*(expected .*|wanted), got"):
        wrong(np.full((1, 2, 3), 1 / 3))


def fit(workers, measured):
    data = sequence.generate("date.txt", count=60, seed=2)
    xs, ts = data.questions[:, ::-1], data.answers
    space = data.vocabulary.char_to_id[" "]
    model = AttentionSeq2seq(len(data.vocabulary), 4, 6, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    truth = np.array([dates.parse(data.vocabulary.decode(x)).truth[:, ::-1] for x in data.questions])
    maps = MeasureMaps(xs, int(ts[0, 0]), 10, padding_of(xs, space), truth, workers=workers)
    trainer = Trainer(model, Adam(), rng=rng, callbacks=[maps] if measured else (), workers=workers)
    trainer.fit(xs, ts, 2, 20)
    return trainer, [param.tobytes() for param in model.params], rng.bit_generator.state, maps


@pytest.mark.parametrize("workers", [1, 2])
def test_measuring_after_each_epoch_changes_nothing_else(workers):
    _, *without, _ = fit(workers, measured=False)
    trainer, *measured, maps = fit(workers, measured=True)
    assert measured == without
    decoded = trainer.model.decode(maps.xs, maps.start_id, 10)
    again = measures(decoded.attention_weights, maps.padding, maps.truth)
    assert {key: trainer.history[-1][key] for key in again} == pytest.approx(again, rel=1e-5)
    assert trainer.history[0]["alignment"] != trainer.history[1]["alignment"]


@pytest.mark.parametrize("no_reverse", [False, True])
def test_truth_and_padding_follow_the_order_of_reading(no_reverse):
    questions = ["May 1, 1972    ", "8/31/07        ", "no date at all ", "5/1/72         "]
    answers = ["_1972-05-01", "_2007-08-31", "_2007-08-31", "_01-05-1972"]
    vocabulary = sequence.Vocabulary.of([*questions, *answers])
    xs = np.array([vocabulary.encode(text) for text in questions])
    order = slice(None) if no_reverse else slice(None, None, -1)
    ts = np.array([vocabulary.encode(text) for text in answers])
    truths = truth_of(vocabulary, xs[:, order], ts, order)[:, :, order]
    paddings = padding_of(xs[:, order], vocabulary.char_to_id[" "])[:, order]
    for text, truth, padding in zip(questions, truths, paddings, strict=True):
        read = {"".join(np.array(list(text))[row]) for row in truth}
        assert read == {"M": {"1972", "", "May", "1"}, "8": {"07", "", "8", "31"}, "n": {""}, "5": {""}}[text[0]]
        assert padding.tolist() == [t >= len(text.rstrip()) for t in range(15)]
