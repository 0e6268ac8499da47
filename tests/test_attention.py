"""How attention is used: from one weighted sum to the map of a whole answer, in numbers that a reader can check.

N questions of T_enc states each, H numbers a state. That each class equals its loop, and that backward is the
derivative of forward for every mask and size, is held by test_layers.py and test_gradients.py.
"""

import numpy as np
import pytest

from common.gradient_check import check_gradients
from common.time_layers import Attention, AttentionWeight, TimeAttention, WeightSum

# Three states of one question that stand at right angles to each other: N=1, T_enc=3, H=4.
STATES = np.array([[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]])


def test_weight_sum_mixes_the_states_as_the_weights_say():
    context = WeightSum().forward(STATES, np.array([[0.25, 0.75, 0]]))
    assert context.tolist() == [[0.25, 0.75, 0, 0]]
    assert WeightSum().forward(STATES, np.array([[0.0, 0, 1]])).tolist() == [STATES[0, 2].tolist()]


def test_attention_weight_is_the_softmax_of_the_dot_products():
    h = np.array([[np.log(2), 0, 0, 5]])  # scores log 2, 0 and 0: weights in the proportion 2 : 1 : 1
    a = AttentionWeight().forward(STATES, h)
    np.testing.assert_allclose(a, [[0.5, 0.25, 0.25]], rtol=1e-12)


def test_a_masked_position_weighs_nothing_and_the_others_share_the_rest():
    h = np.array([[np.log(2), 0, 0, 5]])
    a = AttentionWeight().forward(STATES, h, mask=np.array([[True, False, True]]))
    np.testing.assert_allclose(a, [[2 / 3, 0, 1 / 3]], rtol=1e-12)
    assert a[0, 1] == 0, "exactly"


def test_what_sees_nothing_has_weights_and_a_context_of_zero():
    attention = Attention()
    context = attention.forward(STATES, np.ones((1, 4)), mask=np.zeros((1, 3), dtype=bool))
    assert not context.any() and not attention.attention_weight.any()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_attention_finds_the_state_that_matches(place):
    attention = Attention()
    context = attention.forward(STATES, 50 * STATES[:, place])  # 50: the longer the vector, the sharper the look
    np.testing.assert_allclose(context, STATES[:, place], atol=1e-12)
    assert attention.attention_weight.argmax() == place


def test_time_attention_draws_the_map_of_a_whole_answer():
    """A decoder whose states are the encoder's in reverse order looks back from the last position to the first."""
    rng = np.random.default_rng(0)
    N, T_enc, H = 2, 5, 16
    hs_enc = rng.normal(size=(N, T_enc, H))
    attention = TimeAttention()
    contexts = attention.forward(hs_enc, 20 * hs_enc[:, ::-1])
    assert contexts.shape == (N, T_enc, H)
    for_pictures = np.array(attention.attention_weights)
    assert for_pictures.shape == (T_enc, N, T_enc), "a list over the steps of the decoder, as in the book"
    one_map = for_pictures[:, 0]  # rows: characters of the answer; columns: characters of the question
    np.testing.assert_allclose(one_map.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(one_map, np.eye(T_enc)[::-1], atol=1e-3)


def test_time_attention_masks_the_padding_of_each_question():
    rng = np.random.default_rng(0)
    hs_enc, hs_dec = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 3, 4))
    real = np.array([[True, True, True, False, False], [True] * 5])  # the first question has 3 characters, and padding
    attention = TimeAttention()
    contexts = attention.forward(hs_enc, hs_dec, real)
    weights = np.array(attention.attention_weights)
    assert not weights[:, 0, 3:].any() and weights[:, 1].all()
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-12)
    shorter = TimeAttention().forward(hs_enc[:1, :3], hs_dec[:1])
    np.testing.assert_allclose(contexts[:1], shorter, rtol=1e-12, err_msg="as if the padding were cut off")


def test_gradients_are_checked_in_one_call():
    rng = np.random.default_rng(0)
    errors = check_gradients(TimeAttention(), rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 2, 4)))
    assert set(errors) == {"input 0", "input 1"} and max(errors.values()) < 1e-10


def test_a_decoder_learns_where_to_look_from_the_gradient_of_its_context():
    """All that is asked is a context like the second state: the gradient turns the decoder's state towards it."""
    h = np.array([[0.3, 0.1, 0.2, 0.4]])
    attention = Attention()
    for _ in range(300):
        context = attention.forward(STATES, h)
        _, dh = attention.backward(context - STATES[:, 1])  # of half the squared distance
        h = h - dh
    assert attention.attention_weight[0, 1] > 0.9
    assert h[0, 3] == 0.4, "no state has anything to say on that axis"
