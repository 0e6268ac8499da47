"""Attention's scores give what PyTorch's scaled_dot_product_attention gives, forward and backward, in float64.

It has dot, scaled and general scores, for other queries or scales; for additive ones, autograd goes through the
formula. Rows with nothing to see: see test_rows_with_nothing_to_see.
"""

import numpy as np
import pytest
from layer_table import attention
from table_inputs import HOLES, NOTHING, RAGGED, T_DEC, T_ENC, Draw, H, N
from test_torch_transformer import close, tensors, torch

from common.attention import SCORES
from common.layer import named_grads, named_params

pytestmark = pytest.mark.slow
every_score = pytest.mark.parametrize("score", SCORES)


def theirs(score, p, hs_enc, hs_dec, mask):
    """Their context (N, T_dec, H). p: {our name: their parameter}; mask bool (N, 1, T_enc), or None."""
    if score == "additive":
        hidden = torch.tanh((hs_dec @ p["Wd"] + p["b"])[:, :, None] + (hs_enc @ p["We"])[:, None])
        e = hidden @ p["v"]
        return torch.softmax(e if mask is None else e.masked_fill(~mask, -torch.inf), dim=-1) @ hs_enc
    queries = hs_dec @ p["W"] if score == "general" else hs_dec
    scale = None if score == "scaled" else 1.0
    look = torch.nn.functional.scaled_dot_product_attention
    return look(queries, hs_enc, hs_enc, attn_mask=mask, scale=scale)


@every_score
@pytest.mark.parametrize("mask", [None, RAGGED, HOLES[:2]])
def test_the_same_both_ways(score, mask):
    r = Draw()
    n = N if mask is None else len(mask)
    ours, hs_enc, hs_dec = attention(SCORES[score], r), r(n, T_ENC, H), r(n, T_DEC, H)
    p = {name: torch.tensor(array, requires_grad=True) for name, array in named_params(ours).items()}
    enc, dec = tensors(hs_enc, hs_dec)
    there = theirs(score, p, enc, dec, None if mask is None else torch.from_numpy(mask)[:, None])
    c, dc = ours.forward(hs_enc, hs_dec, mask), r(n, T_DEC, H)
    close(c, there.detach().numpy())
    there.backward(torch.from_numpy(dc))
    for got, tensor in zip(ours.backward(dc), (enc, dec), strict=True):
        close(got, tensor.grad.numpy())
    for name, gradient in named_grads(ours).items():
        close(gradient, p[name].grad.numpy())


@every_score
def test_rows_with_nothing_to_see(score):
    """Ours give 0 and gradients of 0, and so does their fused function; their softmax of the formula gives nan."""
    r = Draw()
    ours, hs_enc, hs_dec = attention(SCORES[score], r), r(N, T_ENC, H), r(N, T_DEC, H)
    p = {name: torch.tensor(array, requires_grad=True) for name, array in named_params(ours).items()}
    enc, dec = tensors(hs_enc, hs_dec)
    there, blind = theirs(score, p, enc, dec, torch.from_numpy(NOTHING)[:, None]), ~NOTHING.any(axis=1)
    c = ours.forward(hs_enc, hs_dec, NOTHING)
    dhs = ours.backward(np.ones_like(c))
    assert not c[blind].any() and not any(dh[blind].any() for dh in dhs)
    close(there.detach().numpy()[~blind], c[~blind])
    there.sum().backward()
    if score == "additive":
        assert there[blind].isnan().all() and enc.grad[blind].isnan().all()
        assert p["v"].grad.isfinite().all(), "a filled score passes no gradient on"
    else:
        assert not there[blind].any() and not enc.grad[blind].any()
