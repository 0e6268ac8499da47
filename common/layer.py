"""The base class of layers, and functions that walk over the parts of a model.

Shape legend, used everywhere:
    N batch   T time (T_enc, T_dec)   D input or embedding   H hidden   V vocabulary
    public arrays are (N, T, ...); a mask is bool (N, T), True where real

The protocol, for these layers and for your own:
    params, grads   lists of arrays in the same order; filled in place, never rebound
    forward         keeps what backward needs in ``cache``
    backward        reads the cache, overwrites grads, returns the gradient of the input
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from common.functions import expect_array, expect_mask
from common.np import np
from support.array import Array


class Part(Protocol):
    """Anything with parameters: a layer, a model, or any other object with both lists."""

    params: list[Array]
    grads: list[Array]


class Layer:
    """Base class of the layers, with ``params``, ``grads`` (zeros at first) and ``cache``.

    A subclass calls ``super().__init__(W, b)`` with its own arrays, or, if it consists of other layers,
    ``super().__init__()`` and then ``self.own(layer, ...)``. An array kept as an attribute (``self.W``)
    is named after it.
    """

    forward: Callable[..., Any]  # the subclass defines both
    backward: Callable[..., Any]

    def __init__(self, *params: Array):
        self.params = list(params)
        self.grads = [np.zeros(p.shape, dtype=p.dtype) for p in params]  # memory is not taken up before it is written
        self.cache: Any = None
        self.kept: dict[str, Array] = {}

    def own(self, *layers: Part) -> None:
        """Append the parameters and gradients of the given parts to this layer's."""
        for layer in layers:
            self.params += layer.params
            self.grads += layer.grads

    def saved(self) -> Any:
        """Return what the last forward kept. Raises RuntimeError before the first forward."""
        if self.cache is None:
            raise RuntimeError(f"{type(self).__name__}: backward was called before forward")
        return self.cache

    def work(self, name: str, *shape: int) -> Array:
        """Return an array for use inside the layer, in the dtype of its weights, with its old contents.

        The memory is kept for the next call with the same name, because allocating megabytes is slow. The array may be
        cached but never returned: a later call must not change an array that the caller already has.
        """
        size, dtype = math.prod(shape), self.params[0].dtype
        kept = self.kept.get(name)
        if kept is None or kept.size < size or kept.dtype != dtype:
            kept = self.kept[name] = np.empty(size, dtype=dtype)
        return kept[:size].reshape(shape)

    def expect(self, what: str, array: Array, *shape: int | None) -> None:
        """Raise ValueError unless ``array`` is an array of this shape; None allows any length."""
        expect_array(type(self).__name__, what, array, shape)

    def expect_mask(self, mask: Array | None, N: int, T: int) -> None:
        """Raise ValueError unless mask is None or bool (N, T): ids would pass for a mask."""
        if mask is not None:
            expect_mask(type(self).__name__, mask, (N, T))


def memory(array: Array) -> tuple:
    """Identify a parameter by the memory it views: the same for W and W.T, different for equal copies."""
    interface = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    axes = list(zip(array.strides, array.shape, strict=True))
    return interface["data"][0], *(sorted(axes) if len(axes) == 2 else axes)


def same_axes(a: Array, b: Array) -> bool:
    """Tell whether two views of the same ``memory`` have the same axes; if not, one is the other's transpose."""
    return (a.shape, a.strides) == (b.shape, b.strides)


def remove_duplicate(params: list[Array], grads: list[Array]) -> tuple[list[Array], list[Array]]:
    """Merge shared weights: each parameter once, with the sum of its gradients.

    Shared weights view the same memory, as it is or transposed (``W`` and ``W.T``); equal values do not count.
    The sum of several gradients is a new array: the given lists and their arrays stay as they are.
    Source: 『ゼロから作るDeep Learning 2』 6.5.3 (weight tying).
    """
    uses: dict[tuple, dict[int, tuple[Array, Array]]] = {}
    for param, grad in zip(params, grads, strict=True):
        uses.setdefault(memory(param), {}).setdefault(id(grad), (param, grad))  # a pair listed twice counts once
    merged = []
    for (first, total), *others in (of_one.values() for of_one in uses.values()):
        for param, grad in others:
            total = total + (grad if same_axes(first, param) else grad.T)
        merged.append((first, total))
    return [p for p, _ in merged], [g for _, g in merged]


def _join(path: str, key) -> str:
    return f"{path}.{key}" if path else str(key)


def walk(model) -> Iterator[tuple[str, Part]]:
    """Yield ``(path, part)`` for the model and every part with ``params``, each once, in attribute order.

    A path joins attribute names, and goes through lists, tuples and dicts; the model's own path is empty.
    """
    seen = set()

    def visit(path, part):
        if id(part) in seen:
            return
        seen.add(id(part))
        if hasattr(part, "params"):
            yield path, part
            children = getattr(part, "__dict__", {}).items()
        elif isinstance(part, (list, tuple)):
            children = enumerate(part)
        elif isinstance(part, dict):
            children = part.items()
        else:
            return
        for key, child in children:
            if key not in ("params", "grads", "cache", "kept"):
                yield from visit(_join(path, key), child)

    yield from visit("", model)


def _named(model) -> dict[str, tuple[Array, Array]]:
    parts = list(walk(model))
    found: dict[tuple, tuple[str, Array, Array]] = {}
    # An array is named after the attribute that holds it; without one, after its place in the shortest
    # list that contains it, which is the layer's rather than the model's. Parts whose gradients are not the
    # model's, such as the steps that an unrolled layer creates in forward, give no names.
    used = {id(grad) for grad in getattr(model, "grads", [])}
    for path, part in parts:
        attributes = {id(value): key for key, value in getattr(part, "__dict__", {}).items()}
        for param, grad in zip(part.params, part.grads, strict=True):
            if id(param) in attributes and id(grad) in used:
                found.setdefault(memory(param), (_join(path, attributes[id(param)]), param, grad))
    for path, part in sorted(reversed(parts), key=lambda item: len(item[1].params)):
        for i, (param, grad) in enumerate(zip(part.params, part.grads, strict=True)):
            if id(grad) in used:
                found.setdefault(memory(param), (_join(path, f"params.{i}"), param, grad))
    in_order = {memory(p): found[memory(p)] for p in getattr(model, "params", [])} | found
    named = {name: (param, grad) for name, param, grad in in_order.values()}
    if len(named) < len(in_order):
        raise ValueError(f"{type(model).__name__}: two parameters have the same path; rename one of its parts")
    return named


def named_params(model) -> dict[str, Array]:
    """Return the parameters by name, each once, in the order of ``model.params``.

    A name is the attribute path (``encoder.lstm.Wh``), through lists (``layers.0.W``); an array without
    an attribute is named after its place (``encoder.lstm.params.1``). Works for any object with
    ``params`` and ``grads``, whether or not it is a Layer.
    """
    return {name: param for name, (param, _) in _named(model).items()}


def named_grads(model) -> dict[str, Array]:
    """Return the gradients by the names of ``named_params``; a shared weight shows the gradient of its first use."""
    return {name: grad for name, (_, grad) in _named(model).items()}


def set_train_flg(model, train_flg: bool) -> None:
    """Switch every part of the model that has a ``train_flg`` (Dropout) to training or to inference."""
    for _, part in walk(model):
        if hasattr(part, "train_flg"):
            part.train_flg = train_flg


def forget(model) -> None:
    """Free all that layers keep from their last call, including work arrays; backward then needs a new forward."""
    for _, part in walk(model):
        if isinstance(part, Layer):
            part.cache = None
            part.kept.clear()


@contextmanager
def inference(model) -> Iterator[None]:
    """Switch the model to inference for the block of ``with inference(model):``, then restore its previous mode."""
    before = [(part, part.train_flg) for _, part in walk(model) if hasattr(part, "train_flg")]
    set_train_flg(model, False)
    try:
        yield
    finally:
        for part, train_flg in before:
            part.train_flg = train_flg


def summary(model) -> str:
    """Return a table of the parameters (name, shape, count) with the total. A shared weight counts once."""
    rows = [(name, str(p.shape), f"{p.size:,}") for name, p in named_params(model).items()]
    total = sum(p.size for p in named_params(model).values())
    rows = [("name", "shape", "parameters"), *rows, ("total", "", f"{total:,}")]
    wide = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{n:<{wide[0]}}  {s:<{wide[1]}}  {c:>{wide[2]}}" for n, s, c in rows]
    rule = "-" * len(lines[0])
    return "\n".join([type(model).__name__, lines[0], rule, *lines[1:-1], rule, lines[-1]])
