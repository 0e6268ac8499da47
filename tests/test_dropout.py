"""Dropout: how many it keeps, their mean, and when it keeps all."""

from types import SimpleNamespace

import numpy as np
import pytest
from layer_table import D, Draw, N, T

from common.layers import Dropout


def test_dropout_keeps_a_share_and_the_mean():
    layer = Dropout(0.3, rng=np.random.default_rng(0))
    y = layer.forward(np.ones((100, 200)))
    assert np.unique(y).tolist() == pytest.approx([0, 1 / 0.7])
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.02) and y.mean() == pytest.approx(1, abs=0.02)
    assert np.array_equal(layer.backward(np.ones((100, 200))), y)
    x = Draw()(N, T, D)
    assert np.array_equal(layer.forward(x, False), x)
    layer.train_flg = False
    assert np.array_equal(layer.forward(x), x) and not np.array_equal(layer.forward(x, True), x)
    with pytest.raises(ValueError, match=r"expected a ratio in \[0, 1\), got 1"):
        Dropout(1)


def test_without_dropout_even_the_lowest_draw_keeps_its_input():
    lowest = SimpleNamespace(random=lambda shape, dtype: np.zeros(shape, dtype))  # draws are in [0, 1)
    x = Draw()(N, T, D)
    assert np.array_equal(Dropout(0, rng=lowest).forward(x), x)
