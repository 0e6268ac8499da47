"""An ONNX graph while it is built: nodes in their order, weights by name. Tensors are passed around by their names."""

from typing import Any

import numpy as np

from common.util import to_cpu
from interchange.packages import require
from support.array import Array

OPSET, IR_VERSION = 17, 8  # both of onnx 1.12: it has all that our models need, and onnxruntime reads it from 1.13 on
LARGEST = 2**31 - 2**20  # bytes of weights: protobuf refuses files of 2 GB, and the nodes need some, too


class Graph:
    """The nodes of a graph, its inputs and outputs, and the weights that they read, in float32 or integers.

    around: the graph in whose node this one stands, as the body of a loop does; it may read all that comes before.
    """

    def __init__(self, name: str, around: "Graph | None" = None):
        self.name, self.onnx = name, require("onnx")
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.weights: dict[str, Any] = {} if around is None else around.weights
        self.names: set[str] = set() if around is None else around.names

    def _declare(self, name: str, dtype, shape: tuple, about: str) -> Any:
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, shape, about)

    def input(self, name: str, dtype, *shape: int | str, about: str = "") -> str:
        """Declare an input. shape: a number, or a name for any length."""
        self.inputs.append(self._declare(name, dtype, shape, about))
        self.names.add(name)
        return name

    def output(self, name: str, tensor: str, dtype, *shape: int | str, about: str = "") -> None:
        """Declare the tensor an output, under that name."""
        self.outputs.append(self._declare(self.add("Identity", tensor, name=name), dtype, shape, about))

    def weight(self, name: str, array: Array, dtype=np.float32) -> str:
        """Add an array: of floating-point numbers in ``dtype``, or of integers or bools as they are.

        Raises ValueError for a number that is not finite, in float32.
        """
        array = to_cpu(array)
        if array.dtype.kind == "f" and array.dtype != dtype:
            with np.errstate(over="ignore"):
                array = array.astype(dtype)
        if array.dtype.kind not in "fib" or not np.isfinite(array).all():
            raise ValueError(f"{name}: expected numbers that are finite in float32, got others")
        if name not in self.weights:
            self.weights[name] = self.onnx.numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def number(self, value: int | float | list[int]) -> str:
        """Add a number, or a list of them, as a constant: int64, or float32 for a float."""
        array = np.array(value, dtype=np.float32 if isinstance(value, float) else np.int64)
        return self.weight(f"{array.dtype} {value}", array)

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Append a node with one output; return its name. An input of "" is left out."""
        return self.add_several(op, *inputs, outputs=1, name=name, **attributes)[0]

    def add_several(self, op: str, *inputs: str, outputs: int, name: str = "", **attributes: Any) -> tuple[str, ...]:
        """Append a node with several outputs; return their names, the first of which is the node's."""
        stem = name or f"{self.name}.{op}"
        name = stem if name and stem not in self.names else self._new(stem)
        tensors = (name, *(f"{name}.{k}" for k in range(1, outputs)))
        self.names.update(tensors)
        self.nodes.append(self.onnx.helper.make_node(op, inputs, tensors, name=name, **attributes))
        return tensors

    def _new(self, stem: str) -> str:
        return next(name for k in range(1, len(self.names) + 2) if (name := f"{stem}_{k}") not in self.names)

    def to_proto(self, about: str = "", *, with_weights: bool = True) -> Any:
        """Return the GraphProto. The weights of a body belong to the graph around it."""
        weights = list(self.weights.values()) if with_weights else []
        return self.onnx.helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, weights, about)
