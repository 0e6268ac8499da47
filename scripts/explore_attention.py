"""Write one page of HTML that runs a trained attention model in the browser, and shows where it looks.

python scripts/explore_attention.py                                     # with the first 200 test questions
python scripts/explore_attention.py --text "May 1, 1972" --out may.html
"""

from pathlib import Path

import entry

from experiment import DateModel
from experiment.command_line import Parser, positive_int
from experiment.date_page import page_of, read_pairs
from support.atomic_file import replacing
from support.html_page import Phrase

COUNT = 200


def parse():
    parser = Parser(description=__doc__)
    parser.add_run_of_dates()
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--count", type=positive_int, default=COUNT, metavar="K", help="test questions (default 200)")
    what.add_argument("--text", nargs="+", metavar="TEXT", help="your own questions instead")
    what.add_argument(
        "--file", type=Path, metavar="FILE", help="a file of questions: question or question_answer, one per line"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default: attention.html in the run's folder)")
    args = parser.parse_args()
    args.out = parser.page_path(args)
    return args


def main() -> int:
    args = parse()
    date_model = DateModel(args.run, args.model)
    pairs, origin = questions(args, date_model)
    page = page_of(date_model, pairs, origin, of_test=args.text is None and args.file is None)
    with replacing(args.out) as file:
        file.write(page)
    print(f"written to {args.out}: {len(page) / 1e6:.1f} MB, {len(pairs):,} question{'s' * (len(pairs) > 1)}")
    return 0


def questions(args, date_model: DateModel) -> tuple[list[tuple[str, str | None]], Phrase]:
    """Return the questions with their answers (None if unknown), and a phrase for where they are from."""
    if args.text is not None:
        return [(text, date_model.answer_to(text)) for text in args.text], "questions from the command line"
    if args.file is not None:
        return list(read_pairs(args.file, date_model)), ("questions of {file}", {"file": args.file.name})
    pairs = date_model.test_questions()
    counts = {"count": f"{min(args.count, len(pairs)):,}", "all": f"{len(pairs):,}"}
    if date_model.data["path"]:
        source = Path(date_model.data["path"]).name
        return [*pairs[: args.count]], ("{count} of {all} test questions of {source}", counts | {"source": source})
    return [*pairs[: args.count]], ("{count} of {all} test questions of generated dates", counts)


if __name__ == "__main__":
    entry.run(main)
