"""Runs of dates as one page of HTML that runs their models in the browser: see ``seq2seq.page``."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from pathlib import Path

import numpy as np

from common.layer import named_params
from common.packed_model import as_in_page
from common.util import to_cpu
from dataset import dates
from dataset.files import read_text
from experiment.date_model import DateModel
from experiment.history import read_history
from experiment.kept_weights import FOLDER, kept_epochs
from experiment.page_size import MEASURED
from experiment.run_names import different, endings
from seq2seq.page import Example, PageModel, State, to_page
from support.html_page import Phrase

KINDS = {
    "baseline": "seq2seq without attention, {weights} weights",
    "peeky": "peeky seq2seq, {weights} weights",
    "attention": "seq2seq with attention, {weights} weights",
    "transformer": "Transformer, {weights} weights",
}
PARTS = "sha256", "leak_free"  # facts of a run's data that say what it was trained on
ALIKE = {  # what all models of a page have in common
    "vocabulary": "vocabulary",
    "question_characters": "question characters",
    "start": "start character",
    "T_enc": "length of questions",
    "T_dec": "length of answers",
    "answers_dates": "answers being dates",
}


def open_models(runs: Sequence[Path], model: str | None = None, models: Sequence[str] | None = None) -> list[DateModel]:
    """Open what one page shows: of each run the models of these names, or the one with attention maps.

    model: the one of each run; see ``DateModel``. Raises ValueError for models that do not read the same questions, for
    one without attention maps that is not among ``models``, and whenever ``DateModel`` does.
    """
    if models is None:
        found = [DateModel(run, model) for run in runs]
        for date_model in found:
            try:
                date_model.expect_maps()
            except ValueError as error:
                raise ValueError(f"{error}; to show it without them: --models {date_model.name}") from None
    else:
        found = [DateModel(run, name) for run in runs for name in models]
    for other in found[1:]:
        _expect_alike(found[0], other)
    return found


def _expect_alike(first: DateModel, other: DateModel) -> None:
    for name, what in ALIKE.items():
        expected, got = (getattr(each, name) for each in (first, other))
        if name == "vocabulary":
            expected, got = expected.chars, got.chars
        if expected != got:
            raise ValueError(
                f"{other.path}: expected the {what} of {first.path}, as the models of one page read "
                f"the same questions; {_difference(expected, got)}"
            )


def _difference(expected, got) -> str:
    if not isinstance(expected, str) or len(expected) == len(got) == 1:
        return f"expected {expected!r}, got {got!r}"
    missing, more = (
        "".join(char for char in one if char not in two) for one, two in ((expected, got), (got, expected))
    )
    found = [f"lacks {missing[:40]!r}"] * bool(missing) + [f"has {more[:40]!r} besides"] * bool(more)
    return " and ".join(found) or "it has another order"


def names_of(date_models: Sequence[DateModel]) -> list[str]:
    """Return short names that tell the models apart: of models, or of their runs, as much of the paths as that takes.

    Raises ValueError for a model that is there twice.
    """
    return different(_possible_names(date_models), "models")


def _possible_names(date_models: Sequence[DateModel]) -> Iterator[list[str]]:
    models = [date_model.name for date_model in date_models]
    yield models
    for folders in endings([date_model.run for date_model in date_models]):
        yield folders
        yield [f"{folder} {model}" for folder, model in zip(folders, models, strict=True)]


def page_of(
    date_models: Sequence[DateModel],
    pairs: list[tuple[str, str | None]],
    origin: Phrase,
    *,
    of_test: bool,
    epochs: Sequence[int] | None = None,
    precision: str = "float32",
    count: int | None = None,
) -> bytes:
    """Build the page of models that ``open_models`` returned, with these questions and their right answers, if known.

    origin: where the questions are from, for the page's head; of_test: see ``DateModel.encode``; epochs: those whose
    weights the page has, of the models that kept them: all if empty, None for the models as they are; precision: type
    of the weights, of ``support.packed_weights.PRECISIONS``: what a smaller one loses is measured on MEASURED of the
    questions; count: how many of them the page lists (None for all).
    Raises ValueError for a question that cannot be asked, epochs that no model kept, and whenever ``to_page`` does.
    """
    names, first = names_of(date_models), date_models[0]
    kept = [[]] * len(date_models) if epochs is None else open_epochs(date_models, epochs)
    models = [
        PageModel(name, date_model.model, date_model.reverse, states)
        for name, date_model, states in zip(names, date_models, kept, strict=True)
    ]
    at_first = next((k for k, each in enumerate(models) if each.model.has_maps), 0)
    shown = copy(date_models[at_first])
    shown.model = as_in_page(models[at_first].states()[-1][2], precision)
    about = [
        *_about(models, date_models),
        origin,
        *(trained_otherwise(date_models) if of_test else []),
        *_reads(models),
    ]
    if precision != "float32":
        xs = [encoded(date_model, pairs[:MEASURED], of_test) for date_model in date_models]
        about += loss(models, xs, first, precision)
    return to_page(
        models,
        examples(shown, pairs[:count], of_test=of_test),
        vocabulary=first.vocabulary.chars,
        question_characters=first.question_characters,
        start=first.start,
        T_enc=first.T_enc,
        T_dec=first.T_dec,
        precision=precision,
        title=("Where the model looks: {name}", {"name": ", ".join(_runs(date_models))}),
        about=about,
        dates={"written": dates.WRITTEN, "months": dates.MONTHS} if first.answers_dates else None,
    )


def _runs(date_models: Sequence[DateModel]) -> list[str]:
    """Return the names of the different runs of these models."""
    runs = list(dict.fromkeys(date_model.run.resolve() for date_model in date_models))
    return different(endings(runs), "runs")


def _about(models: Sequence[PageModel], date_models: Sequence[DateModel]) -> list[Phrase]:
    """Say which models these are, and of which runs."""
    lines: list[Phrase] = []
    for each, date_model in zip(models, date_models, strict=True):
        size = {"weights": f"{sum(p.size for p in named_params(each.model).values()):,}"}
        several = "{name}, {weights} weights", {"name": each.name} | size
        alone = KINDS.get(date_model.name)  # None: to_page refuses the model
        lines.append((alone, size) if alone and len(models) == 1 else several)
    runs = _runs(date_models)
    lines.append(("run {name}", {"name": runs[0]}) if len(runs) == 1 else ("runs {names}", {"names": ", ".join(runs)}))
    epochs = sorted({str(state.epoch) for each in models for state in each.epochs}, key=int)
    if len(epochs) > 1:
        lines.append(
            ("{count} epochs, {first} to {last}", dict(count=str(len(epochs)), first=epochs[0], last=epochs[-1]))
        )
    return [*lines, ("epoch {epoch}", {"epoch": epochs[0]})] if len(epochs) == 1 else lines


def _reads(models: Sequence[PageModel]) -> list[Phrase]:
    if len({each.reverse for each in models}) == 1:
        return ["reads backwards" if models[0].reverse else "reads forwards"]
    return [
        ("{name} reads backwards" if each.reverse else "{name} reads forwards", {"name": each.name}) for each in models
    ]


def trained_otherwise(date_models: Sequence[DateModel]) -> list[Phrase]:
    """Say which models may know test questions of the first: those trained on other data, or on another part of it."""
    first, *others = [[date_model.data.get(part) for part in PARTS] for date_model in date_models]
    return [
        ("{name} has another training part, and may have seen some of the test questions", {"name": name})
        for name, parts in zip(names_of(date_models)[1:], others, strict=True)
        if parts != first
    ]


def open_epochs(date_models: Sequence[DateModel], epochs: Sequence[int]) -> list[list[State]]:
    """Open each model as it was after these epochs, as far as it kept them; without epochs, after all that it kept.

    Raises ValueError for an epoch that no model kept, and if none was kept at all.
    """
    kept = [kept_epochs(date_model.run, date_model.name) for date_model in date_models]
    here = sorted({epoch for files in kept for epoch in files})
    where = ", ".join(str(date_model.run / FOLDER.format(model=date_model.name)) for date_model in date_models)
    if not here:
        raise ValueError(f"{where}: no epochs there; train_date.py --keep-weights keeps them")
    for epoch in epochs:
        if epoch not in here:
            raise ValueError(f"{where}: expected an epoch of {here[0]} to {here[-1]} that was kept, got {epoch}")
    wanted = set(epochs or here)
    return [
        list(_states(date_model, [epoch for epoch in files if epoch in wanted]))
        for date_model, files in zip(date_models, kept, strict=True)
    ]


def _states(date_model: DateModel, epochs: Iterable[int]) -> Iterator[State]:
    history = date_model.run / "history.csv"
    rows = read_history(history) if history.exists() else []
    accuracies = {row["epoch"]: row.get("test_accuracy") for row in rows if row.get("model") == date_model.name}
    for epoch in epochs:
        kept = DateModel(date_model.run, date_model.name, epoch=epoch)
        if any(kept.facts.get(name) != fact for name, fact in date_model.facts.items()):
            raise ValueError(f"{kept.path}: of another model than {date_model.path}")
        if kept.facts.get("epoch") != epoch:
            raise ValueError(
                f"{kept.path}: expected the weights of epoch {epoch}, got those of {kept.facts.get('epoch')!r}"
            )
        yield State(epoch, kept.model, accuracies.get(epoch))


def loss(models: Sequence[PageModel], questions: Sequence, first: DateModel, precision: str) -> list[Phrase]:
    """Say how many answers weights of that precision change; of several epochs, after the last and at most.

    questions: xs (N, T_enc) as each of the models reads them.
    """
    lines: list[Phrase] = []
    for each, xs in zip(models, questions, strict=True):
        changed = {}
        for _, state, model in each.states():
            exact, packed = (
                to_cpu(one.decode(xs, first.start_id, first.T_dec).ids) for one in (model, as_in_page(model, precision))
            )
            changed[state and state.epoch] = f"{100 * (exact != packed).any(axis=1).mean():.2f}"
        *_, last = changed.values()
        values = {"precision": precision, "count": f"{len(xs):,}", "changed": last, "name": each.name}
        text = "weights in {precision}: of {count} questions, {changed}% change their answer"
        if len(models) > 1:
            text = "weights in {precision}: of {count} questions, {changed}% change their answer ({name})"
        if len(changed) > 1:
            epoch = max(changed, key=lambda epoch: float(changed[epoch]))
            values |= {"most": changed[epoch], "epoch": str(epoch)}
            text = (
                "weights in {precision}: of {count} questions, {changed}% change their answer ({name}, last epoch), "
                "at most {most}% (epoch {epoch})"
            )
        lines.append((text, values))
    return lines


def encoded(date_model: DateModel, pairs: Iterable[tuple[str, str | None]], of_test: bool):
    """Return the questions (N, T_enc) as the model reads them."""
    return np.stack([date_model.encode(question.strip(), of_test=of_test) for question, _ in pairs])


def examples(date_model: DateModel, pairs: list[tuple[str, str | None]], *, of_test: bool) -> list[Example]:
    """Return the questions with what the model writes."""
    decoded = date_model.decode(encoded(date_model, pairs, of_test))
    written = [date_model.vocabulary.decode(ids) for ids in decoded.ids]
    parsed = [date_model.parsed(question) for question, _ in pairs]
    return [
        Example(question.strip(), answer, own, date and date.truth)
        for (question, answer), own, date in zip(pairs, written, parsed, strict=True)
    ]


def read_pairs(path: Path, date_model: DateModel) -> Iterator[tuple[str, str | None]]:
    """Yield the question of each line of a file, and its answer: what follows the start character, or the parsed date.

    Raises ValueError, naming the line, for what the model cannot be asked.
    """
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        question, mark, answer = line.partition(date_model.start)
        try:
            date_model.encode(question)
            if mark and not answer:
                raise ValueError(f"no answer after {date_model.start!r}")
            date_model.vocabulary.encode(answer, date_model.T_dec)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        yield question, answer.ljust(date_model.T_dec) if mark else date_model.answer_to(question)
