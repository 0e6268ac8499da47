"""The training loop."""

import numpy as np
import pytest

from common.base_model import BaseModel
from common.callbacks import Callback
from common.layers import Affine, Dropout, MatMul, SoftmaxWithLoss
from common.optimizer import SGD, Adam
from common.trainer import Trainer
from seq2seq import AttentionSeq2seq


class Recorder:
    """A model that writes down the batches that it is shown; its loss counts 1, 2, 3, ..."""

    def __init__(self):
        self.params, self.grads = [np.zeros(1)], [np.zeros(1)]
        self.seen = []

    def forward(self, x, t):
        assert (t == 10 * x).all()  # questions keep their answers
        self.seen.append(x.ravel().tolist())
        return len(self.seen)

    def backward(self):
        self.grads[0][...] = 0


def recorded(count=10, **fit):
    trainer = Trainer(Recorder(), SGD(), rng=np.random.default_rng(0), callbacks=())
    x = np.arange(count)[:, None]
    trainer.fit(x, 10 * x, **fit)
    return trainer


class Classifier(BaseModel):
    """Dropout, Affine, loss."""

    def __init__(self, dtype=np.float64):
        super().__init__()
        rng = np.random.default_rng(3)
        self.dropout = Dropout(0.5, rng=rng)
        self.affine = Affine(rng.standard_normal((4, 3)).astype(dtype), np.zeros(3, dtype))
        self.loss = SoftmaxWithLoss()
        self.params, self.grads = self.affine.params, self.affine.grads

    def scores(self, x):
        return self.affine.forward(self.dropout.forward(x))

    def forward(self, x, t):
        return self.loss.forward(self.scores(x), t)

    def backward(self, dout=1):
        return self.dropout.backward(self.affine.backward(self.loss.backward(dout)))


def task(count=12):
    x = np.random.default_rng(0).standard_normal((count, 4))
    return x, x[:, :3].argmax(axis=1)


def test_full_batches_newly_shuffled_each_epoch():
    seen = recorded(10, max_epoch=3, batch_size=4).model.seen
    assert [len(batch) for batch in seen] == [4, 4] * 3
    epochs = [seen[0] + seen[1], seen[2] + seen[3], seen[4] + seen[5]]
    for epoch in epochs:
        assert len(set(epoch)) == 8  # no example twice
        assert epoch != sorted(epoch)
    assert epochs[0] != epochs[1] != epochs[2]


def test_history_and_loss_list():
    trainer = recorded(10, max_epoch=2, batch_size=2, eval_interval=2)  # 5 iterations an epoch, losses 1..10
    assert trainer.history == [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 8.0}]
    # at iterations 1, 3 and 5: the mean since the last interval
    assert trainer.loss_list == [1.0, 2.5, 4.5, 6.0, 7.5, 9.5]
    assert trainer.current_epoch == 2


def test_fit_goes_on_where_the_last_fit_ended():
    trainer = Trainer(Recorder(), SGD(), rng=np.random.default_rng(0), callbacks=())
    x = np.arange(10)[:, None]
    for epoch in (1, 2, 3):
        history = trainer.fit(x, 10 * x, max_epoch=1, batch_size=5, eval_interval=2)
        assert trainer.current_epoch == epoch == len(trainer.loss_list)
        assert history is trainer.history and [record["epoch"] for record in history] == [1, 2, 3][:epoch]
    first, *others = [trainer.model.seen[i : i + 2] for i in (0, 2, 4)]
    assert all(first != other for other in others)


def test_no_interval_no_loss_list():
    trainer = recorded(eval_interval=None, max_epoch=1)
    assert trainer.loss_list == [] and len(trainer.history) == 1


class Lines:
    """Texts of unequal lengths, 0 behind them, that make their own batches: short ones first, the last smaller."""

    def __init__(self, lengths):
        self.lengths = np.array(lengths)

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, indices):
        assert isinstance(indices, np.ndarray)  # no slice, no single text
        places = np.arange(1, self.lengths[indices].max() + 1)
        return np.where(places <= self.lengths[indices][:, None], indices[:, None] + 1, 0)

    def batches(self, batch_size, rng):
        self.asked = batch_size, rng
        order = self.lengths.argsort(kind="stable")
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


@pytest.mark.parametrize("workers", [1, 2])
def test_data_may_make_their_own_batches(workers):
    class Reader:
        def __init__(self):
            self.params, self.grads = [np.zeros(1)], [np.zeros(1)]

        def forward(self, x, t):
            assert isinstance(x, np.ndarray)
            seen.append((x.tolist(), t.tolist()))
            return 1.0

        def backward(self, dout=1):
            self.grads[0][...] = 0

    class Log(Callback):
        def iteration_end(self, trainer):
            iterations.append((trainer.iteration, trainer.max_iters))

    seen, iterations, x, rng = [], [], Lines([3, 1, 2]), np.random.default_rng(0)
    trainer = Trainer(Reader(), SGD(), rng=rng, callbacks=[Log()], workers=workers)
    trainer.fit(x, np.array([30, 10, 20]), max_epoch=2, batch_size=2)
    assert x.asked == (2, rng) and iterations == [(1, 2), (2, 2)] * 2
    first = [([[2, 0], [3, 3]], [10, 20])] if workers == 1 else [([[2, 0]], [10]), ([[3, 3]], [20])]
    assert sorted(seen) == sorted([*first, ([[1, 1, 1]], [30])] * 2)
    x.batches = lambda batch_size, rng: []
    with pytest.raises(ValueError, match=r"fit: expected at least one batch from Lines\.batches, got none"):
        trainer.fit(x, np.array([30, 10, 20]))


def test_training_stops_after_the_epoch_in_which_a_callback_says_so():
    class Stop(Callback):
        def iteration_end(self, trainer):
            if trainer.current_epoch == 1:
                trainer.stop_training = True

    class Log(Callback):
        heard = ()

        def epoch_end(self, trainer):
            self.heard += (trainer.current_epoch,)

        def fit_end(self, trainer):
            self.heard += ("end",)

    log, x = Log(), np.arange(6)[:, None]
    trainer = Trainer(Recorder(), SGD(), callbacks=(Stop(), log))
    trainer.fit(x, 10 * x, max_epoch=5, batch_size=2)
    assert log.heard == (1, 2, "end") and len(trainer.history) == 2 and len(trainer.model.seen) == 6
    trainer.fit(x, 10 * x, max_epoch=2, batch_size=2)  # the next fit is not stopped
    assert log.heard == (1, 2, "end", 3, 4, "end") and not trainer.stop_training


@pytest.mark.parametrize("questions, answers", [(4, 3), (0, 0), (0, 4)])
def test_refuses_data_that_do_not_match(questions, answers):
    trainer = Trainer(Recorder(), SGD(), callbacks=())
    with pytest.raises(ValueError, match=f"fit: expected as many .* got {questions} and {answers}"):
        trainer.fit(np.zeros((questions, 1)), np.zeros((answers, 1)))


@pytest.mark.parametrize(
    "name, value",
    [
        *(("batch_size", 0), ("batch_size", -1), ("max_epoch", 0), ("eval_interval", 0), ("eval_interval", -1)),
        *(("max_grad", 0.0), ("max_grad", -5.0)),  # which would stop the model, or train it uphill
    ],
)
def test_refuses_numbers_that_are_not_positive(name, value):
    trainer = Trainer(Recorder(), SGD(), callbacks=())
    x = np.zeros((4, 1))
    with pytest.raises(ValueError, match=name):
        trainer.fit(x, x, **{name: value})
    assert trainer.model.seen == []


def train_attention(dtype, seed=5):
    streams = np.random.default_rng(seed).spawn(2)
    data = np.random.default_rng(0)
    xs, ts = data.integers(0, 9, (40, 6)), data.integers(0, 9, (40, 5))
    model = AttentionSeq2seq(9, 4, 8, rng=streams[0], dtype=dtype)
    trainer = Trainer(model, Adam(lr=0.01), rng=streams[1], callbacks=())
    trainer.fit(xs, ts, max_epoch=2, batch_size=8, max_grad=5.0, eval_interval=1)
    return model, trainer.loss_list


def test_same_seed_same_weights_to_the_last_bit():
    (one, losses), (two, _), (other, _) = train_attention("f"), train_attention("f"), train_attention("f", seed=6)
    assert [p.tobytes() for p in one.params] == [p.tobytes() for p in two.params]
    assert [p.dtype for p in one.params] == [np.float32] * len(one.params)
    assert not any(np.array_equal(p, q) for p, q in zip(one.params, other.params, strict=True) if p.ndim == 2)
    assert losses[-1] < losses[0]


def test_float32_follows_float64():
    (_, single), (_, double) = train_attention(np.float32), train_attention(np.float64)
    assert len(single) == 10 and single != double
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-4)


def test_max_grad_clips():
    def moved(max_grad):
        model = Classifier()
        before = model.affine.W.copy()
        x, t = task()
        Trainer(model, SGD(lr=1.0), callbacks=()).fit(100 * x, t, max_epoch=1, batch_size=12, max_grad=max_grad)
        return np.sqrt(((model.affine.W - before) ** 2).sum() + (model.affine.b**2).sum())

    assert moved(None) > 1
    assert moved(0.25) == pytest.approx(0.25)


def test_tied_weights_are_one_parameter():
    class Tied(BaseModel):
        """y = x W W', loss = sum(y * t): its gradient of W is x' t W + t' x W."""

        def __init__(self):
            self.into, self.out = MatMul(W := np.arange(6.0).reshape(3, 2) / 5), None
            self.out = MatMul(W.T)
            self.params = self.into.params + self.out.params
            self.grads = self.into.grads + self.out.grads

        def forward(self, x, t):
            self.t = t
            return (self.out.forward(self.into.forward(x)) * t).sum()

        def backward(self):
            self.into.backward(self.out.backward(self.t))

    model = Tied()
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((2, 4, 3))
    W = model.into.W.copy()
    optimizer = Adam(lr=0.5)
    step, given = optimizer.step, []
    optimizer.step = lambda params, grads: (given.append((params, grads[0].copy())), step(params, grads))
    Trainer(model, optimizer, callbacks=()).fit(x, t, max_epoch=1, batch_size=4)
    ((params, grad),) = given
    assert len(params) == 1 and params[0] is model.into.W
    np.testing.assert_allclose(grad, x.T @ t @ W + t.T @ x @ W, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(model.out.W, model.into.W.T)


def test_a_model_of_the_readers_own_trains():
    class Linear:  # no base, no name, no cache: params and grads are all
        def __init__(self, W):
            self.params, self.grads = [W], [np.zeros_like(W)]

        def forward(self, x):
            self.x = x
            return x @ self.params[0]

        def backward(self, dout):
            self.grads[0][...] = self.x.T @ dout
            return dout @ self.params[0].T

    class Readers(BaseModel):
        def __init__(self):  # the parent's is not called
            rng = np.random.default_rng(0)
            self.layers = [Linear(rng.standard_normal(s)) for s in ((4, 5), (5, 3))]
            self.loss = SoftmaxWithLoss()
            self.params, self.grads = [], []
            for layer in self.layers:
                self.params += layer.params
                self.grads += layer.grads

        def forward(self, x, t):
            for layer in self.layers:
                x = layer.forward(x)
            return self.loss.forward(x, t)

        def backward(self, dout=1):
            dout = self.loss.backward(dout)
            for layer in reversed(self.layers):
                dout = layer.backward(dout)

    history = Trainer(Readers(), Adam(lr=0.05), callbacks=()).fit(*task(), max_epoch=60, batch_size=6)
    assert history[-1]["loss"] < 0.2 < history[0]["loss"]


def test_plot(monkeypatch):
    import matplotlib
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("plot called show"))
    before = dict(matplotlib.rcParams)
    trainer = recorded(10, max_epoch=2, batch_size=2, eval_interval=2)
    ax = trainer.plot(ylim=(0, 12))
    assert ax.lines[0].get_ydata().tolist() == trainer.loss_list
    assert ax.get_ylim() == (0, 12) and "2" in ax.get_xlabel()
    figures = plt.get_fignums()
    _, given = plt.subplots()
    assert trainer.plot(ax=given) is given and len(given.lines) == 1
    assert len(plt.get_fignums()) == len(figures) + 1  # plot(ax=...) opens none
    assert dict(matplotlib.rcParams) == before
    plt.close(ax.figure)
    plt.close(given.figure)
