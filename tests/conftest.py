"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_date_file() -> Path:
    """The book's date.txt: where DATE_TXT says, else in the folder `shared` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "date.txt"
    path = Path(os.environ.get("DATE_TXT") or beside)
    if not path.is_file():
        pytest.skip(f"the book's date.txt is not at {path}; set the environment variable DATE_TXT to its path")
    return path
