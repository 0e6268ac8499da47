"""Several workers are one worker, only quicker: the same gradients, the same answers, the same errors."""

import threading
import time
import traceback
from types import SimpleNamespace

import numpy as np
import pytest
from layer_table import Draw, TiedModel, lively
from test_trainer import Classifier, task
from threadpoolctl import threadpool_info, threadpool_limits

from common.callbacks import Measure
from common.gradient_check import check_gradients
from common.layer import Layer, set_train_flg, walk
from common.layers import Dropout, SigmoidWithLoss, SoftmaxWithLoss
from common.optimizer import SGD, Adam
from common.parallel import Share, Workers
from common.time_layers import TimeLSTM
from common.trainer import Trainer
from dataset import sequence
from seq2seq import AttentionSeq2seq, Encoder, PeekySeq2seq, Seq2seq

MODELS = {"baseline": Seq2seq, "peeky": PeekySeq2seq, "attention": AttentionSeq2seq}
V, T_ENC, T_DEC = 10, 6, 4


@pytest.fixture(autouse=True)
def all_work(monkeypatch):
    """The models here are so small that one worker would be left to do it all."""
    monkeypatch.setattr(Seq2seq, "worth_a_worker", 1e-9, raising=False)


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
@pytest.mark.parametrize("kind", MODELS)
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
@pytest.mark.parametrize("kind", [*MODELS, "tied"])
def test_complex_step_proves_the_gradients_of_several(kind, count):
    r = Draw(seed=4)
    model = TiedModel(r(5, 3), r(3, 3), r(5)) if kind == "tied" else lively(MODELS[kind], r, 5, 2, 3)
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


def test_each_worker_drops_units_of_its_own():
    model = Classifier()
    model.other = Dropout(rng=model.dropout.rng)
    was = model.dropout.rng.bit_generator.state
    x, t = task(12)
    with Workers(model, 3) as workers:
        workers.step(x, t)
        masks = [m.dropout.cache[0] for m in workers.models]
        assert len({mask.tobytes() for mask in masks}) == 3
        assert all(m.dropout.rng is m.other.rng for m in workers.models)  # parts share in a copy what they shared
    later = Workers(model, 2).models[1]  # as the next fit has it: it does not repeat what the copies drew before
    assert not any((later.dropout.rng.random((4, 4), np.float32) >= 0.5).tobytes() == m.tobytes() for m in masks)
    model.dropout.rng.bit_generator.state = was
    model.forward(x[:4], t[:4])
    np.testing.assert_array_equal(model.dropout.cache[0], masks[0])  # the first worker's: the stream of the model


def test_copies_look_at_the_same_weights_with_gradients_of_their_own():
    model = tied()
    model.embed.view = model.embed.W.T  # nobody's parameter
    model.plain = SimpleNamespace(params=[np.ones(2)], grads=[np.ones(2)])  # a part without attributes
    workers = Workers(model, 3)
    assert workers.models[0] is model
    for copied in workers.models[1:]:
        assert all(a is b for a, b in zip(copied.params, model.params, strict=True))
        assert copied.layers[0] is copied.embed and copied.embed.W is model.embed.W
        assert np.shares_memory(copied.back.W, model.there.W) and np.shares_memory(copied.embed.view, model.embed.W)
        assert copied.affine.grads[0] is copied.grads[3] and copied.plain.params[0] is model.plain.params[0]
    grads = [g for m in workers.models for g in m.grads]
    assert not any(np.shares_memory(g, h) for i, g in enumerate(grads) for h in grads[:i])


def test_copying_leaves_the_model_as_it_was():
    model, r = lively(AttentionSeq2seq, Draw(), V, 4, 8), Draw(seed=6)
    xs, ts = r.ids(7, T_ENC), r.ids(7, T_DEC + 1)
    wanted = one(model, xs, ts)
    layers = [part for _, part in walk(model) if isinstance(part, Layer)]
    before = [(id(part.cache), id(part.kept), *map(id, part.kept.values())) for part in layers]
    workers = Workers(model, 2)
    assert [(id(part.cache), id(part.kept), *map(id, part.kept.values())) for part in layers] == before
    model.backward()  # of the forward before
    assert_close(model.grads, wanted[1:], 0)
    copies = [part for _, part in walk(workers.models[1]) if isinstance(part, Layer)]
    assert [(part.cache, part.kept) for part in copies] == [(None, {})] * len(layers)
    step(model, xs, ts, 2)
    assert_close(one(model, xs, ts), wanted, 0)  # nothing of it is left behind


REMEMBERS, JUDGES = TimeLSTM(*Draw().weights(4), stateful=True), SoftmaxWithLoss()


@pytest.mark.parametrize("part, said", [(REMEMBERS, "part carries its state"), (JUDGES, "2 loss layers")])
def test_a_model_that_cannot_be_split_has_one_worker(part, said):
    model, (x, t) = Classifier(), task()
    model.part, before = part, model.affine.W.copy()
    with pytest.raises(ValueError, match=f"Classifier: {said}"):
        Trainer(model, SGD(), callbacks=(), workers=2).fit(x, t)
    np.testing.assert_array_equal(model.affine.W, before)
    Trainer(model, SGD(), callbacks=(), workers=1).fit(x, t, max_epoch=1)
    assert not np.array_equal(model.affine.W, before)
    with pytest.raises(ValueError, match="at least 1 wanted, got 0"):
        Workers(model, 0)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("row", [0, 4, 6])  # one in each share
def test_an_error_in_a_worker_reaches_the_caller(row):
    model, x, t = tied(), Draw(seed=3).ids(7, 2), Draw(seed=3).ids(7, 2)
    wrong, before = t.copy(), [p.tobytes() for p in model.params]
    wrong[row] = 10 + row
    with threadpool_limits(limits=2, user_api="blas"):
        limits, threads = blas_threads(), threading.active_count()
        with pytest.raises(ValueError, match=rf"labels in 0\.\.9 wanted.*, got {10 + row}"):
            Trainer(model, SGD(), callbacks=(), workers=3).fit(x, wrong, batch_size=7)
        assert blas_threads() == limits and threading.active_count() == threads
    assert [p.tobytes() for p in model.params] == before
    with Workers(model, 3) as workers:
        with pytest.raises(ValueError, match=f"got {10 + row}") as caught:
            workers.step(x, wrong)
        assert {"step", "forward", "class_ids"} <= {frame.name for frame in traceback.extract_tb(caught.tb)}
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
        assert ended == [6, 3]


def test_blas_has_one_thread_for_each_of_several_workers():
    with threadpool_limits(limits=2, user_api="blas"):
        limits, workers = blas_threads(), Workers(tied(), 2)
        for _ in range(2):
            with workers:
                Workers(tied(), 2).__enter__().__exit__()  # as when evaluation decodes amid a fit
                assert set(blas_threads()) <= {1}
            assert blas_threads() == limits


def test_the_way_to_combine_is_replaceable():
    model, x, t = tied(), Draw(seed=3).ids(5, 2), np.array(LABELS["uneven"])
    wanted, seen = one(model, x, t), []

    def combine(shares):
        seen.extend([g.copy() for g in share.grads] for share in shares)
        for g in shares[0].grads:
            g[...] = 6
        return Share(sum(s.loss for s in shares), sum(s.labels for s in shares), shares[0].grads)

    loss, *grads = step(model, x, t, 2, combine=combine)
    assert len(seen) == 2 and all((g == 1).all() for g in grads)  # 6 labels count
    assert_close([6 * loss, *(a + b for a, b in zip(*seen, strict=True))], [6 * g for g in wanted])


def cost(xs, T_dec):
    """Rows of the LSTMs that questions take together: distinct prefixes, and characters of the answers."""
    return len({tuple(row[:t]) for row in xs.tolist() for t in range(1, len(row) + 1)}) + T_dec * len(xs)


@pytest.mark.parametrize("count", [1, 2, 3, 60])
def test_shares_hold_each_row_once_and_a_few_rows_evenly(count):
    for xs in [*batches(), *(np.arange(n * T_ENC).reshape(n, T_ENC) for n in range(1, 17))]:
        shares = Seq2seq(V, 2, 2).shares(xs, np.zeros((len(xs), T_DEC + 1)), count)
        assert len(shares) == count
        np.testing.assert_array_equal(np.sort(np.concatenate(shares)), np.arange(len(xs)))
        if len(np.unique(xs[:, 0])) == len(xs):  # no prefix in common: as much work each
            assert np.ptp([len(share) for share in shares]) <= 1, shares


@pytest.mark.parametrize("count", [2, 3, 4])
def test_shares_are_equal_in_work(count):
    data, rng = sequence.generate("date.txt", count=600), np.random.default_rng(0)
    model, heaviest = Seq2seq(len(data.vocabulary), 2, 2), []
    for _ in range(6):
        rows = rng.permutation(600)[:128]
        xs, ts = data.questions[rows, ::-1], data.answers[rows]
        by_number = np.array_split(xs, count), np.array_split(xs[np.lexsort(xs.T[::-1])], count)
        ways = [xs[share] for share in model.shares(xs, ts, count)], *by_number
        costs = [[cost(part, ts.shape[1] - 1) for part in way] for way in ways]
        assert max(costs[0]) <= 1.25 * np.mean(costs[0])
        heaviest.append([max(way) for way in costs])
    ours, as_they_come, sorted_only = np.mean(heaviest, axis=0)
    assert ours < as_they_come and ours < 0.9 * sorted_only


class Noisy(Seq2seq):
    def __init__(self, *sizes, **draw):
        super().__init__(*sizes, **draw)
        self.encoder.dropout = Dropout(rng=np.random.default_rng(8))

    class encoder_class(Encoder):
        def forward(self, xs):
            return self.dropout.forward(super().forward(xs))


@pytest.mark.parametrize("batch_size", [1, 3, 512])
@pytest.mark.parametrize("cls", [*MODELS.values(), Noisy])
def test_workers_decode_the_same_answers(cls, batch_size):
    model, xs = lively(cls, Draw(), V, 8, 16), Draw(seed=1).ids(11, T_ENC)
    xs[7] = xs[2]
    ids, log_probs, weights = zip(*[model.decode(x[None], 3, T_DEC) for x in xs], strict=True)
    assert len(np.unique(np.round(log_probs, 6))) == 10
    for workers in (1, 2, 3):
        decoded = model.decode(xs, 3, T_DEC, batch_size, workers=workers)
        np.testing.assert_array_equal(decoded.ids, np.concatenate(ids))
        np.testing.assert_allclose(decoded.log_probs, np.concatenate(log_probs), rtol=1e-10)
        if cls is AttentionSeq2seq:
            np.testing.assert_allclose(decoded.attention_weights, np.concatenate(weights), atol=1e-12)
            kept = model.decoder.attention.attention_weights
            np.testing.assert_array_equal(np.transpose(kept, (1, 0, 2)), decoded.attention_weights)
