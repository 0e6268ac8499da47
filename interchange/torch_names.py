"""Find the parts of a PyTorch model in the names and shapes of its weights.

What a module's attribute is called varies (``rnn``, ``encoder.lstm``, ``module.gru`` of a DataParallel), so parts are
found by the ends of the names, which PyTorch gives (``weight_ih_l0``, ``weight``, ``bias``), and by their shapes.
"""

import re
from collections.abc import Container
from typing import NamedTuple, NoReturn

from interchange.arrays import Arrays, ForeignFileError
from interchange.rows import listed

RECURRENT = re.compile(
    r"(?P<prefix>(?:.*\.)?)(?P<kind>weight|bias)_(?P<what>ih|hh|hr)(?:_l(?P<layer>\d+))?(?P<reverse>_reverse)?"
)
KINDS = {1: "nn.RNN", 3: "nn.GRU", 4: "nn.LSTM"}  # by the number of gates


def refuse(arrays: Arrays, reason: str) -> NoReturn:
    """Raise ForeignFileError with the path of the arrays and the reason."""
    raise ForeignFileError(f"{arrays.path}: {reason}")


class Recurrent(NamedTuple):
    """An nn.LSTM, nn.GRU, nn.RNN, or a cell of these: the prefix of its names, its sizes and options.

    cell: whether its names lack the number of the layer, as those of an nn.LSTMCell do.
    """

    prefix: str
    gates: int
    inputs: int
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    bias: bool = True
    cell: bool = False

    def name(self, weight: str, layer: int = 0, reverse: bool = False) -> str:
        """Return a full name, such as ``rnn.weight_ih_l0_reverse`` for ``weight_ih``."""
        return self.prefix + weight + ("" if self.cell else f"_l{layer}") + ("_reverse" if reverse else "")

    @property
    def about(self) -> str:
        """Its names, its kind and its sizes, for a message."""
        return f"{self.prefix}weight_* ({KINDS.get(self.gates, '?')}, {self.inputs} -> {self.hidden})"


class Table(NamedTuple):
    """The matrix of an nn.Embedding, or of an nn.Linear: its names and shape. bias: "" if it has none."""

    weight: str
    shape: tuple[int, int]
    bias: str = ""

    @property
    def about(self) -> str:
        """Its name and shape, for a message."""
        return f"{self.weight} {self.shape}"


def recurrent_parts(arrays: Arrays) -> list[Recurrent]:
    """Return the recurrent modules. Raises ForeignFileError for one whose sizes do not fit, and for a projection."""
    found: dict[str, list[re.Match]] = {}
    for name in arrays.entries:
        if match := RECURRENT.fullmatch(name):
            found.setdefault(match["prefix"], []).append(match)
    return [_recurrent(arrays, prefix, matches) for prefix, matches in found.items()]


def _recurrent(arrays: Arrays, prefix: str, matches: list[re.Match]) -> Recurrent:
    if projected := [match[0] for match in matches if match["what"] == "hr"]:
        refuse(arrays, f"{projected[0]}: an LSTM with proj_size; the states of ours are not projected")
    weights = [match for match in matches if match["kind"] == "weight"]
    of_input = [match for match in weights if match["what"] == "ih" and match["layer"] in (None, "0")]
    of_state = [match for match in weights if match["what"] == "hh"]
    for what, names in (("weight_ih of the first layer", of_input), ("weight_hh", of_state)):
        if not names:
            refuse(arrays, f"missing {prefix}{what}; found {listed(match[0] for match in matches)}")
    (rows, hidden), (_, inputs) = matrix(arrays, of_state[0][0]), matrix(arrays, of_input[0][0])
    gates, rest = divmod(rows, hidden)
    if rest or gates not in KINDS:
        expected = "(3 * H, H) of an nn.GRU or (4 * H, H) of an nn.LSTM"
        refuse(arrays, f"{of_state[0][0]} is {(rows, hidden)}, expected {expected}")
    return Recurrent(
        prefix,
        gates,
        inputs,
        hidden,
        layers=len({match["layer"] for match in matches}),
        bidirectional=any(match["reverse"] for match in matches),
        bias=any(match["kind"] == "bias" for match in matches),
        cell=of_input[0]["layer"] is None,
    )


def matrix(arrays: Arrays, name: str) -> tuple[int, int]:
    """Return the shape of a matrix. Raises ForeignFileError for another number of axes, and for one of length 0."""
    shape = arrays.entries[name].shape
    if len(shape) != 2 or 0 in shape:
        refuse(arrays, f"{name} is {shape}, expected a matrix")
    return shape


def tables(arrays: Arrays) -> list[Table]:
    """Return all matrices named ``weight``, those of embeddings and linear layers; vectors there are of norms."""
    found = []
    for name, entry in arrays.entries.items():
        prefix, dot, last = name.rpartition(".")
        if last == "weight" and len(entry.shape) == 2:
            bias = f"{prefix}{dot}bias"
            found.append(Table(name, matrix(arrays, name), bias if bias in arrays.entries else ""))
    return found


def the_linear(arrays: Arrays, width: int, outputs: int | None, reads: str, without: Container[str] = ()) -> Table:
    """Return the nn.Linear that reads ``width`` numbers, and has as many outputs if that is known.

    reads: what these numbers are, for messages. without: names of matrices that are known to be something else.
    One with a bias is preferred, because an embedding has none.
    """
    candidates = [t for t in tables(arrays) if t.weight not in without]
    fits = [t for t in candidates if t.shape[1] == width and outputs in (None, t.shape[0])]
    what = f"an nn.Linear ({'K' if outputs is None else outputs}, {width}), which reads {reads}"
    return _the_one(arrays, what, [t for t in fits if t.bias] or fits)


def the_embedding(arrays: Arrays, width: int, without: Container[str] = (), side: str = "") -> Table:
    """Return the nn.Embedding of vectors of ``width`` numbers, on a side (see ``side_of``) if one is given.

    without: as of ``the_linear``. One whose name tells no side serves both; one that tells a side serves that alone,
    because the other's may be tied to the Linear, and left out of the file.
    """
    fits = [t for t in tables(arrays) if t.shape[1] == width and not t.bias and t.weight not in without]
    if side:
        fits = [t for t in fits if side_of(t.weight) == side] or [t for t in fits if not side_of(t.weight)]
    return _the_one(arrays, f"the {side + ' ' if side else ''}nn.Embedding (V, {width})", fits)


def _the_one(arrays: Arrays, what: str, fits: list[Table]) -> Table:
    if len(fits) == 1:
        return fits[0]
    shown = listed((table.about for table in fits or tables(arrays)), "no matrix at all")
    refuse(arrays, f"expected {what}, got {'several' if fits else 'none'}: {shown}")


def side_of(name: str) -> str:
    """Return "encoder" or "decoder" if a part of the name begins like that, else ""; the last such part counts.

    What reads the source is the encoder's, what reads the target the decoder's: src, tgt or trg.
    """
    found = re.findall(r"(?:^|[._])(enc|src|source|dec|tgt|trg|target)", name.lower())
    return "" if not found else "encoder" if found[-1] in ("enc", "src", "source") else "decoder"


def one_bidirectional(arrays: Arrays, kind: str) -> Recurrent:
    """Return the only recurrent module. Raises ForeignFileError for several, another kind, and a single direction."""
    parts = recurrent_parts(arrays)
    if len(parts) != 1:
        shown = listed((part.about for part in parts), f"none in {listed(arrays)}", "; ")
        refuse(arrays, f"expected one {kind}, got {shown}")
    if KINDS[parts[0].gates] != kind:
        refuse(arrays, f"expected an {kind}, got {parts[0].about}")
    if not parts[0].bidirectional:
        refuse(arrays, f"{parts[0].about} reads in one direction; expected bidirectional=True, as ours")
    return parts[0]


def without_bias(*parts: Recurrent | Table) -> list[str]:
    """Return a note for each of the parts that has no bias."""
    return [f"{part.about}: no bias (bias=False); here it is 0, which is the same" for part in parts if not part.bias]
