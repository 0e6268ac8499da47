"""benchmarks/text.py: what it prints of each classifier, here of tiny ones."""

import functools
import importlib
import re

import numpy as np
import pytest
from script_tools import ROOT


@pytest.mark.parametrize("name", ["gru", "seqself"])
def test_a_tiny_model_is_measured(in_process, monkeypatch, tmp_path, name):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    sizes = importlib.import_module("benchmarks.text").ORIGINAL
    cls, optimizer, *_ = sizes[name]
    tiny = functools.partial(cls, wordvec_size=3, hidden_size=4)
    monkeypatch.setitem(sizes, name, (tiny, optimizer, 2000, 4, 6))
    done = in_process(tmp_path, "benchmarks.text", "--model", name, "--steps", 2, "--workers", 1)
    assert done.returncode == 0, done.stderr
    total = sum(p.size for p in tiny(2000, rng=np.random.default_rng(0)).params)
    assert re.search(rf"^{cls.__name__}$", done.stdout, re.MULTILINE)
    assert re.search(rf"^total +{total:,}$", done.stdout, re.MULTILINE)
    assert "\nmini-batch of 4 texts of 3 to 6 words, 1 workers\n" in done.stdout
    seconds = r"(\d+\.\d\d)"
    found = re.search(
        rf"^a training step: {seconds} s \({seconds}\.\.{seconds}\), CPU {seconds} s, (\d+) MB at the peak$",
        done.stdout,
        re.M,
    )
    median, least, most, cpu, peak = map(float, found.groups())
    assert least <= median <= most and cpu >= 0 and peak > 10
    assert list(tmp_path.iterdir()) == []
