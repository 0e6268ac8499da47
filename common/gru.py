"""Gated recurrent unit: one step (``GRU``) and the whole sequence (``TimeGRU``)."""

from common.functions import sigmoid
from common.layer import Array
from common.np import np
from common.rnn import Recurrent, TimeRecurrent


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
    """``GRU`` over a whole sequence, with one product for all inputs and a loop for the recurrence alone.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, 3H), Wh (H, 3H), b (3H,), gates z, r, h
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    State, ``h``, ``dh``, errors: see TimeRecurrent. Source: 『ゼロから作るDeep Learning 2』 appendix C.
    """

    gates = GRU.gates

    def forward(self, xs: Array) -> Array:
        xs = xs.astype(self.Wx.dtype, copy=False)
        gates = self._input_products(xs)
        T, N, H = *gates.shape[:2], len(self.Wh)
        hs = np.empty((T + 1, N, H), dtype=self.Wh.dtype)  # hs[t] is the state before step t
        hs[0] = self._start(self.h, xs)
        resets = np.empty_like(hs[1:])  # r * h_prev
        Wh_zr, Wh_h = np.ascontiguousarray(self.Wh[:, : 2 * H]), np.ascontiguousarray(self.Wh[:, 2 * H :])
        for t in range(T):
            zr, g = gates[t, :, : 2 * H], gates[t, :, 2 * H :]
            zr[...] = sigmoid(zr + hs[t] @ Wh_zr)
            z, r = zr[:, :H], zr[:, H:]
            np.multiply(r, hs[t], out=resets[t])
            g[...] = np.tanh(g + resets[t] @ Wh_h)
            hs[t + 1] = (1 - z) * hs[t] + z * g
        self.cache = xs, gates, hs, resets
        self.h = hs[T].copy()
        return hs[1:].transpose(1, 0, 2).copy()

    def backward(self, dhs: Array) -> Array:
        xs, gates, hs, resets = self.saved()
        T, N, H = resets.shape
        self.expect("dhs (N, T, H)", dhs, N, T, H)
        Wh_zr, Wh_h = self.Wh[:, : 2 * H], self.Wh[:, 2 * H :]
        da = np.empty_like(gates)
        dh = np.zeros_like(hs[0])
        for t in reversed(range(T)):
            z, r, g = gates[t, :, :H], gates[t, :, H : 2 * H], gates[t, :, 2 * H :]
            dz, dr, dg = da[t, :, :H], da[t, :, H : 2 * H], da[t, :, 2 * H :]
            dh = dh + dhs[:, t]
            dg[...] = dh * z * (1 - g**2)
            dreset = dg @ Wh_h.T
            dz[...] = dh * (g - hs[t]) * z * (1 - z)
            dr[...] = dreset * hs[t] * r * (1 - r)
            # the state took three ways: kept by 1 - z, reset by r, and into the products of z and r
            dh = dh * (1 - z) + dreset * r + da[t, :, : 2 * H] @ Wh_zr.T
        self.dh = dh
        flat = da.reshape(T * N, 3 * H)
        self.grads[1][:, : 2 * H] = hs[:-1].reshape(T * N, H).T @ flat[:, : 2 * H]
        self.grads[1][:, 2 * H :] = resets.reshape(T * N, H).T @ flat[:, 2 * H :]
        return self._input_gradients(xs, da)
