"""Train a classifier of texts: a bidirectional GRU with attention, or self-attention and a bidirectional LSTM.

python scripts/train_text.py --model seqself                                     # generated Japanese sentences
python scripts/train_text.py --model gru --data aclImdb/train --test-data aclImdb/test --max-len 400
"""

import argparse
import hashlib
import json
from pathlib import Path

import entry

from support.blas_kernel import describe_blas, prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np
from tqdm import tqdm

from classifier import BagOfWords, Evaluate, GRUClassifier, SeqSelfClassifier, confusion_matrix, save_model
from classifier.faithfulness import ATTENTION
from common import training_state
from common.callbacks import EarlyStopping, ModelCheckpoint, ProgressBar, Seconds
from common.layer import summary
from common.optimizer import Adam, Nadam
from common.self_attention import TYPES
from common.trainer import Trainer
from common.training_state import SaveState
from dataset.labelled import READERS, LabelledTexts
from dataset.tokenizers import TOKENIZERS, SentencePiece, fitting
from dataset.words import WordVocabulary, read_word_vectors
from experiment.command_line import (
    Parser,
    natural,
    number,
    positive_float,
    positive_int,
    ratio,
    resumed,
    save_every,
    share,
    some_text,
    storable,
)
from experiment.corpus import OPTIONS, about, open_corpus, pad, tokens_of
from experiment.run_folder import prepare, set_aside, write_config, write_table
from experiment.text_model import BATCH, TextModel, attention_on_cues, draw_batch
from seq2seq.model_file import MODELS as DATE_MODELS
from support.plot_file import save_figure, to_files
from support.stop_signals import StopSignals
from support.terminal import rjust, width_of

METRICS = ("loss", "acc", "mse", "mae")
COLUMNS = ("epoch", *METRICS, *(f"val_{name}" for name in METRICS), "seconds")
PICTURES = 3  # heat maps of the first batches of the test part
SAMPLE = 1000  # texts that show whether a corpus is Japanese

# Of each model the sizes and settings of the original, for the options that are not given.
ORIGINAL = {
    "gru": dict(wordvec_size=300, hidden_size=512, batch_size=32, max_epoch=5, lr=0.001, vocab_size=25_000),
    "seqself": dict(wordvec_size=300, hidden_size=356, batch_size=256, max_epoch=50, lr=0.002, patience=5),
    "bow": dict(batch_size=256, max_epoch=50, lr=0.02, patience=5),
}
OPTIONS_OF = {  # those that some models have no use for
    ("gru",): ("layers", "dropout", "no_attention"),
    ("seqself",): ("units", "attention_type", "attention_width", "history_only", "attention_activation"),
    ("gru", "seqself"): ("embeddings", "no_mask", "wordvec_size", "hidden_size"),
}
FILES = "data", "test_data", "embeddings", "sentencepiece_model"  # which may have moved; their content is compared
LEFT = "state.npz", "history.csv", "acc.png", "loss.png", "confusion.png", "fig/attention_*.png", "config.json"
FREE = "resume", "max_epoch", "quiet", "save_every", *FILES  # what may be given anew to a run that goes on


def parse() -> tuple[argparse.Namespace, dict]:
    """The arguments, and of a run that goes on the digests of its texts and its vocabulary."""
    parser = Parser(
        description=__doc__,
        epilog="Sizes and settings without a default here are those of the model's original.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model", choices=list(ORIGINAL), default="seqself", help="bow: logistic regression on the counts of words")
    add("--data", type=some_text, metavar="PATH", help="a corpus; without it, generated Japanese sentences")
    add("--format", choices=list(READERS), help="a folder a class, a file a class, or tables")
    add(
        "--pattern", type=some_text, help="folders: of the names of texts, *.txt without it; lines: of files to look at"
    )
    columns = "csv, where --data is one file and not a folder of features.csv and labels.csv: name or number (from 1)"
    add("--text-column", type=some_text, metavar="COLUMN", help=f"{columns}; `text` without it")
    add("--label-column", type=some_text, metavar="COLUMN", help="the same; `label` without it")
    add("--encoding", default="utf-8", help="of the corpus and of word vectors")
    add("--test-data", type=some_text, metavar="PATH", help="texts to test on; without it, a share of --data")
    add("--test-share", type=share, default=0.1, help="of all texts")
    add("--validation-share", type=share, default=0.1, help="of the texts that are not for testing")
    add("--tokenizer", choices=list(TOKENIZERS), help="without it, characters for Japanese, else words")
    add("--pieces", type=positive_int, default=8000, help="of the SentencePiece model that is trained")
    add("--sentencepiece-model", type=some_text, metavar="FILE", help="a trained model, in place of training one")
    add("--min-count", type=positive_int, default=1, help="words seen less often are unknown")
    size = number(int, "a whole number of at least 3", lambda value: value >= 3)
    add("--vocab-size", type=size, help="at most so many words, <pad> and <unk> among them")
    add("--max-len", type=positive_int, help="only so many tokens of each text")
    add("--padding", choices=("after", "before"), default="after", help="of the shorter texts of a mini-batch")
    add("--embeddings", type=some_text, metavar="FILE", help="word vectors to start from, as text; may be gzipped")
    add("--wordvec-size", type=positive_int)
    add("--hidden-size", type=positive_int)
    add("--layers", type=number(int, "a whole number of 1 to 100", lambda n: 1 <= n <= 100), default=3, help="of gru")
    add("--dropout", type=ratio, default=0.4, help="of gru")
    add("--no-attention", action="store_true", help="gru: the final states alone")
    add("--no-mask", action="store_true", help="padding counts as if it were words, as in the originals")
    add("--units", type=positive_int, default=32, help="of seqself's attention")
    add("--attention-type", choices=TYPES, default="additive", help="of seqself")
    add("--attention-width", type=positive_int, help="seqself: how many tokens each one sees")
    add("--history-only", action="store_true", help="seqself: a token sees none after it")
    add("--attention-activation", choices=("sigmoid",), help="of seqself's scores")
    add("--batch-size", type=positive_int)
    add("--max-epoch", type=positive_int)
    add("--patience", type=positive_int, help="epochs without a better validation accuracy before it stops")
    add("--lr", type=positive_float, help="of Adam, seqself: of Nadam")
    add("--max-grad", type=positive_float, help="gradients are clipped to this norm")
    add("--seed", type=natural, default=0, help="of weights, dropout, shuffling and the division of the data")
    parser.add_workers("threads that share each mini-batch")
    add("--save-every", type=save_every, default="30s", metavar="N|Ns", help="iterations or seconds, and each epoch")
    add("--resume", type=Path, metavar="DIR", help="go on with the run in this folder where its state was last saved")
    add(
        "--out",
        type=Path,
        default=Path("runs/text"),
        metavar="DIR",
        help="an earlier run there is moved to its folder before",
    )
    add("--quiet", action="store_true", help="print the results only")
    args = parser.parse_args()
    if args.resume is not None:
        return resumed(parser, args.resume, [args.resume / "state.npz"], FREE)
    for name, value in ORIGINAL[args.model].items():
        if getattr(args, name) is None and not (name == "wordvec_size" and args.embeddings):  # which has its own
            setattr(args, name, value)
    if args.data is not None and args.format is None:
        parser.error(f"--data needs --format, one of {', '.join(READERS)}")
    if args.data is None and args.test_data is not None:
        parser.error("--test-data needs --data")
    if args.data is None and args.format is not None:
        parser.error("--format needs --data")
    for name in ("sentencepiece_model", "pieces"):
        if getattr(args, name) != parser.get_default(name) and args.tokenizer != "sentencepiece":
            parser.error(f"--{name.replace('_', '-')} needs --tokenizer sentencepiece")
    for models, names in OPTIONS_OF.items():
        given = [name for name in names if getattr(args, name) != parser.get_default(name)]
        if given and args.model not in models:
            option, wanted = given[0].replace("_", "-"), " or ".join(models)
            parser.error(f"--{option} is an option of --model {wanted}, not of {args.model}")
    if args.format == "csv" and args.test_data is not None and not Path(args.data).is_file():
        parser.error("--test-data: --format csv has its tests in the folder tests of --data")
    if args.pattern is not None and args.format not in ("folders", "lines"):
        parser.error("--pattern needs --format folders or lines")
    for name in ("text_column", "label_column"):
        if getattr(args, name) is not None and (args.format != "csv" or Path(args.data).is_dir()):
            parser.error(f"--{name.replace('_', '-')} needs --format csv and a file as --data")
    return args, {}


def main() -> int:
    args, kept = parse()
    to_files()
    shares = args.test_share, args.validation_share
    options = {name: getattr(args, name) for name in OPTIONS if getattr(args, name) is not None}
    where = args.data, args.format, args.encoding, args.test_data
    corpus = open_corpus(*where, shares, args.seed, kept.get("sha256"), options)
    if args.tokenizer is None:
        args.tokenizer = fitting(corpus.train.texts[:SAMPLE])
    tokenizer = make_tokenizer(args, corpus.train.texts)
    tokens = {part: tokens_of(getattr(corpus, part), tokenizer) for part in corpus._fields[:3]}
    vocabulary = WordVocabulary.build(tokens["train"], min_count=args.min_count, max_size=args.vocab_size)
    if len(vocabulary) == 2:
        raise ValueError(f"--min-count {args.min_count}: no word of the texts is seen as often")
    said = {name: value for name, value in tokenizer.to_json().items() if name != "nfkc"}  # which 0.1.0 did not say
    same = {"sha256": corpus.origin["sha256"], "vocabulary": digest(vocabulary.words, said)}
    if kept and kept.get("vocabulary") != same["vocabulary"]:
        raise ValueError(f"--resume {args.out}: the tokenizer or its vocabulary differs from what the run started with")
    xs = {part: pad(words, vocabulary, args.padding, args.max_len) for part, words in tokens.items()}
    del tokens  # of 50,000 film reviews they are 900 MB
    ts = {part: getattr(corpus, part).labels for part in xs}
    weights_seed, shuffling_seed = np.random.SeedSequence(args.seed).spawn(2)
    ids, vectors = np.arange(0), None
    if args.embeddings is not None:
        how = dict(encoding=args.encoding, dimensions=args.wordvec_size)
        ids, vectors = read_word_vectors(args.embeddings, vocabulary, **how)
        args.wordvec_size = vectors.shape[1]
    model = make_model(args, len(vocabulary), len(corpus.train.classes), np.random.default_rng(weights_seed))
    if vectors is not None:
        model.embed.W[ids] = vectors

    facts = {
        "vocabulary": vocabulary.words,
        "tokenizer": tokenizer.to_json(),
        "classes": list(corpus.train.classes),
        "padding": args.padding,
        "max_len": args.max_len,
        "data": corpus.origin,
    }
    prepare(args.out, [f"{name}{end}" for name in DATE_MODELS for end in (".npz", ".state.npz")])
    best = ModelCheckpoint(args.out / "best.npz", save=lambda path, model: save_model(path, model, **facts))
    callbacks = [
        Evaluate(xs["train"], ts["train"], workers=args.workers),
        Evaluate(xs["validation"], ts["validation"], "val_", workers=args.workers),
        best,
    ]
    if args.patience is not None:
        callbacks.append(EarlyStopping(patience=args.patience))
    optimizer = (Nadam if args.model == "seqself" else Adam)(lr=args.lr)
    callbacks.append(Seconds())
    trainer = Trainer(
        model, optimizer, rng=np.random.default_rng(shuffling_seed), callbacks=callbacks, workers=args.workers
    )
    if args.resume is not None:
        training_state.restore(args.out / "state.npz", trainer, COLUMNS[1:])
        write_history(args.out, trainer.history)
    else:
        set_aside(args.out, ("best.npz",), LEFT, quiet=args.quiet)
        write_config(args.out, args, corpus.origin)
    if not args.quiet:
        sizes = ", ".join(f"{len(x)} {part}" for part, x in xs.items())
        known = f", {len(ids)} of them with a vector from {args.embeddings}" if args.embeddings else ""
        print(f"{corpus.train.source}: {sizes} texts; {len(vocabulary)} different tokens{known}")
        print("\n".join(about(corpus)))
        print(f"workers: {args.workers}; {describe_blas()}\n{summary(model)}\n\n{line(COLUMNS)}")
    train(args, trainer, xs["train"], ts["train"], {"arguments": storable(args), **same})
    report(args, corpus.test, xs["test"], best)
    if not args.quiet:
        figures = "acc.png, loss.png, confusion.png, fig/, config.json"
        print(f"\nwritten to {args.out}: best.npz, history.csv, {figures}")
    if args.data is None and args.tokenizer == "characters" and args.model == "seqself":
        fresh = make_model(args, len(vocabulary), len(corpus.train.classes), np.random.default_rng(weights_seed))
        before, _ = attention_on_cues(fresh, xs["test"], corpus.test.texts)
        after, tokens_share = attention_on_cues(TextModel(args.out).model, xs["test"], corpus.test.texts)
        print(
            f"\nwords that make a class are {100 * tokens_share:.1f}% of the characters; they receive "
            f"{100 * before:.1f}% of the attention before training, {100 * after:.1f}% after"
        )
    return 0


def make_tokenizer(args, texts: list[str]):
    if args.tokenizer != "sentencepiece":
        return TOKENIZERS[args.tokenizer]()
    if args.sentencepiece_model is not None:
        return SentencePiece.load(args.sentencepiece_model)
    return SentencePiece.train(texts, args.pieces)


def make_model(args, words: int, classes: int, rng: np.random.Generator):
    if args.model == "bow":
        return BagOfWords(words, classes)
    common = dict(classes=classes, mask=not args.no_mask, rng=rng)
    if args.model == "gru":
        attention = not args.no_attention
        sizes = args.wordvec_size, args.hidden_size, args.layers, args.dropout
        return GRUClassifier(words, *sizes, attention=attention, **common)
    names = "attention_type", "attention_width", "history_only", "attention_activation"
    attention = {name: getattr(args, name) for name in names}
    return SeqSelfClassifier(words, args.wordvec_size, args.hidden_size, args.units, attention=attention, **common)


def digest(*values) -> str:
    """SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def train(args, trainer: Trainer, x, t, facts: dict) -> None:
    """Fit an epoch at a time; after each, the run's folder is whole. facts: for the state."""
    batches = -(-len(x) // args.batch_size)
    done = trainer.current_epoch * batches + len(trainer.losses) * bool(trainer.batches)
    with (
        tqdm(total=args.max_epoch * batches, initial=done, unit="it", disable=args.quiet or None) as bar,
        StopSignals(args.out) as stop,
    ):
        state = SaveState(args.out / "state.npz", facts, stop=stop, **args.save_every)
        trainer.callbacks += [ProgressBar(bar), state]
        while trainer.current_epoch < args.max_epoch and not trainer.stop_training:
            trainer.fit(x, t, 1, args.batch_size, args.max_grad, eval_interval=None)
            write_history(args.out, trainer.history)
            if not args.quiet:
                tqdm.write(line(trainer.history[-1][name] for name in COLUMNS))
        stop.check()


def line(values) -> str:
    return " ".join(f"{v:>9.4f}" if isinstance(v, float) else f"{v:>9}" for v in values)


def write_history(out: Path, history: list[dict]) -> None:
    from common.plot import plot_history

    if not history:
        return
    write_table(out / "history.csv", COLUMNS, history)
    for name, label in (("acc", "accuracy"), ("loss", "loss [nats per text]")):
        rows = [
            {"model": part, "epoch": record["epoch"], name: record[prefix + name]}
            for part, prefix in (("training", ""), ("validation", "val_"))
            for record in history
        ]
        save_figure(out / f"{name}.png", plot_history(rows, name, ylabel=label).figure)


def report(args, test: LabelledTexts, xs, best: ModelCheckpoint) -> None:
    """Test the best checkpoint, from its file, and draw what it gets wrong and where it looked."""
    from classifier.plot import plot_confusion

    text_model = TextModel(args.out)
    ts = test.labels
    p = text_model.model.probabilities(xs, workers=args.workers)
    matrix = confusion_matrix(p.argmax(axis=1), ts, len(text_model.classes))
    print(f"\nbest epoch {best.best_epoch}, validation accuracy {100 * best.best:.2f}%")
    print(f"test accuracy {100 * (p.argmax(axis=1) == ts).mean():.2f}%, {len(ts)} texts")
    print("\n" + confusion_text(matrix, text_model.classes))
    save_figure(args.out / "confusion.png", plot_confusion(matrix, text_model.classes).figure)
    if set(text_model.model.token_weight_kinds) & set(ATTENTION):
        (args.out / "fig").mkdir(exist_ok=True)
        for number in range(min(PICTURES, -(-len(test.texts) // BATCH))):
            save_figure(args.out / "fig" / f"attention_{number}.png", draw_batch(text_model, test, number))


def confusion_text(matrix: np.ndarray, classes: list[str]) -> str:
    """The matrix as lines, in columns whatever the script of the names."""
    rows = [["true, predicted", *classes], *([name, *map(str, row)] for name, row in zip(classes, matrix, strict=True))]
    wide = max(width_of(cell) for row in rows for cell in row) + 2
    return "\n".join("".join(rjust(cell, wide) for cell in row) for row in rows)


if __name__ == "__main__":
    entry.run(main)
