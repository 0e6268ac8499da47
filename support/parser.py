"""The command line of every program here: one line per error."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An argparse parser that prints no usage lines before an error.

    description: a docstring, of which the first line is shown; None under ``python -OO``, which strips docstrings.
    """

    def __init__(self, *, description: str | None = None, **options):
        super().__init__(description=(description or "").partition("\n")[0], **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")
