"""experiment.estimate: the line about how long a training will take, from reports with made-up times."""

import pytest

from experiment.estimate import Estimate, in_words

PICTURED = "attention", "a.png shows it"
MODELS = "baseline", "peeky", "attention"
TEN = 10.0  # epochs, which have 300 iterations here


def said(estimate: Estimate, reports) -> list[tuple[float, str]]:
    """The lines, each with the time of the report that it answers."""
    lines = [(report[0], estimate.line(*report)) for report in reports]
    return [(now, line) for now, line in lines if line is not None]


def steady(pace: dict[str, float], begin: float = 1.0, seconds: float = 20.0, done: float = 0.0) -> list:
    """Reports of models that take ``pace`` seconds per iteration, in order of time."""
    reports = [
        (begin + k * of, name, done + k / 300) for name, of in pace.items() for k in range(int(seconds / of) + 1)
    ]
    return sorted(reports)


@pytest.mark.parametrize(
    "left, jobs, pace, line",
    [
        # 3000 iterations of 0.195 s side by side, 300 until the picture
        (dict.fromkeys(MODELS, TEN), 3, dict.fromkeys(MODELS, 0.195), "3 models, 10 epochs each, 3 at a time: about "
         "10 minutes; a.png shows it, first in about 60 s, then after each epoch"),
        # 30 epochs of 37.5 s, two at a time; the third model is as fast as the mean of those seen
        (dict.fromkeys(MODELS, TEN), 2, {"attention": 0.125, "peeky": 0.125}, "3 models, 10 epochs each, 2 at a time: "
         "about 9 minutes; a.png shows it, first in about 40 s, then after each epoch"),
        # the third model begins after (18 + 45) / 2 s, and takes 31.5 s for its own epoch
        (dict.fromkeys(MODELS, TEN), 2, {"baseline": 0.06, "peeky": 0.15}, "3 models, 10 epochs each, 2 at a time: "
         "about 8 minutes; a.png shows it, first in about 65 s, then after each epoch"),
        # each epoch in turn: the picture is drawn after three of 29.4 s
        (dict.fromkeys(MODELS, TEN), 1, {"baseline": 0.098}, "3 models, 10 epochs each, in turn: about "
         "15 minutes; a.png shows it, first in about 90 s, then after each epoch"),
        ({"attention": 1.0}, 1, {"attention": 0.098}, "1 epoch: about 30 s; a.png shows it, first in about 30 s, "
         "then after each epoch"),
        ({"attention": TEN}, 3, {"attention": 0.098}, "10 epochs: about 5 minutes; a.png shows it, first in "
         "about 30 s, then after each epoch"),
        ({"baseline": TEN, "peeky": TEN}, 2, {"baseline": 10.0, "peeky": 10.0}, "2 models, 10 epochs each, "
         "2 at a time: about 8.3 hours"),
    ],
)  # fmt: skip
def test_the_line_is_what_the_paces_come_to(left, jobs, pace, line):
    ((_, found),) = said(Estimate(left, jobs, 0.0, pictured=PICTURED), steady(pace, seconds=40))
    assert found == line


def test_it_is_said_once_two_seconds_of_each_model_that_trains_are_seen():
    pace = {"baseline": 0.09, "attention": 0.3}
    ((now, _),) = said(Estimate(dict.fromkeys(MODELS, TEN), 2, 0.0), steady(pace))
    assert now == pytest.approx(3.1), "the first report of the slower model after 1 + 2 s"


def test_within_five_seconds_half_a_second_of_one_model_will_do():
    reports = steady({"baseline": 0.098}, begin=3.3)
    ((now, line),) = said(Estimate(dict.fromkeys(MODELS, TEN), 3, 0.0), reports)
    assert now == pytest.approx(3.3 + 8 * 0.098) and "about 5 minutes" in line


def test_without_a_speed_it_says_so_and_says_the_time_after_two_seconds_of_it():
    waiting = [(0.5 * k, None, 0.0) for k in range(20)]
    excuse, line = said(
        Estimate(dict.fromkeys(MODELS, TEN), 2, 0.0, pictured=PICTURED), [*waiting, *steady({"attention": 0.125}, 9.5)]
    )
    assert excuse == (
        4.0,
        "3 models, 10 epochs each, 2 at a time; how long that takes is said after the first iterations",
    )
    assert line[0] == 11.5 and line[1].startswith(
        "3 models, 10 epochs each, 2 at a time: about 9 minutes; a.png shows it"
    )


def test_one_report_or_many_of_the_same_iteration_are_no_speed():
    reports = [(1 + k / 10, "attention", 0.7) for k in range(30)]
    assert said(Estimate({"attention": TEN}, 1, 0.0), reports) == []


def test_a_resumed_run_counts_what_is_left():
    left = {"baseline": 0.0, "peeky": 1.1, "attention": 3.0}
    reports = steady({"peeky": 0.098, "attention": 0.098}, done=0.9)
    ((_, line),) = said(Estimate(left, 3, 0.0, resumed=True, pictured=("baseline", "a.png")), reports)
    assert line == "2 models, 2 to 3 epochs left each, 2 at a time: about 90 s", "baseline is drawn no more"
    left = {"peeky": 1 + 1 / 3, "attention": 1.0}  # in turn, the model that is behind begins
    ((_, line),) = said(Estimate(left, 1, 0.0, resumed=True, pictured=PICTURED), steady({"peeky": 0.098}))
    assert line.startswith(
        "2 models, 1 to 2 epochs left each, in turn: about 70 s; a.png shows it, first in about 70 s"
    )


def test_a_run_that_may_stop_earlier_takes_at_most_that():
    ((_, line),) = said(Estimate({"attention": TEN}, 1, 0.0, until=True), steady({"attention": 0.098}))
    assert line == "10 epochs: at most about 5 minutes"


def test_a_run_with_nothing_left_says_nothing():
    assert said(Estimate({"attention": 0.0}, 2, 0.0, pictured=PICTURED), [(k, None, 0) for k in range(9)]) == []


@pytest.mark.parametrize(
    "seconds, words",
    [(0.0, "5 s"), (5.1, "10 s"), (100, "100 s"), (101, "2 minutes"), (6000, "100 minutes"), (6001, "1.7 hours")],
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words
