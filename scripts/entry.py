"""Entry point of every script, imported first: makes this clone's packages importable; see ``support.entry``."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from support.entry import run, say

__all__ = ["run", "say"]
