"""A trained run of dates: opened, and asked in words."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from common.layer import inference
from common.util import to_cpu
from dataset import dates
from dataset.sequence import SequenceData, Vocabulary, generate, read
from experiment.answers import DateAnswer, expect_text
from experiment.command_line import RECURRENT
from experiment.kept_weights import kept_epochs
from experiment.run_folder import expect_facts, expect_no_file, how_to_get_one
from seq2seq import load_model
from seq2seq.head_maps import has_heads, head_maps
from seq2seq.model_file import MODELS

MOST_CHARACTERS = 10_000  # of a question or an answer
TRAIN = "python scripts/train_date.py"
WRITERS = "train_date.py or import_weights.py"


def expect_run_of_dates(run: Path) -> None:
    """Raise ValueError for a file, and for a run of train_text.py."""
    if (run / "best.npz").is_file():
        raise ValueError(
            f"{run}: a run of train_text.py, which TextModel reads and plot_text_attention.py draws; "
            "explore_text_attention.py makes a page of it"
        )
    expect_no_file(run)


def models_of(run: Path) -> list[str]:
    """Return the names of a run's trained models, in the order of ``MODELS``."""
    return [name for name in MODELS if (run / f"{name}.npz").is_file()]


def models_option(models: list[str]) -> str:
    """Return ``--models ...`` and a space for TRAIN, if it trains others without that; else nothing."""
    return "" if set(models) <= set(RECURRENT) else f"--models {' '.join(models)} "


FACTS: dict[str, Any] = dict(vocabulary=str, start=str, T_enc=int, T_dec=int, reverse=bool, data=dict)


class DateModel:
    """A trained date model, with everything needed to ask it questions as text.

    run: the folder that train_date.py or import_weights.py wrote. model: a name of ``seq2seq.model_file.MODELS``; by
    default the run's first model with attention maps, or else its first model. epoch: the weights after that epoch, 0
    for those before the training, of a run that kept them; by default, the latest.
    Raises ValueError for a folder or a file that neither wrote, OSError for a model, or an epoch, that is not there.

        DateModel("runs/date").ask("May 1, 1972").text  # "1972-05-01"
    """

    def __init__(self, run: str | os.PathLike, model: str | None = None, *, epoch: int | None = None):
        run = Path(run)
        expect_run_of_dates(run)
        found = models_of(run)
        name = model
        if model is None:
            name = next((name for name in found if MODELS[name].has_maps), next(iter(found), None))
        path = run / f"{name}.npz"
        if name not in found:
            if model is not None and model not in MODELS:
                raise ValueError(f"DateModel: expected a model of {', '.join(MODELS)}, got {model!r}")
            missing = f"no trained model in {run}" if model is None else f"no trained {model} model at {path}"
            stopped = next(run.glob("*.state.npz"), None)
            chosen = models_option([] if model is None else [model])
            raise FileNotFoundError(f"{missing}; {how_to_get_one(TRAIN, run, stopped, chosen)}")
        self.run, self.name, self.epoch = run, name, epoch
        if epoch is not None:
            kept = kept_epochs(run, name)
            if epoch not in kept:
                record = f"record them with: {TRAIN} {models_option([name])}--keep-weights --out {run}"
                there = f"{min(kept)} to {max(kept)} are there" if kept else record
                raise FileNotFoundError(f"{run}: no weights of {name} after epoch {epoch!r}; {there}")
            path = kept[epoch]
        self.model, facts = load_model(path)
        facts = {"question_characters": None} | facts  # older files lack it
        expect_facts(path, WRITERS, facts, FACTS | {"question_characters": str | None})
        self.vocabulary = Vocabulary(facts["vocabulary"])
        longest = max(facts["T_enc"], facts["T_dec"])
        if facts["start"] not in self.vocabulary.char_to_id or not 0 < longest <= MOST_CHARACTERS:
            raise ValueError(f"{path}: not written by {WRITERS}: another start, or questions of {longest} characters")
        seen = facts["question_characters"]
        self.question_characters = facts["vocabulary"].replace(facts["start"], "") if seen is None else seen
        self.start, self.start_id = facts["start"], self.vocabulary.char_to_id[facts["start"]]
        self.T_enc, self.T_dec, self.reverse = facts["T_enc"], facts["T_dec"], facts["reverse"]
        self.path, self.facts, self.data = path, facts, facts["data"]
        characters = set("0123456789-") <= self.vocabulary.char_to_id.keys()
        wide = self.T_dec == len(dates.ANSWER_SOURCES)
        self.answers_dates = characters and wide and facts.get("dates") is not False

    def __repr__(self) -> str:
        epoch = "" if self.epoch is None else f", epoch={self.epoch}"
        return f"DateModel({str(self.run)!r}, model={self.name!r}{epoch})"

    def ask(self, question: str) -> DateAnswer:
        """Return the model's own answer, found by greedy decoding.

        Raises ValueError for a question that is empty, too long, or has a character that no training question has.
        """
        expect_text("DateModel.ask", question)
        ((answer,),) = self.answers(self.encode(question)[None])
        return answer

    def answers(self, xs, beam_width: int = 1) -> list[list[DateAnswer]]:
        """Return the answers that a beam search finds for each question, best first.

        xs (N, T_enc): questions, each as ``encode`` returns it. A width of 1 is greedy decoding.
        """
        found = self.model.beam_search(xs, self.start_id, self.T_dec, beam_width)
        ids, probabilities = to_cpu(found.ids), np.exp(to_cpu(found.log_probs))
        maps = None if found.attention_weights is None else to_cpu(self.as_written(found.attention_weights))
        questions = [self.vocabulary.decode(x).rstrip(" ") for x in self.as_written(xs)]
        text = self.vocabulary.decode
        return [
            [
                DateAnswer(question, text(ids[n, k]).rstrip(" "), float(p), None if maps is None else maps[n, k])
                for k, p in enumerate(probabilities[n])
            ]
            for n, question in enumerate(questions)
        ]

    def weights_under(self, xs, answer: str):
        """Return the attention weights (T_dec, T_enc) for a question xs (1, T_enc) while this answer is fed in."""
        self._feed(xs, answer)
        return to_cpu(self.as_written(self.model.decoder.attention.attention_weights[:, 0]))

    def heads_under(self, xs, answer: str, part: str = "cross"):
        """Return the weights of each head (layers, heads, T_out, T_in) for a question while this answer is fed in.

        xs (1, T_enc), answer: as for ``weights_under``, whose weights are the mean of these. part: which attention, and
        its T_out and T_in: see ``seq2seq.head_maps``. All in the order of the text.
        Raises ValueError for a model without heads, and for another part.
        """
        self.expect_heads()
        self._feed(xs, answer)
        weights = to_cpu(head_maps(self.model, part)[0])
        if part != "decoder":
            weights = self.as_written(weights)
        return self.as_written(weights.swapaxes(2, 3)).swapaxes(2, 3) if part == "encoder" else weights

    def _feed(self, xs, answer: str) -> None:
        """Run the model forward on a question xs (1, T_enc) and an answer."""
        ts = np.concatenate(([self.start_id], self.vocabulary.encode(answer)))[None]
        with inference(self.model):
            self.model.forward(xs, ts)

    def plot_heads(self, question: str, part: str = "cross", axes=None):
        """Draw where each head of a Transformer looks while it writes its answer: see ``seq2seq.plot_heads``.

        part: ``"cross"``, or the self-attention of the ``"encoder"`` or ``"decoder"``. Returns the Axes, the mean's
        first. Raises ValueError as ``ask``, for a model without heads, and for another part.
        """
        from experiment.plot_dates import map_of, plot_heads_of, title_of

        self.expect_heads()
        expect_text("DateModel.plot_heads", question)
        truth = self.answer_to(question)
        found, verdict = map_of(self, question, truth, of_test=False)
        return plot_heads_of(self, found, part, axes, title=title_of(found, truth, verdict))

    def expect_maps(self) -> None:
        """Raise ValueError for a model without attention maps."""
        if not self.model.has_maps:
            raise ValueError(f"{self.path}: {type(self.model).__name__} has no attention maps")

    def expect_heads(self) -> None:
        """Raise ValueError for a model whose attention has no heads."""
        if not has_heads(self.model):
            raise ValueError(f"{self.path}: {type(self.model).__name__} has no heads; a Transformer has")

    def as_written(self, read):
        """Convert ids or weights (..., T_enc) between reading order and text order."""
        return read[..., ::-1] if self.reverse else read

    def encode(self, text: str, *, of_test: bool = False):
        """Return the ids (T_enc,) as the encoder reads them. Raises ValueError for a text that cannot be asked.

        of_test: whether this is a test question, which may be empty, begin with spaces, or have characters that no
        training question has.
        """
        if not of_test and not text.strip():
            raise ValueError("expected a question, got an empty text")
        asked, seen = (text, None) if of_test else (text.strip(), self.question_characters)
        ids = self.vocabulary.encode(asked, self.T_enc, seen=seen)
        return self.as_written(ids)

    def parsed(self, question: str) -> dates.Parsed | None:
        """Parse a question, padded as the model reads it; None if it, or what the model writes, is not a date."""
        if self.answers_dates:
            with suppress(ValueError):
                return dates.parse(question.strip().ljust(self.T_enc))
        return None

    def answer_to(self, question: str) -> str | None:
        """Return the right answer to a date, or None if the question is not a date."""
        parsed = self.parsed(question)
        return parsed and parsed.date

    def decode(self, xs):
        """Write the model's own answers to xs (N, T_enc): see ``Seq2seq.decode``."""
        return self.model.decode(xs, self.start_id, self.T_dec)

    def test_questions(self) -> list[tuple[str, str]]:
        """Return questions and answers of the test part.

        Raises ValueError if the data changed since the training, and if there is none.
        """
        if not self.data:
            raise ValueError(f"{self.path}: imported without data, so it has no test questions; --text asks your own")
        expect_facts(self.path, WRITERS, self.data, dict(path=str | None, sha256=str, leak_free=bool))
        data = open_data(self.data["path"])
        if data.sha256 != self.data["sha256"]:
            raise ValueError(f"{data.source}: changed since {self.path} was trained on it (SHA-256 differs)")
        _, (x_test, t_test) = data.split(leak_free=self.data["leak_free"])
        text = data.vocabulary.decode
        return [(text(x), text(t[1:])) for x, t in zip(x_test, t_test, strict=True)]


def open_data(path: str | None) -> SequenceData:
    """Read a data file, or generate the dates when path is None."""
    if path is None:
        return generate("date.txt")
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: no such data file; without --data, dates are generated")
    return read(path)
