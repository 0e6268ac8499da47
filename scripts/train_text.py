"""Train a classifier of texts: a bidirectional GRU with attention, or self-attention and a bidirectional LSTM.

python scripts/train_text.py --model seqself                                     # generated Japanese sentences
python scripts/train_text.py --model gru --data aclImdb/train --test-data aclImdb/test --max-len 400
"""

import argparse

import entry
from threadpoolctl import threadpool_limits

from support.blas_kernel import describe_blas, prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

from common.layer import summary
from common.ranks import ALONE, Ranks
from experiment import mpi_job
from experiment.command_line import RANKS, Parser, expect_data, resumed
from experiment.corpus import about
from experiment.run_folder import prepare
from experiment.text_options import ORIGINAL, add_data, add_model, settle
from experiment.text_report import report, report_cues
from experiment.text_training import FILES, TextParts, make_model, make_trainer, word_vectors
from experiment.training import Training, state_file
from support.parser import WithDefaults
from support.plot_file import to_files

MOVED = "data", "test_data", "embeddings", "sentencepiece_model"  # these may have moved; their content is compared
FREE = "resume", "max_epoch", "quiet", "save_every", *RANKS, *MOVED  # may change when a run is resumed


def parse(ranks: Ranks = ALONE) -> tuple[argparse.Namespace, dict]:
    """Parse the arguments; also return, for a resumed run, the digests of its texts and vocabulary."""
    parser = Parser(
        description=__doc__,
        epilog="Sizes and settings without a default here are those of the model's original.",
        formatter_class=WithDefaults,
        ranks=ranks,
    )
    bow = "bow: logistic regression on the counts of words"
    parser.add_argument("--model", choices=list(ORIGINAL), default="seqself", help=bow)
    add_data(parser)
    add_model(parser)
    parser.add_run("runs/text")
    args = parser.parse_args()
    if args.resume is not None:
        return resumed(parser, args, [state_file(args.resume, "")], FREE)
    settle(parser, args)
    return args, {}


def train(ranks: Ranks) -> int:
    args, kept = ranks.on_first(lambda: parse(ranks))
    args.quiet, ranks.timeout = args.quiet or ranks.rank > 0, args.mpi_timeout
    to_files()
    for name in MOVED:
        expect_data(getattr(args, name), ranks)
    parts = TextParts(args, kept, ranks)
    ids, vectors = ranks.on_all(lambda: word_vectors(args, parts.vocabulary))
    sizes = len(parts.vocabulary), len(parts.corpus.train.classes)
    model = ranks.on_all(lambda: make_model(args, *sizes))  # for which memory may be short
    if vectors is not None:
        model.embed.W[ids] = vectors
    trainer, best = make_trainer(args, model, parts, args.out / "best.npz", ranks)
    training = Training(args, {"": trainer}, ranks=ranks)
    ranks.on_first(lambda: prepare(args.out, FILES.others))
    training.begin(parts.corpus.origin, FILES.models, FILES.left)
    if not args.quiet:
        known = f", {len(ids)} of them with a vector from {args.embeddings}" if args.embeddings else ""
        print(f"{parts.about()}{known}")
        print("\n".join(about(parts.corpus)))
        print(f"{ranks.about()}workers: {args.workers}; {describe_blas()}\n{summary(model)}\n")
    with threadpool_limits(1 if ranks.size > 1 else None, user_api="blas"):  # the other cores are for other ranks
        training.run(parts.xs["train"], parts.ts["train"], parts.same, eval_interval=None)
        reported = report(args, parts.corpus.test, parts.xs["test"], best, model, ranks)
    if ranks.rank:
        return 0
    if not args.quiet:
        figures = ", ".join([*training.pictures, *reported])
        print(f"\nwritten to {args.out}: best.npz, history.csv, {figures}, config.json")
    if args.data is None and args.tokenizer == "characters" and args.model == "seqself":
        report_cues(args.out, make_model(args, *sizes), parts.xs["test"], parts.corpus.test.texts)
    return 0


def main() -> int:
    return mpi_job.run(train)


if __name__ == "__main__":
    entry.run(main)
