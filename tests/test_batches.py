"""Padded texts: indexing, and how mini-batches are composed."""

import numpy as np
import pytest

from dataset import batches
from dataset.batches import PaddedTexts

SEQUENCES = [[5, 6, 7], np.array([8], dtype=np.int32), np.array([]), [9, 1, 2, 3]]


def test_padding_after():
    x = PaddedTexts(SEQUENCES)
    assert x[:].tolist() == [[5, 6, 7, 0], [8, 0, 0, 0], [0, 0, 0, 0], [9, 1, 2, 3]]
    assert x[:].dtype == np.int32
    assert (len(x), x.lengths.tolist()) == (4, [3, 1, 0, 4])


def test_padding_before():
    x = PaddedTexts(SEQUENCES, padding="before")
    assert x[:].tolist() == [[0, 5, 6, 7], [0, 0, 0, 8], [0, 0, 0, 0], [9, 1, 2, 3]]


def test_no_wider_than_the_longest_asked_for():
    x = PaddedTexts(SEQUENCES)
    assert x[np.array([1, 0, 1])].tolist() == [[8, 0, 0], [5, 6, 7], [8, 0, 0]]
    assert x[1:3].tolist() == [[8], [0]]
    assert x[[2]].tolist() == [[0]]  # a text without tokens is one pad
    assert x[[-1]].tolist() == [[9, 1, 2, 3]]
    assert x[x.lengths < 2].tolist() == [[8], [0]]
    assert x[4:].shape == (0, 1)
    for rows, error in [([4], IndexError), (1, ValueError), (np.array([[0, 1]]), ValueError)]:
        with pytest.raises(error):
            x[rows]


def test_no_narrower_than_asked_for():
    x = PaddedTexts(SEQUENCES, padding="before", width=3)
    assert x[[1, 2]].tolist() == [[0, 0, 8], [0, 0, 0]] and x[[3]].tolist() == [[9, 1, 2, 3]]
    with pytest.raises(ValueError, match="expected a width of 1 or more, got 0"):
        PaddedTexts(SEQUENCES, width=0)


@pytest.mark.parametrize("padding", ["after", "before"])
def test_max_len_keeps_the_beginning(padding):
    x = PaddedTexts(SEQUENCES, padding=padding, max_len=2)
    assert x.lengths.tolist() == [2, 1, 0, 2]
    assert x[[0, 3]].tolist() == [[5, 6], [9, 1]]


def test_what_it_gives_is_a_copy():
    x = PaddedTexts(SEQUENCES)
    x[:][:] = 4
    assert x[[1]].tolist() == [[8]]


@pytest.mark.parametrize(
    ("sequences", "kwargs", "message"),
    [
        ([], {}, "at least one text"),
        ([[1], [2, 0, 3]], {}, r"text 1: expected .*, got \[2 0 3\]"),
        ([[-1]], {}, "text 0"),
        ([[1.5]], {}, "text 0"),
        ([[[1]]], {}, "text 0"),
        ([[1]], {"padding": "both"}, "padding"),
        ([[1]], {"max_len": 0}, "max_len"),
    ],
)
def test_refused(sequences, kwargs, message):
    with pytest.raises(ValueError, match=message):
        PaddedTexts(sequences, **kwargs)


@pytest.fixture(scope="module")
def lengths():
    return np.random.RandomState(0).randint(0, 60, size=10_007)


def padded(lengths, **kwargs):
    return PaddedTexts([np.arange(1, length + 1) for length in lengths], **kwargs)


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("batch_size", [1, 64, 10_007, 20_000])
def test_every_text_stands_in_one_batch(lengths, similar, batch_size):
    x = padded(lengths, similar=similar)
    rows = x.batches(batch_size, np.random.default_rng(0))
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(x)))
    sizes = [len(r) for r in rows]
    assert len(sizes) == -(-len(x) // batch_size)
    assert sorted(sizes, reverse=True)[:-1] == [batch_size] * (len(sizes) - 1)


def share_of_padding(x, rows):
    return 1 - x.lengths.sum() / sum(x[r].size for r in rows)


def test_similar_lengths_need_little_padding(lengths):
    similar, mixed = padded(lengths), padded(lengths, similar=False)
    assert share_of_padding(similar, similar.batches(32, np.random.default_rng(0))) < 0.05
    assert share_of_padding(mixed, mixed.batches(32, np.random.default_rng(0))) > 0.4


def test_texts_and_order_of_batches_change(lengths):
    x = padded(lengths)
    rng = np.random.default_rng(0)
    first, second = x.batches(32, rng), x.batches(32, rng)
    assert not {frozenset(rows.tolist()) for rows in first} & {frozenset(rows.tolist()) for rows in second}
    means = np.array([x.lengths[rows].mean() for rows in first])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3  # short texts first would give about 1
    assert [rows.tolist() for rows in x.batches(32, np.random.default_rng(0))] == [rows.tolist() for rows in first]


def test_pools_are_sorted_not_the_whole(lengths, monkeypatch):
    monkeypatch.setattr(batches, "POOL", 1)
    x = padded(lengths)
    assert share_of_padding(x, x.batches(32, np.random.default_rng(0))) > 0.4


def test_batch_size_refused():
    with pytest.raises(ValueError, match="expected a batch_size of 1 or more, got 0"):
        PaddedTexts(SEQUENCES).batches(0, np.random.default_rng(0))
