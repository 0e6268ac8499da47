"""The checker catches faults that are planted into the backward of every real layer."""

import re

import numpy as np
import pytest
from layer_table import as_tuple, build
from quick_cases import NAMES

from common import gradient_check, gradient_verdict
from common.gradient_check import GradientError, check_gradients
from common.layer import memory, named_params
from common.layers import Affine, Embedding, Softmax
from common.real_differences import Slope
from common.rnn import TimeRNN
from seq2seq import AttentionDecoder, PeekyDecoder

# Nothing flows: no label counts, or the softmax of one score is always 1
NO_GRADIENT = {"SoftmaxWithLoss-all_ignored", "AttentionWeight-T1"}


# Faults in every gradient of every layer


def one_element(g, _):
    """An element of middling size, off by 1%."""
    bad = np.array(g)
    sizes = np.abs(bad[bad != 0])
    if sizes.size:
        bad[np.abs(bad) == np.sort(sizes)[sizes.size // 2]] *= 1.01
    return bad


# gradient, the same without the first step's (or row's) share -> the faulty gradient
FAULTS = {
    "factor 1.0005": lambda g, _: g * 1.0005,
    "sign": lambda g, _: -g,
    "one element 1% off": one_element,
    "left zero": lambda g, _: np.zeros_like(g),
    "first step missing": lambda g, part: part,
}


def without_first(dout):
    dout = np.array(dout)
    dout[(slice(None), 0) if dout.ndim > 2 else (0,) if dout.ndim else ()] = 0
    return dout


def plant(layer, fault, targets):
    """Put the fault into these gradients, each ("grads" or "inputs", index); the set of those that it changes."""
    cls, changed = type(layer), set()

    def backward(self, *douts):
        dins = as_tuple(cls.backward(self, *map(without_first, douts)))
        parts = {"grads": [g.copy() for g in self.grads], "inputs": [d.copy() for d in dins]}
        dins = list(as_tuple(cls.backward(self, *douts)))
        for kind, i in targets:
            gradients = self.grads if kind == "grads" else dins
            good = gradients[i].copy()
            bad = fault(good, parts[kind][i])
            if np.abs(bad - good).max() > 1e-8:
                changed.add((kind, i))
            if kind == "grads":
                gradients[i][...] = bad
            else:
                gradients[i] = bad
        return tuple(dins) if dins else None

    layer.__class__ = type(cls.__name__, (cls,), {"backward": backward})
    return changed


def rounds(targets):
    """Parts of ``{target: name}`` with each name once: two faults in a weight that is shared could mask each other."""
    while targets:
        part = {target: name for name, target in {name: target for target, name in targets.items()}.items()}
        yield part
        targets = {target: name for target, name in targets.items() if target not in part}


@pytest.mark.parametrize("name", NAMES)
def test_planted_fault_in_any_gradient_is_caught(name, monkeypatch):
    """The honest gradients stand for the numeric ones, which they equal to 1e-10 by test_gradients.py."""
    judge, honest, said = gradient_check.judge, {}, {}

    def judge_with_honest(trial, key, gradient, _, tolerance):
        verdict = judge(trial, key, gradient, honest.setdefault(key, gradient), tolerance)
        said[key] = verdict.wrong
        return verdict

    monkeypatch.setattr(gradient_check, "complex_step", lambda *_: None)
    monkeypatch.setattr(gradient_check, "roughness", lambda *_: 0.0)
    monkeypatch.setattr(gradient_check, "judge", judge_with_honest)
    monkeypatch.setattr(gradient_verdict, "confirm", lambda *_: (True, ""))
    monkeypatch.setattr(gradient_verdict, "slope_at", lambda *_: Slope(0, np.inf, 0, 0))  # contradicts nothing
    layer, inputs = build(name)
    keys = list(check_gradients(layer, *inputs))
    names = {memory(p): key for key, p in named_params(layer).items()}
    targets = {("grads", i): names[memory(p)] for i, p in enumerate(layer.params)}
    targets |= {("inputs", i): key for i, key in enumerate(keys[len(names) :])}

    planted = 0
    for fault_name, fault in FAULTS.items():
        for part in rounds(targets):
            layer, inputs = build(name)
            changed = plant(layer, fault, part)
            said.clear()
            try:
                check_gradients(layer, *inputs)
                raised = ""
            except GradientError as error:
                raised = str(error)
            assert not changed or any(raised.endswith(text) for text in said.values() if text), raised
            for key in map(part.get, changed):
                assert f"gradient of {key}[" in said[key], f"{fault_name} in {key}: {said[key] or 'not caught'}"
            planted += len(changed)
    assert planted >= 4 or name in NO_GRADIENT


# The mistakes that people make, checked from end to end


class LastOfEqualIds(Embedding):
    def backward(self, dout):
        self.grads[0][...] = 0
        self.grads[0][self.saved()] = dout


class DiagonalSoftmax(Softmax):
    def backward(self, dout):
        return dout * self.cache * (1 - self.cache)


class MeanBias(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads[1][...] = dout.mean(axis=0)
        return dx


class StateForgotten(TimeRNN):
    """The gradient of the state does not reach the step before."""

    def backward(self, dhs):
        steps, hx1, W = self.saved()
        without = W.copy()
        without[:, : len(self.Wh)] = 0
        self.cache = steps, hx1, without
        dxs = super().backward(dhs)
        self.cache = steps, hx1, W
        return dxs


class FirstStateForgotten(AttentionDecoder):
    def backward(self, dscores):
        dhs_enc = super().backward(dscores)
        dhs_enc[:, -1] -= self.lstm.dh
        return dhs_enc


class StartForgotten(PeekyDecoder):
    """The state that every step peeks at was also the LSTM's first."""

    def backward(self, dscores):
        return super().backward(dscores) - self.lstm.dh


@pytest.mark.parametrize(
    ("cls", "name", "key"),
    [
        (LastOfEqualIds, "Embedding-repeated", "W[3, "),
        (DiagonalSoftmax, "Softmax", "input 0["),
        (MeanBias, "Affine", "b["),
        (StateForgotten, "TimeRNN", "b["),
        (FirstStateForgotten, "AttentionDecoder", "input 1["),
        (StartForgotten, "PeekyDecoder", "input 1["),
    ],
)
def test_usual_mistake_is_caught(cls, name, key):
    layer, inputs = build(name)
    layer.__class__ = cls
    with pytest.raises(GradientError, match=rf"^{cls.__name__}: gradient of {re.escape(key)}"):
        check_gradients(layer, *inputs)


def test_weight_that_the_model_does_not_list_is_named():
    model, inputs = build("TiedModel")
    del model.params[-1], model.grads[-1]
    with pytest.raises(GradientError, match=r"affine\.b"):
        check_gradients(model, *inputs)
