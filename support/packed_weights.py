"""Weights for a page, in fewer bytes: float16, or int8 with a scale per row."""

import base64
from collections.abc import Mapping

import numpy as np

PRECISIONS = ("float32", "float16", "int8")


def pack(array: np.ndarray, precision: str = "float32") -> dict:
    """Describe the array for JSON: its shape, its type, and its little-endian bytes as base64.

    A matrix of int8 has ``scales``, float32, one per row: the largest value of each row becomes 127. Vectors of int8
    are float32, as there are few of them. Raises ValueError for values that are not finite in the type.
    """
    kind = "float32" if precision == "int8" and array.ndim == 1 else precision
    held = {"shape": array.shape, "type": kind}
    if kind == "int8":
        values, scales = quantised(array)
        return held | {"base64": _base64(values), "scales": _base64(scales)}
    with np.errstate(over="ignore"):
        values = np.asarray(array, {"float32": "<f4", "float16": "<f2"}[kind])
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite {kind} weights, got nan or inf")
    return held | {"base64": _base64(values)}


def quantised(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a matrix as int8, and the scale of each row, float32: their product is the array, about.

    Raises ValueError for values that are not finite.
    """
    with np.errstate(over="ignore"):
        rows = np.asarray(array, "<f4").reshape(len(array), -1)
    if not np.isfinite(rows).all():
        raise ValueError("expected finite float32 weights, got nan or inf")
    scales = np.asarray(abs(rows).max(axis=1) / 127, "<f4")
    values = np.rint(rows / np.where(scales == 0, 1, scales)[:, None]).astype(np.int8)
    return values.reshape(array.shape), scales


def as_packed(array: np.ndarray, precision: str) -> np.ndarray:
    """Return the float32 values that the page finds in what ``pack`` describes."""
    if precision == "int8" and array.ndim > 1:
        values, scales = quantised(array)
        return values * scales.reshape(-1, *[1] * (array.ndim - 1))
    with np.errstate(over="ignore"):
        return array.astype(np.float16 if precision == "float16" else np.float32).astype(np.float32)


def size(arrays: Mapping[str, np.ndarray], precision: str) -> int:
    """Return about how many bytes of base64 the arrays take."""
    width = {"float32": 4, "float16": 2, "int8": 1}[precision]
    return sum(array.size for array in arrays.values()) * width * 4 // 3


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()
