"""What every layer shares, and the walk over a model's parts.

Shape legend, used everywhere:
    N batch   T time (T_enc, T_dec)   D input or embedding   H hidden   V vocabulary
    public arrays are (N, T, ...); a mask is bool (N, T), True where real

The protocol, for layers of ours and of the reader's:
    params, grads   lists of arrays in the same order; filled in place, never rebound
    forward         keeps what backward needs in ``cache``
    backward        reads the cache, overwrites grads, returns the gradient of the input
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from common.functions import expect_array, expect_mask
from common.np import np
from support.array import Array


class Layer:
    """Base of the layers: ``params``, ``grads`` (zeros at first) and ``cache``.

    A subclass calls ``super().__init__(W, b)`` with its own arrays, or ``super().__init__()``
    and then ``self.own(layer, ...)`` when it is made of other layers. Arrays kept as
    attributes (``self.W``) get their names from them.
    """

    def __init__(self, *params: Array):
        self.params = list(params)
        self.grads = [np.zeros_like(p, order="C") for p in params]
        self.cache = None
        self.kept: dict[str, Array] = {}

    def own(self, *layers) -> None:
        """Append the parameters and gradients of the given parts to this layer's."""
        for layer in layers:
            self.params += layer.params
            self.grads += layer.grads

    def saved(self):
        """What the last forward kept. Raises RuntimeError when there was none."""
        if self.cache is None:
            raise RuntimeError(f"{type(self).__name__}: backward was called before forward")
        return self.cache

    def work(self, name: str, *shape: int) -> Array:
        """An array for use inside the layer, in the dtype of its weights, with whatever was last in it.

        Its memory is kept for the next call of the same name: fresh arrays of megabytes are slow. So it may be
        cached, but never returned: what a layer returned must not change under its caller's hands.
        """
        size, dtype = math.prod(shape), self.params[0].dtype
        kept = self.kept.get(name)
        if kept is None or kept.size < size or kept.dtype != dtype:
            kept = self.kept[name] = np.empty(size, dtype=dtype)
        return kept[:size].reshape(shape)

    def expect(self, what: str, array: Array, *shape: int | None) -> None:
        """Raise ValueError unless it is an array of this shape, where None allows any length."""
        expect_array(type(self).__name__, what, array, shape)

    def expect_mask(self, mask: Array | None, N: int, T: int) -> None:
        """Raise ValueError unless mask is None or bool (N, T): ids would pass for a mask."""
        if mask is not None:
            expect_mask(type(self).__name__, mask, (N, T))


def memory(array: Array) -> tuple:
    """Identity of a parameter: the memory it looks at. W and W.T have the same, equal copies have not."""
    interface = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    axes = list(zip(array.strides, array.shape, strict=True))
    return interface["data"][0], *(sorted(axes) if len(axes) == 2 else axes)


def same_axes(a: Array, b: Array) -> bool:
    """Of two arrays with the same ``memory``: True when they are alike, False when one is the other's transpose."""
    return (a.shape, a.strides) == (b.shape, b.strides)


def remove_duplicate(params: list[Array], grads: list[Array]) -> tuple[list[Array], list[Array]]:
    """Merge shared weights: each parameter once, with the sum of its gradients.

    Shared means the same memory, as it is or transposed (``W`` and ``W.T``), never equal values.
    The sum of several gradients is a new array: the lists given, and the arrays in them, stay as they are.
    Source: 『ゼロから作るDeep Learning 2』 6.5.3 (weight tying).
    """
    uses: dict[tuple, dict[int, tuple[Array, Array]]] = {}
    for param, grad in zip(params, grads, strict=True):
        uses.setdefault(memory(param), {}).setdefault(id(grad), (param, grad))  # one listed twice counts once
    merged = []
    for (first, total), *others in (of_one.values() for of_one in uses.values()):
        for param, grad in others:
            total = total + (grad if same_axes(first, param) else grad.T)
        merged.append((first, total))
    return [p for p, _ in merged], [g for _, g in merged]


def _join(path: str, key) -> str:
    return f"{path}.{key}" if path else str(key)


def walk(model) -> Iterator[tuple[str, object]]:
    """Yield ``(path, part)`` for the model and every part with ``params``, each once, in attribute order.

    The path is that of the attributes, through lists, tuples and dicts; the model's own is empty.
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
    # An array is named by the attribute that holds it; one that is nobody's attribute, by its place in
    # the shortest list that has it: a layer's own, not its model's. Parts whose gradients are not the
    # model's, such as the steps that an unrolled layer makes in forward, name nothing.
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
    """Parameters by name, each once, in the order of ``model.params``.

    A name is the attribute path (``encoder.lstm.Wh``), through lists (``layers.0.W``); an array that
    is nobody's attribute is named by its place (``encoder.lstm.params.1``). Works for any object with
    ``params`` and ``grads``, whether or not it is a Layer.
    """
    return {name: param for name, (param, _) in _named(model).items()}


def named_grads(model) -> dict[str, Array]:
    """Gradients by the names of ``named_params``; a shared weight shows the gradient of its first use."""
    return {name: grad for name, (_, grad) in _named(model).items()}


def set_train_flg(model, train_flg: bool) -> None:
    """Switch every part of the model that knows the difference (Dropout) to training or to inference."""
    for _, part in walk(model):
        if hasattr(part, "train_flg"):
            part.train_flg = train_flg


def forget(model) -> None:
    """Free what the layers keep from their last call, work arrays included; backward then needs a new forward."""
    for _, part in walk(model):
        if isinstance(part, Layer):
            part.cache = None
            part.kept.clear()


@contextmanager
def inference(model) -> Iterator[None]:
    """``with inference(model):`` the model infers, and is afterwards as it was."""
    before = [(part, part.train_flg) for _, part in walk(model) if hasattr(part, "train_flg")]
    set_train_flg(model, False)
    try:
        yield
    finally:
        for part, train_flg in before:
            part.train_flg = train_flg


def summary(model) -> str:
    """A table of the model's parameters: name, shape, count; and the total. A shared weight counts once."""
    rows = [(name, str(p.shape), f"{p.size:,}") for name, p in named_params(model).items()]
    total = sum(p.size for p in named_params(model).values())
    rows = [("name", "shape", "parameters"), *rows, ("total", "", f"{total:,}")]
    wide = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{n:<{wide[0]}}  {s:<{wide[1]}}  {c:>{wide[2]}}" for n, s, c in rows]
    rule = "-" * len(lines[0])
    return "\n".join([type(model).__name__, lines[0], rule, *lines[1:-1], rule, lines[-1]])
