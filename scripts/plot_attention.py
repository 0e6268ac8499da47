"""Draw where a trained attention model looked while it wrote a date.

python scripts/plot_attention.py                        # test question 4681
python scripts/plot_attention.py --text "May 1, 1972"
"""

from pathlib import Path

import matplotlib
import numpy as np
from cli import DateModel, Parser, natural, positive_int, run

from common.replacing import replacing

FORMATS = (".png", ".svg", ".pdf")
CHAPTERS_INDEX = 4681
WINDOWLESS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}  # the backends of matplotlib that cannot show


def parse():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/date"), metavar="DIR", help="what train_date.py wrote")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--index", type=natural, metavar="N", help=f"test question (default {CHAPTERS_INDEX}, else 0)")
    what.add_argument("--text", help="a question of your own")
    what.add_argument("--count", type=positive_int, metavar="K", help="draw K random test questions, numbered files")
    parser.add_argument("--given-answer", action="store_true", help="weights under the given answer, as the chapter")
    parser.add_argument("--save", type=Path, metavar="FILE", help="a .png, .svg or .pdf (default: in the run's folder)")
    parser.add_argument("--show", action="store_true", help="open a window")
    parser.add_argument("--cmap", default="Greys_r", help="colour map of matplotlib (default %(default)s)")
    args = parser.parse_args()
    if args.given_answer and args.text is not None:
        parser.error("--given-answer needs a test question: use --index or --count")
    if args.save and args.save.suffix.lower() not in FORMATS:
        parser.error(f"--save {args.save}: one of {', '.join(FORMATS)} wanted")
    if args.cmap not in matplotlib.colormaps:
        parser.error(f"--cmap {args.cmap}: not a colour map of matplotlib; Greys_r, Blues and viridis are some")
    return args


def main() -> int:
    args = parse()
    if not args.show:
        matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    if args.show and plt.get_backend().lower() in WINDOWLESS:
        raise ValueError("--show: no window can be opened here; use --save FILE")
    date_model = DateModel(args.run)
    if args.text is not None:
        draw(date_model, args, args.text, None)
        save(plt.gcf(), args, "text")
    else:
        questions = date_model.test_questions()
        for number, index in enumerate(chosen(args, len(questions)), 1):
            print(f"test question {index}: {draw(date_model, args, *questions[index])}")
            save(plt.gcf(), args, str(index), number if args.count else None)
            if not args.show:
                plt.close()
    if args.show:
        plt.show()
    return 0


def chosen(args, size: int) -> list[int]:
    """The indices of the test questions to draw."""
    if args.count is not None:
        return sorted(np.random.default_rng().choice(size, min(args.count, size), replace=False).tolist())
    index = args.index
    if index is None:
        index = CHAPTERS_INDEX if size > CHAPTERS_INDEX else 0
    if index >= size:
        raise ValueError(f"--index {index}: the test part has {size} questions, 0..{size - 1}")
    return [index]


def draw(date_model: DateModel, args, question: str, answer: str | None) -> str:
    """Draw one map on a new figure; return its title."""
    from seq2seq.plot import plot_attention

    question = question.strip()
    if not question:
        raise ValueError("--text: a question wanted, got nothing but spaces")
    xs = date_model.encode(question)[None]
    decoded = date_model.decode(xs)
    if decoded.attention_weights is None:
        raise ValueError(f"{date_model.path}: a model without attention; there is no map to draw")
    prediction = date_model.vocabulary.decode(decoded.ids[0])
    weights, written = decoded.attention_weights[0], prediction
    if args.given_answer:
        ts = np.concatenate(([date_model.start_id], date_model.vocabulary.encode(answer)))[None]
        date_model.model.forward(xs, ts)
        weights, written = date_model.model.decoder.attention.attention_weights[:, 0], answer
    if date_model.reverse:
        weights = weights[:, ::-1]
    title = f"{question} → {prediction}"
    if answer is not None:
        title += f"  (answer {answer}, {'right' if answer == prediction else 'wrong'})"
    plot_attention(
        weights,
        question.ljust(date_model.T_enc),
        written,
        cmap=args.cmap,
        title=title + ("\nweights under the given answer" if args.given_answer else ""),
    )
    return title


def save(figure, args, name: str, number: int | None = None) -> None:
    """Save the figure where it was asked for; only a window that was asked for without --save is not saved."""
    if args.show and args.save is None:
        return
    path = args.save or args.run / f"attention_{name}.png"
    if number is not None:
        path = args.save or args.run / "attention_random.png"
        path = path.with_stem(f"{path.stem}_{number}")
    with replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)
    print(f"written to {path}")


if __name__ == "__main__":
    run(main)
