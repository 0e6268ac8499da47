"""Write one page of HTML that runs a trained text classifier in the browser, and shows where it looks.

python scripts/explore_text_attention.py                                  # with the first 200 test texts
python scripts/explore_text_attention.py --text "京都でラーメンを食べた" --out kyoto.html
python scripts/explore_text_attention.py --run runs/gru --run runs/seqself    # side by side
"""

from pathlib import Path

import entry

from experiment import TextModel
from experiment.page_options import PageParser, write
from experiment.text_page import expect_tokens, page_of, read_texts
from support.html_page import Phrase


def parse():
    parser = PageParser(description=__doc__, script="train_text.py", run="runs/text")
    parser.add_page("text", "texts")
    return parser.parse_args()


def main() -> int:
    args = parse()
    text_models = [TextModel(run) for run in args.run]
    pairs, origin = texts(args, text_models)
    page = page_of(text_models, pairs, origin, args.weights, args.count)
    write(page, args, len(pairs[: args.count]), "text")
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
