"""A training on several ranks is one training: the same decisions and weights on all, and random streams of their own.

The ranks are threads here; tests/test_mpi_results.py has real ones.
"""

import copy
import pickle

import numpy as np
import pytest
from layer_table import Draw
from rank_tools import World, all_done, on_ranks, this_rank
from test_ranks import TEXTS, make
from test_trainer import Classifier, task

from classifier import Evaluate
from common import config, optimizer
from common.callbacks import Callback, EarlyStopping, Measure, PrintLoss
from common.functions import cross_entropy_error
from common.layers import SoftmaxWithLoss
from common.numeric_faults import NumericFault
from common.optimizer import SGD, Adam, AdamW, Nadam, Optimizer, clip_grads
from common.parallel import add_shares
from common.ranks import ALONE
from common.time_layers import TimeLSTM
from common.trainer import Trainer
from dataset.batches import PaddedTexts
from seq2seq import MeasureMaps, exact_match, padding_of
from seq2seq.map_measures import measures

X, T = task(40)


def trained(ranks=ALONE, rule=Adam, callbacks=(), workers=1, seed=5, epochs=2, model=None, **fit):
    """A trainer after its fit; seed None: of a shuffling that nobody chose."""
    model = model or Classifier()
    rng = None if seed is None else np.random.default_rng(seed)
    trainer = Trainer(model, rule(lr=0.03), rng=rng, callbacks=callbacks, workers=workers, ranks=ranks)
    trainer.fit(X, T, **{"max_epoch": epochs, "batch_size": 8, "max_grad": 0.01} | fit)
    return trainer


def weights(trainer):
    return [p.tobytes() for p in trainer.model.params]


def alike(trainers):
    assert all(weights(trainer) == weights(trainers[0]) for trainer in trainers)
    assert all(trainer.history == trainers[0].history for trainer in trainers)
    assert all(trainer.loss_list == trainers[0].loss_list for trainer in trainers)
    return trainers[0]


def still():
    model = Classifier()
    model.dropout.dropout_ratio = 0.0
    return model


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("rule", [SGD, Adam, AdamW, Nadam])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_any_number_of_ranks_trains_as_one_process(size, rule, workers):
    wanted = trained(rule=rule, model=still(), epochs=3)
    got = alike(all_done(on_ranks(size, lambda r: trained(r, rule, workers=workers, model=still(), epochs=3))))
    for ours, theirs in zip(got.model.params, wanted.model.params, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    np.testing.assert_allclose([r["loss"] for r in got.history], [r["loss"] for r in wanted.history], rtol=1e-12)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_rank_has_the_bits_of_one_process(workers):
    assert weights(trained(workers=workers)) == weights(all_done(on_ranks(1, lambda r: trained(r, workers=workers)))[0])


def of_another_cpu(function, off=1e-6):
    """The same function, which rounds (here: very) differently on each rank but the first."""

    def rounded(*args):
        found, factor = function(*args), 1 + off * this_rank()
        return {name: value * factor for name, value in found.items()} if isinstance(found, dict) else found * factor

    return rounded


@pytest.mark.parametrize("rule", [SGD, Adam, AdamW, Nadam])
def test_ranks_that_round_differently_keep_the_same_weights(rule, monkeypatch):
    """The norm of the gradients, powers of the rates, means and measures: each is that of the first rank, or exact."""
    monkeypatch.setattr(optimizer, "_squares", of_another_cpu(optimizer._squares))
    monkeypatch.setattr(Optimizer, "power", staticmethod(of_another_cpu(pow)))
    monkeypatch.setattr("common.trainer.numpy.mean", of_another_cpu(np.mean))
    measures = Measure("rank", lambda model: this_rank())
    trainers = all_done(
        on_ranks(3, lambda r: trained(r, rule, [measures], model=still(), epochs=3, eval_interval=None))
    )
    found = alike(trainers)  # after every epoch, their hashes were compared
    assert [record["rank"] for record in found.history] == [0] * 3


def test_the_norm_is_that_of_the_first_rank(monkeypatch):
    monkeypatch.setattr(optimizer, "_squares", of_another_cpu(optimizer._squares, 1.0))

    def clipped(ranks):
        grads = [np.full(4, 3.0)]
        return clip_grads(grads, 2.0, ranks.first), grads[0].tolist()

    assert all_done(on_ranks(3, clipped)) == [(6.0, [1.0] * 4)] * 3


@pytest.mark.parametrize("clipped", [True, False])
def test_a_step_takes_one_allreduce_and_when_clipping_one_number(clipped):
    world, steps, epochs = World(3), 5, 2
    fit = {"max_grad": 5.0 if clipped else None}
    all_done(on_ranks(3, lambda r: trained(r, epochs=epochs, **fit), world))
    parameters = sum(p.size for p in Classifier().params)
    for calls in world.calls:
        names = [name for name, _ in calls]
        assert names.count("Allreduce") == steps * epochs
        assert names[:4] == ["allgather", "Bcast", "Bcast", "allgather"]  # model, W, b; what fit got
        batches, step, end = (
            ["allgather", "bcast"],
            ["Allreduce", *["bcast"] * clipped],
            ["allgather", "bcast", "bcast"],
        )
        assert names[4:] == (batches + step * steps + end) * epochs  # end: hashes, loss, whether to stop
        assert {size for name, size in calls if name == "Allreduce"} == {8 * (3 + 4 + parameters)}
        assert all(size < 1000 for name, size in calls if name == "bcast")


class Decides(Callback):
    """Ends the training after the first epoch, on some ranks."""

    def __init__(self, ranks):
        self.ranks = ranks

    def epoch_end(self, trainer):
        trainer.stop_training |= trainer.ranks.rank in self.ranks


@pytest.mark.parametrize(("who", "epochs"), [((0,), 1), ((1, 2), 3), ((0, 1, 2), 1)])
def test_the_first_rank_decides_when_to_stop(who, epochs):
    trainers = all_done(on_ranks(3, lambda r: trained(r, callbacks=[Decides(who)], epochs=3)))
    assert [(len(t.history), t.stop_training) for t in trainers] == [(epochs, epochs < 3)] * 3


def test_early_stopping_stops_all_at_once():
    """What they measure differs; on rank 1, each epoch is better than the one before."""

    def stopping(ranks):
        values = iter(range(10) if ranks.rank else range(10, 0, -1))
        return trained(ranks, callbacks=[Measure("m", lambda model: next(values)), EarlyStopping("m", 2)], epochs=9)

    assert [len(trainer.history) for trainer in all_done(on_ranks(2, stopping))] == [3, 3]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("part", "said"),
    [(lambda: TimeLSTM(*Draw().weights(4), stateful=True), "state is carried"), (SoftmaxWithLoss, "2 loss layers")],
)
def test_a_model_that_cannot_be_split_is_refused(part, said, workers):
    def refused(ranks):
        model = Classifier()
        model.part = part()
        trained(ranks, model=model, workers=workers)

    first, second = on_ranks(2, refused)
    assert first.rank == second.rank == 0  # which alone tells it
    with pytest.raises(ValueError, match=f"^Classifier: .*{said}"):
        raise first


@pytest.mark.parametrize("differing", [{"max_grad": None}, {"batch_size": 4}, {"max_epoch": 3}])
def test_ranks_that_call_fit_differently_are_told(differing):
    errors = on_ranks(3, lambda r: trained(r, **differing if r.rank == 2 else {}))
    for error in errors:
        with pytest.raises(ValueError, match=r"^Trainer\.fit: .*max_grad.* differs from that of rank 0: \(40, "):
            raise error


def test_ranks_combine_by_their_own_way():
    with pytest.raises(ValueError, match="expected combine or several ranks"):
        raise on_ranks(2, lambda r: Trainer(Classifier(), SGD(), combine=lambda shares: add_shares(shares), ranks=r))[1]


def test_only_the_first_rank_prints():
    trainers = all_done(on_ranks(2, lambda r: Trainer(Classifier(), SGD(), ranks=r)))
    assert [[type(c) for c in trainer.callbacks] for trainer in trainers] == [[PrintLoss], []]


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_a_numeric_fault_is_one_on_all_ranks_and_the_culprit_tells(culprit):
    def failing(ranks):
        model = Classifier()
        backward = model.backward

        def spoiled(dout=1):
            backward(dout)
            if ranks.rank == culprit:
                model.grads[1][0] = np.nan

        model.backward = spoiled
        trained(ranks, model=model)

    errors = on_ranks(3, failing)
    assert [type(error) for error in errors] == [NumericFault] * 3 and {error.rank for error in errors} == {culprit}
    assert all("epoch 1, iteration 1: the gradient of affine.b" in str(error) for error in errors)


def test_a_fault_of_one_rank_alone_is_its_own():
    def failing(ranks):
        rule = Adam()
        if ranks.rank:
            rule.step = lambda params, grads: [][1]
        Trainer(Classifier(), rule, callbacks=(), ranks=ranks).fit(X, T)

    _, error = on_ranks(2, failing)
    assert isinstance(error, IndexError) and not hasattr(error, "rank")  # the others know nothing of it


def counted(model, method):
    """The model, and a list that gets an entry at each call of its method."""
    calls, asked = [], getattr(model, method)
    setattr(model, method, lambda *args: calls.append(1) or asked(*args))
    return model, calls


def epoch_end(callback, model, ranks=ALONE):
    """What a callback records after an epoch."""
    trainer = Trainer(model, SGD(), callbacks=(), ranks=ranks)
    trainer.history = [{}]
    callback.epoch_end(trainer)
    return trainer.history[0]


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("kind", TEXTS)
def test_texts_are_judged_together_as_by_one(kind, size, monkeypatch):
    texts, labels = PaddedTexts([np.arange(1, 2 + i % 7) for i in range(23)]), np.arange(23) % 2
    monkeypatch.setattr("classifier.text_classifier.TextClassifier.places", 30)  # in each batch
    measure = Evaluate(texts, labels, "val_")
    model, calls = counted(make(kind), "scores")
    wanted, batches = epoch_end(measure, model), len(calls)
    monkeypatch.setattr("classifier.metrics.cross_entropy_error", of_another_cpu(cross_entropy_error))

    def judged(ranks):
        model, calls = counted(make(kind), "scores")
        return epoch_end(measure, model, ranks), len(calls)

    found = all_done(on_ranks(size, judged))
    assert [measures for measures, _ in found] == [wanted] * size
    counts = [count for _, count in found]
    assert sum(counts) == batches > 3 and max(counts) - min(counts) <= 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_questions_are_answered_together_as_by_one(size, workers, monkeypatch):
    r = Draw(seed=2)
    xs, ts, truth = r.ids(23, 6, below=4), r.ids(23, 5, below=3), r.ids(23, 4, 6, below=2) > 0
    measure = MeasureMaps(xs, 1, 4, padding_of(xs, 0), truth)
    wanted, measured = make("attention").decode(xs, 1, 4, 5), epoch_end(measure, make("attention"))
    ts[:, 1:] = np.where(np.arange(23)[:, None] % 3, wanted.ids, ts[:, 1:])
    right = exact_match(make("attention"), xs, ts, 5)
    batches = -(-len(np.unique(xs, axis=0)) // 5)
    monkeypatch.setattr("seq2seq.map_measures.measures", of_another_cpu(measures))

    def answered(ranks):
        model, calls = counted(make("attention"), "encode")
        found = model.decode(xs, 1, 4, 5, ranks=ranks)
        assert found.ids.tolist() == wanted.ids.tolist()
        np.testing.assert_array_equal(found.attention_weights, wanted.attention_weights)
        model, count = make("attention"), len(calls)
        assert exact_match(model, xs, ts, 5, workers=workers, ranks=ranks) == right > 0.5
        return epoch_end(measure, model, ranks), count

    found = all_done(on_ranks(size, answered))
    assert [measures for measures, _ in found] == [measured] * size
    counts = [count for _, count in found]
    assert sum(counts) == batches > 3 and max(counts) - min(counts) <= 1


def test_powers_are_the_same_on_all_computers_but_an_optimizer_of_ones_own_keeps_its_attributes():
    class Own:
        power = "of a user"

        def update(self, params, grads):
            pass

    def powers(ranks):
        made = [Adam(), Own()]
        for rule in made:
            Trainer(Classifier(), rule, callbacks=(), ranks=ranks)
        return [rule.power for rule in made]

    assert all_done(on_ranks(2, powers)) == [[optimizer.same_power, "of a user"]] * 2


def test_a_trainer_can_be_copied_and_pickled():
    trainer = Trainer(Classifier(), SGD(), callbacks=())
    for copied in (copy.deepcopy(trainer), pickle.loads(pickle.dumps(trainer))):
        assert copied.ranks is ALONE
        copied.fit(X, T, 1)


def test_several_ranks_have_no_gpu(monkeypatch):
    monkeypatch.setattr(config, "GPU", True)
    for error in on_ranks(2, lambda ranks: None):
        with pytest.raises(ValueError, match=r"^Ranks: expected numpy's arrays .*: unset GPU$"):
            raise error
    all_done(on_ranks(1, lambda ranks: None))
