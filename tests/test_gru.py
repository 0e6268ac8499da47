"""GRUs with the reset after the product."""

import numpy as np
import pytest
import reference_text
from layer_table import D, Draw, H, N, T, build, upstream
from recurrent_table import WithState

from common.layer import named_params
from common.time_layers import GRU, TimeBiGRU, TimeGRU


def close(got, wanted, tolerance=1e-12):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["", "-one_bias", "-N1-T1", "-state"])
def test_reset_after_equals_the_loop(name):
    made, (xs, *state) = build(f"TimeGRU-reset_after{name}")
    layer = made.layer if isinstance(made, WithState) else made
    (h,) = state or [np.zeros((len(xs), H))]
    wanted = reference_text.masked_states(
        lambda x, h: reference_text.gru_after_step(x, h, *layer.params), xs, np.ones(xs.shape[:2], dtype=bool), h
    )
    close(made.forward(xs, *state), wanted)
    close(layer.h, wanted[:, -1])
    step = GRU(*layer.params[:3], bh=layer.bh, reset_after=True)
    close(step.forward(xs[:, 0], h), wanted[:, 0])


def test_reset_after_equals_its_step_repeated():
    made, (xs, h) = build("TimeGRU-reset_after-state")
    hs = made.forward(xs, h)
    (dhs,) = upstream([hs])
    dxs, dh = made.backward(dhs)
    steps = [GRU(*made.params, reset_after=True) for _ in range(T)]
    for t, step in enumerate(steps):
        h = step.forward(xs[:, t], h)
        close(hs[:, t], h)
    carried = np.zeros((N, H))
    for t in reversed(range(T)):
        dx, carried = steps[t].backward(carried + dhs[:, t])
        close(dxs[:, t], dx)
    close(dh, carried)
    for i, grad in enumerate(made.grads):
        close(grad, sum(step.grads[i] for step in steps))


@pytest.mark.parametrize("cls", [GRU, TimeGRU])
def test_second_bias(cls):
    r = Draw()
    weights, bh = r.weights(3), r(3 * H)
    layer = cls(*weights, bh=bh, reset_after=True)
    assert list(named_params(layer)) == ["Wx", "Wh", "b", "bh"] and layer.bh is bh
    assert list(named_params(cls(*weights, reset_after=True))) == ["Wx", "Wh", "b"]
    inputs = (r(N, D), r(N, H)) if cls is GRU else (r(N, T, D),)
    one, zeros = cls(*weights, reset_after=True), cls(*weights, bh=0 * bh, reset_after=True)
    assert np.array_equal(one.forward(*inputs), zeros.forward(*inputs))
    assert not np.allclose(one.forward(*inputs), layer.forward(*inputs))
    assert not np.allclose(one.forward(*inputs), cls(*weights).forward(*inputs))
    with pytest.raises(ValueError, match=rf"^{cls.__name__}: expected reset_after=True for bh, got"):
        cls(*weights, bh=bh)
    with pytest.raises(ValueError, match=rf"^{cls.__name__}: bh \(3 \* H,\): expected shape \(21\), got \(7,\)"):
        cls(*weights, bh=bh[:H], reset_after=True)


def from_torch(weight):
    """(3H, ...) with gates r, 1 - z, n  ->  (..., 3H) with gates z, r, h."""
    r, z, n = np.split(weight.T, 3, axis=-1)
    return np.concatenate((-z, r, n), axis=-1)


@pytest.mark.slow
def test_reset_after_is_the_gru_of_torch():
    torch = pytest.importorskip("torch")
    draw = Draw()
    net = torch.nn.GRU(D, H, batch_first=True, bidirectional=True, dtype=torch.float64)
    ways = [
        [getattr(net, f"{name}_l0{way}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        for way in ("", "_reverse")
    ]
    (Wx1, Wh1, b1, bh1), (Wx2, Wh2, b2, bh2) = ([from_torch(p.detach().numpy()) for p in way] for way in ways)
    layer = TimeBiGRU(Wx1, Wh1, b1, Wx2, Wh2, b2, bh1=bh1, bh2=bh2, reset_after=True)
    lengths = [3, 5, 1]
    xs, mask = draw(N, T, D), np.arange(T) < np.array(lengths)[:, None]
    xs_there = torch.tensor(xs, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(xs_there, lengths, batch_first=True, enforce_sorted=False)
    there, _ = torch.nn.utils.rnn.pad_packed_sequence(net(packed)[0], batch_first=True)
    hs = layer.forward(xs, mask)
    close(hs[mask], there.detach().numpy()[mask], 1e-10)
    dhs = draw(*hs.shape) * mask[:, :, None]
    there.backward(torch.tensor(dhs))
    close(layer.backward(dhs), xs_there.grad.numpy(), 1e-10)
    for got, p in zip(layer.grads, [p for way in ways for p in way], strict=True):
        close(got, from_torch(p.grad.numpy()), 1e-10)
