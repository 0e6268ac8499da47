"""Long short-term memory: one step (``LSTM``), the whole sequence (``TimeLSTM``), both directions (``TimeBiLSTM``)."""

import numpy

from common.bidirectional import TimeBidirectional
from common.functions import sigmoid
from common.np import np
from common.products import matmul
from common.rnn import (
    Recurrent,
    TimeRecurrent,
    sigmoid_of_minus,
)
from common.steps import Prefixes
from support.array import Array


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
    """``LSTM`` over a whole sequence.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, 4H), Wh (H, 4H), b (4H,), gates f, g, i, o
    backward: dhs (N, T, H), dc_last and dh_last (N, H) or None  ->  dxs (N, T, D)
    With ``constant`` (N, C), an input that is the same at every step and is prepended to each x, Wx is (C + D, 4H);
    its product is computed once, and backward returns dxs and dconstant (N, C). For several calls with the same
    constant, ``multiply(constant)`` returns the product, (4, N, H), to be passed to each as ``product``.
    Besides ``h`` and ``dh`` it keeps the last cell state ``c`` (N, H) and the gradient of the first one, ``dc``.
    dc_last is the gradient of ``c``, for a caller that uses it, and dh_last that of ``h``, for one that uses it besides
    hs, of which it is a part, too.
    Prefixes, mask, state, errors: see TimeRecurrent. docs/fast-lstm.md leads from ``LSTM`` to this class in five steps.
    Source: 『ゼロから作るDeep Learning 2』 6.3.
    """

    gates = LSTM.gates
    # Internal order: o, f, i, g. The sigmoids are adjacent, and so are the three gates that feed c.
    gate_order, negated_gates = (3, 0, 2, 1), 3

    def __init__(self, Wx: Array, Wh: Array, b: Array, stateful: bool = False):
        super().__init__(Wx, Wh, b, stateful)
        self.c: Array | None = None
        self.dc: Array | None = None

    def set_state(self, h: Array, c: Array | None = None) -> None:
        """Start the next forward from h (N, H) and c (N, H); c defaults to zeros."""
        super().set_state(h)
        self.c = c

    def reset_state(self) -> None:
        super().reset_state()
        self.c = None

    def forward(
        self,
        xs: Array,
        prefixes: Prefixes | None = None,
        mask: Array | None = None,
        *,
        constant: Array | None = None,
        product: Array | None = None,
    ) -> Array:
        C = 0 if constant is None else self._constant_width(constant, xs, prefixes, mask)
        steps, hx1 = self._begin(xs, prefixes, mask, len(self.Wx) - C)
        rows, H = steps.rows, len(self.Wh)
        hs, cs = hx1[:, :H], self.work("cs", len(hx1), H)
        self._put_first(self.c, steps, cs)
        gates, tanh_cs = self.work("gates", 4, rows, H), self.work("tanh_cs", rows, H)
        gi = self.work("gi", max(steps.sizes), H)
        W = self._weights(C)
        W, W_constant = W[:, : hx1.shape[1]], W[:, hx1.shape[1] :]
        if constant is not None:
            a_constant = constant @ W_constant if product is None else product
        with numpy.errstate(over="ignore"):  # see sigmoid_of_minus
            for t, (now, after) in enumerate(steps.blocks):
                steps.fork(t, hs, cs)
                o, f, i, g = a = matmul(hx1[now], W, out=gates[:, now])  # h_prev Wh + x Wx + b, by gate
                if constant is not None:
                    a += a_constant
                sigmoid_of_minus(a[:3])
                np.tanh(g, out=g)
                c_next = np.multiply(f, cs[now], out=cs[after])  # f * c_prev + g * i
                c_next += np.multiply(g, i, out=gi[: len(g)])
                np.multiply(o, np.tanh(c_next, out=tanh_cs[now]), out=hs[after])  # h_next = o * tanh(c_next)
        self.cache = steps, hx1, W, constant, W_constant, gates, cs, tanh_cs
        self.h, self.c = hs[steps.row_after[:, -1]], cs[steps.row_after[:, -1]]
        return steps.spread(hs)

    def backward(
        self, dhs: Array, dc_last: Array | None = None, dh_last: Array | None = None
    ) -> Array | tuple[Array, Array]:
        steps, hx1, W, constant, W_constant, gates, cs, tanh_cs = self.saved()
        rows, H = tanh_cs.shape
        dh, dx = self._begin_backward(dhs, steps, hx1)
        dc, da = self.work("dc", *cs.shape), self.work("da", *gates.shape)
        dc[rows:] = 0
        if dh_last is not None:
            self.expect("dh_last (N, H)", dh_last, len(steps.row_after), H)
            np.add.at(dh, steps.row_after[:, -1], dh_last)
        if dc_last is not None:
            self.expect("dc_last (N, H)", dc_last, len(steps.row_after), H)
            row_of_last = steps.row_after[:, -1]  # the same for equal prefixes
            ran = row_of_last >= rows
            np.add.at(dc, row_of_last[ran], dc_last[ran])
        W_T, most_rows = self._transposed(W), max(steps.sizes)
        dhx_by_gate = self.work("dhx_by_gate", 4, most_rows, W_T.shape[2])
        values, by_c = self.work("values", 3, most_rows, H), self.work("by_c", most_rows, H)
        for t, (now, after) in reversed(list(enumerate(steps.blocks))):
            n = now.stop - now.start
            o, f, i, g = gates[:, now]
            h, fc, gi = v = values[:, :n]
            np.multiply(o, tanh_cs[now], out=h)
            np.multiply(f, cs[now], out=fc)
            np.multiply(i, g, out=gi)
            # The slopes: of h by c, o (1 - tanh(c)^2), and by what enters the gate o, h (o - 1); of c by what enters
            # the others, f c_prev (f - 1), g i (i - 1) and i (1 - g^2). The sigmoids fall, see gate_order.
            h_by_c, slopes = by_c[:n], da[:, now]
            np.subtract(gates[:3, now], 1, out=slopes[:3])
            slopes[:3] *= v
            np.subtract(i, np.multiply(gi, g, out=slopes[3]), out=slopes[3])
            np.subtract(o, np.multiply(h, tanh_cs[now], out=h_by_c), out=h_by_c)
            h_by_c *= dh[after]
            dc[after] += h_by_c  # c reached the output by itself and through h
            slopes[0] *= dh[after]  # and so they become gradients
            slopes[1:] *= dc[after]
            np.multiply(dc[after], f, out=dc[now])
            self._add(matmul(da[:, now], W_T, out=dhx_by_gate[:, :n]), dh[now], dx[now])
            steps.join(t, dh, dc)
        self.dc = np.array(dc[steps.first_rows])
        if dc_last is not None:
            carried = np.flatnonzero(~ran)  # the mask leaves nothing: the last state is the first
            self.dc[carried] = dc_last[carried]
        dW = self.work("dW", 4, W.shape[1] + W_constant.shape[1], H)
        np.matmul(hx1[:rows].T, da, out=dW[:, : W.shape[1]])
        if constant is None:
            return self._end_backward(steps, dh, dx, dW)
        N, T = steps.row_after.shape
        da_constant = da.reshape(4, T, N, H).sum(axis=1)  # forward added the product to every step
        np.matmul(constant.T, da_constant, out=dW[:, W.shape[1] :])
        dconstant = (da_constant @ W_constant.transpose(0, 2, 1)).sum(axis=0)
        return self._end_backward(steps, dh, dx, dW), dconstant

    def multiply(self, constant: Array) -> Array:
        """Return the product of the constant (N, C) and its weights, by gate, (4, N, H): see ``forward``."""
        C = constant.shape[1]
        return constant @ self._weights(C)[:, -C:]

    def _constant_width(self, constant: Array, xs: Array, prefixes: Prefixes | None, mask: Array | None) -> int:
        """Return C; raise ValueError when the constant (N, C) does not fit the other inputs and Wx."""
        name = type(self).__name__
        if prefixes is not None:
            raise ValueError(f"{name}: expected prefixes or a constant, got both; one row may serve several constants")
        if mask is not None:
            raise ValueError(f"{name}: expected a mask or a constant, got both; a constant goes to every step")
        self.expect("constant (N, C) for xs (N, T, D)", constant, len(xs), None)
        C = constant.shape[1]
        if C >= len(self.Wx):
            raise ValueError(
                f"{name}: expected a constant (N, C) with C < {len(self.Wx)}, the rows of Wx, got {constant.shape}"
            )
        return C


class TimeBiLSTM(TimeBidirectional):
    """Two LSTMs over the same sequence, one from each end, their states side by side.

    forward:  xs (N, T, D), mask bool (N, T) or None               ->  hs (N, T, 2H): left to right in the first H
    backward: dhs (N, T, 2H), dc_last and dh_last (N, 2H) or None  ->  dxs (N, T, D)
    Weights as in TimeLSTM, first those of the direction left to right; the rest as in TimeBidirectional.
    Source: 『ゼロから作るDeep Learning 2』 8.4.1; Schuster & Paliwal 1997.
    """

    def __init__(self, Wx1: Array, Wh1: Array, b1: Array, Wx2: Array, Wh2: Array, b2: Array, stateful: bool = False):
        self.forward_lstm = TimeLSTM(Wx1, Wh1, b1, stateful)
        self.backward_lstm = TimeLSTM(Wx2, Wh2, b2, stateful)
        super().__init__(self.forward_lstm, self.backward_lstm)
