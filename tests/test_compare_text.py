"""benchmarks/compare_text.py: ours beside PyTorch's, or alone."""

import re
import sys
from functools import partial

import pytest
from script_tools import refused, write_films


@pytest.mark.parametrize("with_torch", [pytest.param(True, marks=pytest.mark.slow), False])
def test_compare_text(in_process, monkeypatch, request, tmp_path, with_torch):
    if with_torch:
        torch = pytest.importorskip("torch")
        request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    else:
        monkeypatch.setitem(sys.modules, "torch", None)
    (write_films(tmp_path / "films", 40) / "LICENSE").write_text("free")
    options = "--seeds 2 --max-epoch 1 --batch-size 8 --wordvec-size 6 --hidden-size 4 --workers 1".split()
    done = in_process(tmp_path, "benchmarks.compare_text", "--data", "films", *options)
    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(
        r"^(ours|PyTorch) +(yes|no) +([\d.]+)% +([\d.]+) ([\d.]+) +([\d.]+) +[\d.]+$", done.stdout, re.MULTILINE
    )
    assert [row[:2] for row in rows] == [(w, a) for a in ("yes", "no") for w in ["ours", "PyTorch"][: 1 + with_torch]]
    for _, _, mean, first, second, _ in rows:
        assert float(mean) == pytest.approx((float(first) + float(second)) / 2, abs=0.011)
    assert len(re.findall(r"ours / PyTorch, (?:CPU )?time of an epoch with", done.stdout)) == 4 * with_torch
    assert ("torch is not installed" in done.stdout) != with_torch
    assert "36 texts to train on, 4 to test" in done.stdout
    assert "skipped in films: 1 about the corpus (LICENSE)\n" in done.stdout


def test_a_layout_that_it_cannot_divide_is_refused(in_process, tmp_path):
    done = in_process(tmp_path, "benchmarks.compare_text", "--data", "films", "--format", "csv")
    refused(done, "--format: .*'csv'.*folders.*lines")
