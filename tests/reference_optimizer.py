"""The slow truth of the optimizers: naive loops written from the formulas, importing nothing of ours.

One step on one array, the state in and out (zeros before the first step).
"""

import math

import numpy as np


def sgd(p, g, lr):
    """p, g (...) -> next p."""
    return p - lr * g


def momentum(p, g, v, lr, m):
    """p, g, v (...) -> next p, next v."""
    v = m * v - lr * g
    return p + v, v


def nesterov(p, g, v, lr, m):
    """p, g, v (...) -> next p, next v: Bengio and Boulanger's form, with v from BEFORE this step."""
    # The first book's listing moves v first and adds m * m * v afterwards, which counts g (1 + m + m * m)
    # times. Nesterov's look-ahead point, theta + m v, moves exactly as written here.
    return p + m * m * v - (1 + m) * lr * g, m * v - lr * g


def adagrad(p, g, h, lr):
    """p, g, h (...) -> next p, next h: h sums the squares of all gradients."""
    h = h + g * g
    return p - lr * g / (np.sqrt(h) + 1e-7), h


def rmsprop(p, g, h, lr, decay):
    """p, g, h (...) -> next p, next h: h is a running mean of the squares."""
    h = decay * h + (1 - decay) * g * g
    return p - lr * g / (np.sqrt(h) + 1e-7), h


def adam(p, g, m, v, step, lr, beta1, beta2, epsilon=1e-7):
    """p, g, m, v (...), step 1, 2, ... -> next p, m, v: both bias corrections are folded into lr."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    lr_step = lr * math.sqrt(1 - beta2**step) / (1 - beta1**step)
    return p - lr_step * m / (np.sqrt(v) + epsilon), m, v


def adam_1(p, g, m, v, step, lr, beta1, beta2, epsilon):
    """p, g, m, v (...), step 1, 2, ... -> next p, m, v: algorithm 1, line by line."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    unbiased_m, unbiased_v = m / (1 - beta1**step), v / (1 - beta2**step)
    return p - lr * unbiased_m / (np.sqrt(unbiased_v) + epsilon), m, v


def adamw(p, g, m, v, step, lr, beta1, beta2, epsilon, decay):
    """p, g, m, v (...), step 1, 2, ... -> next p, m, v: algorithm 2, line by line, its lambda ``lr * decay``."""
    adam, m, v = adam_1(p, g, m, v, step, lr, beta1, beta2, epsilon)
    return adam - lr * decay * p, m, v


def nadam(p, g, m, v, step, lr, beta1, beta2, epsilon, decay):
    """p, g, m, v (...), step 1, 2, ... -> next p, m, v: a number at a time, the schedule from its start."""

    def u(t):
        return beta1 * (1 - 0.5 * 0.96 ** (t * decay))

    past = math.prod(u(t) for t in range(1, step + 1))
    new = [[], [], []]
    for x, dx, m1, v1 in zip(*(a.ravel().tolist() for a in (p, g, m, v)), strict=True):
        m1 = beta1 * m1 + (1 - beta1) * dx
        v1 = beta2 * v1 + (1 - beta2) * dx**2
        ahead = (1 - u(step)) * dx / (1 - past) + u(step + 1) * m1 / (1 - past * u(step + 1))
        x -= lr * ahead / (math.sqrt(v1 / (1 - beta2**step)) + epsilon)
        for values, value in zip(new, (x, m1, v1), strict=True):
            values.append(value)
    return tuple(np.reshape(values, p.shape) for values in new)
