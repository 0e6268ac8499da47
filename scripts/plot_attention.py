"""Draw where a trained attention model looked while it wrote a date, and how it learned to look there.

python scripts/plot_attention.py                        # test question 4681
python scripts/plot_attention.py --text "May 1, 1972"
python scripts/plot_attention.py --text "May 1, 1972" --beside runs/other
python scripts/plot_attention.py --model transformer    # and the map of each of its heads
python scripts/plot_attention.py --film                 # of a run of train_date.py --keep-maps
"""

from pathlib import Path

import entry
import numpy as np

from experiment import DateModel
from experiment.command_line import Parser, natural, number, positive_int
from experiment.date_model import TRAIN, models_of
from seq2seq.head_maps import PARTS, has_heads
from seq2seq.model_file import MODELS
from support.plot_file import save_figure, to_files, to_windows

FORMATS = (".png", ".svg", ".pdf")
CHAPTERS_INDEX = 4681
MOST = 48  # the most maps in a grid
MEAN = "mean"  # of --part


def parse():
    parser = Parser(description=__doc__)
    parser.add_run_of_dates()
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--index", type=natural, metavar="N", help=f"test question (default {CHAPTERS_INDEX}, else 0)")
    what.add_argument("--text", help="your own question")
    what.add_argument("--count", type=positive_int, metavar="K", help="draw K random test questions, in numbered files")
    panels = number(int, f"a whole number of 1 to {MOST}", lambda value: 1 <= value <= MOST)
    what.add_argument("--grid", type=panels, metavar="K", help="draw the first K test questions in one picture")
    what.add_argument(
        "--film", action="store_true", help=f"draw one question's map, epoch by epoch ({TRAIN} --keep-maps)"
    )
    what.add_argument(
        "--measures", action="store_true", help="draw alignment, pad mass and entropy of the maps, by epoch"
    )
    what.add_argument(
        "--accuracy",
        action="store_true",
        help="draw the accuracy of the run's models, by form and letter case of the date",
    )
    beside = "other runs, whose maps of the question of --text stand beside this run's in one picture"
    parser.add_argument("--beside", type=Path, nargs="+", metavar="DIR", default=[], help=beside)
    parser.add_argument(
        "--given-answer", action="store_true", help="feed the decoder the right answer, as the chapter does"
    )
    part = (
        "of a Transformer: draw the heads of its cross-attention (default) or of the self-attention of its encoder or "
    )
    part += "decoder below their mean, or the mean alone"
    parser.add_argument("--part", choices=[*PARTS, MEAN], help=part)
    parser.add_argument("--save", type=Path, metavar="FILE", help="a .png, .svg or .pdf (default: in the run's folder)")
    parser.add_argument("--show", action="store_true", help="open a window")
    parser.add_argument("--cmap", default="Greys_r", help="matplotlib colour map (default %(default)s)")
    args = parser.parse_args()
    if args.given_answer and (args.text is not None or args.film or args.measures or args.accuracy):
        parser.error("--given-answer needs a test question: use --index, --count or --grid")
    if args.beside and args.text is None:
        parser.error("--beside needs a question to ask of every run: use --text")
    if args.part and args.beside:
        parser.error("--part draws the heads of one model: leave out --beside, or draw each run by itself")
    if args.part and (args.grid or args.film or args.measures or args.accuracy):
        parser.error("--part needs a picture for each question: use --index, --text or --count")
    if args.model and args.film:
        parser.error("--model has no part in --film, which draws the only maps that the run kept")
    if args.model and not args.accuracy and not MODELS[args.model].has_maps:
        parser.error(f"--model {args.model}: has no attention maps to draw")
    if args.save and args.save.suffix.lower() not in FORMATS:
        parser.error(f"--save {args.save}: expected a name that ends in {', '.join(FORMATS)}")
    return args


def main() -> int:
    args = parse()
    to_windows() if args.show else to_files()
    import matplotlib.pyplot as plt

    from experiment.plot_dates import accuracies, plot_accuracy_by_form, plot_kept_maps, plot_kept_measures

    if args.cmap not in plt.colormaps():
        raise ValueError(f"--cmap {args.cmap}: not a colour map of matplotlib; Greys_r, Blues and viridis are some")
    if args.film:
        save(plot_kept_maps(args.run, args.cmap)[0].figure, args, "film")
    elif args.measures:
        save(plot_kept_measures(args.run, args.model).figure, args, "measures")
    elif args.accuracy:
        names: list = [args.model] if args.model else models_of(args.run) or [None]
        shares = accuracies([DateModel(args.run, name) for name in names])
        wide = max(9, *map(len, shares))
        for name, of in shares.items():
            print(
                f"{name:<{wide}} " + ", ".join(f"{group.split()[0]} {100 * share:.2f}%" for group, share in of.items())
            )
        save(plot_accuracy_by_form(shares).figure, args, "accuracy_by_format")
    elif args.beside:
        draw_beside(args)
    else:
        draw_maps(args)
    if args.show:
        plt.show(block=True)  # even where matplotlib is interactive
    return 0


def draw_maps(args) -> None:
    """Draw the maps of one or more questions, each in its own picture, or all in a grid."""
    import matplotlib.pyplot as plt

    from experiment.plot_dates import map_of, plot_heads_of, title_of
    from seq2seq.plot import RIGHT, WRONG, plot_attention, plot_attention_grid

    date_model, maps = DateModel(args.run, args.model), []
    part = args.part or ("cross" if has_heads(date_model.model) else MEAN)
    if part != MEAN:
        date_model.expect_heads()
    note = "weights under the given answer" if args.given_answer else ""
    asked: dict[str | int, tuple]  # question and answer
    if args.text is not None:
        asked = {"text": (args.text, date_model.answer_to(args.text))}
    else:
        questions = date_model.test_questions()
        asked = {index: questions[index] for index in chosen(args, len(questions))}
    for place, (index, (question, answer)) in enumerate(asked.items(), 1):
        of_test = args.text is None
        found, verdict = map_of(date_model, question, answer, of_test=of_test, given_answer=args.given_answer)
        title = title_of(found, answer, verdict)
        if of_test:
            print(f"test question {index}: {title}")
        if args.grid:
            maps.append(found._replace(title=f"{found.title} {RIGHT if verdict == 'right' else WRONG}"))
            continue
        name, how = f"attention_{index}", dict(cmap=args.cmap, title=f"{title}\n{note}".rstrip("\n"))
        if part != MEAN:
            ax = plot_heads_of(date_model, found, part, **how)[0]
            name += f"_{part}" * (part != "cross")
        else:
            ax = plot_attention(*found[:3], answer=answer, **how)
        save(ax.figure, args, name, place if args.count else None)
        if not args.show:
            plt.close(ax.figure)
    if args.grid:
        save(plot_attention_grid(maps, cmap=args.cmap, title=note or None)[0].figure, args, "attention_grid")


def draw_beside(args) -> None:
    """Draw the maps of one question by the models of several runs, in one picture; a panel has the name of its run."""
    from experiment.plot_dates import map_of
    from seq2seq.plot import RIGHT, WRONG, plot_attention_grid

    maps = []
    for run in (args.run, *args.beside):
        date_model = DateModel(run, args.model)
        found, verdict = map_of(date_model, args.text, date_model.answer_to(args.text), of_test=False)
        mark = {"right": f" {RIGHT}", "wrong": f" {WRONG}", "": ""}[verdict]
        maps.append(found._replace(title=f"{run.resolve().name}: {found.output_labels}{mark}"))
    save(plot_attention_grid(maps, cmap=args.cmap, title=args.text)[0].figure, args, "attention_beside")


def chosen(args, size: int) -> list[int]:
    """Return the indices of the test questions to draw."""
    if args.grid is not None:
        return list(range(min(args.grid, size)))
    if args.count is not None:
        return sorted(np.random.default_rng().choice(size, min(args.count, size), replace=False).tolist())
    index = args.index
    if index is None:
        index = CHAPTERS_INDEX if size > CHAPTERS_INDEX else 0
    if index >= size:
        raise ValueError(f"--index {index}: the test part has {size} questions, 0..{size - 1}")
    return [index]


def save(figure, args, name: str, number: int | None = None) -> None:
    """Save the figure, by default in the run's folder; with --show, only if --save is given."""
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
