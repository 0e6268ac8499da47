"""The learning rate falls: that of every update against the formulas and PyTorch's, after a resume, and on ranks."""

import math

import numpy as np
import pytest
from rank_tools import all_done, on_ranks, this_rank
from test_ranks_training import alike, trained
from test_warm_up import Rates, Steps, rates_of_resumed

from common.callbacks import Cosine, InverseSquareRoot, Warmup
from common.optimizer import AdamW

LR, SIZE = 0.8, 4  # iterations of an epoch


def rates(schedule, epochs):
    """The rates of all updates in so many epochs."""
    trainer = (model := Steps()).trainer(schedule)
    trainer.fit(np.zeros((SIZE, 1)), np.zeros(SIZE), epochs, 1)
    return model.rates


@pytest.mark.parametrize("warmup", [0.25, 1.5, 2, 9])
def test_inverse_square_root_is_equation_3_of_the_transformers_paper(warmup):
    steps, d_model = round(warmup * SIZE), 16
    wanted = [d_model**-0.5 * min(n**-0.5, n * steps**-1.5) for n in range(1, 5 * SIZE + 1)]
    assert rates(InverseSquareRoot((d_model * steps) ** -0.5, warmup), 5) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("schedule", [InverseSquareRoot, lambda lr, warmup: Cosine(lr, 7, warmup)])
@pytest.mark.parametrize("warmup", [0.3, 1, 1.3, 2])
def test_they_begin_as_a_warm_up_does(schedule, warmup):
    whole = int(warmup * SIZE)
    assert rates(schedule(LR, warmup), 3)[:whole] == rates(Warmup(LR, warmup), 3)[:whole]


def test_cosine():
    """From the whole rate at the first update, half of it in the middle, and never quite 0 before the end."""
    found = rates(Cosine(LR, 2), 3)
    assert found[:8] == pytest.approx([LR * (1 + math.cos(math.pi * n / 8)) / 2 for n in range(8)], rel=1e-14)
    assert found[0] == LR and found[4] == pytest.approx(LR / 2) and found[8:] == [0.0] * 4
    warmed = rates(Cosine(LR, 3, 1), 3)
    assert warmed == pytest.approx([0.2, 0.4, 0.6, 0.8, *found[:8]], rel=1e-14)
    fallen = [0.4 * (1 + math.cos(math.pi * past / 1.1)) for past in (0.1, 0.35)]
    assert rates(Cosine(LR, 1.5, 0.4), 1) == pytest.approx([0.5, 0.8, *fallen], rel=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("warmup", [0, 1, 2])
def test_cosine_is_pytorchs_for_every_update(warmup):
    torch = pytest.importorskip("torch")
    schedules, steps = torch.optim.lr_scheduler, warmup * SIZE
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], LR)
    cosine = schedules.CosineAnnealingLR(optimizer, 5 * SIZE - steps)
    if warmup:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], LR)
        linear = schedules.LinearLR(optimizer, 1 / steps, total_iters=steps - 1)
        cosine = schedules.CosineAnnealingLR(optimizer, 5 * SIZE - steps)
        cosine = schedules.SequentialLR(optimizer, [linear, cosine], [steps])
    wanted = []
    for _ in range(5 * SIZE):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cosine.step()
    assert rates(Cosine(LR, 5, warmup), 5) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("schedule", [InverseSquareRoot(LR, 1), Cosine(LR, 9, 1)])
def test_a_rate_that_is_set_in_between_does_not_last(schedule):
    trainer = (model := Steps()).trainer(schedule)
    for lr in (0.3, 0.5):
        trainer.optimizer.lr = lr
        trainer.fit(np.zeros((SIZE, 1)), np.zeros(SIZE), 1, 1)
    assert model.rates == rates(schedule, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InverseSquareRoot(-1, 1), r"^InverseSquareRoot: expected an lr in \[0, inf\), got -1"),
        (lambda: InverseSquareRoot(1, 0), "^InverseSquareRoot: expected epochs above 0, got 0"),
        (lambda: Cosine(math.nan, 1), "^Cosine: expected an lr in"),
        (lambda: Cosine(1, 0), "^Cosine: expected epochs above 0, got 0"),
        (lambda: Cosine(1, 2, 2), r"^Cosine: expected a warmup in \[0, 2\), got 2"),
        (lambda: Cosine(1, 2, -1), r"^Cosine: expected a warmup in \[0, 2\), got -1"),
        (lambda: Cosine(1, 2, math.nan), r"^Cosine: expected a warmup in \[0, 2\), got nan"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


SCHEDULES = {"inverse square root": lambda: InverseSquareRoot(0.1, 1.5), "cosine": lambda: Cosine(0.1, 3, 0.5)}
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


@every_schedule
def test_a_run_goes_on_at_any_iteration_with_the_same_bits(tmp_path, schedule):
    found = rates_of_resumed(tmp_path, lambda: AdamW(lr=0.3, weight_decay=0.2), lambda: [schedule()])
    assert len(set(found)) > 8


@every_schedule
@pytest.mark.parametrize("workers", [1, 2])
def test_ranks_whose_libraries_round_differently_have_the_same_rates(schedule, workers, monkeypatch):
    monkeypatch.setattr("common.callbacks.math.cos", lambda x: np.cos(x) * (1 + 1e-6 * this_rank()))
    fit = {"workers": workers, "epochs": 3}
    found = alike(all_done(on_ranks(3, lambda r: trained(r, AdamW, [schedule(), Rates()], **fit))))
    assert found.callbacks[1].found == trained(rule=AdamW, callbacks=[schedule(), Rates()], **fit).callbacks[1].found
