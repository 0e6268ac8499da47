"""The options of importing a model: which there are, and which of them go together."""

from argparse import ArgumentTypeError, BooleanOptionalAction, Namespace
from pathlib import Path

from classifier.model_file import MODELS as OF_TEXTS
from common.attention import SCORES
from experiment.command_line import RECURRENT, WITH_MAPS, Parser, natural, number, positive_int, some_text
from experiment.date_model import MOST_CHARACTERS
from experiment.text_model import WIDEST
from experiment.text_options import add_corpus, add_reading, check_data
from interchange.models import KINDS
from interchange.torch_scores import READS
from interchange.torch_seq2seq import ORDERS
from seq2seq.model_file import MODELS as OF_DATES

TEXTS = tuple(kind for kind in KINDS if kind in OF_TEXTS)
DATES = tuple(kind for kind in KINDS if kind in OF_DATES)
DROPPED = "dropped"  # unknown words that are left out of a text
# How a model computes what it does, where its weights do not tell: the options of ``to_model``, by ours.
TO_MODEL = {
    "no_mask": "mask",
    "no_attention": "attention",
    "attention_width": "attention_width",
    "history_only": "history_only",
    "attention_activation": "attention_activation",
    "linear_reads": "linear_reads",
    "cell_state": "cell_state",
    "score": "score",
    "score_reads": "score_reads",
    "heads": "heads",
    "norm_first": "pre_norm",
}
OPTIONS_OF = {  # options that only some models use
    ("gru",): ("no_attention",),
    ("gru", "seqself"): ("no_mask", "pad_to"),
    ("seqself",): ("attention_width", "history_only", "attention_activation"),
    TEXTS: (
        "classes",
        "unknown_id",
        "tokenizer",
        "sentencepiece_model",
        "max_len",
        "keep_end",
        "padding",
        "format",
        "pattern",
        "text_column",
        "label_column",
        "encoding",
        "test_data",
        "test_share",
        "seed",
    ),
    ("attention",): ("linear_reads", "score", "score_reads"),
    ("transformer",): ("heads", "norm_first"),
    tuple(WITH_MAPS): ("mask_padding",),
    tuple(RECURRENT): ("cell_state",),
    DATES: ("reverse", "question_length", "answer_length", "start"),
}


def add_options(parser: Parser) -> None:
    """Add the options that say what the file holds, and what the run gets besides the weights."""
    add = parser.add_argument
    width = number(int, f"a whole number of 1 to {WIDEST}", lambda value: 1 <= value <= WIDEST)
    add("file", type=Path, metavar="FILE", help="weights, as .safetensors, .pt, .pth, .h5, .keras or .npz")
    add("--model", choices=KINDS, help="which model of ours it is; a file that was exported from here says so itself")
    moved = "folder of the run; an earlier run there is moved to DIR/before"
    add("--out", type=Path, metavar="DIR", required=True, help=moved)
    forms = "one per line, or .json: a list, a dict from word to id, or what Keras's Tokenizer writes"
    add("--vocabulary", type=some_text, metavar="FILE", help=f"the words (characters) and their ids: {forms}")
    add("--quiet", action="store_true", help="print the results only")
    add("--classes", type=names, metavar="A,B,...", help="names of the classes, in the order of their ids")
    add("--padding-id", type=natural, metavar="N", help="id of padding, if its name in the vocabulary does not tell")
    add("--unknown-id", type=id_or_dropped, metavar="N", help=f"of unknown words; {DROPPED}: they are left out")
    add("--no-mask", action="store_true", help="the model reads padding as if it were words")
    add("--pad-to", type=width, metavar="N", help="texts are padded to N tokens, which tells without a mask")
    add("--no-attention", action="store_true", help="gru: it classifies from the final states alone")
    add("--attention-width", type=positive_int, help="seqself: how many tokens each one sees")
    add("--history-only", action="store_true", help="seqself: a token sees only itself and those before it")
    add("--attention-activation", choices=("sigmoid",), help="seqself: activation of the scores")
    add_reading(parser)
    add("--keep-end", action="store_true", help="--max-len keeps the last tokens, as Keras's pad_sequences does")
    parser.set_defaults(padding=None)  # a file that was exported from here says it
    add_corpus(parser, "there are no test texts (dates and other pairs: a file in the book's format, or generated)")
    add("--seed", type=natural, default=0, help="seed of the split into texts for training and for testing")
    reads = f"attention: what the last layer reads, {ORDERS[0]} (default) or {ORDERS[1]}"
    add("--linear-reads", choices=ORDERS, metavar="A,B", help=reads)
    add("--mask-padding", action="store_true", help="attention does not look at the questions' padding")
    add("--cell-state", action="store_true", help="the decoder starts from the encoder's cell state too")
    add("--score", choices=list(SCORES), help="attention: how it tells how well two states fit (default: dot)")
    add("--score-reads", choices=READS, help="of --score general: whose states its Linear reads (default: encoder)")
    add("--heads", type=positive_int, metavar="N", help="transformer: heads of each attention, nhead of PyTorch")
    add("--norm-first", action=BooleanOptionalAction, help="transformer: norm_first of PyTorch is True, or False")
    add("--reverse", action=BooleanOptionalAction, help="the model reads questions backwards, or forwards")
    length = number(int, f"a whole number of 1 to {MOST_CHARACTERS}", lambda value: 1 <= value <= MOST_CHARACTERS)
    add("--question-length", type=length, metavar="N", help="characters of a question, padded (default: of the data)")
    add("--answer-length", type=length, metavar="N", help="likewise of an answer, without the start")
    add("--start", type=some_text, metavar="TOKEN", help="what the decoder reads first (default: _)")


def names(text: str) -> list[str]:
    """Argument type: names that are separated by commas."""
    found = text.split(",")
    if len(set(found)) < len(found) or not all(found):
        raise ArgumentTypeError(f"expected different names, separated by commas, got {text!r}")
    return found


def id_or_dropped(text: str) -> int | str:
    """Argument type: a number, or the word for none."""
    if text == DROPPED:
        return text
    try:
        return int(natural(text))
    except ArgumentTypeError:
        raise ArgumentTypeError(f"expected a whole number of at least 0, or {DROPPED}, got {text!r}") from None


def settle(parser: Parser, args: Namespace) -> None:
    """Refuse options that do not go together. args.model: of the options, or of the file."""
    parser.refuse_others(args, OPTIONS_OF)
    if args.score_reads is not None and args.score != "general":
        parser.error("--score-reads needs --score general")
    if args.model in TEXTS:
        check_data(parser, args)
        if args.tokenizer == "sentencepiece" and args.sentencepiece_model is None:
            parser.error("--tokenizer sentencepiece needs --sentencepiece-model")
        if args.keep_end and args.max_len is None:
            parser.error("--keep-end needs --max-len")


def of_model(args: Namespace) -> dict:
    """Return the options of ``to_model`` that were given."""
    found = {}
    for name, theirs in TO_MODEL.items():
        value = getattr(args, name)
        if value is not None and (value is not False or name == "norm_first"):
            found[theirs] = not value if name.startswith("no_") else value
    return found
