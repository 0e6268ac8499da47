"""Long short-term memory: one step (``LSTM``), the whole sequence (``TimeLSTM``), both directions (``TimeBiLSTM``)."""

import numpy

from common.functions import sigmoid
from common.np import np
from common.rnn import Recurrent, TimeBidirectional, TimeRecurrent, sigmoid_of_minus, slope_of_minus, tanh_slope
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
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    With ``constant`` (N, C), an input that is the same at every step and stands in front of each x, Wx is
    (C + D, 4H); its product is computed once, and backward returns dxs and dconstant (N, C).
    Besides ``h`` and ``dh`` there are the last cell state ``c`` (N, H) and the gradient of the first one, ``dc``.
    Prefixes, mask, state, errors: see TimeRecurrent. Source: 『ゼロから作るDeep Learning 2』 6.3.
    """

    gates = LSTM.gates
    # Inside, the gates stand in the order o, f, i, g: the sigmoids are neighbours, and those that feed c. The
    # weights of the sigmoids are negated there; outside all is as in LSTM.
    order, minus = (3, 0, 2, 1), 3

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

    def forward(
        self,
        xs: Array,
        prefixes: Prefixes | None = None,
        mask: Array | None = None,
        *,
        constant: Array | None = None,
    ) -> Array:
        C = 0
        if constant is not None:
            if prefixes is not None:
                raise ValueError(f"{type(self).__name__}: a constant is a sequence's own, so it shares no prefixes")
            if mask is not None:
                raise ValueError(f"{type(self).__name__}: a constant goes to every step, so it takes no mask")
            self.expect("constant (N, C) for xs (N, T, D)", constant, len(xs), None)
            C = constant.shape[1]
            if C >= len(self.Wx):
                raise ValueError(
                    f"{type(self).__name__}: Wx {self.Wx.shape} leaves nothing for xs beside a constant of {C}"
                )
        steps, hx1 = self._begin(xs, prefixes, mask, len(self.Wx) - C)
        rows, H = steps.rows, len(self.Wh)
        hs, cs = hx1[:, :H], self.work("cs", len(hx1), H)
        self._start(steps, cs, self.c)
        gates, tanh_cs = self.work("gates", 4, rows, H), self.work("tanh_cs", rows, H)
        gi = self.work("gi", max(steps.sizes), H)
        W = self._weights()
        if constant is not None:
            W_constant = W[:, H : H + C]
            offset = constant @ W_constant
            constant = constant, W_constant
            W = np.concatenate((W[:, :H], W[:, H + C :]), axis=1)
        with numpy.errstate(over="ignore"):  # see sigmoid_of_minus
            for t, (now, after) in enumerate(steps.blocks):
                steps.fork(t, hs, cs)
                o, f, i, g = a = np.matmul(hx1[now], W, out=gates[:, now])
                if constant is not None:
                    a += offset
                sigmoid_of_minus(a[:3])
                np.tanh(g, out=g)
                c = np.multiply(f, cs[now], out=cs[after])
                c += np.multiply(g, i, out=gi[: len(g)])
                np.multiply(o, np.tanh(c, out=tanh_cs[now]), out=hs[after])
        self.cache = steps, hx1, W, constant, gates, cs, tanh_cs
        self.h, self.c = hs[steps.index[:, -1]], cs[steps.index[:, -1]]
        return steps.spread(hs)

    def backward(self, dhs: Array) -> Array | tuple[Array, Array]:
        steps, hx1, W, constant, gates, cs, tanh_cs = self.saved()
        rows, H = tanh_cs.shape
        # First for all steps at once what does not depend on dh and dc: how h answers to c and o, and c to f, i and g.
        # Step by step these slopes then turn into gradients.
        o, f, i, g = gates
        slopes = self.work("slopes", 5, rows, H)
        dh_to_c, do, df, di, dg = slopes
        slope_of_minus(gates[:3], out=slopes[1:4])
        tanh_slope(g, out=dg)
        tanh_slope(tanh_cs, out=dh_to_c)
        do *= tanh_cs
        df *= cs[:rows]
        di *= g
        dg *= i
        dh_to_c *= o

        dhx1, dc = self._begin_backward(dhs, steps, hx1), self.work("dc", *cs.shape)
        dc[...] = 0
        dh, da = dhx1[:, :H], slopes[1:]
        W_T, most = W.transpose(0, 2, 1), max(steps.sizes)
        by_gate, total = self.work("by_gate", 4, most, hx1.shape[1]), self.work("total", most, hx1.shape[1])
        for t, (now, after) in reversed(list(enumerate(steps.blocks))):
            slopes[:2, now] *= dh[after]
            dc[after] += dh_to_c[now]  # c reached the output by itself and through h
            slopes[2:, now] *= dc[after]
            np.multiply(dc[after], f[now], out=dc[now])
            n = now.stop - now.start
            dhx1[now] += np.matmul(da[:, now], W_T, out=by_gate[:, :n]).sum(axis=0, out=total[:n])
            steps.join(t, dh, dc)
        self.dc = np.array(dc[steps.entry])
        dW = np.matmul(hx1[:rows].T, da, out=self.work("dW", *W.shape))
        if constant is None:
            return self._end_backward(steps, dhx1, dW)
        N, T = steps.index.shape
        constant, W_constant = constant
        da = da.reshape(4, T, N, H).sum(axis=1)  # forward added the product to every step
        dW = np.concatenate((dW[:, :H], constant.T @ da, dW[:, H:]), axis=1)
        dconstant = (da @ W_constant.transpose(0, 2, 1)).sum(axis=0)
        return self._end_backward(steps, dhx1, dW), dconstant


class TimeBiLSTM(TimeBidirectional):
    """Two LSTMs over the same sequence, one from each end, their states side by side.

    forward:  xs (N, T, D), mask bool (N, T) or None  ->  hs (N, T, 2H): left to right in the first H
    backward: dhs (N, T, 2H)                          ->  dxs (N, T, D)
    Weights as in TimeLSTM, first those of the direction left to right; the rest as in TimeBidirectional.
    Source: 『ゼロから作るDeep Learning 2』 8.4.1; Schuster & Paliwal 1997.
    """

    def __init__(self, Wx1: Array, Wh1: Array, b1: Array, Wx2: Array, Wh2: Array, b2: Array, stateful: bool = False):
        self.forward_lstm = TimeLSTM(Wx1, Wh1, b1, stateful)
        self.backward_lstm = TimeLSTM(Wx2, Wh2, b2, stateful)
        super().__init__(self.forward_lstm, self.backward_lstm)
