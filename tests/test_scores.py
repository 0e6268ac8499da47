"""Attention's other scores: what each looks for, the memory of additive ones, the model and the script that take them.

That each layer equals its loop, and that backward is the derivative of forward for every mask and size, is held by
test_layers.py and test_gradients.py.
"""

import tracemalloc

import numpy as np
import pytest
import reference
from layer_table import attention, lively
from mpi_tools import job
from script_tools import ROOT, TINY, history, refused
from table_inputs import HOLES, T_DEC, T_ENC, Draw, H, N
from test_beam_search import beam_by_hand
from test_resume_scripts import same_files, state
from test_seq2seq import START, questions

from benchmarks.flops import step_flops
from common import checkpoint
from common.attention import SCORES, TimeAdditiveAttention, TimeAttention, TimeGeneralAttention, TimeScaledAttention
from common.layer import named_params
from seq2seq import AttentionDecoder, AttentionSeq2seq, load_model, save_model

OTHERS = [score for score in SCORES if score != "dot"]
every_score = pytest.mark.parametrize("score", SCORES)
other_scores = pytest.mark.parametrize("score", OTHERS)

# Three states of one question that stand at right angles to each other: N=1, T_enc=3, H=4.
STATES = np.array([[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]])
LOOK = np.array([[[np.log(4), 0, 0, 5]]])  # dot products log 4, 0 and 0: weights in the proportion 4 : 1 : 1


def close(got, wanted, rtol=1e-12, atol=1e-13):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


def weights_of(layer, hs_dec=LOOK):
    layer.forward(STATES, hs_dec)
    return layer.attention_weights[:, 0]


# What each looks for


def test_scaled_scores_are_half_as_large_for_states_of_four_numbers():
    close(weights_of(TimeAttention()), [[4 / 6, 1 / 6, 1 / 6]])
    close(weights_of(TimeScaledAttention()), [[2 / 4, 1 / 4, 1 / 4]])


def test_general_scores_may_ask_for_another_state_than_the_decoders_own():
    close(weights_of(TimeGeneralAttention(np.eye(4))), weights_of(TimeAttention()))
    next_one = np.roll(np.eye(4), 1, axis=1)  # turns each axis into the one after it
    close(weights_of(TimeGeneralAttention(next_one), LOOK * [1, 0, 0, 0]), [[1 / 6, 4 / 6, 1 / 6]])


def test_additive_scores_are_those_of_a_small_network():
    Wd, We, b, v = np.zeros((4, 2)), np.zeros((4, 2)), np.array([0.5, 0]), np.array([2.0, 3])
    Wd[0, 0] = 1
    We[1, 0], We[2, 1] = 1, 1
    h = np.array([[[0.25, 9, 9, 9]]])
    inside = np.array([[0.75, 0], [1.75, 0], [0.75, 1]])  # of each state: the decoder's 0.25, its own, and b
    e = np.exp(np.tanh(inside) @ v)
    close(weights_of(TimeAdditiveAttention(Wd, We, b, v), h), [e / e.sum()])


# Additive scores, a block at a time


def test_blocks_change_nothing():
    r = Draw()
    layer, inputs = attention(TimeAdditiveAttention, r), (r(N, T_ENC, H), r(N, T_DEC, H), HOLES)
    dc = r(N, T_DEC, H)

    def run():
        c = layer.forward(*inputs)
        return [c, *layer.backward(dc), *map(np.copy, layer.grads)]

    whole, units = run(), len(layer.v)
    assert layer.kept["h"].size == N * T_DEC * T_ENC * units, "all at once"
    for block in (1, 3 * T_ENC * units, 2 * T_DEC * T_ENC * units):
        layer.block = block
        layer.kept.clear()
        for got, wanted in zip(run(), whole, strict=True):
            close(got, wanted)
        assert layer.kept["h"].size == max(block, T_ENC * units)


def test_memory_of_additive_scores():
    """A few arrays over pairs of states, never one for every unit."""
    n, t, h = 2, 500, 64
    layer = TimeAdditiveAttention.of_size(h, rng=np.random.default_rng(0))
    hs = Draw(np.float32)(n, t, h)
    tracemalloc.start()
    try:
        layer.forward(hs, hs, np.ones((n, t), dtype=bool))
        layer.backward(hs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    pairs = n * t * t * 4
    assert peak < 8 * pairs + 8 * hs.nbytes + 4 * layer.block + 2**20 < h * pairs / 3


@every_score
def test_answers_of_no_characters_are_no_error_and_questions_of_none_are(score):
    layer = SCORES[score].of_size(H, dtype=np.float64)
    c = layer.forward(np.ones((N, T_ENC, H)), np.ones((N, 0, H)))
    dhs_enc, dhs_dec = layer.backward(c)
    assert c.shape == dhs_dec.shape == (N, 0, H) and not dhs_enc.any()
    with pytest.raises(ValueError, match=r"at least one state to look at, got \(3, 0, 7\)"):
        layer.forward(np.ones((N, 0, H)), np.ones((N, T_DEC, H)))


# Weights


@every_score
def test_weights_are_drawn(score):
    make = SCORES[score].of_size
    layer = make(300, rng=np.random.default_rng(0))
    W = {"general": ["W"], "additive": ["Wd", "We"]}.get(score, [])
    shapes = dict.fromkeys(W, (300, 300)) | ({"b": (300,), "v": (300,)} if score == "additive" else {})
    found = named_params(layer)
    assert {name: p.shape for name, p in found.items()} == shapes
    assert {p.dtype for p in layer.params} <= {np.dtype(np.float32)}
    for name, p in found.items():
        assert p.std() == pytest.approx(0 if name == "b" else 300**-0.5, rel=0.1)
    again = named_params(make(300, rng=np.random.default_rng(0), dtype=np.float64))
    for name, p in again.items():
        close(found[name], p, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, b: TimeScaledAttention().forward(a, b[0]), r"ScaledAttention: hs_dec .*got \(2, 7\)"),
        (lambda a, b: TimeScaledAttention().forward(a, b[..., 1:]), r"ScaledAttention: hs_dec .*got \(3, 2, 6\)"),
        (lambda a, b: TimeGeneralAttention(np.eye(4)).forward(a, b), r"GeneralAttention: hs_dec .*got \(3, 2, 7\)"),
        (
            lambda a, b: TimeGeneralAttention(np.eye(7)).forward(a[..., 1:], b),
            r"GeneralAttention: hs_dec .* for hs_enc",
        ),
        (lambda a, b: TimeAdditiveAttention.of_size(7).forward(a[:, :0], b), r"AdditiveAttention: .* state to look at"),
        (lambda a, b: TimeGeneralAttention(np.ones((4, 5))), r"GeneralAttention: W \(H, H\): .*got \(4, 5\)"),
        (lambda a, b: TimeAdditiveAttention.of_size(6).forward(a, b), r"AdditiveAttention: hs_enc .*got \(3, 5, 7\)"),
        (lambda a, b: additive(We=np.ones((7, 2))), r"AdditiveAttention: We .*\(7, 3\), got \(7, 2\)"),
        (lambda a, b: additive(v=np.ones(2)), r"AdditiveAttention: v .*\(3\), got \(2,\)"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=f"^Time{message}"):
        call(np.ones((3, 5, 7)), np.ones((3, 2, 7)))


def additive(**arrays):
    arrays = {"Wd": np.ones((7, 3)), "We": np.ones((7, 3)), "b": np.ones(3), "v": np.ones(3)} | arrays
    return TimeAdditiveAttention(**arrays)


# The model


def scored(score, **options):
    return lively(lambda *sizes, **draw: AttentionSeq2seq(*sizes, score=score, **options, **draw), Draw(), 11, 3, 4)


def test_what_a_dot_model_is_does_not_change():
    plain, named = (AttentionSeq2seq(5, 2, 3, **more, rng=np.random.default_rng(0)) for more in ({}, {"score": "dot"}))
    assert plain.arguments == named.arguments and "score" not in plain.arguments
    for got, wanted in zip(named.params, plain.params, strict=True):
        np.testing.assert_array_equal(got, wanted)


@other_scores
def test_other_scores_only_add_weights(score):
    """All others are drawn as without, and the names of the new ones say where they are."""
    plain, other = (AttentionSeq2seq(5, 2, 3, score=s, rng=np.random.default_rng(0)) for s in ("dot", score))
    ours, more = named_params(plain), named_params(other)
    assert [name.removeprefix("decoder.attention.") for name in more if name not in ours] == [
        *named_params(SCORES[score].of_size(3))
    ]
    for name, p in ours.items():
        np.testing.assert_array_equal(more[name], p)


@other_scores
@pytest.mark.parametrize("mask_padding", [None, 2])
def test_a_beam_search_equals_the_one_by_hand(score, mask_padding):
    model, xs = scored(score, mask_padding=mask_padding), np.random.default_rng(3).integers(0, 5, (4, 5))
    found, greedy = model.beam_search(xs, START, 5, 3, batch_size=3), model.decode(xs, START, 5)
    for got, wanted in zip(model.beam_search(xs, START, 5, 1), greedy, strict=True):
        np.testing.assert_array_equal(got[:, 0], wanted)
    mask = reference.attended(xs, mask_padding)
    for n, x in enumerate(xs):
        beam = beam_by_hand("attention", model, x, 5, 3, None if mask is None else mask[n])
        assert found.ids[n].tolist() == [list(ids) for _, ids, *_ in beam]
        close(found.log_probs[n], [total for total, *_ in beam])
        close(found.attention_weights[n], [looked for *_, looked in beam])


def test_a_decoder_of_ones_own_brings_its_attention():
    class Decoder(AttentionDecoder):
        @staticmethod
        def make_attention(hidden_size, *, rng, dtype):
            return TimeScaledAttention()

    class Model(AttentionSeq2seq):
        decoder_class = Decoder

    model = Model(5, 2, 3)
    assert type(model.decoder.attention) is TimeScaledAttention and "score" not in model.arguments


@other_scores
def test_a_file_keeps_the_score(tmp_path, score):
    save_model(tmp_path / "model.npz", scored(score))
    again, facts = load_model(tmp_path / "model.npz")
    assert facts["arguments"]["score"] == score and type(again.decoder.attention) is SCORES[score]
    xs = questions(5)
    for got, wanted in zip(again.decode(xs, START, 4), scored(score).decode(xs, START, 4), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("wrong", ["cosine", None, ["dot"]])
def test_an_unknown_score_is_refused(tmp_path, wrong):
    message = "AttentionDecoder: score: expected dot or scaled or general or additive, got "
    for make in (AttentionSeq2seq, AttentionDecoder):
        with pytest.raises(ValueError, match=f"^{message}"):
            make(5, 2, 3, score=wrong)
    save_model(tmp_path / "model.npz", scored("general"))
    arrays, facts = checkpoint.load(tmp_path / "model.npz")
    facts["arguments"]["score"] = wrong
    checkpoint.save(tmp_path / "model.npz", arrays, facts)
    with pytest.raises(checkpoint.CheckpointError, match=f"not a model file: .*{message}"):
        load_model(tmp_path / "model.npz")


def test_the_products_of_a_step_equal_a_count_by_hand():
    """Beyond dot products, for 2 questions of 4 characters and answers of 3, H = 4: see test_benchmark.py."""
    counts = {score: step_flops(AttentionSeq2seq(5, 3, 4, score=score), 2, 4, 3) for score in SCORES}
    assert counts["scaled"] == counts["dot"]
    assert counts["general"] - counts["dot"] == 6 * 6 * 4 * 4
    assert counts["additive"] - counts["dot"] == 6 * (6 + 8) * 4 * 4


# train_date.py --score


def train_twice(tmp_path, tiny, train, score, *options):
    """Runs of three epochs, the same for all: ``whole``; and ``parts``, resumed after the first."""
    more = ("--data", tiny, *TINY, "--quiet", "--models", "attention", "--workers", 1, "--score", score)
    for name, epochs in (("whole", 3), ("parts", 1)):
        done = train(tmp_path, *more, *options, "--max-epoch", epochs, "--out", name)
        assert (done.returncode, done.stderr) == (0, "")
    done = train(tmp_path, "--resume", "parts", "--max-epoch", 3)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "score", ["general", *(pytest.param(s, marks=pytest.mark.slow) for s in ("scaled", "additive"))]
)
def test_a_run_with_a_score_goes_on(tmp_path, tiny, train, score):
    train_twice(tmp_path, tiny, train, score)
    same_files(tmp_path / "whole", tmp_path / "parts")
    whole, parts = (state(tmp_path / folder / "attention.state.npz") for folder in ("whole", "parts"))
    assert whole[0] == parts[0] and whole[1]["training"] == parts[1]["training"]
    model, _ = load_model(tmp_path / "parts" / "attention.npz")
    assert model.arguments["score"] == score
    message = "--score differs from what the run was started with"
    refused(train(tmp_path, "--resume", "parts", "--max-epoch", 4, "--score", "dot"), message)


@pytest.mark.slow
def test_two_processes_train_the_models_of_one(tmp_path, tiny, script):
    options = (
        "--data",
        tiny,
        *TINY,
        "--quiet",
        "--workers",
        1,
        "--score",
        "additive",
        "--models",
        "peeky",
        "attention",
    )
    for jobs in (1, 2):
        done = script(tmp_path, "train_date.py", *options, "--jobs", jobs, "--out", f"jobs-{jobs}")
        assert (done.returncode, done.stderr) == (0, "")
    for name in ("peeky", "attention"):
        one, two = ((tmp_path / f"jobs-{jobs}" / f"{name}.npz").read_bytes() for jobs in (1, 2))
        assert one == two
    scores = [load_model(tmp_path / "jobs-2" / f"{name}.npz")[1]["arguments"].get("score") for name in options[-2:]]
    assert scores == [None, "additive"]


@pytest.mark.slow
def test_two_ranks_train_as_one_process(tmp_path, tiny, script):
    options = ("--data", tiny, *TINY, "--quiet", "--models", "attention", "--max-epoch", 3, "--score", "general")
    assert script(tmp_path, "train_date.py", *options, "--workers", 1, "--out", "whole").returncode == 0
    done = job("mpich", 2, tmp_path, ROOT / "scripts" / "train_date.py", "--mpi", *options, "--out", "parts")
    assert (done.returncode, done.stderr) == (0, "")
    losses = [[float(row["train_loss"]) for row in history(tmp_path / run)] for run in ("whole", "parts")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_without_the_option_a_run_is_what_it_was(tmp_path, tiny, train):
    more = ("--data", tiny, *TINY, "--quiet", "--models", "attention", "--workers", 1)
    for out, options in (("plain", ()), ("dot", ("--score", "dot"))):
        assert train(tmp_path, *more, *options, "--out", out).returncode == 0
    config = (tmp_path / "plain" / "config.json").read_text(encoding="utf-8")
    assert '"score"' not in config
    plain, dot = ((tmp_path / out / "attention.npz").read_bytes() for out in ("plain", "dot"))
    assert plain == dot


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--score", "cosine"), "argument --score: invalid choice: 'cosine'"),
        (("--score", "general", "--models", "baseline", "peeky"), "--score is an option of the model attention"),
    ],
)
def test_what_is_refused(tmp_path, train, options, message):
    refused(train(tmp_path, *options), message)
    assert not any(tmp_path.iterdir())
