"""Ranks add up what one process would compute: the same gradients, whatever the shares, the layout and the dtype.

The ranks are threads here; tests/test_mpi_results.py has real ones.
"""

import threading
from functools import partial
from itertools import chain

import numpy as np
import pytest
from layer_table import Draw, lively
from rank_tools import World, all_done, on_ranks, this_rank
from test_parallel import LABELS, MODELS, T_DEC, T_ENC, V, one, tied

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.layer import walk
from common.layers import Affine, Embedding, MatMul
from common.parallel import Share, Workers
from common.ranks import BLOCK, Ranks
from seq2seq import Seq2seq

WORDS = 40  # of the vocabulary of texts, few of which a mini-batch has
TEXTS = {
    "gru": partial(GRUClassifier, wordvec_size=3, hidden_size=4, layers=1, dropout=0),
    "seqself": partial(SeqSelfClassifier, wordvec_size=3, hidden_size=4, units=2, classes=3),
    "bow": partial(BagOfWords, classes=3),
}


@pytest.fixture(autouse=True)
def shared_by_workers(monkeypatch):
    monkeypatch.setattr(Seq2seq, "worth_a_worker", (1e-9, 1e-9))
    for model in (GRUClassifier, SeqSelfClassifier, BagOfWords):
        monkeypatch.setattr(model, "worth_a_worker", (1e-9, 1e-9))


def make(kind, dtype=np.float64):
    if kind == "tied":
        return tied()
    return lively(MODELS[kind], Draw(dtype), V, 5, 7) if kind in MODELS else lively(TEXTS[kind], Draw(dtype), WORDS)


def batch(kind, count, seed=3):
    r = Draw(seed=seed)
    if kind in MODELS:
        return r.ids(count, T_ENC, below=3), r.ids(count, T_DEC + 1, below=5)
    if kind == "tied":
        return r.ids(count, 2), r.ids(count, 2)
    lengths = 1 + np.arange(count)[:, None] % 4
    return (1 + r.ids(count, 4, below=WORDS - 1)) * (np.arange(4) < lengths), r.ids(count, below=2)


def assert_close(got, wanted):
    """The largest gradient sets the measure: a bias before a softmax has one of 0, but for rounding."""
    largest = max(np.abs(a).max() for a in wanted)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * largest)


def steps(model, batches, ranks=None, workers=1):
    """Loss and gradients of each mini-batch in turn."""
    arguments = {} if ranks is None else {"combine": ranks.combine, "rows": ranks.rows}
    with Workers(model, workers, **arguments) as shared:
        return [[shared.step(x, t), *(g.copy() for g in model.grads)] for x, t in batches]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", [*MODELS, *TEXTS, "tied"])
def test_any_number_of_ranks_gives_the_gradients_of_one_process(kind, size, workers, monkeypatch):
    monkeypatch.setattr(Embedding, "cleared_whole", 0)  # as a large table is: only rows that are known to be filled
    batches = [batch(kind, count, seed) for seed, count in enumerate((7, 1, 2, 8))]
    wanted = [one(make(kind), *each) for each in batches]
    found = all_done(on_ranks(size, lambda ranks: steps(make(kind), batches, ranks, workers)))
    for got, expected in zip(found[0], wanted, strict=True):
        assert_close(got, expected)
    for other in found[1:]:
        assert [[np.asarray(a).tobytes() for a in step] for step in other] == [
            [np.asarray(a).tobytes() for a in step] for step in found[0]
        ]


@pytest.mark.parametrize("size", [2, 3, 5, 8])
@pytest.mark.parametrize("labels", LABELS)
def test_every_label_that_counts_weighs_the_same_on_every_rank(labels, size):
    x, t = Draw(seed=3).ids(5, 2), np.array(LABELS[labels])
    for (got,) in all_done(on_ranks(size, lambda ranks: steps(tied(), [(x, t)], ranks))):
        assert_close(got, one(tied(), x, t))


def test_a_rank_with_no_rows_takes_part():
    x, t = batch("tied", 2)
    shares = all_done(on_ranks(5, lambda ranks: ranks.rows(tied(), x, t).tolist()))
    assert shares == [[0], [1], [], [], []]
    world = World(5)
    all_done(on_ranks(5, lambda ranks: steps(tied(), [(x, t)] * 2, ranks), world))
    assert [[name for name, _ in calls] for calls in world.calls] == [["Allreduce"] * 2] * 5


class Reader(Seq2seq):
    """Shares its work in its own way, which knows nothing of ranks."""

    def shares(self, xs, ts, count):
        return [np.arange(count, len(xs)), np.arange(count)]


def test_a_models_own_shares_count():
    def rows(ranks):
        return ranks.rows(Reader(V, 3, 3), *batch("baseline", 7)).tolist()

    assert all_done(on_ranks(3, rows)) == [[3, 4, 5, 6], [0, 1, 2], []]


def test_shares_are_of_equal_cost_however_small_the_work_is(monkeypatch):
    monkeypatch.setattr(Seq2seq, "worth_a_worker", (1e15, 1e15))
    xs = np.concatenate((np.tile(np.arange(T_ENC), (12, 1)), np.arange(4 * T_ENC).reshape(4, T_ENC) % V + 1))
    rows = all_done(
        on_ranks(2, lambda ranks: ranks.rows(make("baseline"), xs, np.zeros((16, T_DEC + 1), int)).tolist())
    )
    assert sorted(rows[0] + rows[1]) == list(range(16)) and len(rows[0]) > len(rows[1]) > 0


@pytest.mark.parametrize("kind", TEXTS)
def test_only_rows_of_the_embedding_that_the_texts_have_are_sent(kind):
    world, (x, t) = World(2), batch(kind, 6)
    (got,), (again,) = all_done(on_ranks(2, lambda ranks: steps(make(kind), [(x, t)], ranks), world))
    embed, model = 1, make(kind)  # the place in ``got``, after the loss
    rest = sum(g.size for g in model.grads[1:])
    (sent,) = [size for name, size in world.calls[0] if name == "Allreduce"]
    news = 2 + 4
    assert sent == 8 * (news + rest + len(np.unique(x)) * model.embed.W.shape[1])
    others = np.setdiff1d(np.arange(WORDS), x)
    assert len(others) > 15 and not got[embed][others].any() and not again[embed][others].any()
    assert got[embed][np.unique(x)[1:]].any(axis=1).all()


def test_rows_that_other_ranks_filled_are_cleared(monkeypatch):
    """Even those with a zero in the first column, by which the Embedding notices what it did not fill."""
    monkeypatch.setattr(Embedding, "cleared_whole", 0)
    batches = [batch("gru", 8, seed) for seed in range(3)]

    def model():
        made = make("gru")
        for _, part in walk(made):
            if hasattr(part, "Wx"):
                part.Wx[0] = 0  # nothing depends on the first number of a word's vector
        return made

    wanted = one(model(), *batches[-1])
    assert not wanted[1][:, 0].any() and wanted[1].any()
    for got in all_done(on_ranks(3, lambda ranks: steps(model(), batches, ranks)[-1])):
        assert_close(got, wanted)


class Twice(BagOfWords):
    """Its bias is what the embedding gives for the last word, too, so that both fill one gradient."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.params, self.grads = self.params + self.params[:1], self.grads + self.grads[:1]


def test_a_gradient_that_layers_share_is_sent_whole():
    assert Twice(WORDS, 3).touched(np.ones((1, 1), int)) == {}
    model = make("gru")
    model.params.reverse(), model.grads.reverse()
    ((place, rows),) = model.touched(np.array([[3, 1, 0]])).items()
    assert model.grads[place] is model.embed.grads[0] and rows.tolist() == [0, 1, 3]


ORDERS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "transposed": lambda a: a.T.copy().T}


@pytest.mark.parametrize("order", ["F", "transposed"])
@pytest.mark.parametrize("touched", [{}, {0: np.array([0, 2, 5])}])
def test_gradients_in_another_order_in_memory_are_added_element_by_element(order, touched):
    """MPI adds up memory: of an array in C order and one in Fortran order it adds elements of different indices."""
    first, second = np.arange(24.0).reshape(6, 4), 100 * np.arange(24.0).reshape(6, 4)
    for part in (first, second):
        part[[row for row in range(6) if touched and row not in touched[0]]] = 0

    def combined(ranks):
        grads = [ORDERS[order](second) if ranks.rank else first.copy(), np.ones(3)]
        return ranks.combine([Share(1.0, 2, grads, touched)])

    for total in all_done(on_ranks(2, combined)):
        np.testing.assert_array_equal(total.grads[0], first + second)
        assert (total.loss, total.labels, total.grads[1].tolist()) == (2.0, 4, [2, 2, 2])


@pytest.mark.parametrize("odd", [0, 1])  # the rank with the other order
@pytest.mark.parametrize("order", ORDERS)
def test_weights_in_another_order_in_memory_arrive(order, odd):
    W = np.arange(12.0).reshape(3, 4)

    def begun(ranks):
        model = Affine(ORDERS[order if ranks.rank == odd else "C"](W + ranks.rank), np.ones(4) * ranks.rank)
        ranks.begin(model)
        ranks.expect_same(model, 1)
        return [p.tolist() for p in model.params]

    assert all_done(on_ranks(2, begun)) == [[W.tolist(), [0] * 4]] * 2


@pytest.mark.parametrize("buffer", [np.zeros((2, 3)), np.zeros((3, 2)).T, np.zeros(6)[::2], np.zeros(())])
def test_a_buffer_that_is_not_flat_is_refused(buffer):
    with pytest.raises(ValueError, match="Ranks: expected one flat contiguous buffer"):
        Ranks()._all(buffer)


@pytest.mark.parametrize(
    "dtypes, sent",
    [("f4 f4", "f4"), ("f8 f8", "f8"), ("f4 f8", "f8"), ("f8 f4", "f8"), ("f2 f2", "f4")],
)
def test_no_gradient_loses_digits_on_the_way(dtypes, sent):
    def combined(ranks):
        grads = [np.array([1, 1 + 2**-10], dtype) for dtype in dtypes.split()]
        grads[0][1] += 2.0**-40 * (dtypes == "f8 f4")
        return ranks.combine([Share(0.5, 1, grads)])

    world = World(2)
    for total in all_done(on_ranks(2, combined, world)):
        assert [g.dtype for g in total.grads] == dtypes.split()
        assert total.grads[0][1] == 2 * (1 + 2**-10 + 2**-40 * (dtypes == "f8 f4"))
    assert {buffer.dtype.str[1:] for buffers in world.buffers for buffer in buffers} == {sent}


COUNTS = [[2**24 + 1, 2], [2**24 - 1] * 3, [2**31 + 1, 3, 0], [BLOCK - 1] * 5, [0, 0], [1.5, 2.25]]


@pytest.mark.parametrize("counts", COUNTS)
def test_labels_are_counted_exactly(counts):
    """Float32 holds no whole number between 2**24 and 2**24 + 2."""

    def total(ranks):
        return ranks.combine([Share(1.0, counts[ranks.rank], [np.ones(2, np.float32)])]).labels

    assert all_done(on_ranks(len(counts), total)) == [sum(counts)] * len(counts)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_parts_are_dealt_out_and_come_back_in_their_order(count):
    done = [[] for _ in range(3)]

    def deal(ranks):
        def do(parts):
            done[ranks.rank] += parts
            return [10 * part for part in parts]

        return ranks.deal(list(range(count)), do)

    assert all_done(on_ranks(3, deal)) == [[10 * part for part in range(count)]] * 3
    assert sorted(chain(*done)) == list(range(count)) and max(map(len, done)) - min(map(len, done)) <= 1


DIFFERENT = {  # what is said of the model of rank 2
    r"Affine: W float64 \(2, 3\) where the model of rank 0 has W float64 \(2, 4\)": lambda: Affine(
        np.ones((2, 3)), np.ones(3)
    ),
    r"Affine: W float32 \(2, 4\) where the model of rank 0 has W float64 \(2, 4\)": lambda: Affine(
        np.ones((2, 4), np.float32), np.ones(4)
    ),
    r"MatMul: nothing where the model of rank 0 has b float64 \(4,\)": lambda: MatMul(np.ones((2, 4))),
}


@pytest.mark.parametrize("said", DIFFERENT)
def test_models_that_differ_are_refused_by_rank_and_parameter(said):
    def check(ranks):
        ranks.begin(DIFFERENT[said]() if ranks.rank == 2 else Affine(np.ones((2, 4)), np.ones(4)))

    errors = on_ranks(4, check)
    assert [error.rank for error in errors] == [2] * 4  # all leave it to the same one to tell
    with pytest.raises(ValueError, match=f"^{said}$"):
        raise errors[2]


def test_weights_that_differ_are_refused_by_rank_and_parameter():
    def check(ranks):
        model = make("attention")
        model.decoder.lstm.Wh[3, 1] += 1e-15 * (ranks.rank == 1)
        ranks.expect_same(model, 7)

    errors = on_ranks(3, check)
    assert [error.rank for error in errors] == [1] * 3
    with pytest.raises(
        ValueError, match=r"after epoch 7, its weights are not those of rank 0: decoder\.lstm\.Wh differs"
    ):
        raise errors[2]


def test_an_error_on_one_rank_does_not_leave_these_tests_waiting():
    def fails(ranks):
        if this_rank() == 1:
            raise KeyError("x")
        return ranks.all(0)

    first, second = on_ranks(2, fails)
    assert isinstance(first, threading.BrokenBarrierError) and isinstance(second, KeyError)
