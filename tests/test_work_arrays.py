"""Layers keep work arrays from call to call: nobody outside ever notices.

What a call returned is the caller's for good, what the arrays hold at the start of a call has no influence on it, and
a call of another size neither.
"""

import numpy as np
import pytest
from layer_table import CASES, D, Draw, H, V, as_tuple, build, lively, unshared, upstream
from recurrent_table import GATES, TIME_OF, WithConstant, WithMask, WithPrefixes, WithState, reset_after

from classifier import GRUClassifier, SeqSelfClassifier
from common.layer import walk
from common.steps import Prefixes
from common.time_layers import TimeBiGRU, TimeBiLSTM, TimeGRU, TimeLSTM
from seq2seq import (
    AttentionDecoder,
    AttentionEncoder,
    AttentionSeq2seq,
    Decoder,
    Encoder,
    PeekyDecoder,
    PeekySeq2seq,
    Seq2seq,
)

SIZES = [(5, 6), (2, 3), (9, 7), (3, 1), (1, 4), (5, 6)]  # N, T: large, small, larger, ...
AFTER_FORWARD, AFTER_BACKWARD = ("h", "c", "attention_weight", "attention_weights"), ("dh", "dc")

# name: (a function of a Draw -> a layer, a function of a Draw, N and T -> inputs)
SIZED = {
    "TimeBiLSTM": (lambda r: TimeBiLSTM(*r.weights(4), *r.weights(4)), lambda r, n, t: [r(n, t, D)]),
    "TimeBiGRU-mask": (lambda r: reset_after(TimeBiGRU, r), lambda r, n, t: [r(n, t, D), r.ids(n, t, below=3) > 0]),
    "TimeGRU-reset_after": (lambda r: reset_after(TimeGRU, r), lambda r, n, t: [r(n, t, D)]),
    "TimeLSTM-constant": (
        lambda r: WithConstant(TimeLSTM(*r.weights(4, 2 + D), stateful=True)),
        lambda r, n, t: [r(n, t, D), r(n, 2), r(n, H), r(n, H)],
    ),
    "Encoder-unshared": (lambda r: unshared(lively(Encoder, r, V, D, H)), lambda r, n, t: [r.ids(n, t)]),
    "AttentionDecoder": (
        lambda r: lively(AttentionDecoder, r, V, D, H),
        lambda r, n, t: [r.ids(n, t), r(n, t + 2, H)],
    ),
}
for _cls in TIME_OF:
    SIZED[_cls.__name__] = lambda r, cls=_cls: cls(*r.weights(GATES[cls])), lambda r, n, t: [r(n, t, D)]
    SIZED[f"{_cls.__name__}-state"] = (
        lambda r, cls=_cls: WithState(cls(*r.weights(GATES[cls]), stateful=True)),
        lambda r, n, t, cls=_cls: [r(n, t, D), r(n, H), *([r(n, H)] if cls is TimeLSTM else [])],
    )
    SIZED[f"{_cls.__name__}-prefixes"] = (
        lambda r, cls=_cls: WithPrefixes(cls(*r.weights(GATES[cls]))),
        lambda r, n, t: (lambda ids: [r(Prefixes(ids).rows, D), ids])(r.ids(n, t, below=3)),
    )
    SIZED[f"{_cls.__name__}-mask"] = (
        lambda r, cls=_cls: WithMask(cls(*r.weights(GATES[cls]))),
        lambda r, n, t: [r(n, t, D), r.ids(n, t, below=3) > 0],
    )
for _cls in (Encoder, AttentionEncoder):
    SIZED[_cls.__name__] = lambda r, cls=_cls: lively(cls, r, V, D, H), lambda r, n, t: [r.ids(n, t, below=3)]
for _cls in (Decoder, PeekyDecoder):
    SIZED[_cls.__name__] = lambda r, cls=_cls: lively(cls, r, V, D, H), lambda r, n, t: [r.ids(n, t), r(n, H)]
for _cls in (Seq2seq, PeekySeq2seq, AttentionSeq2seq):
    SIZED[_cls.__name__] = (
        lambda r, cls=_cls: lively(cls, r, V, D, H),
        lambda r, n, t: [r.ids(n, t, below=3), r.ids(n, t + 3)],
    )
for _cls, _sizes in (GRUClassifier, (2, 0)), (SeqSelfClassifier, (2, 2)):  # layers and no dropout; units and classes
    SIZED[_cls.__name__] = (
        lambda r, cls=_cls, sizes=_sizes: lively(cls, r, V, D, H, *sizes),
        lambda r, n, t: [r.ids(n, t, below=3), r.ids(n, below=2)],
    )


def parts(layer):
    return [part for _, part in walk(layer)]


def kept(layer):
    """The work arrays of all its parts."""
    return [array for part in parts(layer) for array in getattr(part, "kept", {}).values()]


def cached(layer):
    """The arrays that its parts remember for backward."""

    def arrays(x):
        return [x] if isinstance(x, np.ndarray) else [a for y in x for a in arrays(y)] if isinstance(x, tuple) else []

    return [array for part in parts(layer) for array in arrays(getattr(part, "cache", None))]


def public(layer, names):
    found = [getattr(part, name, None) for part in parts(layer) for name in names]
    return [array for array in found if array is not None]


def forth_and_back(layer, inputs, seed=7):
    """All arrays that a forward and a backward hand out, and the gradients' copies."""
    ys = as_tuple(layer.forward(*inputs))
    out = [*ys, *public(layer, AFTER_FORWARD)]
    douts = upstream(ys, seed)
    dins = as_tuple(layer.backward(*douts))
    return [*out, *dins, *public(layer, AFTER_BACKWARD)], [g.copy() for g in layer.grads], douts


def copies(arrays):
    return [np.array(a) for a in arrays]


def same_bits(some, others):
    return len(some) == len(others) and all(
        np.shape(a) == np.shape(b) and np.asarray(a).tobytes() == np.asarray(b).tobytes()
        for a, b in zip(some, others, strict=True)
    )


def calls(name, dtype=np.float64):
    """Inputs of each size in turn, each with its own seed."""
    return [SIZED[name][1](Draw(dtype, seed), n, t) for seed, (n, t) in enumerate(SIZES, 1)]


def fresh(name, dtype=np.float64):
    return SIZED[name][0](Draw(dtype))


def poison(layer):
    for array in kept(layer):
        array.fill(np.nan)


@pytest.mark.parametrize("name", CASES)
def test_later_calls_leave_earlier_outputs_alone(name):
    layer, inputs = build(name)
    handed_out, _, _ = forth_and_back(layer, inputs)
    before = copies(handed_out)
    forth_and_back(layer, build(name, seed=1)[1], seed=8)
    poison(layer)
    assert same_bits(handed_out, before)


@pytest.mark.parametrize("name", SIZED)
def test_later_calls_of_other_sizes_leave_earlier_outputs_alone(name):
    layer = fresh(name)
    handed_out, before = [], []
    for inputs in calls(name):
        handed_out += forth_and_back(layer, inputs)[0]
        before += copies(handed_out[len(before) :])
    poison(layer)
    assert kept(layer)
    assert same_bits(handed_out, before)


@pytest.mark.parametrize("name", CASES)
def test_nothing_handed_out_is_the_layers_own_memory(name):
    layer, inputs = build(name)
    handed_out, _, _ = forth_and_back(layer, inputs)
    own = [*kept(layer), *cached(layer), *layer.params, *layer.grads]
    for array in handed_out:
        assert not any(np.shares_memory(array, memory) for memory in own)


@pytest.mark.parametrize("name", CASES)
def test_editing_an_output_leaves_backward_alone(name):
    """Whoever gets an output may write into it: it is theirs."""
    layer, inputs = build(name)
    handed_out, grads, douts = forth_and_back(layer, inputs)
    dins = copies(as_tuple(layer.backward(*douts)))
    for array in [*handed_out, *public(layer, AFTER_BACKWARD)]:
        if np.shape(array):  # a scalar cannot be written to
            array[...] = 7
    assert same_bits([*as_tuple(layer.backward(*douts)), *layer.grads], [*dins, *grads])


@pytest.mark.parametrize("name", CASES)
def test_what_work_arrays_hold_does_not_matter(name):
    layer, inputs = build(name)
    before = [copies(arrays) for arrays in forth_and_back(layer, inputs)]
    for part in parts(layer):
        if hasattr(part, "rng"):
            part.rng = np.random.default_rng(1)  # as the table makes it
    poison(layer)
    for again, wanted in zip(forth_and_back(layer, inputs), before, strict=True):
        assert same_bits(again, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SIZED)
def test_a_used_layer_computes_what_a_new_one_does(name, dtype):
    """To the last bit, whatever was computed before: larger, smaller, or nan in the work arrays."""
    used, poisoned = fresh(name, dtype), fresh(name, dtype)
    for inputs in calls(name, dtype):
        new = fresh(name, dtype)
        wanted = forth_and_back(new, inputs)
        poison(poisoned)
        for layer in (used, poisoned):
            for got, expected in zip(forth_and_back(layer, inputs), wanted, strict=True):
                assert same_bits(got, expected)
        dins = as_tuple(new.backward(*wanted[2]))
        for layer in (new, used, poisoned):  # once more, on the same cache
            assert same_bits([*as_tuple(layer.backward(*wanted[2])), *layer.grads], [*dins, *wanted[1]])


@pytest.mark.parametrize("name", SIZED)
def test_work_arrays_are_kept(name):
    """They are allocated by the largest call, and by no later one."""
    layer = fresh(name)
    inputs = calls(name)
    for i in (2, 0, 1, 3, 4):
        forth_and_back(layer, inputs[i])
        if i == 2:
            first = kept(layer)
    assert all(a is b for a, b in zip(first, kept(layer), strict=True))


@pytest.mark.parametrize("name", [*CASES, *(f"sized {name}" for name in SIZED)])
def test_float32_throughout(name):
    if name in CASES:
        layer, inputs = build(name, np.float32)
    else:
        layer, inputs = fresh(name[6:], np.float32), calls(name[6:], np.float32)[0]
    handed_out, grads, _ = forth_and_back(layer, inputs)
    given = [id(x) for x in inputs]
    floats = [a for a in cached(layer) if a.dtype.kind == "f" and id(a) not in given]
    assert {np.asarray(a).dtype for a in [*handed_out, *grads, *kept(layer), *floats]} <= {np.dtype(np.float32)}
