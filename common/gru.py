"""Gated recurrent unit: one step (``GRU``), the whole sequence (``TimeGRU``), both directions (``TimeBiGRU``)."""

import numpy

from common.functions import sigmoid
from common.np import np
from common.rnn import Recurrent, TimeBidirectional, TimeRecurrent, sigmoid_of_minus, slope_of_minus, tanh_slope
from common.steps import Prefixes, Steps
from support.array import Array


def _choose_reset(layer: Recurrent, bh: Array | None, reset_after: bool) -> None:
    """Note where the reset is; ``bh``, where one is given, becomes the layer's fourth parameter."""
    if bh is not None:
        if not reset_after:
            raise ValueError(f"{type(layer).__name__}: bh wants reset_after=True, got reset_after={reset_after}")
        layer.expect("bh (3 * H,)", bh, 3 * len(layer.Wh))
        layer.params.append(bh)
        layer.grads.append(np.zeros_like(bh))
    layer.bh, layer.reset_after = bh, reset_after


class GRU(Recurrent):
    """One step of a GRU, with the reset before the matrix product, as in the book, or after it.

    ``z = sigmoid(x Wxz + h_prev Whz + bz)``;  ``r = sigmoid(x Wxr + h_prev Whr + br)``
    ``g = tanh(x Wxh + (r * h_prev) Whh + bh)``;  ``h_next = (1 - z) * h_prev + z * g``

    With ``reset_after=True``, ``g = tanh(x Wxh + bh + r * (h_prev Whh))``, and the products of h_prev may have a
    bias of their own, ``bh`` (3H,), the last third of it inside the reset. So are those of cuDNN and PyTorch, but
    there z is 1 minus ours.

    forward:  x (N, D), h_prev (N, H)  ->  h_next (N, H)
              with Wx (D, 3H), Wh (H, 3H), b (3H,), gates in the order z, r, h
    backward: dh_next (N, H)           ->  dx (N, D), dh_prev (N, H)
    Raises ValueError when the shapes do not fit, and for bh without reset_after.
    Source: 『ゼロから作るDeep Learning 2』 appendix C; Cho et al. 2014, arXiv 1406.1078 (its version 1 resets after).
    """

    gates = 3

    def __init__(self, Wx: Array, Wh: Array, b: Array, bh: Array | None = None, reset_after: bool = False):
        super().__init__(Wx, Wh, b)
        _choose_reset(self, bh, reset_after)

    def forward(self, x: Array, h_prev: Array) -> Array:
        self.expect_step(x, h_prev=h_prev)
        H = len(self.Wh)
        a = x @ self.Wx + self.b
        if self.reset_after:
            products = h_prev @ self.Wh
            if self.bh is not None:
                products += self.bh
            zr, product = sigmoid(a[:, : 2 * H] + products[:, : 2 * H]), products[:, 2 * H :]
            g = np.tanh(a[:, 2 * H :] + zr[:, H:] * product)
        else:
            zr, product = sigmoid(a[:, : 2 * H] + h_prev @ self.Wh[:, : 2 * H]), None
            g = np.tanh(a[:, 2 * H :] + (zr[:, H:] * h_prev) @ self.Wh[:, 2 * H :])
        z, r = zr[:, :H], zr[:, H:]
        self.cache = x, h_prev, z, r, g, product
        return (1 - z) * h_prev + z * g

    def backward(self, dh_next: Array) -> tuple[Array, Array]:
        x, h_prev, z, r, g, product = self.saved()
        dWx, dWh, db, *dbh = self.grads
        H = len(self.Wh)
        dg = dh_next * z * (1 - g**2)
        dz = dh_next * (g - h_prev) * z * (1 - z)
        kept = dh_next * (1 - z)
        if self.reset_after:
            dr = dg * product * r * (1 - r)
            dproducts = np.concatenate((dz, dr, dg * r), axis=1)
            dWh[...] = h_prev.T @ dproducts
            for d in dbh:
                d[...] = dproducts.sum(axis=0)
            dh_prev = kept + dproducts @ self.Wh.T
        else:
            dreset = dg @ self.Wh[:, 2 * H :].T  # gradient of r * h_prev
            dr = dreset * h_prev * r * (1 - r)
            dzr = np.concatenate((dz, dr), axis=1)
            dWh[:, : 2 * H] = h_prev.T @ dzr
            dWh[:, 2 * H :] = (r * h_prev).T @ dg
            # h_prev took three ways: kept by 1 - z, reset by r, and into the products of z and r
            dh_prev = kept + dreset * r + dzr @ self.Wh[:, : 2 * H].T
        da = np.concatenate((dz, dr, dg), axis=1)
        dWx[...] = x.T @ da
        db[...] = da.sum(axis=0)
        return da @ self.Wx.T, dh_prev


class TimeGRU(TimeRecurrent):
    """``GRU`` over a whole sequence.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, 3H), Wh (H, 3H), b (3H,), gates z, r, h
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    With ``reset_after=True`` the reset comes after the product, which may then have the bias ``bh`` (3H,).
    Prefixes, mask, state, ``h``, ``dh``, errors: see TimeRecurrent.
    Source: 『ゼロから作るDeep Learning 2』 appendix C.
    """

    gates = GRU.gates
    order, minus = (0, 1, 2), 2

    def __init__(
        self,
        Wx: Array,
        Wh: Array,
        b: Array,
        stateful: bool = False,
        *,
        bh: Array | None = None,
        reset_after: bool = False,
    ):
        super().__init__(Wx, Wh, b, stateful)
        _choose_reset(self, bh, reset_after)

    def forward(self, xs: Array, prefixes: Prefixes | None = None, mask: Array | None = None) -> Array:
        steps, hx1 = self._begin(xs, prefixes, mask, len(self.Wx))
        with numpy.errstate(over="ignore"):  # see sigmoid_of_minus
            self.cache = steps, hx1, *(self._after if self.reset_after else self._before)(steps, hx1)
        hs = hx1[:, : len(self.Wh)]
        self.h = hs[steps.index[:, -1]]
        return steps.spread(hs)

    def backward(self, dhs: Array) -> Array:
        steps, hx1, *kept = self.saved()
        dhx1 = self._begin_backward(dhs, steps, hx1)
        dW = (self._after_backward if self.reset_after else self._before_backward)(steps, hx1, dhx1, *kept)
        return self._end_backward(steps, dhx1, dW)

    def _before(self, steps: Steps, hx1: Array) -> tuple[Array, Array, Array]:
        """Fill in the states, with the reset before the product; returns what backward needs."""
        rows, H = steps.rows, len(self.Wh)
        hs, gates = hx1[:, :H], self.work("gates", 3, rows, H)
        rhx1 = self.work("rhx1", rows, hx1.shape[1])  # the same with r * h for h
        rhx1[:, H:] = hx1[:rows, H:]
        W = self._weights()
        for t, (now, after) in enumerate(steps.blocks):
            steps.fork(t, hs)
            z, r = zr = np.matmul(hx1[now], W[:2], out=gates[:2, now])
            sigmoid_of_minus(zr)
            np.multiply(r, hs[now], out=rhx1[now, :H])
            g = np.matmul(rhx1[now], W[2], out=gates[2, now])
            np.tanh(g, out=g)
            self._mix(z, g, hs[now], out=hs[after])
        return W, gates, rhx1

    def _before_backward(self, steps: Steps, hx1: Array, dhx1: Array, W: Array, gates: Array, rhx1: Array) -> Array:
        """Fill in dhx1; returns the gradient of ``_weights``."""
        rows, H = steps.rows, len(self.Wh)
        da = dz, dr, dg = self.work("da", 3, rows, H)
        self._slopes(gates, hx1[:rows, :H], dz, dr, dg)
        z, r, _ = gates
        dr *= hx1[:rows, :H]  # how r * h answers to r

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
        return dW

    def _after(self, steps: Steps, hx1: Array) -> tuple[Array, Array, Array]:
        """``_before`` with the reset after the product: so the part of x is one product for all steps."""
        rows, H, most = steps.rows, len(self.Wh), max(steps.sizes)
        hs, gates = hx1[:, :H], self.work("gates", 3, rows, H)
        product, products = self.work("product", rows, H), self.work("products", 2, most, H)
        reset = self.work("reset", most, H)
        W = self._weights()
        if self.bh is not None:
            W[:2, -1] -= self.bh[: 2 * H].reshape(2, H)
        np.matmul(hx1[:rows, H:], W[:, H:], out=gates)
        for t, (now, after) in enumerate(steps.blocks):
            steps.fork(t, hs)
            n = now.stop - now.start
            z, r = zr = gates[:2, now]
            zr += np.matmul(hs[now], W[:2, :H], out=products[:, :n])
            sigmoid_of_minus(zr)
            np.matmul(hs[now], W[2, :H], out=product[now])
            if self.bh is not None:
                product[now] += self.bh[2 * H :]
            g = gates[2, now]
            g += np.multiply(r, product[now], out=reset[:n])
            np.tanh(g, out=g)
            self._mix(z, g, hs[now], out=hs[after])
        return W, gates, product

    def _after_backward(self, steps: Steps, hx1: Array, dhx1: Array, W: Array, gates: Array, product: Array) -> Array:
        rows, H, most = steps.rows, len(self.Wh), max(steps.sizes)
        h, x1, dh = hx1[:rows, :H], hx1[:rows, H:], dhx1[:, :H]
        da = dz, dr, dproduct, dg = self.work("da", 4, rows, H)
        self._slopes(gates, h, dz, dr, dg)
        z, r, _ = gates
        dr *= product  # how r * product answers to r

        back, stays = self.work("back", 3, most, H), self.work("stays", most, H)
        W_T = W.transpose(0, 2, 1)
        Wh_T, Wx1_T = W_T[:, :, :H], W_T[:, :, H:]
        for t, (now, after) in reversed(list(enumerate(steps.blocks))):
            n = now.stop - now.start
            dz[now] *= dh[after]
            dg[now] *= dh[after]
            dr[now] *= dg[now]
            np.multiply(dg[now], r[now], out=dproduct[now])
            # h took two ways: kept by 1 - z, and into the products
            kept = np.subtract(1, z[now], out=stays[:n])
            kept *= dh[after]
            dh[now] += kept
            for part in np.matmul(da[:3, now], Wh_T, out=back[:, :n]):
                dh[now] += part
            steps.join(t, dh)
        back = self.work("x_back", 3, rows, x1.shape[1])
        np.matmul(da[:2], Wx1_T[:2], out=back[:2])
        np.matmul(dg, Wx1_T[2], out=back[2])
        back.sum(axis=0, out=dhx1[:rows, H:])
        dW = self.work("dW", *W.shape)
        np.matmul(hx1[:rows].T, da[:2], out=dW[:2])
        np.matmul(h.T, dproduct, out=dW[2, :H])
        np.matmul(x1.T, dg, out=dW[2, H:])
        if self.bh is not None:
            dbh = self.grads[3].reshape(3, H)
            da[:3].sum(axis=1, out=dbh)
            dbh[: self.minus] *= -1
        return dW

    @staticmethod
    def _mix(z: Array, g: Array, h: Array, out: Array) -> None:
        """``(1 - z) h + z g = h + z (g - h)`` into out."""
        np.subtract(g, h, out=out)
        out *= z
        out += h

    @staticmethod
    def _slopes(gates: Array, h: Array, dz: Array, dr: Array, dg: Array) -> None:
        """What does not depend on dh, for all steps at once: how the next h answers to z and g, and r to its sum."""
        z, r, g = gates
        slope_of_minus(z, out=dz)
        dz *= np.subtract(g, h, out=dr)
        tanh_slope(g, out=dg)
        dg *= z
        slope_of_minus(r, out=dr)


class TimeBiGRU(TimeBidirectional):
    """Two GRUs over the same sequence, one from each end, their states side by side.

    forward:  xs (N, T, D), mask bool (N, T) or None  ->  hs (N, T, 2H): left to right in the first H
    backward: dhs (N, T, 2H)                          ->  dxs (N, T, D)
    Weights as in TimeGRU, first those of the direction left to right; the rest as in TimeBidirectional.
    Source: Schuster & Paliwal 1997; Cho et al. 2014.
    """

    def __init__(
        self,
        Wx1: Array,
        Wh1: Array,
        b1: Array,
        Wx2: Array,
        Wh2: Array,
        b2: Array,
        stateful: bool = False,
        *,
        bh1: Array | None = None,
        bh2: Array | None = None,
        reset_after: bool = False,
    ):
        self.forward_gru = TimeGRU(Wx1, Wh1, b1, stateful, bh=bh1, reset_after=reset_after)
        self.backward_gru = TimeGRU(Wx2, Wh2, b2, stateful, bh=bh2, reset_after=reset_after)
        super().__init__(self.forward_gru, self.backward_gru)
