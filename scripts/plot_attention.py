"""Draw where a trained attention model looked while it wrote a date, and how it came to look there.

python scripts/plot_attention.py                        # test question 4681
python scripts/plot_attention.py --text "May 1, 1972"
python scripts/plot_attention.py --film                 # of a run of train_date.py --keep-maps
"""

import csv
from contextlib import suppress
from pathlib import Path

import entry
import numpy as np

from dataset import dates
from experiment.command_line import Parser, natural, number, positive_int
from experiment.date_model import TRAIN, DateModel, expect_run_of_dates
from seq2seq.kept_maps import load_maps
from seq2seq.model_file import MODELS
from support.plot_file import save_figure, to_files, to_windows

FORMATS = (".png", ".svg", ".pdf")
CHAPTERS_INDEX = 4681
MOST = 48  # panels of a picture


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/date"), metavar="DIR", help="what train_date.py wrote")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--index", type=natural, metavar="N", help=f"test question (default {CHAPTERS_INDEX}, else 0)")
    what.add_argument("--text", help="a question of your own")
    what.add_argument("--count", type=positive_int, metavar="K", help="draw K random test questions, numbered files")
    panels = number(int, f"a whole number of 1 to {MOST}", lambda value: 1 <= value <= MOST)
    what.add_argument("--grid", type=panels, metavar="K", help="the first K test questions in one picture")
    what.add_argument("--film", action="store_true", help=f"one question's map, epoch by epoch ({TRAIN} --keep-maps)")
    what.add_argument("--measures", action="store_true", help="alignment, pad mass and entropy of the maps, by epoch")
    what.add_argument("--accuracy", action="store_true", help="of the run's models, by the dates' form and letter case")
    parser.add_argument("--given-answer", action="store_true", help="weights under the given answer, as the chapter")
    parser.add_argument("--save", type=Path, metavar="FILE", help="a .png, .svg or .pdf (default: in the run's folder)")
    parser.add_argument("--show", action="store_true", help="open a window")
    parser.add_argument("--cmap", default="Greys_r", help="colour map of matplotlib (default %(default)s)")
    args = parser.parse_args()
    if args.given_answer and (args.text is not None or args.film or args.measures or args.accuracy):
        parser.error("--given-answer needs a test question: use --index, --count or --grid")
    if args.save and args.save.suffix.lower() not in FORMATS:
        parser.error(f"--save {args.save}: one of {', '.join(FORMATS)} wanted")
    return args


def main() -> int:
    args = parse()
    to_windows() if args.show else to_files()
    import matplotlib.pyplot as plt

    if args.cmap not in plt.colormaps():
        raise ValueError(f"--cmap {args.cmap}: not a colour map of matplotlib; Greys_r, Blues and viridis are some")
    one_picture = {"grid": grid, "film": film, "measures": measures, "accuracy": accuracy}
    asked_for = next((name for name in one_picture if getattr(args, name)), None)
    if asked_for is not None:
        figure, name = one_picture[asked_for](args)
        save(figure, args, name)
    elif args.text is not None:
        date_model = DateModel(args.run)
        draw(date_model, args, args.text, date_model.answer_to(args.text))
        save(plt.gcf(), args, "attention_text")
    else:
        date_model = DateModel(args.run)
        questions = date_model.test_questions()
        for place, index in enumerate(chosen(args, len(questions)), 1):
            print(f"test question {index}: {draw(date_model, args, *questions[index])}")
            save(plt.gcf(), args, f"attention_{index}", place if args.count else None)
            if not args.show:
                plt.close()
    if args.show:
        plt.show(block=True)  # even where matplotlib is interactive
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

    found, right = asked(date_model, args, question, answer)
    title = found.title
    if answer is not None:
        title += f"  (answer {answer.rstrip()}, {'right' if right else 'wrong'})"
    note = "\nweights under the given answer" if args.given_answer else ""
    plot_attention(*found[:3], answer=answer, cmap=args.cmap, title=title + note)
    return title


def asked(date_model: DateModel, args, question: str, answer: str | None):
    """The AttentionMap of a question, titled with what the model wrote; and whether that is the answer."""
    from seq2seq.plot import AttentionMap

    question = question.strip()
    if not question:
        raise ValueError("--text: a question wanted, got nothing but spaces")
    xs = date_model.encode(question, of_test=args.text is None)[None]
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
    title = f"{question} → {prediction.rstrip()}"
    return AttentionMap(weights, question.ljust(date_model.T_enc), written, answer, title), prediction == answer


def grid(args):
    """The first test questions as small multiples."""
    from seq2seq.plot import RIGHT, WRONG, plot_attention_grid

    date_model = DateModel(args.run)
    maps = []
    for index, (question, answer) in enumerate(date_model.test_questions()[: args.grid]):
        found, right = asked(date_model, args, question, answer)
        maps.append(found._replace(title=f"{found.title} {RIGHT if right else WRONG}"))
        verdict = "right" if right else "wrong"
        print(f"test question {index}: {found.title}  (answer {answer.rstrip()}, {verdict})")
    note = "weights under the given answer" if args.given_answer else None
    return plot_attention_grid(maps, cmap=args.cmap, title=note)[0].figure, "attention_grid"


def film(args):
    """The maps that were kept, an epoch a panel; of more than MOST epochs as many, evenly spread."""
    from seq2seq.plot import plot_film

    expect_run_of_dates(args.run)
    path = args.run / "maps.npz"
    if not path.is_file():
        raise FileNotFoundError(f"no maps at {path}; record them with: {TRAIN} --keep-maps --out {args.run}")
    kept = load_maps(path)
    shown = np.unique(np.linspace(0, len(kept.weights) - 1, min(MOST, len(kept.weights))).round().astype(int))
    written, epochs = [kept.written[i] for i in shown], (shown + 1).tolist()
    axes = plot_film(kept.weights[shown], kept.question, written, kept.answer, epochs=epochs, cmap=args.cmap)
    return axes[0].figure, "film"


def measures(args):
    """Curves of the measures in history.csv."""
    from seq2seq.plot import plot_measures

    expect_run_of_dates(args.run)
    path = args.run / "history.csv"
    found = []
    if path.is_file():
        try:
            for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
                if row.get("model") == "attention" and row.get("pad_mass"):
                    names = ("pad_mass", "entropy", "alignment") if row.get("alignment") else ("pad_mass", "entropy")
                    found.append({"epoch": int(row["epoch"])} | {name: float(row[name]) for name in names})
        except (ValueError, TypeError, KeyError, csv.Error) as error:
            raise ValueError(f"{path}: not written by train_date.py: {error}") from error
    if not found:
        raise ValueError(f"no measures of maps in {path}; record them with: {TRAIN} --out {args.run}")
    return plot_measures(found).figure, "measures"


def accuracy(args):
    """Bars of the accuracy of each model of the run by form of the date, and by letter case where it has letters."""
    from seq2seq.plot import plot_accuracies

    names = [name for name in MODELS if (args.run / f"{name}.npz").is_file()]
    found, tests = {}, None
    for date_model in [DateModel(args.run, name) for name in names or ["attention"]]:
        before, tests = tests, date_model.test_questions()
        if before not in (None, tests):
            raise ValueError(f"{date_model.path}: trained on other data than the run's other models")
        questions, answers = zip(*tests, strict=True)
        own = date_model.decode(np.stack([date_model.encode(question, of_test=True) for question in questions])).ids
        groups = {group: [] for group in (*dates.FORMS, *dates.CASES)}
        for question, answer, ids in zip(questions, answers, own, strict=True):
            with suppress(ValueError):
                for group in filter(None, dates.style(question)):
                    groups[group].append(date_model.vocabulary.decode(ids) == answer)
        counts = {group: len(right) for group, right in groups.items()}
        if not any(counts.values()):
            raise ValueError(f"{date_model.path}: no test question is a date, so they have no forms")
        found[date_model.path.stem] = groups
    shares = {
        name: {f"{group}\n{counts[group]:,}": np.mean(right) for group, right in groups.items() if right}
        for name, groups in found.items()
    }
    for name, of in shares.items():
        print(f"{name:<9} " + ", ".join(f"{group.split()[0]} {100 * share:.2f}%" for group, share in of.items()))
    ax = plot_accuracies(shares)
    ax.set_xlabel("form of the date and letter case, number of test questions")
    return ax.figure, "accuracy_by_format"


def save(figure, args, name: str, number: int | None = None) -> None:
    """Save the figure where it was asked for; only a window that was asked for without --save is not saved."""
    if args.show and args.save is None:
        return
    path = args.save or args.run / f"{name}.png"
    if number is not None:
        path = args.save or args.run / "attention_random.png"
        path = path.with_stem(f"{path.stem}_{number}")
    save_figure(path, figure, close=False)
    print(f"written to {path}")


if __name__ == "__main__":
    entry.run(main)
