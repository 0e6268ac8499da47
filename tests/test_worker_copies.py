"""What workers have in common and what each has of its own: weights, views, caches, random streams; decoding."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from layer_table import Draw, lively
from test_parallel import MODELS, T_DEC, T_ENC, V, assert_close, one, step, tied
from test_trainer import Classifier, task

from common.layer import Layer, walk
from common.layers import Dropout
from common.optimizer import SGD
from common.parallel import Workers
from common.trainer import Trainer
from seq2seq import AttentionSeq2seq, Encoder, Seq2seq


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


class Keeps(Layer):
    """All kinds of things that a part may keep of its weights, and random streams."""

    def __init__(self):
        super().__init__(np.arange(12.0).reshape(4, 3), np.zeros(3))
        self.W, self.b = self.params
        self.top, self.columns = self.W[:2], self.W[:, ::2]
        self.views = [self.W.T, (self.W[3], {"all": self.W.ravel()})]
        self.streams = [np.random.default_rng(0), {"other": np.random.default_rng(1)}]
        self.own_array, self.table = np.ones(3), [np.ones(3)]

    def all_views(self):
        transposed, (row, named) = self.views
        return [self.top, self.columns, transposed, row, named["all"]]

    def rngs(self):
        return [self.streams[0], self.streams[1]["other"]]


def test_views_of_weights_are_shared_and_streams_are_not_wherever_they_are_kept():
    model = Classifier()
    model.part = Keeps()
    model.params, model.grads = model.params + model.part.params, model.grads + model.part.grads
    parts = [m.part for m in Workers(model, 3).models]
    model.part.W[...] = np.arange(12.0).reshape(4, 3) ** 2  # what an optimizer does, in place
    for part in parts[1:]:
        for seen, view in zip(part.all_views(), model.part.all_views(), strict=True):
            assert np.shares_memory(seen, model.part.W)
            np.testing.assert_array_equal(seen, view)
        assert not np.shares_memory(part.own_array, model.part.own_array)
        assert not np.shares_memory(part.table[0], model.part.table[0])
    draws = [rng.random() for part in parts for rng in part.rngs()]
    assert len(set(draws)) == len(draws) == 6
    assert draws[:2] == [np.random.default_rng(seed).random() for seed in (0, 1)]  # the model's own go on as they were


def test_copying_leaves_the_model_as_it_was():
    model, r = lively(AttentionSeq2seq, Draw(), V, 4, 8), Draw(seed=6)
    model.worth_a_worker = 1e-9, 1e-9  # small as it is
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


class Noisy(Seq2seq):
    worth_a_worker = 1e-9, 1e-9  # small as it is

    def __init__(self, *sizes, **draw):
        super().__init__(*sizes, **draw)
        self.encoder.dropout = Dropout(rng=np.random.default_rng(8))

    class encoder_class(Encoder):
        def forward(self, xs):
            return self.dropout.forward(super().forward(xs))

        def backward(self, dh):
            super().backward(self.dropout.backward(dh))


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


def test_decoding_takes_nothing_from_the_streams_of_training():
    r = Draw(seed=6)
    xs, ts = r.ids(12, T_ENC), r.ids(12, T_DEC + 1)
    trained = []
    for between in (0, 1, 2, 3):  # workers that answer between two fits
        model = Noisy(V, 4, 8, rng=np.random.default_rng(5))
        trainer = Trainer(model, SGD(), rng=np.random.default_rng(6), callbacks=(), workers=2)
        for _ in range(2):
            trainer.fit(xs, ts, max_epoch=1, batch_size=4)
            if between:
                model.decode(xs, 3, T_DEC, 4, workers=between)
        trained.append([p.tobytes() for p in model.params])
    assert trained[0] == trained[1] == trained[2] == trained[3]
    stream = model.encoder.dropout.rng.bit_generator
    before = stream.state, stream.seed_seq.n_children_spawned
    Workers(model, 3, learn=False)
    assert (stream.state, stream.seed_seq.n_children_spawned) == before
    Workers(model, 3)
    assert stream.seed_seq.n_children_spawned == before[1] + 2


LATER = """
import ctypes, shutil, sys
from threadpoolctl import ThreadpoolController, threadpool_info
from common.base_model import BaseModel
from common.parallel import Workers, blas_threads

def threads():
    return {info["filepath"]: info["num_threads"] for info in ThreadpoolController().select(user_api="blas").info()}

with Workers(BaseModel(), 2):
    pass
(first, few), = threads().items()
later = shutil.copy(first, sys.argv[1])
ctypes.CDLL(later)
assert threads() == {first: few, later: 2}, threads()
assert blas_threads() == 2
with Workers(BaseModel(), 2):
    assert threads() == {first: 1, later: 1}, threads()
assert threads() == {first: few, later: 2}, threads()
"""


def test_a_blas_that_is_loaded_after_the_first_workers_is_limited_too(tmp_path, script_environment):
    """numpy's own under another name stands for SciPy's, say."""
    later = tmp_path / "libopenblas_later.so"
    environment = script_environment | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", LATER, later], env=environment, capture_output=True, text=True)
    later.unlink()  # 25 MB
    assert (done.returncode, done.stderr) == (0, "")
