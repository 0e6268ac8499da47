"""The simple recurrent layer: one step (``RNN``) and the whole sequence (``TimeRNN``)."""

from common.layer import Array, Layer
from common.np import np


class Recurrent(Layer):
    """What all recurrent layers share: weights for x and h, side by side for each of ``gates`` gates, and a bias.

    Wx (D, gates * H), Wh (H, gates * H), b (gates * H,). Raises ValueError when they do not fit.
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
    """What the recurrent layers over whole sequences share: the products, and the state between calls.

    Every ``forward`` starts from a zero state, unless ``stateful=True``: then it starts from the state
    that ``set_state`` gave, or else from where the last call ended, until ``reset_state``.
    ``h`` (N, H) is the last state of the latest forward, ``dh`` (N, H) the gradient of its first state.
    Raises ValueError when weights, inputs and state do not fit, RuntimeError for set_state without stateful.
    """

    def __init__(self, Wx: Array, Wh: Array, b: Array, stateful: bool = False):
        super().__init__(Wx, Wh, b)
        self.stateful = stateful
        self.h, self.dh = None, None

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

    def _start(self, state: Array | None, xs: Array) -> Array:
        """The state (N, H) that this forward begins with."""
        N, H = len(xs), len(self.Wh)
        if not self.stateful or state is None:
            return np.zeros((N, H), dtype=self.Wh.dtype)
        self.expect("the state for xs (N, T, D), else call reset_state() first: state (N, H)", state, N, H)
        return state

    def _input_products(self, xs: Array) -> Array:
        """``xs Wx + b`` of all steps in one product: (T, N, gates * H), time first so that a step is one block."""
        self.expect("xs (N, T, D)", xs, None, None, len(self.Wx))
        N, T, D = xs.shape
        a = xs.transpose(1, 0, 2).reshape(T * N, D) @ self.Wx
        a += self.b
        return a.reshape(T, N, a.shape[1])

    def _input_gradients(self, xs: Array, da: Array) -> Array:
        """Fill the gradients of Wx and b from those of the products, da (T, N, gates * H); return dxs (N, T, D)."""
        N, T, D = xs.shape
        da = da.reshape(T * N, da.shape[2])
        self.grads[0][...] = xs.transpose(1, 0, 2).reshape(T * N, D).T @ da
        self.grads[2][...] = da.sum(axis=0)
        return (da @ self.Wx.T).reshape(T, N, D).transpose(1, 0, 2).copy()


class TimeRNN(TimeRecurrent):
    """``RNN`` over a whole sequence, with one product for all inputs and a loop for the recurrence alone.

    forward:  xs (N, T, D)   ->  hs (N, T, H)   with Wx (D, H), Wh (H, H), b (H,)
    backward: dhs (N, T, H)  ->  dxs (N, T, D)
    State, ``h``, ``dh``, errors: see TimeRecurrent. Source: 『ゼロから作るDeep Learning 2』 5.3.2.
    """

    def forward(self, xs: Array) -> Array:
        xs = xs.astype(self.Wx.dtype, copy=False)
        a = self._input_products(xs)
        T, N, H = a.shape
        hs = np.empty((T + 1, N, H), dtype=self.Wh.dtype)  # hs[t] is the state before step t
        hs[0] = self._start(self.h, xs)
        for t in range(T):
            hs[t + 1] = np.tanh(a[t] + hs[t] @ self.Wh)
        self.cache = xs, hs
        self.h = hs[T].copy()
        return hs[1:].transpose(1, 0, 2).copy()

    def backward(self, dhs: Array) -> Array:
        xs, hs = self.saved()
        T, N, H = hs[1:].shape
        self.expect("dhs (N, T, H)", dhs, N, T, H)
        da = np.empty_like(hs[1:])
        dh = np.zeros_like(hs[0])
        for t in reversed(range(T)):
            da[t] = (dhs[:, t] + dh) * (1 - hs[t + 1] ** 2)
            dh = da[t] @ self.Wh.T
        self.dh = dh
        self.grads[1][...] = hs[:-1].reshape(T * N, H).T @ da.reshape(T * N, H)
        return self._input_gradients(xs, da)
