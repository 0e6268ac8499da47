"""Compare a trained model's attention with what its outputs depend on: gradient x input, and occlusion.

python scripts/faithfulness.py --run runs/date     # a run of train_date.py
python scripts/faithfulness.py --run runs/text     # a run of train_text.py
python scripts/faithfulness.py --text "May 1, 1972"    # token by token
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import entry
import numpy as np
from tqdm import tqdm

from classifier.faithfulness import parts as classifier_parts
from classifier.token_table import numbers
from common.faithfulness import Parts, rank_correlations, summary
from experiment.command_line import Parser, natural, positive_int
from experiment.corpus import pad
from experiment.date_model import DateModel
from experiment.text_model import TextModel
from seq2seq.faithfulness import parts as seq2seq_parts
from support.terminal import ljust, visible, width_of

BATCH = 100
PAIRS = {  # gradients and drops may be of either sign; it is their size that tells how much depends on a token
    "attention, |gradient x input|": lambda p: (p.attention, abs(p.gradient)),
    "attention, |occlusion|": lambda p: (p.attention, abs(p.occlusion)),
    "|gradient x input|, |occlusion|": lambda p: (abs(p.gradient), abs(p.occlusion)),
}


class Asked(NamedTuple):
    """what: the examples, in words. xs: their ids (N, T). parts: of a batch of them. names: of one example's ids (T,),
    what the model wrote, T_out texts; its tokens; and their places in the order of reading."""

    what: str
    xs: np.ndarray
    parts: Callable[[np.ndarray], Parts]
    names: Callable[[np.ndarray], tuple[list[str], list[str], range]]


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/date"), metavar="DIR", help="what a training script wrote"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--count", type=positive_int, metavar="N", help="of the first N test examples (default: all)")
    which.add_argument("--index", type=natural, metavar="N", help="of one test example, token by token")
    which.add_argument("--text", help="of a question or text of your own, token by token")
    return parser.parse_args()


def main() -> int:
    args = parse()
    asked = (of_texts if (args.run / "best.npz").is_file() else of_dates)(args)
    found, alone = {pair: [] for pair in PAIRS}, args.count is None and len(asked.xs) == 1
    for start in tqdm(range(0, len(asked.xs), BATCH), disable=None, unit="batch", leave=False):
        parts = asked.parts(asked.xs[start : start + BATCH])
        for pair, two in PAIRS.items():
            found[pair].append(rank_correlations(*two(parts), parts.seen))
    found = {pair: np.concatenate(each) for pair, each in found.items()}
    if alone:
        print_tokens(parts, *asked.names(asked.xs[:1][0]))
    print(f"{asked.what}: Spearman's rank correlation\n{'':<31} {'mean':>6} {'spread':>7} {'left out':>9}")
    for pair, each in found.items():
        mean, spread, left_out = summary(each)
        print(f"{pair:<31} {mean:>6.2f} {spread:>7.2f} {left_out:>9}")
    if each.shape[1] > 1:
        print(f"\n{'mean at each character':<31} {' '.join(f'{i:>5}' for i in range(1, each.shape[1] + 1))}")
        for pair, each in found.items():
            print(f"{pair:<31} {' '.join(f'{summary(column[:, None]).mean:>5.2f}' for column in each.T)}")
    return 0


def print_tokens(parts: Parts, outputs: list[str], tokens: list[str], places: range) -> None:
    """A line for each output and token of the one example: what the token did for it, in the three ways."""
    outputs, tokens = ([visible(text) for text in texts] for texts in (outputs, tokens))
    wide = [max(map(width_of, texts)) for texts in (["output", *outputs], ["token", *tokens])]
    seen = parts.seen[0]
    shown = [np.reshape(numbers(np.where(seen, part[0], 0).ravel()), part[0].shape) for part in parts[:3]]
    row = "{} {}  {:>11}  {:>16}  {:>11}".format
    print(row(*map(ljust, ("output", "token"), wide), "attention", "gradient x input", "occlusion"))
    for i, output in enumerate(outputs):
        for t in places:
            if seen[t]:
                print(row(*map(ljust, (output, tokens[t]), wide), *(part[i, t] for part in shown)))
        print()


def chosen(args, examples: Callable[[], list[str]]) -> list[str]:
    """The examples that were asked for: the text, or those of the test part."""
    if args.text is not None:
        if not args.text.strip():
            raise ValueError("--text: a text wanted, got nothing but spaces")
        return [args.text]
    found = examples()
    if args.index is None:
        return found[: args.count]
    if args.index >= len(found):
        raise ValueError(f"--index {args.index}: the test part has {len(found)} examples, 0..{len(found) - 1}")
    return [found[args.index]]


def of_dates(args) -> Asked:
    date_model = DateModel(args.run)
    model, vocabulary, sizes = date_model.model, date_model.vocabulary, (date_model.start_id, date_model.T_dec)
    if " " not in date_model.question_characters:
        raise ValueError(f"{date_model.path}: its questions have no spaces, which stand for what is left out")
    questions = chosen(args, lambda: [question for question, _ in date_model.test_questions()])
    xs = np.stack([date_model.encode(question, of_test=args.text is None) for question in questions])
    places = range(date_model.T_enc)[:: -1 if date_model.reverse else 1]
    return Asked(
        f"{date_model.path}: {counted(args, len(xs), 'question')}, {date_model.T_dec} characters of each answer",
        xs,
        lambda xs: seq2seq_parts(model, xs, *sizes, vocabulary.char_to_id[" "]),
        lambda x: (list(vocabulary.decode(date_model.decode(x[None]).ids[0])), list(vocabulary.decode(x)), places),
    )


def of_texts(args) -> Asked:
    text_model = TextModel(args.run)
    tokens = [text_model.tokens(text) for text in chosen(args, lambda: text_model.test_texts().texts)]
    tokens = sorted(filter(None, tokens), key=len)
    if not tokens:
        raise ValueError(f"{text_model.path}: the text has no token")
    xs = pad(tokens, text_model.vocabulary, text_model.facts["padding"], None)

    def names(x: np.ndarray) -> tuple[list[str], list[str], range]:
        probabilities, _ = text_model.model.explain(x[None])
        return [text_model.classes[probabilities[0].argmax()]], tokens[0], range(len(x))

    what = f"{text_model.path}: the class of {counted(args, len(xs), 'text')}"
    return Asked(what, xs, lambda xs: classifier_parts(text_model.model, xs), names)


def counted(args, count: int, what: str) -> str:
    return f"{count} {'test ' if args.text is None else ''}{what}{'s' * (count != 1)}"


if __name__ == "__main__":
    entry.run(main)
