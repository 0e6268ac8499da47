"""The door of every script, imported first: makes the packages of this clone importable, then see ``support.entry``."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from support.entry import run, say

__all__ = ["run", "say"]
