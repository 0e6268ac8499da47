"""Simple recurrent layer: one step (``RNN``), the whole sequence (``TimeRNN``); bases of all recurrent layers."""

from common.functions import sigmoid
from common.layer import Layer
from common.np import np
from common.products import Arranged, matmul
from common.steps import Prefixes, Ragged, Steps
from support.array import Array


class Recurrent(Layer):
    """Base class of all recurrent layers: weights for x and h and a bias, with H columns for each of ``gates`` gates.

    Wx (D, gates * H), Wh (H, gates * H), b (gates * H,). Raises ValueError when their shapes do not fit.
    """

    gates = 1

    def __init__(self, Wx: Array, Wh: Array, b: Array):
        super().__init__(Wx, Wh, b)
        D, H = Wx.shape[0], Wh.shape[0]
        self.expect("Wx (D, gates * H)", Wx, D, self.gates * H)
        self.expect("Wh (H, gates * H)", Wh, H, self.gates * H)
        self.expect("b (gates * H,)", b, self.gates * H)
        self.Wx, self.Wh, self.b = Wx, Wh, b

    def expect_step(self, x: Array, **states: Array) -> None:
        """Raise ValueError unless x is (N, D) and each state (N, H)."""
        self.expect("x (N, D)", x, None, len(self.Wx))
        for name, state in states.items():
            self.expect(f"{name} (N, H)", state, len(x), len(self.Wh))


class RNN(Recurrent):
    """One step of a simple recurrent layer: ``h_next = tanh(x Wx + h_prev Wh + b)``.

    forward:  x (N, D), h_prev (N, H)  ->  h_next (N, H)    with Wx (D, H), Wh (H, H), b (H,)
    backward: dh_next (N, H)           ->  dx (N, D), dh_prev (N, H)
    Raises ValueError when the shapes do not fit. Source: 『ゼロから作るDeep Learning 2』 5.3.1.
    """

    def forward(self, x: Array, h_prev: Array) -> Array:
        self.expect_step(x, h_prev=h_prev)
        h_next = np.tanh(x @ self.Wx + h_prev @ self.Wh + self.b)
        self.cache = x, h_prev, h_next
        return h_next.copy()

    def backward(self, dh_next: Array) -> tuple[Array, Array]:
        x, h_prev, h_next = self.saved()
        dWx, dWh, db = self.grads
        da = dh_next * (1 - h_next**2)
        dWx[...] = x.T @ da
        dWh[...] = h_prev.T @ da
        db[...] = da.sum(axis=0)
        return da @ self.Wx.T, da @ self.Wh.T


class TimeRecurrent(Recurrent):
    """Base class of the recurrent layers over whole sequences: their rows, their products, the state between calls.

    Every ``forward`` starts from a zero state, unless ``stateful=True``: then it starts from the state passed to
    ``set_state``, or else from where the last call ended, until ``reset_state``.
    ``h`` (N, H) is the last state of the latest forward, ``dh`` (N, H) the gradient of its first state.

    ``forward(xs, prefixes)``: with the Prefixes of ids, xs (rows, D) holds one input for each of ``prefixes.ids``,
    and backward returns a gradient of that shape; forward still returns (N, T, H). The first states are then shared by
    sequences, and ``dh`` has at least one row for each distinct first id.

    ``forward(xs, mask=mask)``, mask bool (N, T), True where real: at a masked position the state is carried over
    unchanged and returned again (zeros before the first real token). The last state ``h`` is therefore the one after
    the last real token, whichever side the padding is on; ``dh`` is the gradient of the zeros that each sequence
    starts from. Inputs at masked positions are never read, and their gradient is exactly 0. A mask cannot be combined
    with prefixes or with the state of an earlier call.

    Internally, a state, its input and a 1 are stored side by side, and a step needs only one product:
    ``h Wh + x Wx + b = [h x 1] [Wh; Wx; b]``. The rows of all steps form one array, ``hx1`` (rows, H + D + 1), with
    a last block for the states that leave the last step; gates are (gates, rows, H): each gate is a contiguous block,
    and so is each step within it. These arrays are kept from call to call, but a call always returns new ones.
    docs/fast-lstm.md leads here from the one-step layer.
    Raises ValueError when weights, inputs, mask and state do not fit, RuntimeError for set_state without stateful.
    """

    # Internally, block k of the gates holds gate gate_order[k] of the weights. The first negated_gates blocks are the
    # sigmoids: their weights are negated, because 1 / (1 + exp(a)) is the sigmoid of -a.
    gate_order: tuple[int, ...] = (0,)
    negated_gates = 0

    def __init__(self, Wx: Array, Wh: Array, b: Array, stateful: bool = False):
        super().__init__(Wx, Wh, b)
        self.stateful = stateful
        self.h: Array | None = None
        self.dh: Array | None = None
        self.arranged = Arranged()

    def set_state(self, h: Array) -> None:
        """Start the next forward from h (N, H)."""
        if not self.stateful:
            raise RuntimeError(
                f"{type(self).__name__}: set_state needs stateful=True; without it every forward starts from zeros"
            )
        self.h = h

    def reset_state(self) -> None:
        """Start the next forward from zeros."""
        self.h = None

    def _begin(self, xs: Array, prefixes: Prefixes | None, mask: Array | None, D: int) -> tuple[Steps, Array]:
        """Return the steps, and ``hx1`` with the inputs (of width D) and the first states filled in."""
        H = len(self.Wh)
        steps = self._choose_steps(xs, prefixes, mask, D)
        hx1 = self.work("hx1", steps.rows + steps.sizes[-1], H + D + 1)
        steps.read(xs, hx1[: steps.rows, H:-1])
        hx1[: steps.rows, -1] = 1
        self._put_first(self.h, steps, hx1[:, :H])
        return steps, hx1

    def _choose_steps(self, xs: Array, prefixes: Prefixes | None, mask: Array | None, D: int) -> Steps:
        name = type(self).__name__
        if prefixes is not None:
            if self.stateful:
                raise ValueError(f"{name}: prefixes need a zero state to start from, so leave out stateful=True")
            if mask is not None:
                raise ValueError(f"{name}: expected prefixes or a mask, got both; leave out the mask")
            self.expect("xs (rows, D), one input for each of prefixes.ids", xs, prefixes.rows, D)
            return prefixes
        self.expect("xs (N, T, D)", xs, None, None, D)
        N, T = xs.shape[:2]
        if T == 0:
            raise ValueError(f"{name}: expected at least one step, got xs of shape {xs.shape}")
        if mask is None:
            return Steps(N, T)
        if self.stateful:
            raise ValueError(f"{name}: masked sequences need a zero state to start from, so leave out stateful=True")
        self.expect_mask(mask, N, T)
        return Ragged(mask)

    def _put_first(self, first: Array | None, steps: Steps, states: Array) -> None:
        """Write the first states (N, H), zeros for None, to where sequences begin in states (rows + last block, H)."""
        if not self.stateful or first is None:
            states[steps.first_rows] = 0
        else:
            what = "the state for xs (N, T, D), else call reset_state() first: state (N, H)"
            self.expect(what, first, steps.sizes[0], len(self.Wh))
            states[steps.first_rows] = first

    def _begin_backward(self, dhs: Array, steps: Steps, hx1: Array) -> tuple[Array, Array]:
        """Return the gradients of h and x in the rows of ``hx1``: of h the part from outside, of x nothing yet."""
        H = len(self.Wh)
        self.expect("dhs (N, T, H)", dhs, *steps.spread_shape, H)
        dh, dx = self.work("dh", len(hx1), H), self.work("dx", steps.rows, hx1.shape[1] - H - 1)
        steps.collect(dhs, dh)
        return dh, dx

    @staticmethod
    def _add(by_gate: Array, dh: Array, dx: Array) -> None:
        """Add the gradients by gate (gates, n, H + D) to dh (n, H), and write them to dx (n, D)."""
        H = dh.shape[1]
        total, *others = by_gate
        for other in others:
            total += other
        dh += total[:, :H]
        dx[...] = total[:, H:]

    def _end_backward(self, steps: Steps, dh: Array, dx: Array, dW: Array) -> Array:
        """Fill ``dh``, and ``grads`` from dW, the gradient of ``_weights``.

        Returns dxs (N, T, D), or (rows, D) with prefixes, in a new array.
        """
        H, D = dh.shape[1], dx.shape[1]
        C = len(self.Wx) - D
        self.dh = np.array(dh[steps.first_rows])
        dW[: self.negated_gates] *= -1
        dWx, dWh, db = map(self._by_gate, (self.grads[0], self.grads[1], self.grads[2][None]))
        for block, gate in zip(dW, self.gate_order, strict=True):
            dWh[gate], dWx[gate, C:], db[gate] = block[:H], block[H : H + D], block[H + D]
            dWx[gate, :C] = block[H + D + 1 :]
        return steps.unread(dx)

    def _by_gate(self, W: Array) -> Array:
        """View W (D, gates * H) as (gates, D, H)."""
        return W.reshape(len(W), self.gates, -1).transpose(1, 0, 2)

    def _weights(self, C: int = 0) -> Array:
        """Return ``[Wh; Wx; b]`` by gate, (gates, H + D + 1, H), in a work array: see ``gate_order``.

        C: so many rows of Wx, the first, come last instead: they multiply the same input at every step.
        """
        return self.arranged.get(f"W{C}", lambda: self._arrange(C))

    def _arrange(self, C: int) -> Array:
        H, D = len(self.Wh), len(self.Wx) - C
        W = self.work(f"W{C}", self.gates, H + D + 1 + C, H)
        Wx, Wh, b = map(self._by_gate, (self.Wx, self.Wh, self.b[None]))
        for block, gate in zip(W, self.gate_order, strict=True):
            block[:H], block[H : H + D], block[H + D] = Wh[gate], Wx[gate, C:], b[gate]
            block[H + D + 1 :] = Wx[gate, :C]
        W[: self.negated_gates] *= -1
        return W

    def _transposed(self, W: Array) -> Array:
        """Return ``_weights`` without b, transposed, (gates, H, H + D), in a work array.

        A copy, because BLAS reads the rows of a transposed view slowly, at every step of backward.
        """

        name = f"W_T{W.shape[1]}"  # of a layer that is called with and without a constant there are two

        def copy() -> Array:
            W_T = self.work(name, len(W), W.shape[2], W.shape[1] - 1)
            W_T[...] = W[:, :-1].transpose(0, 2, 1)
            return W_T

        return self.arranged.get(name, copy)


def sigmoid_of_minus(a: Array) -> None:
    """Replace a by ``1 / (1 + exp(a))``, the sigmoid of -a, at two thirds of the cost of a sigmoid by tanh.

    Call it under ``errstate(over="ignore")``: exp can overflow to infinity, whose reciprocal is the right 0.
    """
    if a.dtype.kind == "c":  # a complex infinity would turn into nan; only the gradient check is complex
        a[...] = sigmoid(-a)
        return
    np.exp(a, out=a)
    a += 1
    np.divide(1, a, out=a)


def sigmoid_of_minus_slope(y: Array, out: Array) -> None:
    """Write ``y (y - 1)`` to out: the derivative of the sigmoid of -a with respect to a, where its value is y."""
    np.subtract(y, 1, out=out)
    out *= y


def tanh_slope(y: Array, out: Array) -> None:
    """Write ``1 - y^2`` to out: the derivative of tanh where its value is y."""
    np.multiply(y, y, out=out)
    np.subtract(1, out, out=out)


class TimeRNN(TimeRecurrent):
    """``RNN`` over a whole sequence.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, H), Wh (H, H), b (H,)
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    Prefixes, mask, state, ``h``, ``dh``, errors: see TimeRecurrent. Source: 『ゼロから作るDeep Learning 2』 5.3.2.
    """

    def forward(self, xs: Array, prefixes: Prefixes | None = None, mask: Array | None = None) -> Array:
        steps, hx1 = self._begin(xs, prefixes, mask, len(self.Wx))
        hs, W = hx1[:, : len(self.Wh)], self._weights()
        a = self.work("a", 1, steps.rows, len(self.Wh))
        for t, (now, after) in enumerate(steps.blocks):
            steps.fork(t, hs)
            matmul(hx1[now], W, out=a[:, now])  # h_prev Wh + x Wx + b
            np.tanh(a[0, now], out=hs[after])
        self.cache = steps, hx1, W
        self.h = hs[steps.row_after[:, -1]]
        return steps.spread(hs)

    def backward(self, dhs: Array) -> Array:
        steps, hx1, W = self.saved()
        rows, H = steps.rows, len(self.Wh)
        dh, dx = self._begin_backward(dhs, steps, hx1)
        hs = hx1[:, :H]
        slope = da = self.work("a", 1, rows, H)  # the slope of tanh; times dh, in the same memory, the gradient of a
        W_T, dhx = self._transposed(W), self.work("dhx", 1, max(steps.sizes), hx1.shape[1] - 1)
        for t, (now, after) in reversed(list(enumerate(steps.blocks))):
            tanh_slope(hs[after], out=slope[0, now])
            np.multiply(slope[0, now], dh[after], out=da[0, now])
            self._add(matmul(da[:, now], W_T, out=dhx[:, : now.stop - now.start]), dh[now], dx[now])
            steps.join(t, dh)
        return self._end_backward(steps, dh, dx, hx1[:rows].T @ da)
