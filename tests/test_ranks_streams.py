"""Random streams: the first rank shuffles for all; what else a rank draws is its own, on the first one process's."""

from collections import namedtuple

import numpy as np
import pytest
from rank_tools import all_done, on_ranks
from test_ranks import make
from test_ranks_training import T, X, alike, still, trained
from test_trainer import Classifier

from common.callbacks import Callback
from common.layer import Layer
from common.optimizer import SGD
from common.parallel import Workers
from common.ranks import ALONE
from common.trainer import Trainer
from dataset.batches import PaddedTexts


class Rows(Callback):
    """The mini-batches of a training."""

    def fit_begin(self, trainer):
        self.rows = []

    def iteration_end(self, trainer):
        self.rows.append(trainer.batches[trainer.iteration - 1].tolist())


def test_a_shuffling_that_nobody_chose_is_that_of_the_first_rank():
    alike(all_done(on_ranks(3, lambda r: trained(r, seed=None, model=still()))))
    shufflings = all_done(on_ranks(3, lambda r: trained(r, seed=7 + r.rank, callbacks=[Rows()], epochs=3)))
    alone = trained(seed=7, callbacks=[Rows()], epochs=3)
    assert [trainer.callbacks[0].rows for trainer in shufflings] == [alone.callbacks[0].rows] * 3


def test_a_stream_that_shuffles_and_drops_units_shuffles_alike():
    """It is one stream on the first rank, which dropout moves on; on the others, dropout has its own."""

    def rows(ranks):
        model, seen = Classifier(), Rows()
        Trainer(model, SGD(), rng=model.dropout.rng, callbacks=[seen], ranks=ranks).fit(X, T, 3, 8)
        return seen.rows

    first, second = all_done(on_ranks(2, rows))
    assert first == second and first[:5] != first[5:10]


def test_texts_make_the_batches_of_the_first_rank():
    texts = PaddedTexts([np.arange(1, 2 + i % 7) for i in range(30)])
    labels = np.arange(30) % 2

    def fitted(ranks):
        model = make("bow")
        Trainer(model, SGD(), rng=np.random.default_rng(ranks.rank), callbacks=(), ranks=ranks).fit(texts, labels, 2, 7)
        return model

    first, second = all_done(on_ranks(2, fitted))
    assert [p.tobytes() for p in first.params] == [p.tobytes() for p in second.params]


Pair = namedtuple("Pair", "first second")


class Streams(Layer):
    """Random streams wherever a part may have them."""

    def __init__(self):
        super().__init__(np.zeros(2))
        rng, other = (np.random.default_rng(seed) for seed in (1, 2))
        self.rng, self.twin, self.name = rng, rng, "streams"
        self.listed, self.named = [rng, 3, "x"], {"one": other, "two": (other, None)}
        self.pair = Pair(other, 4)


def test_each_rank_drops_units_of_its_own_and_so_do_its_workers():
    masks = {}

    def dropped(ranks):
        model = Classifier()
        ranks.begin(model)
        with Workers(model, 2, ranks.combine, rows=lambda model, x, t: np.arange(len(x))) as workers:
            workers.step(X, T)
            for worker, copied in enumerate(workers.models):
                masks[ranks.rank, worker] = copied.dropout.cache[0].tobytes()

    all_done(on_ranks(3, dropped))
    assert len(masks) == 6 == len(set(masks.values()))
    dropped(ALONE)
    assert len(masks) == 6 == len(set(masks.values()))  # one process has the masks of the first rank
    again, masks = masks, {}
    all_done(on_ranks(3, dropped))
    assert masks == again


def test_all_streams_of_a_model_are_the_ranks_own():
    def begun(ranks):
        model = Streams()
        ranks.begin(model)
        return model

    first, second, third = all_done(on_ranks(3, begun))
    for model in (first, second, third):
        assert model.rng is model.twin is model.listed[0] and model.named["one"] is model.named["two"][0]
        assert model.pair == (model.named["one"], 4) and isinstance(model.pair, Pair)
        assert (model.listed[1:], model.named["two"][1], model.name) == ([3, "x"], None, "streams")
    draws = {float(rng.random()) for model in (first, second, third) for rng in (model.rng, model.pair.first)}
    assert len(draws) == 6 and np.random.default_rng(1).random() in draws and np.random.default_rng(2).random() in draws


def test_a_stream_without_a_seed_is_refused():
    model = Streams()
    model.rng = np.random.Generator(np.random.RandomState(3)._bit_generator)

    def begun(ranks):
        ranks.begin(model if ranks.rank else Streams())

    _, error = on_ranks(2, begun)
    with pytest.raises(ValueError, match="Streams: rng: a rank needs a stream made of a seed"):
        raise error
