"""Gated recurrent unit: one step (``GRU``), the whole sequence (``TimeGRU``), both directions (``TimeBiGRU``)."""

import numpy

from common.bidirectional import TimeBidirectional
from common.functions import sigmoid
from common.np import np
from common.products import matmul
from common.rnn import (
    Recurrent,
    TimeRecurrent,
    sigmoid_of_minus,
    sigmoid_of_minus_slope,
    tanh_slope,
)
from common.steps import Prefixes, Steps
from support.array import Array


def _add_bh(layer: Recurrent, bh: Array | None, reset_after: bool) -> None:
    """Add ``bh``, unless it is None, as the layer's fourth parameter."""
    if bh is not None:
        if not reset_after:
            raise ValueError(f"{type(layer).__name__}: expected reset_after=True for bh, got reset_after={reset_after}")
        layer.expect("bh (3 * H,)", bh, 3 * len(layer.Wh))
        layer.params.append(bh)
        layer.grads.append(np.zeros_like(bh))


class GRU(Recurrent):
    """One step of a GRU, with the reset before the matrix product, as in the book, or after it.

    ``z = sigmoid(x Wxz + h_prev Whz + bz)``;  ``r = sigmoid(x Wxr + h_prev Whr + br)``
    ``g = tanh(x Wxh + (r * h_prev) Whh + bh)``;  ``h_next = (1 - z) * h_prev + z * g``

    With ``reset_after=True``, ``g = tanh(x Wxh + bh + r * (h_prev Whh))``, and the products of h_prev can have a
    separate bias ``bh`` (3H,), whose last third is inside the reset. cuDNN and PyTorch do the same, except that their z
    is 1 minus ours.

    forward:  x (N, D), h_prev (N, H)  ->  h_next (N, H)
              with Wx (D, 3H), Wh (H, 3H), b (3H,), gates in the order z, r, h
    backward: dh_next (N, H)           ->  dx (N, D), dh_prev (N, H)
    Raises ValueError when the shapes do not fit, and for bh without reset_after.
    Source: 『ゼロから作るDeep Learning 2』 appendix C; Cho et al. 2014, arXiv 1406.1078 (its version 1 resets after).
    """

    gates = 3

    def __init__(self, Wx: Array, Wh: Array, b: Array, bh: Array | None = None, reset_after: bool = False):
        super().__init__(Wx, Wh, b)
        self.bh, self.reset_after = bh, reset_after
        _add_bh(self, bh, reset_after)

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
            # h_prev took three paths: kept by 1 - z, reset by r, and into the products of z and r
            dh_prev = kept + dreset * r + dzr @ self.Wh[:, : 2 * H].T
        da = np.concatenate((dz, dr, dg), axis=1)
        dWx[...] = x.T @ da
        db[...] = da.sum(axis=0)
        return da @ self.Wx.T, dh_prev


class TimeGRU(TimeRecurrent):
    """``GRU`` over a whole sequence.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, 3H), Wh (H, 3H), b (3H,), gates z, r, h
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    With ``reset_after=True`` the reset comes after the product, which can then have the bias ``bh`` (3H,).
    Prefixes, mask, state, ``h``, ``dh``, errors: see TimeRecurrent.
    Source: 『ゼロから作るDeep Learning 2』 appendix C.
    """

    gates = GRU.gates
    gate_order, negated_gates = (0, 1, 2), 2

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
        self.bh, self.reset_after = bh, reset_after
        _add_bh(self, bh, reset_after)

    def forward(self, xs: Array, prefixes: Prefixes | None = None, mask: Array | None = None) -> Array:
        steps, hx1 = self._begin(xs, prefixes, mask, len(self.Wx))
        forward = self._forward_reset_after if self.reset_after else self._forward_reset_before
        with numpy.errstate(over="ignore"):  # see sigmoid_of_minus
            self.cache = steps, hx1, *forward(steps, hx1)
        hs = hx1[:, : len(self.Wh)]
        self.h = hs[steps.row_after[:, -1]]
        return steps.spread(hs)

    def backward(self, dhs: Array) -> Array:
        steps, hx1, *cached = self.saved()
        dh, dx = self._begin_backward(dhs, steps, hx1)
        backward = self._backward_reset_after if self.reset_after else self._backward_reset_before
        return self._end_backward(steps, dh, dx, backward(steps, hx1, dh, dx, *cached))

    def _arrange(self, C: int) -> Array:
        W = super()._arrange(C)
        if self.bh is not None:  # of z and r; they are negated
            W[:2, -1] -= self.bh[: 2 * len(self.Wh)].reshape(2, -1)
        return W

    def _forward_reset_before(self, steps: Steps, hx1: Array) -> tuple[Array, Array, Array]:
        """Fill in the states of hx1, with the reset before the product; return the arrays that backward needs."""
        rows, H = steps.rows, len(self.Wh)
        hs, gates = hx1[:, :H], self.work("gates", 3, rows, H)
        rhx1 = self.work("rhx1", rows, hx1.shape[1])  # hx1 with r * h in place of h
        rhx1[:, H:] = hx1[:rows, H:]
        W = self._weights()
        for t, (now, after) in enumerate(steps.blocks):
            steps.fork(t, hs)
            z, r = zr = matmul(hx1[now], W[:2], out=gates[:2, now])
            sigmoid_of_minus(zr)
            np.multiply(r, hs[now], out=rhx1[now, :H])
            (g,) = matmul(rhx1[now], W[2:], out=gates[2:, now])
            np.tanh(g, out=g)
            self._mix(z, g, hs[now], out=hs[after])
        return W, gates, rhx1

    def _backward_reset_before(
        self, steps: Steps, hx1: Array, dh: Array, dx: Array, W: Array, gates: Array, rhx1: Array
    ) -> Array:
        """Add the steps' contributions to dh and dx; return the gradient of ``_weights``."""
        rows, H, most_rows = steps.rows, len(self.Wh), max(steps.sizes)
        hs = hx1[:, :H]
        z, r, _ = gates
        # Slopes for all steps at once; times dh, step by step, they become gradients in the same memory: dz, dr, dg.
        slopes = z_slope, r_slope, g_slope = self.work("da", 3, rows, H)
        self._fill_slopes(gates, hs[:rows], z_slope, r_slope, g_slope)
        r_slope *= hs[:rows]  # of r * h
        dz, dr, dg = da = slopes

        dhx_by_gate = self.work("dhx_by_gate", 3, most_rows, H + dx.shape[1])
        dh_kept = self.work("dh_kept", most_rows, H)
        W_T = self._transposed(W)
        for t, (now, after) in reversed(list(enumerate(steps.blocks))):
            n = now.stop - now.start
            by_z_and_r, drhx, kept = dhx_by_gate[:2, :n], dhx_by_gate[2, :n], dh_kept[:n]
            np.multiply(z_slope[now], dh[after], out=dz[now])
            np.multiply(g_slope[now], dh[after], out=dg[now])
            matmul(da[2:, now], W_T[2:], out=dhx_by_gate[2:, :n])
            np.multiply(r_slope[now], drhx[:, :H], out=dr[now])
            drhx[:, :H] *= r[now]
            matmul(da[:2, now], W_T[:2], out=by_z_and_r)
            # h took three paths: into the products of z and r, reset by r, and kept by 1 - z
            self._add(dhx_by_gate[:, :n], dh[now], dx[now])
            np.subtract(1, z[now], out=kept)
            kept *= dh[after]
            dh[now] += kept
            steps.join(t, dh)
        dW = self.work("dW", *W.shape)
        np.matmul(hx1[:rows].T, da[:2], out=dW[:2])
        np.matmul(rhx1.T, dg, out=dW[2])
        return dW

    def _forward_reset_after(self, steps: Steps, hx1: Array) -> tuple[Array, Array, Array]:
        """Fill in the states of hx1, with the reset after the product; x enters by one product for all steps."""
        rows, H, most_rows = steps.rows, len(self.Wh), max(steps.sizes)
        hs, gates = hx1[:, :H], self.work("gates", 3, rows, H)
        product = self.work("product", rows, H)  # h Whh, which r resets
        zr_step, reset_step = self.work("zr_step", 2, most_rows, H), self.work("reset_step", most_rows, H)
        W = self._weights()
        np.matmul(hx1[:rows, H:], W[:, H:], out=gates)
        for t, (now, after) in enumerate(steps.blocks):
            steps.fork(t, hs)
            n = now.stop - now.start
            z, r = zr = gates[:2, now]
            zr += matmul(hs[now], W[:2, :H], out=zr_step[:, :n])
            sigmoid_of_minus(zr)
            matmul(hs[now], W[2:, :H], out=product[None, now])
            if self.bh is not None:
                product[now] += self.bh[2 * H :]
            g = gates[2, now]
            g += np.multiply(r, product[now], out=reset_step[:n])
            np.tanh(g, out=g)
            self._mix(z, g, hs[now], out=hs[after])
        return W, gates, product

    def _backward_reset_after(
        self, steps: Steps, hx1: Array, dh: Array, dx: Array, W: Array, gates: Array, product: Array
    ) -> Array:
        """As _backward_reset_before; also fill the gradient of ``bh``."""
        rows, H, most_rows = steps.rows, len(self.Wh), max(steps.sizes)
        hs, x1 = hx1[:rows, :H], hx1[:rows, H:]
        z, r, _ = gates
        # As in _backward_reset_before; the third block has no slope.
        slopes = z_slope, r_slope, _, g_slope = self.work("da", 4, rows, H)
        self._fill_slopes(gates, hs, z_slope, r_slope, g_slope)
        r_slope *= product  # of r * product
        dz, dr, dproduct, dg = da = slopes

        dh_by_gate, dh_kept = self.work("dh_by_gate", 3, most_rows, H), self.work("dh_kept", most_rows, H)
        W_T = self._transposed(W)
        Wh_T, Wx_T = W_T[:, :, :H], W_T[:, :, H:]
        for t, (now, after) in reversed(list(enumerate(steps.blocks))):
            n = now.stop - now.start
            kept = dh_kept[:n]
            np.multiply(z_slope[now], dh[after], out=dz[now])
            np.multiply(g_slope[now], dh[after], out=dg[now])
            np.multiply(r_slope[now], dg[now], out=dr[now])
            np.multiply(dg[now], r[now], out=dproduct[now])
            # h took two paths: kept by 1 - z, and into the products
            np.subtract(1, z[now], out=kept)
            kept *= dh[after]
            dh[now] += kept
            for dh_of_gate in matmul(da[:3, now], Wh_T, out=dh_by_gate[:, :n]):
                dh[now] += dh_of_gate
            steps.join(t, dh)
        dx_by_gate = self.work("dx_by_gate", 3, *dx.shape)
        np.matmul(da[:2], Wx_T[:2], out=dx_by_gate[:2])
        np.matmul(dg, Wx_T[2], out=dx_by_gate[2])
        dx_by_gate.sum(axis=0, out=dx)
        dW = self.work("dW", *W.shape)
        np.matmul(hx1[:rows].T, da[:2], out=dW[:2])
        np.matmul(hs.T, dproduct, out=dW[2, :H])
        np.matmul(x1.T, dg, out=dW[2, H:])
        if self.bh is not None:
            dbh = self.grads[3].reshape(3, H)
            da[:3].sum(axis=1, out=dbh)
            dbh[: self.negated_gates] *= -1
        return dW

    @staticmethod
    def _mix(z: Array, g: Array, h_prev: Array, out: Array) -> None:
        """Write the next state to out: ``(1 - z) h_prev + z g = h_prev + z (g - h_prev)``."""
        np.subtract(g, h_prev, out=out)
        out *= z
        out += h_prev

    @staticmethod
    def _fill_slopes(gates: Array, h_prev: Array, z_slope: Array, r_slope: Array, g_slope: Array) -> None:
        """Write the slopes, without dh: of the next h by the inputs of the gates z and g; of r by its own input."""
        z, r, g = gates
        sigmoid_of_minus_slope(z, out=z_slope)
        z_slope *= np.subtract(g, h_prev, out=r_slope)
        tanh_slope(g, out=g_slope)
        g_slope *= z
        sigmoid_of_minus_slope(r, out=r_slope)


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
