"""A run of dates as one page of HTML that runs its model in the browser: see ``seq2seq.page``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common.layer import named_params
from dataset import dates
from dataset.files import read_text
from experiment.date_model import DateModel
from seq2seq.page import Example, to_page
from support.html_page import Phrase


def page_of(date_model: DateModel, pairs: list[tuple[str, str | None]], origin: Phrase, *, of_test: bool) -> bytes:
    """Build the page of a model, with these questions and their right answers (None if unknown).

    origin: where the questions are from, for the page's head; of_test: see ``DateModel.encode``.
    Raises ValueError for a question that cannot be asked, and whenever ``to_page`` does.
    """
    date_model.expect_maps()
    model: Any = date_model.model  # to_page says which models it can run
    name = date_model.path.resolve().parent.name
    weights = f"{sum(p.size for p in named_params(model).values()):,}"
    return to_page(
        model,
        examples(date_model, pairs, of_test=of_test),
        vocabulary=date_model.vocabulary.chars,
        question_characters=date_model.question_characters,
        start=date_model.start,
        T_enc=date_model.T_enc,
        T_dec=date_model.T_dec,
        reverse=date_model.reverse,
        title=("Where the model looks: {name}", {"name": name}),
        about=[
            ("seq2seq with attention, {weights} weights", {"weights": weights}),
            ("run {name}", {"name": name}),
            origin,
            "reads backwards" if date_model.reverse else "reads forwards",
        ],
        dates={"written": dates.WRITTEN, "months": dates.MONTHS} if date_model.answers_dates else None,
    )


def examples(date_model: DateModel, pairs: list[tuple[str, str | None]], *, of_test: bool) -> list[Example]:
    """Return the questions with what the model writes."""
    xs = np.stack([date_model.encode(question.strip(), of_test=of_test) for question, _ in pairs])
    written = [date_model.vocabulary.decode(ids) for ids in date_model.decode(xs).ids]
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
