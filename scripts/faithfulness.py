"""Compare a trained model's attention with what its outputs depend on: gradient x input, and occlusion.

python scripts/faithfulness.py --run runs/date     # a run of train_date.py
python scripts/faithfulness.py --run runs/text     # a run of train_text.py
python scripts/faithfulness.py --text "May 1, 1972"    # token by token
"""

from collections.abc import Callable

import entry
from tqdm import tqdm

from common.faithfulness import summary
from experiment import DateModel, TextModel
from experiment.command_line import Parser, natural, positive_int
from experiment.faithfulness import compared, of_dates, of_texts, token_lines


def parse():
    parser = Parser(description=__doc__)
    parser.add_run_of_dates("folder that a training script wrote")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--count", type=positive_int, metavar="N", help="compare the first N test examples (default: all)"
    )
    which.add_argument("--index", type=natural, metavar="N", help="compare one test example, token by token")
    which.add_argument("--text", help="compare your own question or text, token by token")
    args = parser.parse_args()
    args.of_texts = parser.is_of_texts(args)
    return args


def main() -> int:
    args = parse()
    if args.of_texts:
        texts = TextModel(args.run)
        kind, path = "text", texts.path
        examples = of_texts(texts, chosen(args, lambda: texts.test_texts().texts))
    else:
        dates = DateModel(args.run, args.model)
        kind, path = "question", dates.path
        questions = chosen(args, lambda: [question for question, _ in dates.test_questions()])
        examples = of_dates(dates, questions, of_test=args.text is None)
    count, alone = len(examples.xs), args.count is None and len(examples.xs) == 1
    kept = [examples.parts(examples.batches()[0])] if alone else None
    batches = tqdm(examples.batches(), disable=None, unit="batch", leave=False)
    found = compared(kept or map(examples.parts, batches))
    if kept:
        print("\n".join(token_lines(kept[0], *examples.names(examples.xs[:1][0]))))
    asked = f"{count} {'test ' if args.text is None else ''}{kind}{'s' * (count != 1)}"
    what = f"the class of {asked}" if args.of_texts else f"{asked}, {examples.what}"
    print(f"{path}: {what}: Spearman's rank correlation")
    print(f"{'':<31} {'mean':>6} {'spread':>7} {'left out':>9}")
    for pair, each in found.items():
        mean, spread, left_out = summary(each)
        print(f"{pair:<31} {mean:>6.2f} {spread:>7.2f} {left_out:>9}")
    if each.shape[1] > 1:
        print(f"\n{'mean at each character':<31} {' '.join(f'{i:>5}' for i in range(1, each.shape[1] + 1))}")
        for pair, each in found.items():
            print(f"{pair:<31} {' '.join(f'{summary(column[:, None]).mean:>5.2f}' for column in each.T)}")
    return 0


def chosen(args, examples: Callable[[], list[str]]) -> list[str]:
    """Return the examples that were asked for: the text, or examples of the test part."""
    if args.text is not None:
        return [args.text]
    found = examples()
    if args.index is None:
        return found[: args.count]
    if args.index >= len(found):
        raise ValueError(f"--index {args.index}: the test part has {len(found)} examples, 0..{len(found) - 1}")
    return [found[args.index]]


if __name__ == "__main__":
    entry.run(main)
