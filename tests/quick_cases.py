"""The names of the table of layers as parameters of a test, those of models of many weights marked slow."""

import pytest
from layer_table import CASES

SLOW = [f"TransformerSeq2seq-{v}" for v in ("N1-T1", "before-dropout", "nothing", "post-dropout", "smoothed-ignored")]
SLOW += ["TransformerDecoder-post", *(name for name in CASES if name.endswith("-deep"))]
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES]
assert {*SLOW} <= {*CASES}
