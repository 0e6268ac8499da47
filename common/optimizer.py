"""Optimizers and gradient clipping. They change arrays in place and keep their dtype.

``update(params, grads)`` expects lists in the same order at every call. The first update creates the running values
(velocity, moments), one array per parameter.
Source: 『ゼロから作るDeep Learning』 6.1, and the paper that each class names.
"""

import decimal
import math
import numbers
import operator
from collections.abc import Callable

from common.functions import as_number
from common.np import np
from common.slices import slices
from support.array import Array


def same_power(base: float, exponent: float) -> float:
    """Return ``base ** exponent`` as every computer rounds it; ``**`` is the C library's, and may differ in a bit."""
    return float(_DIGITS.power(decimal.Decimal(base), decimal.Decimal(exponent)))


_DIGITS = decimal.Context(prec=40)


class Optimizer:
    """Base class of the optimizers: a learning rate, and running values (zeros at first) in lists named by ``slots``.

    A subclass defines its rule, ``step(params, grads)``. rates: the shares of the past that a rule keeps, by name.
    ``__init__`` and ``update`` convert numbers of any type to Python's own, including those set in between.
    Both raise ValueError for a learning rate that is negative or not finite, and for a rate outside [0, 1).
    ``power``: what a rule takes powers with; ``same_power`` where several computers have to make the same update.
    """

    slots: tuple[str, ...] = ()
    below: dict[str, float] = {}  # the upper bounds of the numbers, all of which are at least 0
    added: dict[str, float] = {}  # numbers that states of earlier versions lack, with what they were then
    lr: float
    step: Callable[[list[Array], list[Array]], None]  # defined by the subclass
    power: Callable[[float, float], float] = staticmethod(operator.pow)

    def __init__(self, lr: float, **rates: float):
        self.below = {"lr": math.inf} | dict.fromkeys(rates, 1)
        vars(self).update(lr=lr, **rates)
        self.check()
        for slot in self.slots:
            setattr(self, slot, None)

    def check(self) -> None:
        """Convert all numbers to Python's own. Raises ValueError for one that is not a number or out of bounds."""
        for name, below in self.below.items():
            value = as_number(f"{type(self).__name__}: {name}", getattr(self, name))
            if not 0 <= value < below:
                raise ValueError(f"{type(self).__name__}: {name}: expected a number in [0, {below}), got {value}")
        vars(self).update(numbers_of(self))

    def update(self, params: list[Array], grads: list[Array]) -> None:
        """Take one step. Raises ValueError when shapes differ from the gradients' or from those of the first update."""
        if [p.shape for p in params] != [g.shape for g in grads]:
            raise ValueError(f"{type(self).__name__}: expected one gradient per parameter, of the same shape")
        for slot in self.slots:
            values = getattr(self, slot)
            if values is None:
                setattr(self, slot, [np.zeros_like(p) for p in params])
            elif [v.shape for v in values] != [p.shape for p in params]:
                raise ValueError(f"{type(self).__name__}: these are not the parameters of the first update")
        self.check()
        self.step(params, grads)


class SGD(Optimizer):
    """``p -= lr * g``"""

    def __init__(self, lr: float = 0.01):
        super().__init__(lr)

    def step(self, params, grads):
        for p, g in zip(params, grads, strict=True):
            p -= self.lr * g


class Momentum(Optimizer):
    """``v = momentum * v - lr * g;  p += v``. Source: Polyak 1964."""

    slots = ("v",)
    v: list[Array]
    momentum: float

    def __init__(self, lr: float = 0.01, momentum: float = 0.9):
        super().__init__(lr, momentum=momentum)

    def step(self, params, grads):
        for p, g, v in zip(params, grads, self.v, strict=True):
            v *= self.momentum
            v -= self.lr * g
            p += v


class Nesterov(Momentum):
    """``v = momentum * v - lr * g;  p += momentum * v - lr * g``.

    Source: Nesterov 1983, in the form of Bengio et al. 2012, eq. 7, where p is the look-ahead point.
    """

    def step(self, params, grads):
        for p, g, v in zip(params, grads, self.v, strict=True):
            v *= self.momentum
            v -= self.lr * g
            p += self.momentum * v - self.lr * g


class AdaGrad(Optimizer):
    """``h += g^2;  p -= lr * g / (sqrt(h) + 1e-7)``. Source: Duchi et al. 2011."""

    slots = ("h",)
    h: list[Array]

    def __init__(self, lr: float = 0.01):
        super().__init__(lr)

    def step(self, params, grads):
        for p, g, h in zip(params, grads, self.h, strict=True):
            h += g * g
            p -= self.lr * g / (np.sqrt(h) + 1e-7)


class RMSprop(Optimizer):
    """``h = decay * h + (1 - decay) * g^2;  p -= lr * g / (sqrt(h) + 1e-7)``. Source: Tieleman & Hinton 2012."""

    slots = ("h",)
    h: list[Array]
    decay_rate: float

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99):
        super().__init__(lr, decay_rate=decay_rate)

    def step(self, params, grads):
        for p, g, h in zip(params, grads, self.h, strict=True):
            h *= self.decay_rate
            h += (1 - self.decay_rate) * g * g
            p -= self.lr * g / (np.sqrt(h) + 1e-7)


class Adam(Optimizer):
    """``m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= lr_t * m / (sqrt(v) + epsilon)``

    with ``lr_t = lr * sqrt(1 - b2^t) / (1 - b1^t)``, t the number of the update. Keras 3 has the same form.
    epsilon_hat: False adds epsilon to ``sqrt(v / (1 - b2^t))`` instead, as PyTorch does: the epsilon above is then
    ``epsilon * sqrt(1 - b2^t)``.
    Source: Kingma & Ba 2015, in the form that closes its section 2, with its epsilon hat; or its algorithm 1.
    """

    slots = ("m", "v")
    added = {"epsilon": 1e-7, "epsilon_hat": True}
    m: list[Array]
    v: list[Array]
    beta1: float
    beta2: float

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-7,
        epsilon_hat: bool = True,
    ):
        super().__init__(lr, beta1=beta1, beta2=beta2)
        self.epsilon, self.epsilon_hat = epsilon, bool(epsilon_hat)
        self.below |= {"epsilon": math.inf}
        self.check()
        self.iter = 0
        self._work: dict = {}

    def step(self, params, grads):
        self.iter += 1
        root = math.sqrt(1 - self.power(self.beta2, self.iter))
        lr_t = self.lr * root / (1 - self.power(self.beta1, self.iter))
        epsilon = self.epsilon if self.epsilon_hat else self.epsilon * root
        for p, g, m, v, w in slices(params, grads, self.m, self.v, work=self._work, count=1):
            np.subtract(g, m, out=w)
            w *= 1 - self.beta1
            m += w  # m += (1 - b1) (g - m)
            np.multiply(g, g, out=w)
            w -= v
            w *= 1 - self.beta2
            v += w  # v += (1 - b2) (g^2 - v)
            np.sqrt(v, out=w)
            w += epsilon
            np.divide(m, w, out=w)
            w *= lr_t
            p -= w


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p -= lr * weight_decay * p``, then Adam's step, to which this is no gradient.

    Every parameter decays, biases too, and the decay follows a schedule of ``lr``. The defaults are PyTorch's, and so
    is the place of epsilon; Keras 3 adds it as ``epsilon_hat=True`` does.
    Source: Loshchilov & Hutter 2019, algorithm 2, whose lambda is ``lr * weight_decay`` with lr before any schedule.
    """

    weight_decay: float

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        epsilon_hat: bool = False,
        weight_decay: float = 0.01,
    ):
        super().__init__(lr, beta1, beta2, epsilon, epsilon_hat)
        self.weight_decay = weight_decay
        self.below |= {"weight_decay": math.inf}
        self.check()

    def step(self, params, grads):
        for p in params:
            p *= 1 - self.lr * self.weight_decay
        return super().step(params, grads)


class Nadam(Optimizer):
    """Adam with look-ahead: it uses the next step's moment instead of the current one.

    ``m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2``
    ``p -= lr * ((1 - u_t) / (1 - U_t) * g + u_{t+1} / (1 - U_{t+1}) * m) / (sqrt(v / (1 - b2^t)) + epsilon)``

    with ``u_t = b1 * (1 - 0.96^(t * schedule_decay) / 2)``, ``U_t = u_1 u_2 ... u_t``, t the number of the update.
    ``iter`` is t, ``schedule`` is U_t. Source: Dozat 2016, algorithm 2, with the schedule and defaults of Keras 2.2.
    """

    slots = ("m", "v")
    m: list[Array]
    v: list[Array]
    beta1: float
    beta2: float

    def __init__(
        self,
        lr: float = 0.002,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-7,
        schedule_decay: float = 0.004,
    ):
        super().__init__(lr, beta1=beta1, beta2=beta2)
        self.epsilon, self.schedule_decay = epsilon, schedule_decay
        self.below |= {"epsilon": math.inf, "schedule_decay": math.inf}
        self.check()
        self.iter = 0
        self.schedule = 1.0
        self._work: dict = {}

    def momentum(self, t: int) -> float:
        """Return u_t."""
        return self.beta1 * (1 - 0.5 * self.power(0.96, t * self.schedule_decay))

    def step(self, params, grads):
        self.iter += 1
        now, ahead = self.momentum(self.iter), self.momentum(self.iter + 1)
        self.schedule *= now
        of_g = self.lr * (1 - now) / (1 - self.schedule)
        of_m = self.lr * ahead / (1 - self.schedule * ahead)
        unbiased = 1 - self.power(self.beta2, self.iter)
        for p, g, m, v, w, change in slices(params, grads, self.m, self.v, work=self._work, count=2):
            np.subtract(g, m, out=w)
            w *= 1 - self.beta1
            m += w  # m += (1 - b1) (g - m)
            np.multiply(g, g, out=w)
            w -= v
            w *= 1 - self.beta2
            v += w  # v += (1 - b2) (g^2 - v)
            np.multiply(g, of_g, out=change)
            np.multiply(m, of_m, out=w)
            change += w
            np.divide(v, unbiased, out=w)
            np.sqrt(w, out=w)
            w += self.epsilon
            change /= w
            p -= change


def numbers_of(optimizer) -> dict[str, float]:
    """Return the attributes that are numbers, converted to Python's own; they are saved along with the slots."""
    return {
        name: as_number(f"{type(optimizer).__name__}: {name}", value)
        for name, value in vars(optimizer).items()
        if isinstance(value, numbers.Real) or getattr(value, "shape", None) == ()
    }


def clip_grads(grads: list[Array], max_norm: float, agree: Callable[[float], float] = float) -> float:
    """Scale the gradients in place to a global norm of at most ``max_norm``; return the norm before scaling.

    The norm is right to about 1e-5, also where float32 could not hold the squares. Raises FloatingPointError, with the
    gradients untouched, when it is not finite; ValueError when max_norm is not above 0. agree: called with the norm,
    returns the one to use, because CPUs that add in another order find another.
    Source: Pascanu et al. 2013, algorithm 1.
    """
    max_norm = as_number("clip_grads: max_norm", max_norm)
    if not max_norm > 0:
        raise ValueError(f"clip_grads: expected a max_norm above 0, got {max_norm}")
    with np.errstate(over="ignore"):  # the error below reports it
        norm = agree(math.sqrt(sum(_squares(g) for g in grads)))
    if not math.isfinite(norm):
        raise FloatingPointError(
            f"clip_grads: the norm of the gradients is {norm}, nothing was changed; a smaller learning rate may help"
        )
    if norm > max_norm:
        for g in grads:
            g *= max_norm / norm
    return norm


def _squares(g: Array, size: int = 2**16) -> float:
    """Return the sum of the squares of g: BLAS adds up ``size`` of them at a time, in g's dtype.

    A sum that float32 may not hold is added up from float64 copies.
    """
    flat, total = g.ravel(order="K"), 0.0
    for start in range(0, flat.size, size):
        part = flat[start : start + size]
        square = float(part @ part)
        if not 1e-20 < square < math.inf:
            square = float((part.astype(np.float64) ** 2).sum())
        total += square
    return total
