"""Gated recurrent unit: one step (``GRU``) and the whole sequence (``TimeGRU``)."""

import numpy

from common.functions import sigmoid
from common.layer import Array
from common.np import np
from common.rnn import Recurrent, TimeRecurrent, sigmoid_of_minus, slope_of_minus, tanh_slope
from common.steps import Prefixes


class GRU(Recurrent):
    """One step of a GRU, with the reset before the matrix product.

    ``z = sigmoid(x Wxz + h_prev Whz + bz)``;  ``r = sigmoid(x Wxr + h_prev Whr + br)``
    ``g = tanh(x Wxh + (r * h_prev) Whh + bh)``;  ``h_next = (1 - z) * h_prev + z * g``

    forward:  x (N, D), h_prev (N, H)  ->  h_next (N, H)
              with Wx (D, 3H), Wh (H, 3H), b (3H,), gates in the order z, r, h
    backward: dh_next (N, H)           ->  dx (N, D), dh_prev (N, H)
    Raises ValueError when the shapes do not fit.
    Source: 『ゼロから作るDeep Learning 2』 appendix C; Cho et al. 2014.
    """

    gates = 3

    def forward(self, x: Array, h_prev: Array) -> Array:
        self.expect_step(x, h_prev=h_prev)
        H = len(self.Wh)
        a = x @ self.Wx + self.b
        zr = sigmoid(a[:, : 2 * H] + h_prev @ self.Wh[:, : 2 * H])
        z, r = zr[:, :H], zr[:, H:]
        g = np.tanh(a[:, 2 * H :] + (r * h_prev) @ self.Wh[:, 2 * H :])
        self.cache = x, h_prev, z, r, g
        return (1 - z) * h_prev + z * g

    def backward(self, dh_next: Array) -> tuple[Array, Array]:
        x, h_prev, z, r, g = self.saved()
        dWx, dWh, db = self.grads
        H = len(self.Wh)
        dg = dh_next * z * (1 - g**2)
        dreset = dg @ self.Wh[:, 2 * H :].T  # gradient of r * h_prev
        dz = dh_next * (g - h_prev) * z * (1 - z)
        dr = dreset * h_prev * r * (1 - r)
        da = np.concatenate((dz, dr, dg), axis=1)
        dWx[...] = x.T @ da
        dWh[:, : 2 * H] = h_prev.T @ da[:, : 2 * H]
        dWh[:, 2 * H :] = (r * h_prev).T @ dg
        db[...] = da.sum(axis=0)
        # h_prev took three ways: kept by 1 - z, reset by r, and into the products of z and r
        dh_prev = dh_next * (1 - z) + dreset * r + da[:, : 2 * H] @ self.Wh[:, : 2 * H].T
        return da @ self.Wx.T, dh_prev


class TimeGRU(TimeRecurrent):
    """``GRU`` over a whole sequence.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, 3H), Wh (H, 3H), b (3H,), gates z, r, h
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    Prefixes, state, ``h``, ``dh``, errors: see TimeRecurrent. Source: 『ゼロから作るDeep Learning 2』 appendix C.
    """

    gates = GRU.gates
    order, minus = (0, 1, 2), 2

    def forward(self, xs: Array, prefixes: Prefixes | None = None) -> Array:
        steps, hx1 = self._begin(xs, prefixes, len(self.Wx))
        rows, H = steps.rows, len(self.Wh)
        hs, gates = hx1[:, :H], self.work("gates", 3, rows, H)
        rhx1 = self.work("rhx1", rows, hx1.shape[1])  # the same with r * h for h
        rhx1[:, H:] = hx1[:rows, H:]
        W = self._weights()
        with numpy.errstate(over="ignore"):  # see sigmoid_of_minus
            for t, (now, after) in enumerate(steps.blocks):
                steps.fork(t, hs)
                z, r = zr = np.matmul(hx1[now], W[:2], out=gates[:2, now])
                sigmoid_of_minus(zr)
                np.multiply(r, hs[now], out=rhx1[now, :H])
                g = np.matmul(rhx1[now], W[2], out=gates[2, now])
                np.tanh(g, out=g)
                h = np.subtract(g, hs[now], out=hs[after])  # (1 - z) h + z g = h + z (g - h)
                h *= z
                h += hs[now]
        self.cache = steps, hx1, rhx1, W, gates
        self.h = hs[steps.index[:, -1]]
        return steps.spread(hs)

    def backward(self, dhs: Array) -> Array:
        steps, hx1, rhx1, W, gates = self.saved()
        rows, H = steps.rows, len(self.Wh)
        # what does not depend on dh, for all steps at once: how h answers to each gate, and r * h to r
        z, r, g = gates
        h = hx1[:rows, :H]
        da = self.work("da", 3, rows, H)
        dz, dr, dg = da
        slope_of_minus(z, out=dz)
        dz *= np.subtract(g, h, out=dr)
        tanh_slope(g, out=dg)
        dg *= z
        slope_of_minus(r, out=dr)
        dr *= h

        dhx1 = self._begin_backward(dhs, steps, hx1)
        dh = dhx1[:, :H]
        back = self.work("back", 3, max(steps.sizes), hx1.shape[1])
        stays = self.work("stays", max(steps.sizes), H)
        W_T = W.transpose(0, 2, 1)
        for t, (now, after) in reversed(list(enumerate(steps.blocks))):
            dzr_back, dg_back = back[:2, : now.stop - now.start], back[2, : now.stop - now.start]
            dz[now] *= dh[after]
            dg[now] *= dh[after]
            np.matmul(dg[now], W_T[2], out=dg_back)  # of [r * h, x, 1]
            dr[now] *= dg_back[:, :H]
            dg_back[:, :H] *= r[now]
            np.matmul(da[:2, now], W_T[:2], out=dzr_back)
            # h took three ways: into the products of z and r, reset by r, and kept by 1 - z
            dhx1[now] += dzr_back[0]
            dhx1[now] += dzr_back[1]
            dhx1[now] += dg_back
            kept = np.subtract(1, z[now], out=stays[: now.stop - now.start])
            kept *= dh[after]
            dh[now] += kept
            steps.join(t, dh)
        dW = self.work("dW", *W.shape)
        np.matmul(hx1[:rows].T, da[:2], out=dW[:2])
        np.matmul(rhx1.T, dg, out=dW[2])
        return self._end_backward(steps, dhx1, dW)
