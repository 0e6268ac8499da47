"""Compare a trained model's attention with what its outputs depend on: gradient x input, and occlusion.

python scripts/faithfulness.py --run runs/date     # a run of train_date.py
python scripts/faithfulness.py --run runs/text     # a run of train_text.py
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from cli import DateModel, Parser, positive_int, run
from text_run import TextModel, pad

from classifier.faithfulness import parts as classifier_parts
from common.faithfulness import Parts, rank_correlations, summary
from seq2seq.faithfulness import parts as seq2seq_parts

BATCH = 100
PAIRS = {  # gradients and drops may be of either sign; it is their size that tells how much depends on a token
    "attention, |gradient x input|": lambda p: (p.attention, abs(p.gradient)),
    "attention, |occlusion|": lambda p: (p.attention, abs(p.occlusion)),
    "|gradient x input|, |occlusion|": lambda p: (abs(p.gradient), abs(p.occlusion)),
}


def parse():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--run", type=Path, default=Path("runs/date"), metavar="DIR", help="what a training script wrote"
    )
    parser.add_argument("--count", type=positive_int, metavar="N", help="of the first N test examples (default: all)")
    return parser.parse_args()


def main() -> int:
    args = parse()
    what, batches = (of_texts if (args.run / "best.npz").is_file() else of_dates)(args)
    found = {pair: [] for pair in PAIRS}
    for parts in batches:
        for pair, two in PAIRS.items():
            found[pair].append(rank_correlations(*two(parts), parts.seen))
    found = {pair: np.concatenate(each) for pair, each in found.items()}
    print(f"{what}: Spearman's rank correlation\n{'':<31} {'mean':>6} {'spread':>7} {'left out':>9}")
    for pair, each in found.items():
        mean, spread, left_out = summary(each)
        print(f"{pair:<31} {mean:>6.2f} {spread:>7.2f} {left_out:>9}")
    if each.shape[1] > 1:
        print(f"\n{'mean at each character':<31} {' '.join(f'{i:>5}' for i in range(1, each.shape[1] + 1))}")
        for pair, each in found.items():
            print(f"{pair:<31} {' '.join(f'{summary(column[:, None]).mean:>5.2f}' for column in each.T)}")
    return 0


def of_dates(args) -> tuple[str, Iterator[Parts]]:
    """What is measured, and the parts of batches of test questions."""
    date_model = DateModel(args.run)
    if " " not in date_model.vocabulary.char_to_id:
        raise ValueError(f"{date_model.path}: its questions have no spaces, which stand for what is left out")
    questions = [question for question, _ in date_model.test_questions()[: args.count]]
    xs = np.stack([date_model.encode(question) for question in questions])
    space, sizes = date_model.vocabulary.char_to_id[" "], (date_model.start_id, date_model.T_dec)
    batches = (seq2seq_parts(date_model.model, xs[i : i + BATCH], *sizes, space) for i in range(0, len(xs), BATCH))
    return f"{date_model.path}: {len(xs)} test questions, {date_model.T_dec} characters of each answer", batches


def of_texts(args) -> tuple[str, Iterator[Parts]]:
    """What is measured, and the parts of batches of test texts."""
    text_model = TextModel(args.run)
    texts = text_model.test_texts().texts[: args.count]
    tokens = [tokens for tokens in map(text_model.tokens, texts) if tokens]
    xs = pad(sorted(tokens, key=len), text_model.vocabulary, text_model.facts["padding"], None)
    batches = (classifier_parts(text_model.model, xs[i : i + BATCH]) for i in range(0, len(tokens), BATCH))
    return f"{text_model.path}: the class of {len(tokens)} test texts", batches


if __name__ == "__main__":
    run(main)
