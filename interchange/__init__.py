"""Models that come from other frameworks, and models that go there: files of weights, and what in them maps to what.

``read_arrays`` reads the arrays of a file, ``to_model`` makes a model of ours from them, ``to_arrays`` does the
reverse. docs/interchange.md has the tables.
"""

from interchange.arrays import Arrays, Entry, ForeignFileError
from interchange.files import read_arrays
from interchange.models import Imported, to_arrays, to_model

__all__ = ["Arrays", "Entry", "ForeignFileError", "Imported", "read_arrays", "to_arrays", "to_model"]
