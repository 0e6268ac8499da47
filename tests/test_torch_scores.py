"""Scores of attention as PyTorch's users write them: which Linear is which of ours, and what cancels in the softmax."""

import numpy as np
import pytest
from torch_seq2seq_tools import Model, arrays_of, nn, scored, torch

from interchange import ForeignFileError, to_model

pytestmark = pytest.mark.slow
SIZES = V, D, H = 7, 5, 6
QUESTIONS, ANSWERS = np.array([[1, 3, 4, 2, 2], [2, 5, 6, 0, 1]]), np.array([[0, 3, 5], [1, 4, 2]])


def attention(score, seed=0, sizes=SIZES, **made_of):
    torch.manual_seed(seed)
    return Model("attention", *sizes, score=score, **made_of).double()


def same(theirs, **options):
    """Compare with ours in float64; return the notes."""
    with torch.no_grad():
        expected, looked = theirs(torch.from_numpy(QUESTIONS), torch.from_numpy(ANSWERS))
    ours, notes = to_model(arrays_of(theirs), "attention", **options)
    scores, weights = scored(ours, QUESTIONS, ANSWERS)
    np.testing.assert_allclose(scores, expected.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(weights, looked.numpy(), rtol=0, atol=1e-12)
    return notes


@pytest.mark.parametrize(
    "names", [("query", "key", "score"), ("Wa", "Ua", "Va"), ("W_q", "W_k", "w_v"), ("Wd", "We", "v")]
)
@pytest.mark.parametrize(
    "biases", [(True, True, True), (False, True, False), (True, False, True), (False, False, False)]
)
def test_additive(names, biases):
    notes = same(attention("additive", names=names, biases=biases), score="additive")
    cancels = [note for note in notes if note.startswith(f"decoder.attention.{names[2]}.bias: adds the same")]
    assert len(cancels) == biases[2]


@pytest.mark.parametrize("reads, bias", [("encoder", False), ("encoder", True), ("decoder", False)])
def test_general(reads, bias):
    notes = same(
        attention("general", score_reads=reads, biases=(False, bias, False)), score="general", score_reads=reads
    )
    assert any(f"taken as the {reads}'s" in note for note in notes)
    assert any("which softmax cancels" in note for note in notes) == bias


def test_states_that_the_linear_does_not_read_are_another_score():
    theirs = attention("general", score_reads="decoder")
    with pytest.raises(AssertionError, match="Mismatched"):
        same(theirs, score="general")


def test_a_linear_of_scores_is_not_taken_for_an_embedding():
    """Where words, vectors and states have one size, names tell."""
    for score in ("general", "additive"):
        same(attention(score, sizes=(7, 7, 7)), score=score)


def two_more(theirs):
    theirs.first, theirs.other = nn.Linear(H, H), nn.Linear(H, H)


def biased(theirs):
    theirs.decoder.attention.key = nn.Linear(H, H)


def renamed(theirs):
    theirs.decoder.attention.W1 = theirs.decoder.attention.query
    del theirs.decoder.attention.query


def more_units(theirs):
    at = theirs.decoder.attention
    at.query, at.key, at.score = nn.Linear(H, 9), nn.Linear(H, 9), nn.Linear(9, 1)


def twice(theirs):
    theirs.decoder.second = theirs.decoder.attention


def side_by_side(theirs):
    theirs.decoder.attention = nn.Module()
    theirs.decoder.attention.attn, theirs.decoder.attention.v = nn.Linear(2 * H, H), nn.Linear(H, 1)


def nothing(theirs):
    pass


@pytest.mark.parametrize(
    "score, change, options, why",
    [
        ("general", two_more, {"score": "dot"}, "left over first.*dot products without weights.*(--score)"),
        ("general", nothing, {"score": "scaled"}, r"left over decoder.attention.key.weight \(6, 6\)"),
        ("dot", two_more, {"score": "general"}, r"expected one nn.Linear \(6, 6\), .* got several: first.weight"),
        ("dot", nothing, {"score": "general"}, "got none: encoder.embedding.weight"),
        (
            "general",
            biased,
            {"score": "general", "score_reads": "decoder"},
            "attention.key.bias: a bias beside the dec",
        ),
        ("additive", renamed, {"score": "additive"}, "expected three nn.Linear, .* got encoder.embedding.weight"),
        ("additive", more_units, {"score": "additive"}, r"as many units as states; got .* \(9, 6\)"),
        ("additive", twice, {"score": "additive"}, "got several; rename them"),
        ("dot", side_by_side, {"score": "additive"}, "expected three nn.Linear, .* part one that reads both states"),
    ],
)
def test_what_does_not_map_is_refused_with_its_reason(score, change, options, why):
    theirs = attention(score)
    change(theirs)
    with pytest.raises(ForeignFileError, match=why):
        to_model(arrays_of(theirs), "attention", **options)


@pytest.mark.parametrize("options", [{"score": "cosine"}, {"score": ["dot"]}, {"score_reads": "both"}])
def test_options_that_are_none_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name}: expected .* or .*, got "):
        to_model(arrays_of(attention("dot")), "attention", **options)
