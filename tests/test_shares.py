"""How a mini-batch of questions is split: each row once, as much work for every worker, none for work too small."""

import numpy as np
import pytest
from test_parallel import T_DEC, T_ENC, V, batches

from common.parallel import WORTH_A_WORKER, equal_work, worthwhile
from dataset import sequence
from seq2seq import AttentionSeq2seq, Seq2seq


class Willing(Seq2seq):
    """However small the work is, it is split."""

    worth_a_worker = 1e-9, 1e-9


@pytest.fixture(scope="module")
def real_dates():
    """(xs, ts, size of the vocabulary): 600 questions as the encoder reads them, and their answers."""
    data = sequence.generate("date.txt", count=600)
    return data.questions[:, ::-1], data.answers, len(data.vocabulary)


def cost(xs, T_dec):
    """Rows of the LSTMs that questions take together: distinct prefixes, and characters of the answers."""
    return len({tuple(row[:t]) for row in xs.tolist() for t in range(1, len(row) + 1)}) + T_dec * len(xs)


@pytest.mark.parametrize("count", [1, 2, 3, 60])
def test_shares_hold_each_row_once_and_a_few_rows_evenly(count):
    for xs in [*batches(), *(np.arange(n * T_ENC).reshape(n, T_ENC) for n in range(1, 17))]:
        shares = Willing(V, 2, 2).shares(xs, np.zeros((len(xs), T_DEC + 1)), count)
        assert len(shares) == count
        np.testing.assert_array_equal(np.sort(np.concatenate(shares)), np.arange(len(xs)))
        if len(np.unique(xs[:, 0])) == len(xs):  # no prefix in common: as much work each
            assert np.ptp([len(share) for share in shares]) <= 1, shares


@pytest.mark.parametrize("count", [2, 3, 4])
def test_shares_are_equal_in_work(count, real_dates):
    rng, model, heaviest = np.random.default_rng(0), Willing(real_dates[2], 2, 2), []
    for _ in range(6):
        rows = rng.permutation(600)[:128]
        xs, ts = (part[rows] for part in real_dates[:2])
        by_number = np.array_split(xs, count), np.array_split(xs[np.lexsort(xs.T[::-1])], count)
        ways = [xs[share] for share in model.shares(xs, ts, count)], *by_number
        costs = [[cost(part, ts.shape[1] - 1) for part in way] for way in ways]
        assert max(costs[0]) <= 1.25 * np.mean(costs[0])
        heaviest.append([max(way) for way in costs])
    ours, as_they_come, sorted_only = np.mean(heaviest, axis=0)
    assert ours < as_they_come and ours < 0.9 * sorted_only


@pytest.mark.parametrize("count", [2, 3, 4])
def test_without_shared_prefixes_all_rows_cost_the_same(count, real_dates):
    xs, ts, vocab_size = real_dates
    model = Willing(vocab_size, 2, 2)
    shared = [len(share) for share in model.shares(xs[:128], ts[:128], count)]
    assert np.ptp(shared) > 4  # a share of short dates, which have more in common, holds more of them
    switched, remembers = Willing(vocab_size, 2, 2), Willing(vocab_size, 2, 2)
    switched.encoder.share_prefixes, remembers.encoder.lstm.stateful = False, True
    for model in switched, remembers:
        for n in (128, 63, 5):
            sizes = np.array([len(share) for share in model.shares(xs[:n], ts[:n], count)])
            assert sizes.sum() == n and len(sizes) == count and abs(sizes - n / count).max() <= 4
            assert n == 63 or np.ptp(sizes) <= 4


def test_small_work_is_left_to_fewer(real_dates):
    xs, ts, vocab_size = real_dates
    xs, ts = xs[:128], ts[:128]
    tiny, book = AttentionSeq2seq(vocab_size, 3, 4), AttentionSeq2seq(vocab_size, 16, 256)
    for count in (1, 2, 8):
        (share,) = tiny.shares(xs, ts, count)
        np.testing.assert_array_equal(np.sort(share), np.arange(128))
    assert [len(book.shares(xs, ts, count)) for count in (1, 2)] == [1, 2]
    counts = [len(book.shares(xs[:n], ts[:n], 8)) for n in range(1, 129)]
    assert counts == sorted(counts) and counts[0] == 1 and set(counts) == set(range(1, max(counts) + 1))


def test_work_is_counted_in_distinct_rows(real_dates):
    xs, ts, vocab_size = real_dates
    ts, equal, distinct = ts[:128], np.tile(xs[:1], (128, 1)), np.arange(128 * 29).reshape(128, 29)
    model = Seq2seq(vocab_size, 2, 2)
    # 29 + 128 * 10 rows of the LSTMs for equal questions, 128 * 39 for others, or when they share nothing
    model.worth_a_worker = 3 * 2000 * sum(p.size for p in model.params), 1e-9
    assert [len(model.shares(questions, ts, 2)) for questions in (equal, distinct)] == [1, 2]
    model.encoder.share_prefixes = False
    assert [len(model.shares(questions, ts, 2)) for questions in (equal, distinct)] == [2, 2]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_rows_in_an_order_are_cut_where_their_cost_is_equal(count):
    rng = np.random.default_rng(0)
    for n in (1, 5, 40, 600):
        order, cost = rng.permutation(n), rng.integers(1, 30, n)
        for multiple in (1, 8):
            shares = equal_work(order, cost, count, multiple)
            assert len(shares) == count
            np.testing.assert_array_equal(np.concatenate(shares), order)
            sums = [part.sum() for part in np.split(cost, np.cumsum([len(share) for share in shares])[:-1])]
            assert abs(np.array(sums) - cost.sum() / count).max() <= multiple * 29
            if n >= 4 * multiple * count:
                assert all(len(share) % multiple == 0 for share in shares[:-1])
    (light, heavy) = equal_work(np.arange(10), np.array([1] * 9 + [9]), 2)
    assert light.tolist() == list(range(9)) and heavy.tolist() == [9]


def test_workers_want_operations_and_rows():
    assert [worthwhile(4, operations, 100, (50, 10)) for operations in (0, 49, 100, 149, 1e9)] == [1, 1, 2, 2, 4]
    assert [worthwhile(4, 1000, rows, (50, 10)) for rows in (0, 9, 20, 30, 39.9, 1e9)] == [1, 1, 2, 3, 3, 4]
    operations, rows = WORTH_A_WORKER
    assert [worthwhile(9, 2.5 * operations, n * rows) for n in (1, 2, 3)] == [1, 2, 2]
