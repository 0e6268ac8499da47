"""Products a few rows at a time, and weights that are arranged once for several calls and workers."""

import copy
import pickle
import threading

import numpy as np
import pytest

from common import products
from common.parallel import Workers
from common.products import Arranged, matmul, rows_at_once, weights_kept
from common.rnn import TimeRecurrent
from common.time_layers import TimeGRU, TimeLSTM, TimeRNN
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

K, M = 7, 5


@pytest.fixture
def few_rows(monkeypatch):
    """As with the kernels that do not pack small products; the rows of each product."""
    rows, matmul = [], np.matmul
    monkeypatch.setattr(products, "_unpacked", lambda: 8 * K * M + 20)
    monkeypatch.setattr(np, "matmul", lambda x, W, out: (rows.append(out.shape[-2]), matmul(x, W, out=out))[1])
    return rows


@pytest.mark.parametrize("n", [0, 1, 4, 7, 8, 9, 16, 17, 31])
@pytest.mark.parametrize("gates", [(), (1,), (4,)])
@pytest.mark.parametrize("K, M", [(K, M), (M, K), (5 * K, M)])
def test_matmul_is_the_product_whatever_the_rows(few_rows, n, gates, K, M, monkeypatch):
    monkeypatch.setattr(products, "_unpacked", lambda: 8 * K * M + 20)
    rng = np.random.default_rng(n)
    W = rng.normal(size=(*gates, K, M)).astype(np.float32)
    assert rows_at_once(W) == 8
    assert rows_at_once(W.astype(np.float64)) == 0  # other types are multiplied at once
    for lead in {(), gates}:  # the same rows for all gates, or rows of each
        whole = rng.normal(size=(*lead, n + 3, K + 2)).astype(np.float32)
        x = whole[..., 2 : n + 2, 1:-1]  # a part of a larger array, as in the recurrent layers
        out = np.full((*gates, n + 4, M), 9, np.float32)
        few_rows.clear()
        written = matmul(x, W, out[..., 1 : n + 1, :])
        assert set(few_rows) == ({n} if n <= 8 else {8, n % 8} - {0})
        assert written.shape == (*gates, n, M)
        assert not n or np.shares_memory(written, out)
        np.testing.assert_allclose(written, x @ W, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(out[..., 1 : n + 1, :], written)
        assert (out[..., [0, *range(n + 1, n + 4)], :] == 9).all()


def test_rows_at_once_are_a_multiple_of_four_or_all(monkeypatch):
    monkeypatch.setattr(products, "_unpacked", lambda: 10**6)
    assert rows_at_once(np.zeros((4, 273, 256), np.float32)) == 12
    assert rows_at_once(np.zeros((4, 1041, 1024), np.float32)) == 0
    monkeypatch.setattr(products, "_unpacked", lambda: 8 * K * M - 1)
    assert rows_at_once(np.zeros((K, M), np.float32)) == 4
    monkeypatch.setattr(products, "_unpacked", lambda: 0)
    assert rows_at_once(np.zeros((4, 273, 256), np.float32)) == 0


def test_only_known_kernels_get_few_rows(monkeypatch):
    for architecture, most in (("SkylakeX", 10**6), ("SapphireRapids", 10**6), ("Haswell", 0), ("armv8", 0)):
        monkeypatch.setattr(products, "openblas", lambda name=architecture: {"architecture": name})
        assert products._unpacked.__wrapped__() == most
    monkeypatch.setattr(products, "openblas", lambda: None)  # numpy with another BLAS
    assert products._unpacked.__wrapped__() == 0


@pytest.mark.parametrize("kind", [TimeRNN, TimeLSTM, TimeGRU])
def test_weights_are_arranged_once_while_they_are_kept_and_seen_when_they_change(kind, monkeypatch):
    count, arrange = [], kind._arrange
    monkeypatch.setattr(kind, "_arrange", lambda self, C: (count.append(1), arrange(self, C))[1])
    rng = np.random.default_rng(0)
    layer = kind(*(rng.normal(size=shape) for shape in ((3, 4 * kind.gates), (4, 4 * kind.gates), (4 * kind.gates,))))
    xs = rng.normal(size=(2, 5, 3))
    with weights_kept(layer), weights_kept(layer):
        first = layer.forward(xs)
        layer.backward(first)
        np.testing.assert_array_equal(layer.forward(xs), first)
        layer.backward(first)
    assert len(count) == 1
    layer.Wh *= 2
    assert np.abs(layer.forward(xs) - first).max() > 1e-3
    assert len(count) == 2
    with pytest.raises(ZeroDivisionError), weights_kept(layer):
        raise ZeroDivisionError
    layer.forward(xs)
    layer.Wh /= 2
    np.testing.assert_array_equal(layer.forward(xs), first)


def test_weights_are_kept_for_calls_with_and_without_a_constant():
    rng = np.random.default_rng(0)
    layer = TimeLSTM(*(rng.normal(size=shape) for shape in ((5, 16), (4, 16), (16,))))
    xs, constant = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 2))

    def both() -> list:
        hs = layer.forward(xs)
        found = [hs, layer.backward(hs)]
        hs = layer.forward(xs[:, :, 2:], constant=constant)
        return [*found, hs, *layer.backward(hs)]

    expected = both()
    with weights_kept(layer):
        for found in (both(), both()):
            for got, array in zip(found, expected, strict=True):
                np.testing.assert_array_equal(got, array)


def test_a_copy_keeps_nothing():
    arranged = Arranged()
    arranged.kept, arranged.made["W"] = True, np.ones(2)
    for copied in (copy.deepcopy(arranged), pickle.loads(pickle.dumps(arranged))):
        assert not copied.kept
        assert not copied.made
        assert copied.lock is not arranged.lock


@pytest.mark.parametrize("kind", [Seq2seq, PeekySeq2seq, AttentionSeq2seq])
def test_workers_share_arranged_weights_and_a_decoding_arranges_them_once(kind, monkeypatch):
    count, arrange = [], TimeRecurrent._arrange
    monkeypatch.setattr(TimeRecurrent, "_arrange", lambda self, C: (count.append(1), arrange(self, C))[1])
    model = kind(7, 4, 8, rng=np.random.default_rng(0))
    model.worth_a_worker = 1, 1
    xs = np.random.default_rng(1).integers(7, size=(24, 5))
    ts = np.random.default_rng(2).integers(7, size=(24, 4))
    with Workers(model, 3) as workers:
        workers.step(xs, ts)
        assert len(count) == 2  # of the encoder and of the decoder
        model.decoder.lstm.Wh += 0.1
        workers.step(xs, ts)
        assert len(count) == 4
    count.clear()
    model.decode(xs, 0, 4, batch_size=4, workers=2)
    assert len(count) == 2


def test_weights_that_a_thread_makes_while_the_block_ends_are_not_kept():
    model = TimeLSTM(*(np.zeros(shape, "f") for shape in ((3, 8), (2, 8), 8)))
    begun, ended = threading.Event(), threading.Event()

    def make():
        begun.set()
        ended.wait(0.2)  # the block may well wait for this thread
        return np.zeros(1)

    thread = threading.Thread(target=model.arranged.get, args=("W", make))
    with weights_kept(model):
        thread.start()
        begun.wait()
    ended.set()
    thread.join()
    assert not model.arranged.made
