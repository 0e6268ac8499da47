"""The options of text training: their defaults for each model, and which of them go together."""

from argparse import Namespace
from pathlib import Path

from common.self_attention import TYPES
from dataset.labelled import READERS
from dataset.tokenizers import TOKENIZERS
from experiment.command_line import (
    BATCH,
    Parser,
    natural,
    number,
    positive_float,
    positive_int,
    ratio,
    share,
    some_text,
)

# The sizes and settings of each model's original, for options that are not given.
ORIGINAL: dict[str, dict[str, float]] = {
    "gru": dict(wordvec_size=300, hidden_size=512, batch_size=32, max_epoch=5, lr=0.001, vocab_size=25_000),
    "seqself": dict(wordvec_size=300, hidden_size=356, batch_size=256, max_epoch=50, lr=0.002, patience=5),
    "bow": dict(batch_size=256, max_epoch=50, lr=0.02, patience=5),
}
OPTIONS_OF = {  # options that only some models use
    ("gru",): ("layers", "dropout", "no_attention"),
    ("seqself",): ("units", "attention_type", "attention_width", "history_only", "attention_activation"),
    ("gru", "seqself"): ("embeddings", "no_mask", "wordvec_size", "hidden_size"),
}


def add_corpus(parser: Parser, otherwise: str) -> None:
    """Add the options that say which texts there are. otherwise: what happens without ``--data``."""
    add = parser.add_argument
    add("--data", type=some_text, metavar="PATH", help=f"a corpus; without it, {otherwise}")
    add("--format", choices=list(READERS), help="one folder per class, one file per class, or tables")
    patterns = "folders: pattern of text file names (*.txt by default); lines: pattern of the files to read"
    add("--pattern", type=some_text, help=patterns)
    columns = "csv, where --data is one file and not a folder of features.csv and labels.csv: name or number (from 1)"
    add("--text-column", type=some_text, metavar="COLUMN", help=f"{columns}; by default `text`")
    add("--label-column", type=some_text, metavar="COLUMN", help="likewise; by default `label`")
    add("--encoding", default="utf-8", help="encoding of the corpus and of the word vectors")
    add("--test-data", type=some_text, metavar="PATH", help="texts to test on; without it, a share of --data")
    add("--test-share", type=share, default=0.1, help="share of all texts that are for testing")


def add_reading(parser: Parser) -> None:
    """Add the options that say how a text becomes ids, besides the vocabulary."""
    add = parser.add_argument
    add("--tokenizer", choices=list(TOKENIZERS), help="by default characters for Japanese, else words")
    add("--sentencepiece-model", type=some_text, metavar="FILE", help="a trained SentencePiece model")
    add("--max-len", type=positive_int, help="most tokens to read of a text")
    add(
        "--padding",
        choices=("after", "before"),
        default="after",
        help="where the shorter texts of a mini-batch are padded",
    )


def add_data(parser: Parser) -> None:
    """Add the options that say what the texts are, and how they become ids."""
    add = parser.add_argument
    add_corpus(parser, "generated Japanese sentences")
    add("--validation-share", type=share, default=0.1, help="share of the remaining texts that are for validation")
    add_reading(parser)
    pieces = "number of pieces in the SentencePiece model to train, without --sentencepiece-model"
    add("--pieces", type=positive_int, default=8000, help=pieces)
    add("--min-count", type=positive_int, default=1, help="words seen less often are unknown")
    size = number(int, "a whole number of at least 3", lambda value: value >= 3)
    add("--vocab-size", type=size, help="most words in the vocabulary, including <pad> and <unk>")
    add("--embeddings", type=some_text, metavar="FILE", help="word vectors to start from, as text, optionally gzipped")


def add_model(parser: Parser) -> None:
    """Add the options of the models and of their training."""
    add = parser.add_argument
    add("--wordvec-size", type=positive_int)
    add("--hidden-size", type=positive_int)
    add("--layers", type=number(int, "a whole number of 1 to 100", lambda n: 1 <= n <= 100), default=3, help="of gru")
    add("--dropout", type=ratio, default=0.4, help="gru: share of values dropped")
    add("--no-attention", action="store_true", help="gru: classify from the final states alone")
    add("--no-mask", action="store_true", help="treat padding as words, as the originals do")
    add("--units", type=positive_int, default=32, help="seqself: width of the additive attention")
    add("--attention-type", choices=TYPES, default="additive", help="seqself: how attention is scored")
    add("--attention-width", type=positive_int, help="seqself: how many tokens each one sees")
    add("--history-only", action="store_true", help="seqself: a token sees only itself and those before it")
    add("--attention-activation", choices=("sigmoid",), help="seqself: activation of the scores")
    add("--batch-size", type=positive_int, help=BATCH)
    add("--max-epoch", type=positive_int)
    add("--patience", type=positive_int, help="stop after this many epochs without a better validation accuracy")
    add("--lr", type=positive_float, help="learning rate of Adam (seqself: of Nadam)")
    parser.add_warmup()
    add("--max-grad", type=positive_float, help="gradients are clipped to this norm")
    add("--seed", type=natural, default=0, help="seed of weights, dropout, shuffling and the split of the data")
    parser.add_workers("threads that share each mini-batch")


def settle(parser: Parser, args: Namespace) -> None:
    """Fill in the settings of the model's original, and refuse options that do not go together."""
    for name, value in ORIGINAL[args.model].items():
        if getattr(args, name) is None and not (name == "wordvec_size" and args.embeddings):  # the file sets it
            setattr(args, name, value)
    check_data(parser, args)
    if args.pieces != parser.get_default("pieces") and args.tokenizer != "sentencepiece":
        parser.error("--pieces needs --tokenizer sentencepiece")
    parser.refuse_others(args, OPTIONS_OF)


def check_data(parser: Parser, args: Namespace) -> None:
    """Refuse options of ``add_corpus`` and ``add_reading`` that do not go together."""
    if args.data is not None and args.format is None:
        parser.error(f"--data needs --format, one of {', '.join(READERS)}")
    if args.data is None and args.test_data is not None:
        parser.error("--test-data needs --data")
    if args.data is None and args.format is not None:
        parser.error("--format needs --data")
    if args.sentencepiece_model is not None and args.tokenizer != "sentencepiece":
        parser.error("--sentencepiece-model needs --tokenizer sentencepiece")
    if args.format == "csv" and args.test_data is not None and not Path(args.data).is_file():
        parser.error("--test-data: --format csv has its tests in the folder tests of --data")
    if args.pattern is not None and args.format not in ("folders", "lines"):
        parser.error("--pattern needs --format folders or lines")
    for name in ("text_column", "label_column"):
        if getattr(args, name) is not None and (args.format != "csv" or Path(args.data).is_dir()):
            parser.error(f"--{name.replace('_', '-')} needs --format csv and a file as --data")
