"""Answer a run's test questions with its models exported to ONNX, in onnxruntime, and with ours: the same characters?

python -m benchmarks.onnx_answers --run runs/date                      # every model of the run
python -m benchmarks.onnx_answers --run runs/date --model attention

Exits with 1 if an answer differs. Both run on one thread, in turn, with the same mini-batches.
"""

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from support import entry
from support.blas_kernel import prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.facts import environment
from benchmarks.tables import quartiles, spread
from experiment.command_line import Parser, positive_int
from experiment.date_model import DateModel, models_of
from interchange.onnx_file import to_onnx
from interchange.packages import require
from seq2seq import load_model
from seq2seq.decoding import Decoded
from support.array import Array


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_run_of_dates()
    parser.add_argument(
        "--batch-size", type=positive_int, default=512, help="questions at a time (default %(default)s)"
    )
    parser.add_argument("--repeat", type=positive_int, default=3, help="times to answer (default %(default)s)")
    args = parser.parse_args()
    require("onnxruntime")
    facts = environment() | {name: version(name) for name in ("onnx", "onnxruntime")}
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    found: list[str | None] = [*models_of(args.run)] or [None]  # DateModel says that there is none
    names = [args.model] if args.model else found
    return max([compare(args.run, name, args.batch_size, args.repeat) for name in names])


def compare(run: Path, name: str | None, batch_size: int, repeat: int) -> int:
    """Answer all test questions both ways; print the differences and the times. Return 1 if an answer differs."""
    asked = DateModel(run, name)
    xs = np.stack([asked.encode(question, of_test=True) for question, _ in asked.test_questions()]).astype(np.int64)
    session = open_session(to_onnx(*load_model(asked.path)).SerializeToString())
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        with threadpool_limits(1, "blas"):
            ours = asked.model.decode(xs, asked.start_id, asked.T_dec, batch_size)
        between = time.perf_counter()
        theirs = run_in_batches(session, xs, batch_size)
        seconds.append((between - started, time.perf_counter() - between))
    same = int((ours.ids == theirs.ids).all(axis=1).sum())
    differences = [f"log_prob {abs(ours.log_probs - theirs.log_probs).max():.1e}"]
    if ours.attention_weights is not None:
        differences.append(f"attention_weights {abs(ours.attention_weights - theirs.attention_weights).max():.1e}")
    ratio = spread([mine / its for mine, its in seconds])
    mine, its = np.median(seconds, axis=0)
    print(f"{asked.name}: {same} of {len(xs)} answers are the same, largest difference: {', '.join(differences)}")
    print(
        f"{asked.name}: seconds ours/onnxruntime {ratio['median']:.2f} ({quartiles(ratio, 2)}), "
        f"ours {mine:.2f}, onnxruntime {its:.2f}"
    )
    return int(same < len(xs))


def open_session(model: bytes) -> Any:
    """Return an onnxruntime session of one thread."""
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_in_batches(session: Any, xs: Array, batch_size: int) -> Decoded:
    """Answer the questions xs (N, T_enc), ``batch_size`` at a time, as ``decode`` of our models does."""
    parts = [session.run(None, {"question": xs[i : i + batch_size]}) for i in range(0, len(xs), batch_size)]
    ids, log_probs, *weights = (np.concatenate(found) for found in zip(*parts, strict=True))
    return Decoded(ids, log_probs, weights[0] if weights else None)


if __name__ == "__main__":
    entry.run(main)
