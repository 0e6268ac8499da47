"""Generated additions in the form of the book's addition.txt: a sum, `_`, what it comes to.

    python -m dataset.addition --count 50000 --seed 1 > addition.txt

Source of the form: 『ゼロから作るDeep Learning 2』 7.2, whose own file this replaces but does not copy.
"""

import sys

import numpy as np

from dataset import generator


def generate(count: int = generator.COUNT, seed: int = generator.SEED) -> list[str]:
    """Additions of two numbers of 1 to 3 digits: 7 characters of `a+b`, `_`, 4 of the sum.

    1, 2 and 3 digits are equally likely, and so are the numbers of that many digits; short
    sums therefore repeat often.

    Two draws per line, one a number, each ``(digits - 1) * 900 + rest``: the first k lines
    for a seed are the same for every count. Returns `count` lines without line ends.
    Raises ValueError for a count below 1 or a seed outside 0 .. 2**32 - 1.
    """
    digits, rest = np.divmod(generator.draws(3 * 900, (count, 2), seed), 900)
    numbers = np.choose(digits, (rest % 10, 10 + rest % 90, 100 + rest))  # 10 and 90 divide 900: still uniform
    return [f"{f'{a}+{b}':<7}_{a + b:<4}" for a, b in numbers.tolist()]


if __name__ == "__main__":
    sys.exit(generator.main(generate, "addition"))
