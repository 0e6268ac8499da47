"""Generate additions in the format of the book's addition.txt: two numbers to add, `_`, their sum.

    python -m dataset.addition --count 50000 --seed 1 > addition.txt

Source of the format: 『ゼロから作るDeep Learning 2』 7.2; the output replaces the book's file but does not copy it.
"""

from support import entry  # first: it reports a missing package in one line

# isort: split
import numpy as np

from dataset import generator


def generate(count: int = generator.COUNT, seed: int = generator.SEED) -> list[str]:
    """Generate additions of two numbers of 1 to 3 digits: 7 characters of `a+b`, `_`, 4 of the sum.

    1, 2 and 3 digits are equally likely, as are all numbers with the same number of digits; short
    sums therefore repeat often.

    Each number takes one draw, ``(digits - 1) * 900 + rest``: the first k lines for a seed
    are the same for every count. Returns `count` lines without line ends.
    Raises ValueError for a count below 1 or a seed outside 0 .. 2**32 - 1.
    """
    digits, rest = np.divmod(generator.draws(3 * 900, (count, 2), seed), 900)
    numbers = np.choose(digits, (rest % 10, 10 + rest % 90, 100 + rest))  # 10 and 90 divide 900: still uniform
    return [f"{f'{a}+{b}':<7}_{a + b:<4}" for a, b in numbers.tolist()]


if __name__ == "__main__":
    entry.run(lambda: generator.main(generate, "addition"))
