"""The command line of every program here: one line per error."""

import argparse
from typing import NoReturn


class WithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of each option that has one: None and False say nothing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_none = action.default is None or action.default is False
        return action.help if has_none else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An argparse parser that prints no usage lines before an error.

    description: a docstring, of which the first line is shown; None under ``python -OO``, which strips docstrings.
    """

    def __init__(self, *, description: str | None = None, **options):
        super().__init__(description=(description or "").partition("\n")[0], **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")
