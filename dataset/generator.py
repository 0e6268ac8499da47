"""The random stream and the command line that all generators share."""

import sys
from collections.abc import Callable, Sequence

import numpy as np

from support.array import Array
from support.parser import Parser

COUNT = 50_000
SEED = 1


def draws(high: int, shape: tuple[int, ...], seed: int) -> Array:
    """Draw an int64 array of `shape`, each entry uniform over 0 .. high - 1, filled in row-major order.

    The numbers are the same on every machine and with every NumPy version: RandomState's streams are
    frozen, and the dtype is explicit because NumPy 1's default on Windows is narrower.
    Raises ValueError when shape[0] is below 1 or the seed is outside 0 .. 2**32 - 1.
    """
    if shape[0] < 1:
        raise ValueError(f"count must be at least 1, got {shape[0]}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be between 0 and 2**32 - 1, got {seed}")
    return np.random.RandomState(seed).randint(high, size=shape, dtype=np.int64)


def main(
    generate: Callable[[int, int], list[str]], name: str, argv: Sequence[str] | None = None, *, count: int = COUNT
) -> int:
    """Write the lines of ``generate(count, seed)`` to standard output; return the exit code.

    The code is 0 when everything is written or the reader left early (``| head``), 1 when writing fails;
    bad arguments exit with 2 and one line on standard error.
    """
    parser = Parser(prog=f"python -m dataset.{name}", description=generate.__doc__)
    parser.add_argument("--count", type=int, default=count, help="number of lines (default %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="same seed, same bytes (default %(default)s)")
    args = parser.parse_args(argv)
    try:
        lines = generate(args.count, args.seed)
    except (ValueError, MemoryError) as error:
        parser.error(str(error))
    # Bytes, because text mode would write CRLF on Windows. To the descriptor, because sys.stdout would
    # keep data that a broken pipe rejected in its buffer, and raise again at exit.
    try:
        with open(1, "wb", closefd=False) as out:
            out.write("".join(f"{line}\n" for line in lines).encode())
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"{parser.prog}: standard output: {error.strerror}", file=sys.stderr)
        return 1
    return 0
