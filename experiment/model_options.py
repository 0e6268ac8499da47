"""The options of train_date.py that say what its models are made of, see ``MADE_OF``."""

from argparse import Namespace
from typing import Any

from common.attention import SCORES
from experiment.command_line import MADE_OF, RECURRENT, WITH_MAPS, Parser, positive_int, ratio

WIDTH, HEADS = 64, 4  # of the Transformer; a FeedForward of the chapter's hidden size is 4 times as wide
KNOWN = (  # all options that only some models know
    MADE_OF
    | dict.fromkeys(("wordvec_size", "cell_state", "no_shared_prefixes"), RECURRENT)
    | dict.fromkeys(("mask_padding", "keep_maps"), WITH_MAPS)
)


def add_made_of(parser: Parser) -> None:
    """Add the options of ``MADE_OF``."""
    score = "how the attention model tells how well two states fit (default: dot)"
    parser.add_argument("--score", choices=list(SCORES), help=score)
    both = "recurrent encoders read from both ends, with half of --hidden-size in each direction"
    parser.add_argument("--bidirectional", action="store_const", const=True, help=both)
    layers = "layers of encoder and decoder, with skip connections (default: 1, of the Transformer 2)"
    parser.add_argument("--layers", type=positive_int, metavar="K", help=layers)
    dropout = "share of values dropped in training: between recurrent layers; of what each Transformer layer adds"
    parser.add_argument("--dropout", type=ratio, metavar="SHARE", help=f"{dropout} (default: 0)")
    width = f"width of the Transformer's vectors, from embedding to scores (default: {WIDTH})"
    parser.add_argument("--width", type=positive_int, metavar="D", help=width)
    heads = f"heads of the Transformer's attention, which divide --width (default: {HEADS})"
    parser.add_argument("--heads", type=positive_int, metavar="N", help=heads)
    norm = "normalize after the sums of the Transformer, as in the paper, which also warms the learning rate up"
    parser.add_argument("--post-norm", action="store_const", const=True, help=norm)


def check_made_of(parser: Parser, args: Namespace) -> None:
    """Refuse options that none of the models knows, and those that do not go together."""
    for option, models in KNOWN.items():
        given = getattr(args, option, None) != parser.get_default(option)
        if given and not set(models) & set(args.models):
            parser.error(f"--{option.replace('_', '-')} is an option of the model {' or '.join(models)}")
    if args.bidirectional and args.hidden_size % 2:
        parser.error(f"--bidirectional: each direction has half of --hidden-size, which is odd: {args.hidden_size}")
    if args.dropout and args.layers in (None, 1) and "transformer" not in args.models:
        parser.error(f"--dropout {args.dropout:g} acts between layers: add --layers 2, or more")
    width, heads = args.width or WIDTH, args.heads or HEADS
    if "transformer" in args.models and width % heads:
        parser.error(f"--heads {heads}: expected a divisor of --width {width}")


def made_of(name: str, args: Namespace) -> tuple[tuple[int, int], dict[str, Any]]:
    """Return the sizes D and H of a model of that name, and the other arguments that the options say."""
    options = {option: getattr(args, option) for option, models in MADE_OF.items() if name in models}
    options = {option: value for option, value in options.items() if value is not None}
    if name != "transformer":
        if options.get("layers", 1) == 1:
            options.pop("dropout", None)  # the Transformer's: between recurrent layers there is nothing to drop
        return (args.wordvec_size, args.hidden_size), options | ({"cell_state": True} if args.cell_state else {})
    if options.pop("post_norm", False):
        options["pre_norm"] = False
    return (options.pop("width", WIDTH), args.hidden_size), options
