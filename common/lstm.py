"""Long short-term memory: one step (``LSTM``), the whole sequence (``TimeLSTM``), both directions (``TimeBiLSTM``)."""

from common.functions import sigmoid
from common.layer import Array, Layer
from common.np import np
from common.rnn import Recurrent, TimeRecurrent


class LSTM(Recurrent):
    """One step of an LSTM.

    ``f, g, i, o = split(x Wx + h_prev Wh + b)``, then sigmoid (f, i, o) or tanh (g);
    ``c_next = f * c_prev + g * i``;  ``h_next = o * tanh(c_next)``

    forward:  x (N, D), h_prev (N, H), c_prev (N, H)  ->  h_next (N, H), c_next (N, H)
              with Wx (D, 4H), Wh (H, 4H), b (4H,), gates in the order f, g, i, o
    backward: dh_next (N, H), dc_next (N, H)  ->  dx (N, D), dh_prev (N, H), dc_prev (N, H)
    Raises ValueError when the shapes do not fit.
    Source: 『ゼロから作るDeep Learning 2』 6.3; Hochreiter & Schmidhuber 1997.
    """

    gates = 4

    def forward(self, x: Array, h_prev: Array, c_prev: Array) -> tuple[Array, Array]:
        self.expect_step(x, h_prev=h_prev, c_prev=c_prev)
        a = x @ self.Wx + h_prev @ self.Wh + self.b
        f, g, i, o = np.split(a, 4, axis=1)
        f, g, i, o = sigmoid(f), np.tanh(g), sigmoid(i), sigmoid(o)
        c_next = f * c_prev + g * i
        h_next = o * np.tanh(c_next)
        self.cache = x, h_prev, c_prev, f, g, i, o, c_next
        return h_next, c_next.copy()

    def backward(self, dh_next: Array, dc_next: Array) -> tuple[Array, Array, Array]:
        x, h_prev, c_prev, f, g, i, o, c_next = self.saved()
        dWx, dWh, db = self.grads
        tanh_c = np.tanh(c_next)
        dc = dc_next + dh_next * o * (1 - tanh_c**2)  # c_next reached the output by itself and through h_next
        df = dc * c_prev * f * (1 - f)
        dg = dc * i * (1 - g**2)
        di = dc * g * i * (1 - i)
        do = dh_next * tanh_c * o * (1 - o)
        da = np.concatenate((df, dg, di, do), axis=1)
        dWx[...] = x.T @ da
        dWh[...] = h_prev.T @ da
        db[...] = da.sum(axis=0)
        return da @ self.Wx.T, da @ self.Wh.T, dc * f


class TimeLSTM(TimeRecurrent):
    """``LSTM`` over a whole sequence, with one product for all inputs and a loop for the recurrence alone.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, 4H), Wh (H, 4H), b (4H,), gates f, g, i, o
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    Besides ``h`` and ``dh`` (see TimeRecurrent for state and errors) there are the last cell state ``c``
    (N, H) and the gradient of the first one, ``dc`` (N, H).
    Source: 『ゼロから作るDeep Learning 2』 6.3.
    """

    gates = LSTM.gates

    def __init__(self, Wx: Array, Wh: Array, b: Array, stateful: bool = False):
        super().__init__(Wx, Wh, b, stateful)
        self.c, self.dc = None, None

    def set_state(self, h: Array, c: Array | None = None) -> None:
        """Start the next forward from h (N, H) and c (N, H), or c = 0 when it is not given."""
        super().set_state(h)
        self.c = c

    def reset_state(self) -> None:
        super().reset_state()
        self.c = None

    def forward(self, xs: Array) -> Array:
        xs = xs.astype(self.Wx.dtype, copy=False)
        gates = self._input_products(xs)
        T, N, H = *gates.shape[:2], len(self.Wh)
        hs = np.empty((T + 1, N, H), dtype=self.Wh.dtype)  # hs[t], cs[t] are the states before step t
        cs = np.empty_like(hs)
        tanh_cs = np.empty_like(hs[1:])
        hs[0], cs[0] = self._start(self.h, xs), self._start(self.c, xs)
        # sigmoid(x) = (1 + tanh(x / 2)) / 2, so with half the input one tanh serves all four gates
        half = np.full(4 * H, 0.5, dtype=hs.real.dtype)
        half[H : 2 * H] = 1
        for t in range(T):
            a = gates[t]
            a += hs[t] @ self.Wh
            a *= half
            np.tanh(a, out=a)
            a *= half
            a += 1 - half
            f, g, i, o = _split(a)
            np.multiply(f, cs[t], out=cs[t + 1])
            cs[t + 1] += g * i
            np.tanh(cs[t + 1], out=tanh_cs[t])
            np.multiply(o, tanh_cs[t], out=hs[t + 1])
        self.cache = xs, gates, hs, cs, tanh_cs
        self.h, self.c = hs[T].copy(), cs[T].copy()
        return hs[1:].transpose(1, 0, 2).copy()

    def backward(self, dhs: Array) -> Array:
        xs, gates, hs, cs, tanh_cs = self.saved()
        T, N, H = tanh_cs.shape
        self.expect("dhs (N, T, H)", dhs, N, T, H)
        da = np.empty_like(gates)
        dh, dc = np.zeros_like(hs[0]), np.zeros_like(hs[0])
        for t in reversed(range(T)):
            f, g, i, o = _split(gates[t])
            df, dg, di, do = _split(da[t])
            dh = dh + dhs[:, t]
            dc = dc + dh * o * (1 - tanh_cs[t] ** 2)
            df[...] = dc * cs[t] * f * (1 - f)
            dg[...] = dc * i * (1 - g**2)
            di[...] = dc * g * i * (1 - i)
            do[...] = dh * tanh_cs[t] * o * (1 - o)
            dh = da[t] @ self.Wh.T
            dc = dc * f
        self.dh, self.dc = dh, dc
        self.grads[1][...] = hs[:-1].reshape(T * N, H).T @ da.reshape(T * N, 4 * H)
        return self._input_gradients(xs, da)


def _split(a: Array) -> tuple[Array, Array, Array, Array]:
    """The four gates in a (N, 4H), as views."""
    H = a.shape[1] // 4
    return a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]


class TimeBiLSTM(Layer):
    """Two LSTMs over the same sequence, one from each end, their states side by side.

    forward:  xs (N, T, D)    ->  hs (N, T, 2H): left to right in the first H, right to left in the rest
    backward: dhs (N, T, 2H)  ->  dxs (N, T, D)
    Weights as in TimeLSTM, first those of the direction left to right.
    Source: 『ゼロから作るDeep Learning 2』 8.4.1; Schuster & Paliwal 1997.
    """

    def __init__(self, Wx1: Array, Wh1: Array, b1: Array, Wx2: Array, Wh2: Array, b2: Array, stateful: bool = False):
        super().__init__()
        self.forward_lstm = TimeLSTM(Wx1, Wh1, b1, stateful)
        self.backward_lstm = TimeLSTM(Wx2, Wh2, b2, stateful)
        self.own(self.forward_lstm, self.backward_lstm)

    def reset_state(self) -> None:
        """Start the next forward from zeros, in both directions; only ``stateful`` layers remember."""
        self.forward_lstm.reset_state()
        self.backward_lstm.reset_state()

    def forward(self, xs: Array) -> Array:
        there = self.forward_lstm.forward(xs)
        back = self.backward_lstm.forward(xs[:, ::-1])
        return np.concatenate((there, back[:, ::-1]), axis=2)

    def backward(self, dhs: Array) -> Array:
        H = len(self.forward_lstm.Wh)
        self.expect("dhs (N, T, 2H)", dhs, None, None, H + len(self.backward_lstm.Wh))
        dxs = self.forward_lstm.backward(dhs[:, :, :H])
        return dxs + self.backward_lstm.backward(dhs[:, ::-1, H:])[:, ::-1]
