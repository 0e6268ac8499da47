"""Show what a trained classifier of texts looked at: a table of the tokens, or a heat map with the words in its cells.

python scripts/plot_text_attention.py                              # test text 83
python scripts/plot_text_attention.py --text "京都でラーメンを食べた" --save table.html
"""

import sys
from pathlib import Path

import entry

from classifier.token_table import TokenTable, to_csv, to_html, to_text
from experiment import TextAnswer, TextModel
from experiment.command_line import Parser, natural
from experiment.text_model import draw_batch, rows_of_batch
from support.atomic_file import replacing
from support.plot_file import save_figure, to_files

TABLES = {".csv": "csv", ".html": "html"}
PICTURES = (".png", ".svg", ".pdf")
ORIGINALS_INDEX = 83
NOTE = "The darker a token, the further its weight is above the mean of its text."


def parse():
    note = "The model bow has no attention: the weight of a word is its evidence for the class."
    parser = Parser(description=__doc__, epilog=note)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/text"), metavar="DIR", help="folder that train_text.py wrote"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--index", type=natural, metavar="N", help=f"test text (default {ORIGINALS_INDEX}, else 0)")
    what.add_argument("--text", help="your own text")
    what.add_argument(
        "--batch", type=natural, metavar="N", help="draw the N-th batch of test texts as a heat map, or as a page"
    )
    parser.add_argument(
        "--weights", metavar="KIND", help="seqself: received (default), or output_max as in the original"
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help=f"{', '.join(TABLES)}: the table; {', '.join(PICTURES)}: a heat map (gru, --batch), else the table",
    )
    args = parser.parse_args()
    endings = (".html", *PICTURES) if args.batch is not None else (*TABLES, *PICTURES)
    if args.save and args.save.suffix.lower() not in endings:
        parser.error(f"--save {args.save}: expected a name that ends in {', '.join(endings)}")
    return args


def main() -> int:
    args = parse()
    to_files()
    text_model = TextModel(args.run)
    if args.batch is not None:
        path = save_batch(args, text_model)
    else:
        text, truth = (args.text, None) if args.text is not None else of_test(args, text_model)
        answer, path = text_model.ask(text, args.weights), args.save
        header, table = answer.header(truth), answer.table()
        if path is not None:
            save(path, answer, header, table)
        print("\n".join(header))
        print(to_text(table, colour=sys.stdout.isatty()), end="")
    if path is not None:
        print(f"written to {path}")
    return 0


def of_test(args, text_model: TextModel) -> tuple[str, str]:
    """Return the test text that was asked for, and its class."""
    test = text_model.test_texts()
    index = args.index
    if index is None:
        index = ORIGINALS_INDEX if len(test.texts) > ORIGINALS_INDEX else 0
    if index >= len(test.texts):
        raise ValueError(f"--index {index}: the test part has {len(test.texts)} texts, 0..{len(test.texts) - 1}")
    return test.texts[index], test.classes[test.labels[index]]


def save_batch(args, text_model: TextModel) -> Path:
    """Save the heat map of a batch of the test texts, or a page with the tables of those that have a token."""
    path = args.save or args.run / "fig" / f"attention_{args.batch}.png"
    test = text_model.test_texts()
    if path.suffix.lower() != ".html":
        figure = draw_batch(text_model, test, args.batch, args.weights)
        path.parent.mkdir(exist_ok=True)
        save_figure(path, figure)
        return path
    batch = test.take(rows_of_batch(test, args.batch))
    tables = [
        (answer.header(batch.classes[label]), answer.table())
        for answer, label in zip(text_model.answers(batch.texts, args.weights), batch.labels, strict=True)
        if answer.tokens
    ]
    title = f"Token weights: batch {args.batch} of the test texts"
    write(path, to_html(tables, title, lang=text_model.lang, note=NOTE))
    return path


def save(path: Path, answer: TextAnswer, header: list[str], table: TokenTable) -> None:
    from support.plot_text import TooLarge

    suffix = path.suffix.lower()
    if suffix == ".csv":
        write(path, to_csv(table))
    elif suffix == ".html":
        write(path, to_html([(header, table)], f"Token weights: {header[1]}", lang=answer.lang, note=NOTE))
    else:
        try:
            save_figure(path, answer.plot(title=header[1]).figure)
        except TooLarge as error:
            tokens = f"{len(table.tokens)} tokens"
            raise ValueError(f"--save {path}: {tokens} are too many for a picture; save .html or .csv") from error


def write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


if __name__ == "__main__":
    entry.run(main)
