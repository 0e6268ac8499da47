"""Turn weights from PyTorch or Keras into a run, which all the other scripts can open.

python scripts/import_weights.py reviews.pt --model gru --vocabulary words.json --classes neg,pos --out runs/reviews
python scripts/import_weights.py dates.npz --model attention --vocabulary characters.txt --no-reverse --out runs/mine
"""

import argparse

import entry

from experiment.command_line import Parser
from experiment.import_options import add_options, settle
from experiment.imported import about, import_run, tested, write_run
from interchange import Arrays, read_arrays
from interchange.description import description


def parse() -> tuple[argparse.Namespace, Arrays]:
    """Parse the arguments; also return the arrays of the file, which may say what the model is."""
    parser = Parser(description=__doc__)
    add_options(parser)
    args = parser.parse_args()
    arrays = read_arrays(args.file)
    args.model = args.model or description(arrays).get("model")
    if args.model is None:
        parser.error("--model: expected, as the file does not say which model of ours it is")
    settle(parser, args)
    return args, arrays


def main() -> int:
    args, arrays = parse()
    run = import_run(args, arrays)
    write_run(args, run)
    if not args.quiet:
        for note in run.notes:
            print(f"note: {note}")
    print(f"imported into {args.out}: {about(run)}")
    if (result := tested(args)) is not None:
        print(result)
    return 0


if __name__ == "__main__":
    entry.run(main)
