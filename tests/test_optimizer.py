"""Optimizers against their written rules, and clipping."""

import copy
from fractions import Fraction

import numpy as np
import pytest
import reference_optimizer

from common.optimizer import SGD, AdaGrad, Adam, AdamW, Momentum, Nadam, Nesterov, RMSprop, clip_grads, same_power
from common.slices import slices

# Settings that are nobody's default, so that one left unread shows.
MAKE = {
    "SGD": lambda: SGD(lr=0.03),
    "Momentum": lambda: Momentum(lr=0.03, momentum=0.8),
    "Nesterov": lambda: Nesterov(lr=0.03, momentum=0.8),
    "AdaGrad": lambda: AdaGrad(lr=0.03),
    "RMSprop": lambda: RMSprop(lr=0.03, decay_rate=0.95),
    "Adam": lambda: Adam(lr=0.03, beta1=0.8, beta2=0.95),
    "AdamW": lambda: AdamW(lr=0.03, beta1=0.8, beta2=0.95, epsilon=1e-3, weight_decay=0.4),
    "Nadam": lambda: Nadam(lr=0.03, beta1=0.8, beta2=0.95, epsilon=1e-3, schedule_decay=0.2),
}
# name -> (p, g, running values, number of the step) -> the next p, then the next running values
RULES = {
    "SGD": lambda p, g, s, step: (reference_optimizer.sgd(p, g, 0.03),),
    "Momentum": lambda p, g, s, step: reference_optimizer.momentum(p, g, *s, 0.03, 0.8),
    "Nesterov": lambda p, g, s, step: reference_optimizer.nesterov(p, g, *s, 0.03, 0.8),
    "AdaGrad": lambda p, g, s, step: reference_optimizer.adagrad(p, g, *s, 0.03),
    "RMSprop": lambda p, g, s, step: reference_optimizer.rmsprop(p, g, *s, 0.03, 0.95),
    "Adam": lambda p, g, s, step: reference_optimizer.adam(p, g, *s, step, 0.03, 0.8, 0.95),
    "AdamW": lambda p, g, s, step: reference_optimizer.adamw(p, g, *s, step, 0.03, 0.8, 0.95, 1e-3, 0.4),
    "Nadam": lambda p, g, s, step: reference_optimizer.nadam(p, g, *s, step, 0.03, 0.8, 0.95, 1e-3, 0.2),
}
every_optimizer = pytest.mark.parametrize("name", MAKE)


def test_the_tables_have_every_optimizer():
    import common.optimizer as module

    ours = {n for n, c in vars(module).items() if isinstance(c, type) and issubclass(c, module.Optimizer)}
    assert ours - {"Optimizer"} == set(MAKE) == set(RULES)


def draws(dtype=np.float64, steps=5):
    """Two parameters, and their gradients for each step."""
    rng = np.random.default_rng(0)
    shapes = (3, 2), (5,)
    params = [rng.standard_normal(s).astype(dtype) for s in shapes]
    return params, [[rng.standard_normal(s).astype(dtype) for s in shapes] for _ in range(steps)]


@every_optimizer
def test_equals_its_rule(name):
    params, steps = draws()
    optimizer = MAKE[name]()
    wanted = [p.copy() for p in params]
    running = [[np.zeros_like(p) for _ in optimizer.slots] for p in params]
    for number, grads in enumerate(steps, start=1):
        given = [g.copy() for g in grads]
        optimizer.update(params, grads)
        for i, g in enumerate(given):
            wanted[i], *running[i] = RULES[name](wanted[i], g, running[i], number)
            np.testing.assert_allclose(
                params[i], wanted[i], rtol=1e-12, atol=1e-14, err_msg=f"step {number}, parameter {i}"
            )
            np.testing.assert_array_equal(grads[i], g)  # gradients are read only


@every_optimizer
def test_works_in_place_and_keeps_float32(name):
    params, steps = draws(np.float32)
    same = list(params)
    before = [p.copy() for p in params]
    optimizer = MAKE[name]()
    for grads in steps:
        optimizer.update(params, grads)
    for p, q, old in zip(params, same, before, strict=True):
        assert p is q and p.dtype == np.float32 and not np.array_equal(p, old)
    for slot in optimizer.slots:
        assert [v.dtype for v in getattr(optimizer, slot)] == [np.float32] * 2, slot


@pytest.mark.parametrize(
    ("epsilon_hat", "rule"), [(True, reference_optimizer.adam), (False, reference_optimizer.adam_1)]
)
def test_adam_adds_epsilon_before_or_after_the_bias_is_corrected(epsilon_hat, rule):
    params, steps = draws(steps=4)
    wanted = [(p.copy(), np.zeros_like(p), np.zeros_like(p)) for p in params]
    optimizer = Adam(0.03, 0.8, 0.95, epsilon=0.1, epsilon_hat=epsilon_hat)
    for number, grads in enumerate(steps, 1):
        optimizer.update(params, grads)
        wanted = [rule(p, g, m, v, number, 0.03, 0.8, 0.95, 0.1) for (p, m, v), g in zip(wanted, grads, strict=True)]
        for p, (q, *_) in zip(params, wanted, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-14)


@every_optimizer
def test_goes_downhill(name):
    rng = np.random.default_rng(1)
    params = [rng.uniform(1, 2, (3, 2)), rng.uniform(-2, -1, 5)]
    optimizer = MAKE[name]()

    def loss():
        return sum((p**2).sum() for p in params)

    first = loss()
    for _ in range(200):
        optimizer.update(params, [2 * p for p in params])
    assert loss() < 0.5 * first


@pytest.fixture
def torch():
    """PyTorch, whose optimizers keep their scalars in float64."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


TORCHS = {
    "Nadam": (Nadam, lambda torch, params: torch.optim.NAdam(params, lr=0.002, eps=1e-7)),
    "AdamW": (AdamW, lambda torch, params: torch.optim.AdamW(params)),  # the defaults are the same
    "AdamW, no defaults": (
        lambda: AdamW(0.1, 0.8, 0.95, 1e-3, weight_decay=0.3),
        lambda torch, params: torch.optim.AdamW(params, 0.1, (0.8, 0.95), 1e-3, 0.3),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", TORCHS)
def test_equals_torchs(rule, torch):
    params, steps = draws(steps=20)
    theirs = [torch.tensor(p, requires_grad=True) for p in params]
    optimizer, other = TORCHS[rule][0](), TORCHS[rule][1](torch, theirs)
    for grads in steps:
        optimizer.update(params, grads)
        for p, g in zip(theirs, grads, strict=True):
            p.grad = torch.tensor(g)
        other.step()
        for p, q in zip(params, theirs, strict=True):
            np.testing.assert_allclose(p, q.detach().numpy(), rtol=0, atol=1e-12)
    assert optimizer.iter == 20 and isinstance(getattr(optimizer, "schedule", 1.0), float)


def test_adamw_without_decay_is_adam_to_the_bit():
    (params, steps), others = draws(), draws()[0]
    adamw, adam = AdamW(0.03, weight_decay=0), Adam(0.03, epsilon=1e-8, epsilon_hat=False)
    for grads in steps:
        adamw.update(params, grads), adam.update(others, grads)
    assert [p.tobytes() for p in params] == [p.tobytes() for p in others]


def test_decay_is_no_part_of_the_moments_and_follows_the_rate():
    """Without gradients, weights shrink by rate times decay alone; a penalty in the loss would move the moments."""
    p, optimizer = np.array([2.0, -4.0]), AdamW(weight_decay=0.5)
    for optimizer.lr in (0.5, 0.1, 0):
        optimizer.update([p], [np.zeros(2)])
    np.testing.assert_allclose(p, np.array([2, -4]) * 0.75 * 0.95, rtol=1e-15)
    assert not optimizer.m[0].any() and not optimizer.v[0].any()


LARGE = {  # more elements than a slice: cut by rows, by columns, not at all; and none to cut
    "rows": lambda a: a.reshape(1000, 600),
    "columns": lambda a: a.reshape(1000, 600).T,
    "vector": lambda a: a,
    "one row": lambda a: a[None],
    "every other": lambda a: a.reshape(600, 1000)[:, ::2],
    "scalar": lambda a: a[:1].reshape(()),
    "empty": lambda a: a[:0].reshape(3, 0),
}


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("name", ["Adam", "AdamW", "Nadam"])
def test_large_parameters_are_no_different(name, shape):
    rng = np.random.default_rng(2)
    flat = [rng.standard_normal(600_000, dtype=np.float32) for _ in range(3)]
    p, *grads = (LARGE[shape](a) for a in copy.deepcopy(flat))
    q, *others = (LARGE[shape](a).astype(np.float32) for a in copy.deepcopy(flat))
    pieces = np.array_split(q.reshape(-1), 50)  # of a copy where q is no plain row of memory
    one, many = MAKE[name](), MAKE[name]()
    for g, h in zip(grads, others, strict=True):
        one.update([p, np.zeros(2)], [g, np.ones(2)])  # of another dtype
        many.update(pieces, np.array_split(h.reshape(-1), 50))
    np.testing.assert_array_equal(p.reshape(-1), np.concatenate(pieces))


def test_slices_cover_every_element_once_and_keep_their_work_arrays():
    a, work, used = np.zeros((300, 7)), {}, []
    for _ in range(2):
        for part, w, other in slices([a, a[0]], work=work, count=2, size=50):
            assert part.base is a and part.shape == w.shape == other.shape and part.size <= 50
            w[...], other[...] = 1, 2
            part += w
            used.append(id(w.base))
    assert (a[1:] == 2).all() and (a[0] == 4).all()
    assert len(work) == 1 and max(w.size for w in work.values()) == 2 * 49


@pytest.mark.parametrize("name", [n for n in MAKE if n != "SGD"])
def test_refuses_other_parameters(name):
    params, steps = draws()
    optimizer = MAKE[name]()
    optimizer.update(params, steps[0])
    for other in (params[::-1], params[:1], [*params, params[0]]):
        with pytest.raises(ValueError, match=f"{name}.*first update"):
            optimizer.update(other, [np.ones_like(p) for p in other])


@every_optimizer
def test_refuses_fewer_gradients_than_parameters(name):
    params, steps = draws()
    with pytest.raises(ValueError):
        MAKE[name]().update(params, steps[0][:1])


def norm(grads):
    return np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads))


def test_clip_scales_all_gradients_together():
    grads = [np.array([[3.0, 0.0], [0.0, 0.0]]), np.array([0.0, 4.0])]  # norm 5
    same = list(grads)
    assert clip_grads(grads, 2.5) == pytest.approx(5, rel=1e-15)
    assert all(a is b for a, b in zip(grads, same, strict=True))
    np.testing.assert_allclose(grads[0], [[1.5, 0], [0, 0]], rtol=1e-15)
    np.testing.assert_allclose(grads[1], [0, 2], rtol=1e-15)
    assert norm(grads) == pytest.approx(2.5, rel=1e-15)  # and not a trifle less, as with the book's 1e-6


@pytest.mark.parametrize("max_norm", [5.0, 7.0])
def test_clip_leaves_small_gradients_as_they_are(max_norm):
    grads = [np.array([3.0]), np.array([4.0])]
    assert clip_grads(grads, max_norm) == 5
    assert (grads[0][0], grads[1][0]) == (3, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_refuses_what_is_not_finite(bad, dtype):
    grads = [np.array([30, 40], dtype), np.array([1, bad], dtype)]
    before = [g.copy() for g in grads]
    with pytest.raises(FloatingPointError, match="clip_grads"):
        clip_grads(grads, 5.0)
    for g, b in zip(grads, before, strict=True):
        np.testing.assert_array_equal(g, b)


def test_clip_sums_large_gradients_too():
    grads = [np.ones((3, 700_001), np.float32), np.ones(3, np.float32)]
    assert clip_grads(grads, 1.0) == np.sqrt(3 * 700_001 + 3)


def test_clip_does_not_overflow_in_float32():
    grads = [np.full(4, 1e30, np.float32), np.zeros(3, np.float32)]
    assert clip_grads(grads, 5.0) == pytest.approx(2e30)
    assert grads[0].dtype == np.float32
    np.testing.assert_allclose(grads[0], 2.5, rtol=1e-6)


def test_powers_that_are_the_same_on_every_computer():
    """They are rounded correctly, as no C library has to."""
    for base in (0.9, 0.999):
        for exponent in (1, 2, 3, 10, 777, 2500):
            assert same_power(base, exponent) == float(Fraction(base) ** exponent)
    assert same_power(0.999, 10**7) == 0.0 and same_power(0.5, 0) == 1.0 and same_power(0.0, 3) == 0.0
    assert same_power(0.96, 0.004) == pytest.approx(0.96**0.004, rel=1e-15)


@pytest.mark.parametrize(("rule", "bases"), [(Adam, {0.9, 0.999}), (Nadam, {0.96, 0.999})])
def test_the_rules_take_every_power_with_the_one_that_is_set(rule, bases):
    ours, usual, asked = rule(), rule(), set()
    ours.power = lambda base, exponent: asked.add(base) or same_power(base, exponent)
    p, q = np.ones(3), np.ones(3)
    for _ in range(5):
        ours.update([p], [np.arange(3.0)])
        usual.update([q], [np.arange(3.0)])
    assert asked == bases
    np.testing.assert_allclose(p, q, rtol=1e-14)
