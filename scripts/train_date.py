"""Train baseline, peeky and attention seq2seq, or a Transformer, on the date task, and compare them.

python scripts/train_date.py                            # generated dates
python scripts/train_date.py --data path/to/date.txt    # a file in the book's format
"""

import time
from contextlib import nullcontext
from functools import partial

import entry
from threadpoolctl import threadpool_limits

from support.blas_kernel import describe_blas, prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

from common.ranks import ALONE, Ranks
from experiment import mpi_job
from experiment.command_line import RANKS, Parser, cores, expect_data, natural, positive_int, resumed, share, some_text
from experiment.date_training import (
    COLUMNS,
    FILES,
    KEPT,
    MAP,
    draw_maps,
    has_reached,
    last_lines,
    load,
    load_and_make,
    make_trainer,
    save_as,
)
from experiment.estimate import Announcer
from experiment.kept_weights import size_kept, size_to_come
from experiment.model_options import add_made_of, check_made_of
from experiment.run_folder import prepare
from experiment.side_by_side import jobs_of
from experiment.training import Training, state_file
from seq2seq.model_file import MODELS
from support.plot_file import to_files

FREE = "resume", "data", "jobs", "max_epoch", "quiet", "save_every", "until", *RANKS  # may change when a run is resumed


def parse(ranks: Ranks = ALONE):
    parser = Parser(description=__doc__, ranks=ranks)
    parser.add_training()
    parser.add_schedules()
    add_made_of(parser)
    parser.add_argument("--max-epoch", type=positive_int, default=10)
    parser.add_argument("--seed", type=natural, default=0, help="seed of weights and shuffling")
    parser.add_argument("--no-reverse", action="store_true", help="read the questions forwards")
    parser.add_argument("--mask-padding", action="store_true", help="attention does not look at the questions' padding")
    parser.add_argument(
        "--cell-state", action="store_true", help="decoders start from the encoder's cell state too, as in PyTorch"
    )
    parser.add_argument(
        "--keep-maps",
        nargs="?",
        const=True,
        type=some_text,
        metavar="TEXT",
        help=f"keep in {KEPT}, epoch by epoch, where attention looked while it answered TEXT (the first test "
        f"question), and draw the latest in {MAP}",
    )
    parser.add_argument(
        "--keep-weights",
        action="store_true",
        help="keep the weights before the training and after each epoch, in MODEL.epochs; their size is printed first",
    )
    parser.add_argument(
        "--no-shared-prefixes",
        action="store_true",
        help="compute every row of the encoder, even beginnings that questions share",
    )
    parser.add_jobs()
    parser.add_argument(
        "--until",
        type=share,
        metavar="ACCURACY",
        help="stop training a model after the epoch that reaches this accuracy (0..1)",
    )
    parser.add_argument(
        "--leak-free", action="store_true", help="split by distinct questions, so that no test question is trained on"
    )
    parser.add_run("runs/date")
    args = parser.parse_args()
    if args.mpi and (args.jobs or 1) > 1:
        parser.error(f"--jobs {args.jobs}: with --mpi, models train one after another")
    kept: dict = {}
    if args.resume is not None:
        args, kept = resumed(parser, args, [state_file(args.resume, name) for name in MODELS], FREE)
    parser.check_schedules(args)
    check_made_of(parser, args)
    return args, kept


def train(ranks: Ranks) -> int:
    args, kept = ranks.on_first(lambda: parse(ranks))
    args.quiet, ranks.timeout = args.quiet or ranks.rank > 0, args.mpi_timeout
    started = time.perf_counter()
    args.jobs = 1 if args.mpi else jobs_of(args.jobs, len(args.models), cores(), args.data)
    to_files()
    expect_data(args.data, ranks)
    parts, keeper = ranks.on_all(lambda: load(args, kept.get("sha256")))
    same = {"sha256": str(parts.origin["sha256"])}
    ranks.expect_equal("the data's SHA-256", same["sha256"])
    training = Training(
        args,
        {name: make_trainer(name, args, parts, keeper, started, ranks) for name in args.models},
        COLUMNS,
        save=partial(save_as, out=args.out, facts=parts.facts),
        is_done=lambda trainer: has_reached(args.until, trainer),
        jobs=args.jobs,
        make=partial(load_and_make, args=args, **same, started=started),
        ranks=ranks,
    )
    drawn = draw_maps(training, parts)
    ranks.on_first(lambda: prepare(args.out, FILES.others))
    if not args.quiet:
        print(f"{parts.about()}\n{ranks.about()}jobs: {args.jobs}; workers: {args.workers}; {describe_blas()}")
        if args.keep_weights:
            models = [trainer.model for trainer in training.trainers.values()]
            print(size_to_come(models, args.max_epoch, args.until))
    training.begin(parts.origin, FILES.models, FILES.left)
    told = nullcontext() if args.quiet else Announcer(training, started, args.until is not None, drawn)
    with threadpool_limits(1, user_api="blas"), told:  # BLAS threads per worker
        training.run(parts.x_train, parts.t_train, same, title=f", {len(parts.x_test)} test questions")
    if ranks.rank:
        return 0
    print(last_lines(training, args.until))
    if not args.quiet:
        models = [f"{name}.npz" for name in args.models]
        models += [size_kept(args.out, args.models)] if args.keep_weights else []
        maps = [MAP] * (drawn is not None) + [KEPT] * (keeper is not None)
        print(f"written to {args.out}: {', '.join([*models, 'history.csv', *training.pictures, *maps, 'config.json'])}")
    return 0


def main() -> int:
    return mpi_job.run(train)


if __name__ == "__main__":
    entry.run(main)
