"""Pictures of a date run: where its model looked, how it learned to look there, and what it gets right.

``seq2seq.plot`` draws them; the functions here collect what a run has to show.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from dataset import dates
from experiment.date_model import TRAIN, DateModel, expect_run_of_dates, models_of, models_option
from experiment.history import read_history
from experiment.run_folder import imported_model
from seq2seq import plot
from seq2seq.kept_maps import load_maps
from seq2seq.plot_heads import plot_heads
from support.plot_file import save_figure

MOST = 48  # the most panels in a picture


def map_of(
    date_model: DateModel, question: str, truth: str | None, *, of_test: bool, given_answer: bool = False
) -> tuple[plot.AttentionMap, str]:
    """Return the map of a question, titled with what the model wrote; and ``"right"``, ``"wrong"``, or ``""`` if the
    right answer is not known.

    truth: the right answer, T_dec characters, or None. of_test: see ``DateModel.encode``. given_answer: whether the
    decoder is fed the truth, as in the chapter. Raises ValueError for a model without maps, and for no truth to feed.
    """
    date_model.expect_maps()
    xs = date_model.encode(question, of_test=of_test)[None]
    ((answer,),) = date_model.answers(xs)
    weights, columns, written = answer.map()
    title = f"{answer.question} → {answer.text}"
    verdict = "" if truth is None else "right" if written == truth else "wrong"
    if given_answer:
        if truth is None:
            raise ValueError(f"map_of: expected the right answer to {answer.question!r}, got None")
        weights, written = date_model.weights_under(xs, truth), truth
    return plot.AttentionMap(weights, columns, written, truth, title), verdict


def title_of(found: plot.AttentionMap, truth: str | None, verdict: str) -> str:
    """Return the title of a result of ``map_of``, followed by the right answer if that is known."""
    return f"{found.title}" if truth is None else f"{found.title}  (answer {truth.rstrip()}, {verdict})"


def plot_heads_of(date_model: DateModel, found: plot.AttentionMap, part: str, axes=None, **how: Any) -> np.ndarray:
    """Draw the heads of a Transformer for the question and the written answer of a result of ``map_of``.

    part: see ``seq2seq.head_maps``. axes, how: axes, cmap and title of ``plot_heads``. Returns the Axes, the mean's
    first. Raises ValueError as ``DateModel.heads_under``.
    """
    question, written, truth = "".join(found.input_labels), "".join(found.output_labels), found.answer
    xs = date_model.as_written(date_model.vocabulary.encode(question))[None]
    weights = date_model.heads_under(xs, written, part)
    if part == "encoder":
        return plot_heads(weights, question, question, axes, names=("input looked at", "input that looks"), **how)
    if part == "decoder":
        before, seen = date_model.start + written[:-1], np.tri(len(written), dtype=bool)
        names = "output so far (hatched: not yet written)", "output"
        return plot_heads(weights, before, written, axes, seen=seen, answer=truth, names=names, **how)
    return plot_heads(weights, question, written, axes, answer=truth, **how)


def draw_epoch(path: Path, date_model: DateModel, question: str, truth: str | None, epoch: int) -> None:
    """Draw where a model looks after this epoch into the file ``path``.

    question, truth: a test question and its right answer, as for ``map_of``.
    """
    found, verdict = map_of(date_model, question, truth, of_test=True)
    title = f"{date_model.name}, epoch {epoch}: {title_of(found, truth, verdict)}"
    save_figure(path, plot.plot_attention(*found[:3], answer=truth, title=title).figure)


def plot_kept_maps(run: Path, cmap: str) -> np.ndarray:
    """Draw the maps that a run kept, one panel per epoch, or ``MOST`` evenly spaced epochs if there are more.

    Returns the Axes. Raises ValueError or OSError for a run that kept no maps.
    """
    expect_run_of_dates(run)
    path = run / "maps.npz"
    if not path.is_file():
        raise FileNotFoundError(f"no maps at {path}; {_how_to_record(run, '--keep-maps ')}")
    kept = load_maps(path)
    shown = np.unique(np.linspace(0, len(kept.weights) - 1, min(MOST, len(kept.weights))).round().astype(int))
    written, epochs = [kept.written[i] for i in shown], (shown + 1).tolist()
    return plot.plot_film(kept.weights[shown], kept.question, written, kept.answer, epochs=epochs, cmap=cmap)


def plot_kept_measures(run: Path, model: str | None) -> plt.Axes:
    """Draw the measures of a model's maps from history.csv as curves; by default, those of the first model with any.

    Returns the Axes. Raises ValueError for a history without measures.
    """
    expect_run_of_dates(run)
    path = run / "history.csv"
    measured = [row for row in read_history(path) if "pad_mass" in row] if path.is_file() else []
    found = [row for row in measured if row.get("model") == (model or measured[0].get("model"))]
    if not found:
        raise ValueError(f"no measures of maps in {path}; {_how_to_record(run)}")
    return plot.plot_measures(found)


def _how_to_record(run: Path, options: str = "") -> str:
    """Say how a training records what a run lacks; of an imported run, that there is no training."""
    if (model := imported_model(run)) is not None:
        return f"{model.name} was imported: its weights alone, without what its training recorded"
    return f"record them with: {TRAIN} {models_option(models_of(run))}{options}--out {run}"


def accuracies(date_models: list[DateModel]) -> dict[str, dict[str, float]]:
    """Return the share (0..1) of the test questions that each model answers right, by form and letter case of the date.

    The name of a group ends in a line with its number of questions. A date without letters has no case.

    Raises ValueError if no test question is a date, and for models that were trained on different data.
    """
    found = {}
    first = date_models[0].test_questions()
    for date_model in date_models:
        tests = date_model.test_questions()
        if tests != first:
            raise ValueError(f"{date_model.path}: trained on other data than the run's other models")
        questions, answers = zip(*tests, strict=True)
        own = date_model.decode(np.stack([date_model.encode(question, of_test=True) for question in questions])).ids
        groups: dict[str, list[bool]] = {group: [] for group in (*dates.FORMS, *dates.CASES)}
        for question, answer, ids in zip(questions, answers, own, strict=True):
            with suppress(ValueError):  # the question may not be a date
                for group in filter(None, dates.style(question)):
                    groups[group].append(date_model.vocabulary.decode(ids) == answer)
        if not any(groups.values()):
            raise ValueError(f"{date_model.path}: no test question is a date, so they have no forms")
        there = {f"{group}\n{len(right):,}": float(np.mean(right)) for group, right in groups.items() if right}
        found[date_model.name] = there
    return found


def plot_accuracy_by_form(shares: dict[str, dict[str, float]]) -> plt.Axes:
    """Draw the result of ``accuracies`` as bars. Returns the Axes."""
    ax = plot.plot_accuracies(shares)
    ax.set_xlabel("form of the date and letter case, number of test questions")
    return ax
