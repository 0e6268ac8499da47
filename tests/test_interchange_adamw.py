"""AdamW goes on in another framework where its decay shrinks the same; the rest is in test_interchange_optimizer.py."""

import pytest
from test_interchange_optimizer import DECOUPLED, There, draws, model_of

from interchange import ForeignFileError
from interchange.optimizer_state import from_torch


def test_a_frozen_bias_that_would_shrink_here_is_refused_and_one_of_zeros_goes_on():
    for value in (0.0, 0.5):
        there = There("torch", "AdamW", model_of("attention"), "bias_hh")
        there.weights["encoder.lstm.bias_hh_l0"][...] = value
        for grads in draws(model_of("attention"), 3):
            there.step(grads)
        if value:
            with pytest.raises(ForeignFileError, match=r"^optimizer: a bias that is frozen there would shrink here"):
                there.comes_here("attention")
            continue
        there.goes_on_like(*there.comes_here("attention"), "attention")


@pytest.mark.parametrize("rule", ["Adam", "NAdam"])
def test_a_decay_that_ours_has_not_is_refused(rule):
    """That of Adam is a part of the gradient, unless it says that it is decoupled; our Nadam has none."""
    there = There("torch", rule, model_of("gru"))
    there.step(draws(model_of("gru"), 1)[0])
    state = there.state()
    state["param_groups"][0] |= DECOUPLED | {"decoupled_weight_decay": rule == "NAdam"}
    with pytest.raises(ForeignFileError, match=r"^optimizer: weight_decay=0\.2 shrinks weights: no exact"):
        from_torch(model_of("gru"), there.weights, state)
