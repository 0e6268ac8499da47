"""Write a trained model for other frameworks: a graph for onnxruntime, or weights for PyTorch or Keras.

python scripts/export_model.py --run runs/date --to date.onnx
python scripts/export_model.py --run runs/text --to text.safetensors    # with the names of PyTorch's modules
python scripts/export_model.py --run runs/text --to text.weights.h5     # in the layout of Keras 3
"""

from pathlib import Path

import entry

from experiment import DateModel, TextModel
from experiment.command_line import Parser
from interchange.export import export_model, writer_of


def parse():
    parser = Parser(description=__doc__)
    parser.add_run_of_dates("folder that a training script wrote, or import_weights.py")
    parser.add_argument(
        "--to", type=Path, metavar="FILE", required=True, help="a .onnx, .safetensors or .weights.h5; it is replaced"
    )
    args = parser.parse_args()
    try:
        writer_of(args.to)
    except ValueError as error:
        parser.error(f"--to {error}")
    args.of_texts = parser.is_of_texts(args)
    return args


def main() -> int:
    args = parse()
    run = TextModel(args.run) if args.of_texts else DateModel(args.run, args.model)
    export_model(args.to, run.model, run.facts)
    print(f"written to {args.to}: {type(run.model).__name__} of {run.path}, {args.to.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    entry.run(main)
