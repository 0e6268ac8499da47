"""Write one page of HTML that runs a trained text classifier in the browser, and shows where it looks.

python scripts/explore_text_attention.py                                  # with the first 200 test texts
python scripts/explore_text_attention.py --text "京都でラーメンを食べた" --out kyoto.html
python scripts/explore_text_attention.py --run runs/gru --run runs/seqself    # side by side
"""

from pathlib import Path

import entry

from experiment import TextModel
from experiment.command_line import Parser, positive_int
from experiment.page_size import suggestion
from experiment.text_page import expect_tokens, page_of, read_texts
from support.atomic_file import replacing
from support.html_page import Phrase

COUNT = 200


def parse():
    parser = Parser(description=__doc__)
    runs = "folder that train_text.py wrote; one --run for each that stands side by side (default: runs/text)"
    parser.add_argument("--run", type=Path, action="append", metavar="DIR", help=runs)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--count", type=positive_int, metavar="K", help=f"test texts (default {COUNT})")
    what.add_argument("--text", nargs="+", metavar="TEXT", help="your own texts instead")
    what.add_argument("--file", type=Path, metavar="FILE", help="a file of texts, one per line")
    parser.add_weights()
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default: attention.html in the first run's folder)")
    args = parser.parse_args()
    args.run = args.run or [Path("runs/text")]
    if args.text is None and args.file is None:
        args.count = args.count or COUNT
    args.out = parser.page_path(args)
    return args


def main() -> int:
    args = parse()
    text_models = [TextModel(run) for run in args.run]
    pairs, origin = texts(args, text_models)
    page = page_of(text_models, pairs, origin, args.weights, args.count)
    with replacing(args.out) as file:
        file.write(page)
    count = len(pairs[: args.count])
    print(f"written to {args.out}: {len(page) / 1e6:.1f} MB, {count:,} text{'s' * (count > 1)}")
    if (hint := suggestion(page, args.weights)) is not None:
        print(hint)
    return 0


def texts(args, text_models: list[TextModel]) -> tuple[list[tuple[str, str | None]], Phrase]:
    """Return the texts with their classes (None if unknown), and a phrase for where they are from."""
    if args.text is not None:
        for text in args.text:
            expect_tokens(text_models, text)
        return [(text, None) for text in args.text], "texts from the command line"
    if args.file is not None:
        return read_texts(args.file, text_models), ("texts of {file}", {"file": args.file.name})
    first = text_models[0]
    test = first.test_texts()
    pairs = [(text, test.classes[label]) for text, label in zip(test.texts, test.labels, strict=True)]
    counts = {"count": f"{min(args.count, len(pairs)):,}", "all": f"{len(pairs):,}"}
    if first.facts["data"]["path"]:
        source = Path(first.facts["data"]["path"]).name
        return pairs, ("{count} of {all} test texts of {source}", counts | {"source": source})
    return pairs, ("{count} of {all} test texts of generated sentences", counts)


if __name__ == "__main__":
    entry.run(main)
