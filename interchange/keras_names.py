"""Where the variables of a layer are in a file of Keras: ``layers/dense_1/vars/0``, or ``dense_1/kernel``.

Layers are found by their class, or by the names of their variables, never by their own names, which users choose.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from interchange.arrays import Arrays, ForeignFileError
from interchange.rows import listed

# the class of a layer with its counter, a direction of a Bidirectional, the number of a variable
NUMBERED = re.compile(
    r"(?:.*/)?(embedding|seq_self_attention|bidirectional|dense)(?:_(\d+))?"
    r"(?:/(forward|backward)_layer)?(?:/cell)?/vars/\d+"
)
ATTENTION = re.compile(r".+_((?:Add|Mul)_(?:Wt|Wx|bh|Wa|ba))")
RECURRENT = "kernel", "recurrent_kernel", "bias"
KINDS = {
    "embedding": "Embedding",
    "seq_self_attention": "SeqSelfAttention",
    "forward": "Bidirectional, forward",
    "backward": "Bidirectional, backward",
    "dense": "Dense",
}


class Group(NamedTuple):
    """The variables of a layer, or of one direction of it: ``spelled`` in the file, by variable, or numbered."""

    path: str
    spelled: Mapping[str, str] = {}

    def names(self, *variables: str) -> list[str]:
        """Return the names in the file; variables: all of the layer, in the order in which Keras makes them."""
        if self.spelled:
            return [self.spelled.get(variable, f"{self.path}/{variable}") for variable in variables]
        return [f"{self.path}/vars/{number}" for number in range(len(variables))]


class LayersToWrite:
    """The layers in the files that we write: as Keras 3 counts them, by class and in the order of the model."""

    def group(self, kind: str, number: int = 0) -> Group:
        layer = "bidirectional" if kind in ("forward", "backward") else kind
        cell = {"lstm": "/cell", "forward": "/forward_layer/cell", "backward": "/backward_layer/cell"}.get(kind, "")
        return Group(f"layers/{layer}{f'_{number}' if number else ''}{cell}")


class LayersInFile:
    """The layers in a file, by kind and in the order of the model, and the shapes of their variables.

    Raises ForeignFileError where a layer, or an array, is not there.
    """

    def __init__(self, arrays: Arrays):
        self.arrays = arrays
        numbered, spelled = set(), dict[tuple[str, str], dict[str, str]]()
        for name in arrays:
            path, _, last = name.rpartition("/")
            if found := NUMBERED.fullmatch(name):
                layer, number, direction = found.groups()
                numbered.add((direction or layer, int(number or 0), path.removesuffix("/vars")))
            elif last == "embeddings":
                spelled.setdefault(("embedding", path), {})[last] = name
            elif found := ATTENTION.fullmatch(last):
                spelled.setdefault(("seq_self_attention", path), {})[found[1]] = name
            elif last in RECURRENT:
                kind = self._direction(path) if f"{path}/recurrent_kernel" in arrays.entries else "dense"
                spelled.setdefault((kind, path), {})[last] = name
        self.groups: dict[str, list[Group]] = {}
        for kind, _, path in sorted(numbered):
            self.groups.setdefault(kind, []).append(Group(path))
        for (kind, path), variables in spelled.items():
            self.groups.setdefault(kind, []).append(Group(path, variables))

    @staticmethod
    def _direction(path: str) -> str:
        """Return the direction of a recurrent layer: the word that Bidirectional puts in front of its name, or ""."""
        starts = [part.split("_")[0] for part in path.split("/")[1:] if "_" in part]
        return next((start for start in reversed(starts) if start in ("forward", "backward")), "")

    def group(self, kind: str, number: int = 0) -> Group:
        groups = self.groups.get(kind, [])
        if number < len(groups):
            return groups[number]
        which = f"{KINDS[kind]} {number + 1}" if number else KINDS[kind]
        raise ForeignFileError(
            f"{self.arrays.path}: expected the variables of a layer {which}, got {listed(self.arrays)}"
        )

    def arrange(self, layers: list[str]) -> None:
        """Put layers that are spelled into the order of their names in a config; numbers are in order already."""
        place = {name: number for number, name in enumerate(layers)}
        for groups in self.groups.values():
            if groups[0].spelled:
                groups.sort(key=lambda group: min(place.get(part, len(place)) for part in group.path.split("/")))

    def shape(self, name: str) -> tuple[int, int]:
        entry = self.arrays.entries.get(name)
        if entry is None or len(entry.shape) != 2 or 0 in entry.shape:
            got = "nothing" if entry is None else entry.shape
            raise ForeignFileError(f"{self.arrays.path}: {name}: expected a matrix, got {got}")
        return entry.shape[0], entry.shape[1]

    def sizes(self) -> tuple[int, int, int]:
        """Return V, D and H, from the Embedding and the first Bidirectional."""
        V, D = self.shape(*self.group("embedding").names("embeddings"))
        return V, D, self.shape(self.group("forward").names(*RECURRENT)[1])[0]

    def attention(self) -> dict[str, bool | str]:
        """Return those arguments of a SeqSelfAttention that show in its variables."""
        group = self.group("seq_self_attention")
        if group.spelled:
            has = set(group.spelled)
            additive, bh, ba = "Add_Wt" in has, "Add_bh" in has, bool({"Add_ba", "Mul_ba"} & has)
        else:
            numbers = [f"{group.path}/vars/{number}" for number in range(5)]
            axes = [len(self.arrays.entries[name].shape) for name in numbers if name in self.arrays.entries]
            additive, bh, ba = len(axes) > 2, axes[2:3] == [1], len(axes) > 1 and axes[-1] == 1
        kind = "additive" if additive else "multiplicative"
        return {"attention_type": kind, "use_additive_bias": bh or not additive, "use_attention_bias": ba}
