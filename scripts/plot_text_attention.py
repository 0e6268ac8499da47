"""Show what a trained classifier of texts looked at: a table of the tokens, or a heat map with the words in its cells.

python scripts/plot_text_attention.py                              # test text 83
python scripts/plot_text_attention.py --text "京都でラーメンを食べた" --save table.html
"""

import sys
from pathlib import Path

import entry
import numpy as np

from classifier.token_table import TokenTable, to_csv, to_html, to_text, token_table
from dataset.labelled import LabelledTexts
from dataset.words import UNK
from experiment.command_line import Parser, natural
from experiment.text_model import TextModel, draw_batch, rows_of_batch
from support.atomic_file import replacing
from support.plot_file import save_figure, to_files

TABLES = {".csv": "csv", ".html": "html"}
PICTURES = (".png", ".svg", ".pdf")
ORIGINALS_INDEX = 83


def parse():
    note = "In a run of bow the weight of a word is its evidence for the class; there is no attention."
    parser = Parser(description=__doc__, epilog=note)
    parser.add_argument("--run", type=Path, default=Path("runs/text"), metavar="DIR", help="what train_text.py wrote")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--index", type=natural, metavar="N", help=f"test text (default {ORIGINALS_INDEX}, else 0)")
    what.add_argument("--text", help="a text of your own")
    what.add_argument(
        "--batch", type=natural, metavar="N", help="a heat map, or a page, of some test texts: the N-th batch of them"
    )
    parser.add_argument("--weights", metavar="KIND", help="seqself: received (default) or output_max, as the original")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help=f"{', '.join(TABLES)}: the table; {', '.join(PICTURES)}: a heat map (gru, --batch), else the table",
    )
    args = parser.parse_args()
    endings = (".html", *PICTURES) if args.batch is not None else (*TABLES, *PICTURES)
    if args.save and args.save.suffix.lower() not in endings:
        parser.error(f"--save {args.save}: one of {', '.join(endings)} wanted")
    return args


def main() -> int:
    args = parse()
    to_files()
    text_model = TextModel(args.run)
    if args.batch is not None:
        path = args.save or args.run / "fig" / f"attention_{args.batch}.png"
        test = text_model.test_texts()
        if path.suffix.lower() == ".html":
            save_page(path, text_model, test.take(rows_of_batch(test, args.batch)), args)
        else:
            figure = draw_batch(text_model, test, args.batch, args.weights)
            path.parent.mkdir(exist_ok=True)
            save_figure(path, figure)
        print(f"written to {path}")
        return 0
    if args.text is not None:
        text, label = args.text, None
    else:
        test = text_model.test_texts()
        index = args.index
        if index is None:
            index = ORIGINALS_INDEX if len(test.texts) > ORIGINALS_INDEX else 0
        if index >= len(test.texts):
            raise ValueError(f"--index {index}: the test part has {len(test.texts)} texts, 0..{len(test.texts) - 1}")
        text, label = test.texts[index], test.classes[test.labels[index]]
    (tokens,), (p,), (weights,) = text_model.explain([text], args.weights)
    if not tokens:
        raise ValueError(f"no token in the text {text!r}")
    header, table = header_lines(text_model, tokens, p, label), token_table(tokens, weights)
    if args.save is not None:
        save(args.save, text_model, header, table)
    print("\n".join(header))
    print(to_text(table, colour=sys.stdout.isatty()), end="")
    if args.save is not None:
        print(f"written to {args.save}")
    return 0


def header_lines(text_model: TextModel, tokens: list[str], p: np.ndarray, label: str | None) -> list[str]:
    """The original's two lines about a text: its tokens, and its class beside the one predicted; a third for tokens
    that the model does not know."""
    best = int(p.argmax())
    predicted = text_model.classes[best]
    unknown = dict.fromkeys(token for token in tokens if text_model.vocabulary.encode([token])[0] == UNK)
    verdict = "" if label is None else f"(L){label} {'==' if label == predicted else '!='} "
    lines = [f"input: {'|'.join(tokens)}", f"label: {verdict}(P){predicted}({p[best]:.2f})"]
    nothing = " (every token of the text: the model read nothing but their number)" * (unknown.keys() >= set(tokens))
    return lines + [f"unknown: {'|'.join(unknown)}{nothing}"] * bool(unknown)


def save_page(path: Path, text_model: TextModel, texts: LabelledTexts, args) -> None:
    """One page with the tables of all the texts that have a token."""
    tables = [
        (header_lines(text_model, tokens, p, texts.classes[label]), token_table(tokens, weights))
        for tokens, p, weights, label in zip(*text_model.explain(texts.texts, args.weights), texts.labels, strict=True)
        if tokens
    ]
    with replacing(path) as file:
        page = to_html(tables, f"Token weights: batch {args.batch} of the test texts", **words_of_page(text_model))
        file.write(page.encode("utf-8", "backslashreplace"))


def words_of_page(text_model: TextModel) -> dict[str, str]:
    """The language of the texts, and what the shades are."""
    lang = "en" if text_model.facts["tokenizer"]["name"] == "words" else "ja"
    return {"lang": lang, "note": "The darker a token, the further its weight is above the mean of its text."}


def save(path: Path, text_model: TextModel, header: list[str], table: TokenTable) -> None:
    from classifier.plot import plot_token_table, plot_word_attention
    from support.plot_text import TooLarge

    suffix = path.suffix.lower()
    if suffix in TABLES:
        page = to_html([(header, table)], f"Token weights: {header[1]}", **words_of_page(text_model))
        content = to_csv(table) if suffix == ".csv" else page
        with replacing(path) as file:
            file.write(content.encode("utf-8", "backslashreplace"))
    else:
        try:
            if "attention" in text_model.model.token_weight_kinds:
                lines = len(table.tokens)  # all of them
                ax = plot_word_attention([table.tokens], [table.weight], labels=[""], title=header[1], max_lines=lines)
            else:
                ax = plot_token_table(table, title=header[1])
        except TooLarge as error:
            tokens = f"{len(table.tokens)} tokens"
            raise ValueError(f"--save {path}: {tokens} are too many for a picture; save .html or .csv") from error
        save_figure(path, ax.figure)


if __name__ == "__main__":
    entry.run(main)
