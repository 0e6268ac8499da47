"""First values are the generator's draws, as wide as their source says."""

import numpy as np
import pytest

from common.initializers import glorot_normal, lecun_normal, normal, recurrent_weights


@pytest.mark.parametrize(
    ("made", "std"),
    [
        (lambda **options: normal((6, 3), 0.01, **options), 0.01),
        (lambda **options: lecun_normal((6, 3), **options), 1 / np.sqrt(6)),
        (lambda **options: glorot_normal((6, 3), **options), np.sqrt(2 / (6 + 3))),
    ],
)
def test_width(made, std):
    draws = np.random.default_rng(5).standard_normal((6, 3)) * std
    W = made(rng=np.random.default_rng(5), dtype=np.float64)
    np.testing.assert_allclose(W, draws, rtol=1e-12)
    assert np.array_equal(made(rng=np.random.default_rng(5)), W.astype(np.float32))


def test_recurrent_weights():
    Wx, Wh, b = recurrent_weights(6, 3, 4, rng=np.random.default_rng(5), dtype=np.float64)
    rng = np.random.default_rng(5)
    np.testing.assert_allclose(Wx, rng.standard_normal((6, 12)) / np.sqrt(6), rtol=1e-12)
    np.testing.assert_allclose(Wh, rng.standard_normal((3, 12)) / np.sqrt(3), rtol=1e-12)
    assert b.shape == (12,) and not b.any()
