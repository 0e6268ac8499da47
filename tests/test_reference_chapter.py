"""The chapter's way of building the models, which the benchmark runs, computes what ours compute."""

import ast
from pathlib import Path

import numpy as np
import pytest
import reference_chapter
from reference_chapter import KINDS, ChapterModel

from common.layer import named_grads, named_params
from common.optimizer import Adam, clip_grads
from seq2seq.model_file import MODELS

V, D, H, N, T_ENC, T_DEC = 11, 7, 15, 3, 5, 6
BOUNDS = {np.float64: 1e-12, np.float32: 1e-5}  # of an array's largest value, 1 at least
every_model = pytest.mark.parametrize("kind", KINDS)
every_dtype = pytest.mark.parametrize("dtype", BOUNDS)


def pair(kind, dtype):
    """A model of ours, its weights large enough to make a difference, and the chapter's with the same weights."""
    ours = MODELS[kind](V, D, H, rng=np.random.default_rng(0), dtype=dtype)
    for name, param in named_params(ours).items():
        param *= 100 if name.endswith("embed.W") else 5  # embeddings start at 0.01
    return ours, ChapterModel(kind, named_params(ours))


def batch(rng):
    return rng.integers(0, V, (N, T_ENC)), rng.integers(0, V, (N, T_DEC + 1))


def assert_same(ours, chapter, dtype):
    assert list(ours) == list(chapter)
    for name, wanted in ours.items():
        assert chapter[name].dtype == wanted.dtype == dtype
        atol = BOUNDS[dtype] * max(1, np.abs(wanted).max())
        np.testing.assert_allclose(chapter[name], wanted, rtol=0, atol=atol, err_msg=name)


@every_dtype
@every_model
def test_loss_and_gradients(kind, dtype):
    ours, chapter = pair(kind, dtype)
    xs, ts = batch(np.random.default_rng(1))
    assert chapter.forward(xs, ts) == pytest.approx(ours.forward(xs, ts), rel=BOUNDS[dtype])
    ours.backward()
    chapter.backward()
    assert_same(named_grads(ours), chapter.grads, dtype)
    assert all(grad.any() for grad in chapter.grads.values())


@every_dtype
@every_model
def test_three_steps_of_training(kind, dtype):
    ours, chapter = pair(kind, dtype)
    rng, optimizer = np.random.default_rng(2), Adam(lr=0.01)
    for max_grad in (0.1, 100.0, 0.1):  # a step that is not clipped among those that are
        xs, ts = batch(rng)
        chapter.forward(xs, ts)
        chapter.backward()
        chapter.step(max_grad, lr=0.01)
        ours.forward(xs, ts)
        ours.backward()
        assert (clip_grads(ours.grads, max_grad) > max_grad) == (max_grad < 1)
        optimizer.update(ours.params, ours.grads)
    assert_same(named_params(ours), chapter.params, dtype)


@every_model
def test_the_same_answers(kind):
    ours, chapter = pair(kind, np.float32)
    questions = np.random.default_rng(3).integers(0, V, (20, 1, T_ENC))
    answers = [chapter.generate(xs, 2, T_DEC) for xs in questions]
    assert answers == [ours.generate(xs, 2, T_DEC) for xs in questions]
    assert len(set(map(tuple, answers))) > 3


def test_it_is_what_it_says():
    """The chapter's model: nothing of ours, its own weights, one layer object per time step."""
    tree = ast.parse(Path(reference_chapter.__file__).read_text(encoding="utf-8"))
    found = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert found == ["import numpy as np"]
    ours, chapter = pair("attention", np.float32)
    for name, param in named_params(ours).items():
        assert not np.shares_memory(param, chapter.params[name])
    chapter.forward(*batch(np.random.default_rng(4)))
    for layer in (chapter.embed, chapter.lstm, chapter.attention):
        assert len(set(map(id, layer.steps))) == T_DEC
    assert len(chapter.encoder_lstm.steps) == len(chapter.encoder_embed.steps) == T_ENC
    with pytest.raises(ValueError, match="baseline"):
        ChapterModel("transformer", named_params(ours))
