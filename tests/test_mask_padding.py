"""Attention that does not look at padding: weights of exactly 0, in every use of the model, kept in its file."""

import numpy as np
import pytest
from script_tools import TINY, history

from common import checkpoint
from common.parallel import Workers
from seq2seq import AttentionSeq2seq, load_model, padding_of, save_model

V, PAD, START = 9, 4, 2
PADDED = np.arange(6) < np.array([[6], [4], [1], [0]])  # the last question is all padding


def lively(**options):
    model = AttentionSeq2seq(V, 5, 8, **options, rng=np.random.default_rng(0))
    for param in model.params:
        param[...] = np.random.default_rng(param.size).normal(size=param.shape)
    return model


def questions(reverse):
    xs = np.where(PADDED, np.random.default_rng(3).integers(5, V, PADDED.shape), PAD)
    xs[0, 2] = PAD  # between characters, so none of the padding
    return xs[:, ::-1] if reverse else xs


@pytest.mark.parametrize("reverse", [False, True])
def test_padding_weighs_exactly_nothing(reverse):
    xs, ts = questions(reverse), np.random.default_rng(1).integers(0, V, (4, 4))
    model, open_model = lively(mask_padding=PAD), lively()
    decoded = model.decode(xs, START, 3, batch_size=3)
    model.forward(xs, ts)
    real = np.broadcast_to((PADDED[:, ::-1] if reverse else PADDED)[:, None], (4, 3, 6))
    for weights in (decoded.attention_weights, model.decoder.attention.attention_weights.transpose(1, 0, 2)):
        assert (weights[~real] == 0).all() and (weights[real] > 0).all()
        np.testing.assert_allclose(weights.sum(axis=2), [[1] * 3] * 3 + [[0] * 3], atol=1e-6)
    assert open_model.decode(xs, START, 3).attention_weights[~real].min() > 0, "without it, it looks there"
    no_padding = xs[:1]
    wanted = open_model.decode(no_padding, START, 3)
    for got, same in zip(model.decode(no_padding, START, 3), wanted, strict=True):
        np.testing.assert_array_equal(got, same)


def test_workers_and_batches_have_masks_of_their_own():
    xs = np.concatenate([questions(reverse=True)] * 3)
    model = lively(mask_padding=PAD)
    whole = model.decode(xs, START, 3)
    for batch_size, workers in ((1, 1), (2, 2), (5, 3)):
        parts = model.decode(xs, START, 3, batch_size, workers=workers)
        np.testing.assert_array_equal(parts.ids, whole.ids)
        np.testing.assert_allclose(parts.attention_weights, whole.attention_weights, atol=1e-5)
    for x, ids in zip(xs, whole.ids, strict=True):
        assert model.generate(x[None], START, 3) == ids.tolist()


def test_workers_share_a_batch():
    ts = np.random.default_rng(1).integers(0, V, (24, 4))
    xs = np.concatenate([questions(reverse=True)] * 6)
    grads = []
    for count in (1, 2):
        model = lively(mask_padding=PAD)
        model.worth_a_worker = 1, 1
        with Workers(model, count) as workers:
            workers.step(xs, ts)
        grads.append(np.concatenate([g.ravel() for g in model.grads]))
    assert len(model.shares(xs, ts, 2)) == 2
    np.testing.assert_allclose(*grads, atol=1e-5)


def test_a_file_keeps_it(tmp_path):
    xs = questions(reverse=True)
    for options in ({"mask_padding": np.int64(PAD)}, {}):
        model = lively(**options)
        save_model(tmp_path / "model.npz", model)
        again, _ = load_model(tmp_path / "model.npz")
        assert again.mask_padding == model.mask_padding
        for got, wanted in zip(again.decode(xs, START, 3), model.decode(xs, START, 3), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_a_file_from_before_there_was_a_mask_is_read_as_without(tmp_path):
    save_model(tmp_path / "model.npz", lively())
    arrays, facts = checkpoint.load(tmp_path / "model.npz")
    del facts["arguments"]["mask_padding"]
    checkpoint.save(tmp_path / "model.npz", arrays, facts)
    assert load_model(tmp_path / "model.npz")[0].mask_padding is None


@pytest.mark.parametrize("wrong", [-1, V, 1.5, "4", [4]])
def test_a_file_with_another_id_is_refused(tmp_path, wrong):
    save_model(tmp_path / "model.npz", lively(mask_padding=PAD))
    arrays, facts = checkpoint.load(tmp_path / "model.npz")
    facts["arguments"]["mask_padding"] = wrong
    checkpoint.save(tmp_path / "model.npz", arrays, facts)
    with pytest.raises(checkpoint.CheckpointError, match="not a model file"):
        load_model(tmp_path / "model.npz")


def test_an_id_that_is_not_in_the_vocabulary_is_refused():
    for wrong in (-1, V):
        with pytest.raises(ValueError, match=rf"AttentionSeq2seq: expected mask_padding in 0\.\.8, got {wrong}"):
            AttentionSeq2seq(V, 5, 8, mask_padding=wrong)


def test_the_mask_is_that_of_the_questions_padding():
    model, xs = lively(mask_padding=PAD), questions(reverse=False)
    model.encode(xs)
    np.testing.assert_array_equal(model.decoder.mask, ~padding_of(xs, PAD))


def test_train_date_has_an_option_for_it(tiny, in_process):
    arguments = "--data", tiny, *TINY, "--models", "attention", "--quiet", "--mask-padding", "--workers", 1
    assert in_process(tiny.parent, "train_date.py", *arguments).returncode == 0
    (row,) = history(tiny.parent / "runs" / "date")
    assert {row[name] for name in row if name.startswith("pad_mass")} == {"0.0"} and float(row["entropy"]) > 1
    model, facts = load_model(tiny.parent / "runs" / "date" / "attention.npz")
    assert facts["vocabulary"][model.mask_padding] == " "
