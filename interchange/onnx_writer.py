"""What writes the answers of a model of dates in ONNX, a character at a time: see ``onnx_dates``."""

from collections.abc import Callable
from typing import NamedTuple

from interchange.onnx_graph import Graph


class State(NamedTuple):
    """What one step of a decoder leaves to the next: its name, the tensor before the first step, its axes.

    after: its axes after a step, if they are others.
    """

    name: str
    first: str
    shape: tuple[int | str, ...]
    after: tuple[int | str, ...] = ()

    @property
    def shape_after(self) -> tuple[int | str, ...]:
        return self.after or self.shape


class Writer(NamedTuple):
    """A decoder whose encoder has read the question.

    step: builds one step from the graph of the step, the embedded characters (1, N, D), the number of the step and the
    states. It returns what the last Affine reads (N, ...), the states after it, and where each answer looked (N, *maps,
    T_enc), or "". maps: the axes of these maps between N and T_enc; None where there are no maps.
    """

    states: list[State]
    step: Callable[[Graph, str, str, list[str]], tuple[str, list[str], str]]
    maps: tuple[int, ...] | None
