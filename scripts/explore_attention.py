"""Write one page of HTML that runs a trained attention model in the browser, and shows where it looks.

python scripts/explore_attention.py                                     # with the first 200 test questions
python scripts/explore_attention.py --text "May 1, 1972" --out may.html
"""

from collections.abc import Iterator
from pathlib import Path

import entry
import numpy as np

from common.layer import named_params
from dataset import dates
from dataset.files import read_text
from experiment.command_line import Parser, positive_int
from experiment.date_model import DateModel
from seq2seq.page import Example, to_page
from support.atomic_file import replacing

COUNT = 200


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/date"), metavar="DIR", help="what train_date.py wrote")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--count", type=positive_int, default=COUNT, metavar="K", help="test questions (default 200)")
    what.add_argument("--text", nargs="+", metavar="TEXT", help="questions of your own instead")
    what.add_argument("--file", type=Path, metavar="FILE", help="a file of them, a line question or question_answer")
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default: attention.html in the run's folder)")
    args = parser.parse_args()
    args.out = args.out or args.run / "attention.html"
    if args.out.suffix.lower() not in (".html", ".htm"):
        parser.error(f"--out {args.out}: a file named .html wanted")
    return args


def main() -> int:
    args = parse()
    date_model = DateModel(args.run)
    date_model.expect_maps()
    pairs, origin = questions(args, date_model)
    examples = ask(date_model, pairs, of_test=args.text is None and args.file is None)
    name = date_model.path.resolve().parent.name
    page = to_page(
        date_model.model,
        examples,
        vocabulary=date_model.vocabulary.chars,
        question_characters=date_model.question_characters,
        start=date_model.vocabulary.id_to_char[date_model.start_id],
        T_enc=date_model.T_enc,
        T_dec=date_model.T_dec,
        reverse=date_model.reverse,
        title=f"Where the model looks: {name}",
        about=[
            f"seq2seq with attention, {sum(p.size for p in named_params(date_model.model).values()):,} weights",
            f"run {name}",
            origin,
            f"reads {'backwards' if date_model.reverse else 'forwards'}",
        ],
        dates={"written": dates.WRITTEN, "months": dates.MONTHS} if date_model.answers_dates else None,
    )
    with replacing(args.out) as file:
        file.write(page)
    print(f"written to {args.out}: {len(page) / 1e6:.1f} MB, {len(examples):,} question{'s' * (len(examples) > 1)}")
    return 0


def questions(args, date_model: DateModel) -> tuple[list[tuple[str, str | None]], str]:
    """Questions with their answers, None where none is given, and where they are from."""
    if args.text is not None:
        return [(text, date_model.answer_to(text)) for text in args.text], "questions from the command line"
    if args.file is not None:
        return list(lines(args.file, date_model)), f"questions of {args.file.name}"
    pairs = date_model.test_questions()
    source = Path(date_model.data["path"]).name if date_model.data["path"] else "generated dates"
    return pairs[: args.count], f"{min(args.count, len(pairs)):,} of {len(pairs):,} test questions of {source}"


def lines(path: Path, date_model: DateModel) -> Iterator[tuple[str, str | None]]:
    """Of each line the question and its answer. Raises ValueError that names the line."""
    start = date_model.vocabulary.id_to_char[date_model.start_id]
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        question, mark, answer = line.partition(start)
        try:
            date_model.encode(question)
            if mark and not answer:
                raise ValueError(f"no answer after {start!r}")
            date_model.vocabulary.encode(answer, date_model.T_dec)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        yield question, answer.ljust(date_model.T_dec) if mark else date_model.answer_to(question)


def ask(date_model: DateModel, pairs: list[tuple[str, str | None]], *, of_test: bool) -> list[Example]:
    """The questions with what the model writes; of_test: see ``DateModel.encode``.

    Raises ValueError where there is none, or one that is empty.
    """
    own = date_model.decode(np.stack([date_model.encode(question, of_test=of_test) for question, _ in pairs])).ids
    text = date_model.vocabulary.decode
    parsed = [date_model.parsed(question) for question, _ in pairs]
    return [
        Example(question.strip(), answer, text(ids), date and date.truth)
        for (question, answer), ids, date in zip(pairs, own, parsed, strict=True)
    ]


if __name__ == "__main__":
    entry.run(main)
