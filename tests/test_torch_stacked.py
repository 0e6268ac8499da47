"""nn.LSTM layers of PyTorch, composed with skip connections by hand, do what TimeStack does, forward and backward.

Its own ``num_layers`` has no skip connections, so its layers are used one at a time.
"""

import numpy as np
import pytest
from layer_table import Draw, lively

from common.layer import named_grads, named_params
from common.stacked import draw_lstm

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
nn = torch.nn
N, T, D, H = 3, 5, 4, 6


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-10)


def theirs(W):
    """Gates in their order, i, f, g, o, from ours, f, g, i, o; W (..., 4H) is transposed there."""
    f, g, i, o = np.split(W.T, 4)
    return np.concatenate((i, f, g, o))


class Stack(nn.Module):
    def __init__(self, K, directions):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.LSTM(H if k else D, H // directions, batch_first=True, bidirectional=directions == 2) for k in range(K)
        )

    def forward(self, xs, firsts):
        last_h, last_c = [], []
        for k, (layer, first) in enumerate(zip(self.layers, firsts, strict=True)):
            out, (h, c) = layer(xs, first)
            xs = xs + out if k else out
            last_h += [*h]
            last_c += [*c]
        return xs, torch.cat(last_h, 1), torch.cat(last_c, 1)


def pairs(ours, module, K, directions):
    """Our weights by name, each with theirs; their second bias stays zero."""
    for k in range(K):
        for suffix, way in zip(("", "_reverse"), ("forward_lstm.", "backward_lstm."), strict=True):
            if suffix and directions == 1:
                continue
            path = (f"layers.{k}." if K > 1 else "") + (way if directions == 2 else "")
            for name, of_torch in (("Wx", "weight_ih"), ("Wh", "weight_hh"), ("b", "bias_ih")):
                yield path + name, getattr(module.layers[k], f"{of_torch}_l0{suffix}")
            getattr(module.layers[k], f"bias_hh_l0{suffix}").data.zero_()


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("K", [1, 2, 3])
def test_layers_of_pytorch_with_skip_connections_do_the_same(K, directions):
    r = Draw()
    options = dict(bidirectional=directions == 2, layers=K, stateful=directions == 1)
    ours = lively(lambda rng, dtype: draw_lstm(D, H, **options, rng=rng, dtype=dtype), r)
    module = Stack(K, directions).double()
    for name, weight in pairs(ours, module, K, directions):
        weight.data = torch.from_numpy(theirs(named_params(ours)[name]).copy())
    xs, h0, c0 = r(N, T, D), r(N, K * H), r(N, K * H)
    given = [torch.from_numpy(x).requires_grad_() for x in (xs, h0, c0)]
    firsts = [None] * K
    if directions == 1:
        ours.set_state(h0, c0)
        firsts = [
            tuple(part[None].contiguous() for part in pair)
            for pair in zip(*(x.split(H, 1) for x in given[1:]), strict=True)
        ]
    outputs = module(given[0], firsts)
    hs = ours.forward(xs)
    for got, wanted in zip((hs, ours.h, ours.c), outputs, strict=True):
        close(got, wanted.detach().numpy())
    dhs, dh, dc = (r(*output.shape) for output in outputs)
    sum((output * torch.from_numpy(d)).sum() for output, d in zip(outputs, (dhs, dh, dc), strict=True)).backward()
    close(ours.backward(dhs, dc, dh), given[0].grad.numpy())
    if directions == 1:
        close(ours.dh, given[1].grad.numpy())
        close(ours.dc, given[2].grad.numpy())
    for name, weight in pairs(ours, module, K, directions):
        close(theirs(named_grads(ours)[name]), weight.grad.numpy())
