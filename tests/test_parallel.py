"""Several workers are one worker, only quicker: the same gradients, the same answers, the same errors."""

import os
import threading
import time
import traceback
from functools import partial

import numpy as np
import pytest
from layer_table import Draw, TiedModel, lively
from test_trainer import Classifier, task
from threadpoolctl import threadpool_info, threadpool_limits

from common.callbacks import Measure
from common.gradient_check import check_gradients
from common.layer import set_train_flg, walk
from common.layers import SigmoidWithLoss, SoftmaxWithLoss
from common.optimizer import SGD, Adam
from common.parallel import Share, Workers
from common.time_layers import TimeLSTM
from common.trainer import Trainer
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq

MODELS = {"baseline": Seq2seq, "peeky": PeekySeq2seq, "attention": AttentionSeq2seq}
MODELS |= {"transformer": partial(TransformerSeq2seq, heads=1, layers=1)}
KINDS = [pytest.param(kind, marks=pytest.mark.slow) if kind == "transformer" else kind for kind in MODELS]
V, T_ENC, T_DEC = 10, 6, 4


@pytest.fixture(autouse=True)
def all_work(monkeypatch):
    """The models here are so small that one worker would be left to do it all."""
    monkeypatch.setattr(Seq2seq, "worth_a_worker", (1e-9, 1e-9))


def tied():
    r = Draw()
    return TiedModel(r(V, 4), r(4, 4), r(V))


def one(model, x, t):
    """Loss and gradients of a mini-batch."""
    loss = model.forward(x, t)
    model.backward()
    return [loss, *(g.copy() for g in model.grads)]


def step(model, x, t, count, **arguments):
    """The same, by ``count`` workers."""
    for g in model.grads:
        g[...] = np.nan  # what no worker writes shows
    with Workers(model, count, **arguments) as workers:
        return [workers.step(x, t), *(g.copy() for g in model.grads)]


def assert_close(got, wanted, bound=1e-12):
    for a, b in zip(got, wanted, strict=True):
        assert np.abs(a - b).max() <= bound * np.abs(b).max()  # a nan fails too


def batches():
    """Questions with all prefixes in common, with none, in groups; enough for shares rounded to four; few."""
    r = Draw(seed=1)
    none, groups = r.ids(7, T_ENC), np.tile(r.ids(1, T_ENC), (9, 1))
    none[:, 0] = np.arange(7)
    for row, first in zip(groups, [0, 6, 5, 3, 3, 1, 4, 0, 2], strict=True):
        row[first:] = r.ids(T_ENC - first)
    return [np.tile(none[:1], (7, 1)), none, groups, r.ids(53, T_ENC, below=2), *(r.ids(n, T_ENC) for n in (1, 2, 3))]


@pytest.mark.parametrize("share_prefixes", [True, False])
@pytest.mark.parametrize("dtype, bound", [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_workers_gives_the_same_gradients(kind, dtype, bound, share_prefixes):
    model = lively(MODELS[kind], Draw(dtype), V, 5, 7)
    model.softmax.ignore_label = 0  # here and there, so that shares differ in the number of labels
    for xs in batches():
        ts = Draw(seed=2).ids(len(xs), T_DEC + 1, below=5)
        ts[:, 1] = 3
        for questions in xs, xs[:, ::-1]:
            model.encoder.share_prefixes = False
            wanted = one(model, questions, ts)
            model.encoder.share_prefixes = share_prefixes
            for count in (1, 2, 3):
                assert_close(step(model, questions, ts, count), wanted, bound)


LABELS = {  # rows of answers; -1 counts for nothing
    "uneven": [[1, 2], [3, 4], [5, -1], [-1, -1], [-1, 0]],
    "a share without": [[1, 2], [3, 4], [5, 6], [-1, -1], [-1, -1]],
    "none": [[-1, -1]] * 5,
}


@pytest.mark.parametrize("labels", LABELS)
def test_every_label_that_counts_weighs_the_same(labels):
    model, x, t = tied(), Draw(seed=3).ids(5, 2), np.array(LABELS[labels])
    model.params, model.grads = model.params + model.params[:1], model.grads + model.grads[:1]  # one stands there twice
    wanted = one(model, x, t)
    assert any(a.any() for a in wanted) == (labels != "none")
    for count in (1, 2, 3, 8):
        assert_close(step(model, x, t, count), wanted)


class ReadersLoss:  # which knows nothing of labels that count
    params, grads = (), ()

    def forward(self, x, t):
        self.d = x - t
        return (self.d**2).mean()

    def backward(self, dout=1):
        return dout * 2 * self.d / self.d.size


@pytest.mark.parametrize("loss", [SigmoidWithLoss, ReadersLoss])
def test_losses_that_ignore_nothing(loss):
    model, x, t = Classifier(), Draw(seed=3)(5, 4), Draw(seed=3).ids(5, 3, below=2)
    model.loss = loss()
    set_train_flg(model, False)
    wanted = one(model, x, t)
    for count in (2, 3):
        assert_close(step(model, x, t, count), wanted)


class Split:  # the loss of one worker, with the gradients of several
    def __init__(self, model, count):
        self.model, self.count, self.params, self.grads = model, count, model.params, model.grads

    def forward(self, *batch):
        self.batch = batch
        return self.model.forward(*batch)

    def backward(self):
        step(self.model, *self.batch, self.count)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("kind", [*KINDS, "tied"])
def test_complex_step_proves_the_gradients_of_several(kind, count):
    r = Draw(seed=4)
    model = TiedModel(r(5, 3), r(3, 3), r(5)) if kind == "tied" else lively(MODELS[kind], r, 5, 3, 2)
    x = np.array([[1, 2, 3], [1, 2, 4], [1, 0, 0], [1, 2, 3], [4, 0, 0]])
    check_gradients(Split(model, count), x, np.where(x == 3, -1, x) if kind == "tied" else r.ids(5, 3, below=5))


def trained(kind, workers):
    weights, shuffle = np.random.default_rng(5).spawn(2)
    model = Classifier() if kind == "dropout" else MODELS[kind](V, 4, 8, rng=weights)
    r = Draw(seed=6)
    x, t = task(40) if kind == "dropout" else (r.ids(40, T_ENC, below=4), r.ids(40, T_DEC + 1, below=3))
    flags = [part for _, part in walk(model) if hasattr(part, "train_flg")]
    infers = Measure("infers", lambda m: m is model and not any(part.train_flg for part in flags))
    trainer = Trainer(model, Adam(lr=0.03), rng=shuffle, callbacks=(infers,), workers=workers)
    for _ in range(2):
        trainer.fit(x, t, max_epoch=2, batch_size=9, max_grad=5.0, eval_interval=1)
    assert all(record["infers"] for record in trainer.history) and all(part.train_flg for part in flags)
    return model, trainer.loss_list


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("kind", [*MODELS, "dropout"])
def test_the_same_bits_in_every_run_and_nearly_those_of_one_worker(kind, workers):
    (first, losses), (second, again) = trained(kind, workers), trained(kind, workers)
    assert losses == again and sum(losses[8:]) < sum(losses[:8])
    assert [p.tobytes() for p in first.params] == [p.tobytes() for p in second.params]
    if kind != "dropout":
        np.testing.assert_allclose(losses, trained(kind, 1)[1], rtol=1e-4)


REMEMBERS, JUDGES = TimeLSTM(*Draw().weights(4), stateful=True), SoftmaxWithLoss()


@pytest.mark.parametrize(
    "part, said", [(REMEMBERS, "part: state is carried from batch to batch"), (JUDGES, "2 loss layers")]
)
def test_a_model_that_cannot_be_split_has_one_worker(part, said):
    model, (x, t) = Classifier(), task()
    model.part, before = part, model.affine.W.copy()
    with pytest.raises(ValueError, match=f"Classifier: {said}"):
        Trainer(model, SGD(), callbacks=(), workers=2).fit(x, t)
    np.testing.assert_array_equal(model.affine.W, before)
    Trainer(model, SGD(), callbacks=(), workers=1).fit(x, t, max_epoch=1)
    assert not np.array_equal(model.affine.W, before)


def test_less_than_one_worker_is_refused():
    model = Classifier()
    with pytest.raises(ValueError, match="Workers: expected a count of at least 1, got 0"):
        Workers(model, 0)
    with pytest.raises(ValueError, match="Trainer: expected at least 1 worker, got 0"):
        Trainer(model, SGD(), workers=0)


class Ignores(ReadersLoss):  # and does not tell how many labels it counted
    ignore_label = -1


def test_a_loss_that_ignores_labels_has_to_count_them():
    model, x, t = Classifier(), Draw(seed=3)(5, 4), Draw(seed=3)(5, 3)
    model.loss = Ignores()
    with pytest.raises(ValueError, match=r"^Classifier: loss ignores labels.* label_count"):
        Trainer(model, SGD(), callbacks=(), workers=2).fit(x, t)
    model.affine.loss, model.loss = model.loss, None
    with pytest.raises(ValueError, match=r"^Classifier: affine\.loss ignores labels"):
        Workers(model, 3)
    model.loss = model.affine.loss
    set_train_flg(model, False)
    assert_close(step(model, x, t, 1), one(model, x, t), 0)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("row", [0, 4, 6])  # one in each share
def test_an_error_in_a_worker_reaches_the_caller(row):
    model, x, t = tied(), Draw(seed=3).ids(7, 2), Draw(seed=3).ids(7, 2)
    wrong, before = t.copy(), [p.tobytes() for p in model.params]
    wrong[row] = 10 + row
    with threadpool_limits(limits=2, user_api="blas"):
        limits, threads = blas_threads(), threading.active_count()
        with pytest.raises(ValueError, match=rf"labels: expected 0\.\.9.*, got {10 + row}"):
            Trainer(model, SGD(), callbacks=(), workers=3).fit(x, wrong, batch_size=7)
        assert blas_threads() == limits and threading.active_count() == threads
    assert [p.tobytes() for p in model.params] == before
    with Workers(model, 3) as workers:
        with pytest.raises(ValueError, match=f"got {10 + row}") as caught:
            workers.step(x, wrong)
        assert {"step", "forward", "check_labels"} <= {frame.name for frame in traceback.extract_tb(caught.tb)}
        assert_close([workers.step(x, t), *model.grads], one(tied(), x, t))  # the next batch is none the worse


@pytest.mark.parametrize("shares", [[0, 1, 2], [1, 0, 2]])
def test_an_error_is_raised_when_all_workers_have_stopped(shares):
    ended = []

    def work(model, share):
        time.sleep(share / 20)
        ended.append(6 / share)

    with Workers(tied(), 3) as workers:
        with pytest.raises(ZeroDivisionError):
            workers.map(work, shares)
        assert sorted(ended) == [3, 6]


def test_blas_has_one_thread_in_each_process_of_the_tests():
    assert set(blas_threads()) == {1} and os.environ["OPENBLAS_NUM_THREADS"] == "1"


def test_blas_has_one_thread_for_each_of_several_workers():
    with threadpool_limits(limits=2, user_api="blas"):
        limits, workers = blas_threads(), Workers(tied(), 2)
        for _ in range(2):
            with workers:
                Workers(tied(), 2).__enter__().__exit__()  # as when evaluation decodes amid a fit
                assert set(blas_threads()) <= {1}
            assert blas_threads() == limits


def test_workers_work_inside_one_with_statement():
    model, x, t = tied(), Draw(seed=3).ids(5, 2), np.array(LABELS["uneven"])
    with threadpool_limits(limits=2, user_api="blas"):
        limits, workers = blas_threads(), Workers(model, 2)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="several workers need a with statement"):
                workers.step(x, t)
            with workers:
                with pytest.raises(RuntimeError, match="Workers: these workers are already in use"), workers:
                    pytest.fail("entered twice")
                assert set(blas_threads()) <= {1}
                assert workers.step(x, t) > 0  # they go on
            assert blas_threads() == limits
    assert Workers(model, 1).step(x, t) > 0  # one alone needs no threads


COMBINED = {  # where a combine may put the gradients: the arrays that it returns are the caller's
    "the first share": lambda shares: shares[0].grads,
    "the last share": lambda shares: shares[-1].grads,
    "new arrays": lambda shares: [np.empty_like(g) for g in shares[0].grads],
}


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("where", COMBINED)
def test_the_way_to_combine_is_replaceable(where, count):
    model, x, t = tied(), Draw(seed=3).ids(5, 2), np.array(LABELS["uneven"])
    wanted, seen = one(model, x, t), []

    def combine(shares):
        seen.extend([g.copy() for g in share.grads] for share in shares)
        grads = COMBINED[where](shares)
        for i, g in enumerate(grads):
            g[...] = 6 * i
        return Share(sum(s.loss for s in shares), sum(s.labels for s in shares), grads)

    listed = list(map(id, model.grads))
    loss, *grads = step(model, x, t, count, combine=combine)
    assert len(seen) == count and all((g == i).all() for i, g in enumerate(grads))  # 6 labels count
    assert list(map(id, model.grads)) == listed  # filled, not replaced
    sums = seen[0] if count == 1 else [a + b for a, b in zip(*seen, strict=True)]
    assert_close([6 * loss, *sums], [6 * g for g in wanted])


@pytest.mark.parametrize("count", [1, 2])
def test_the_trainer_hands_the_way_to_combine_on(count):
    def nothing(shares):
        seen.append(len(shares))
        return Share(sum(s.loss for s in shares), sum(s.labels for s in shares), [0 * g for g in shares[0].grads])

    model, seen = Classifier(), []
    before = [p.copy() for p in model.params]
    trainer = Trainer(model, SGD(), callbacks=(), workers=count, combine=nothing)
    assert trainer.fit(*task(12), max_epoch=2, batch_size=4)[-1]["loss"] > 0
    assert seen == [count] * 6
    assert_close(model.params, before, 0)
