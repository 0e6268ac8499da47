"""PyTorch's ``.pt`` and ``.pth``, read by PyTorch's weights-only reader, where it is installed. No pickle code runs."""

import io
import json
import math
import os
import pickletools
import re
import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from interchange.arrays import Arrays, Entry
from interchange.packages import require
from interchange.spans import TIED
from interchange.zip_members import Member
from interchange.zip_members import read as read_member
from support.install import TORCH

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # of PyTorch's format before 1.6: several pickles, then bytes
STATE_DICTS = "state_dict", "model_state_dict", "model"  # under which a checkpoint has one
OPTIMIZERS = "optimizer", "optimizer_state_dict"
# All that a state_dict may name; PyTorch's reader allows more than that.
SAFE = re.compile(
    r"collections OrderedDict|torch._utils _rebuild_(parameter|tensor_v[23])|torch (\w+Storage|Size)"
    r"|torch.storage UntypedStorage|torch b?(float|u?int)\d+\w*"
)
MOST = 2**16  # arrays of an optimizer, and parameters
CONVERT = f"""python -c "import sys, torch; from safetensors.torch import save_file; \
d = torch.load(sys.argv[1], weights_only=True, map_location='cpu'); \
d = next((d[k] for k in {STATE_DICTS} if isinstance(d.get(k), dict)), d); \
save_file({{k: v.clone().contiguous() for k, v in d.items()}}, sys.argv[1] + '.safetensors')" FILE"""


def read(path: str, members: dict[str, Member] | None) -> Arrays:
    """Return the arrays of a ``state_dict``, or of a checkpoint that has one; members: of the zip, if it is one.

    The optimizer's arrays are called ``state.<i>.<slot>``, such as ``state.0.exp_avg``; ``metadata["param_groups"]`` is
    JSON. bfloat16 and float16 come as float32. ValueError for all else, with what to do where it was made.
    """
    if members is None:
        with open(path, "rb") as file:
            for _ in range(5):  # magic number, protocol, system, the object, keys of the bytes
                _check(file)
    else:
        pickles = [member for name, member in members.items() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("more than one data.pkl is in it")
        _check(io.BytesIO(read_member(path, pickles[0])))
    try:
        torch = require("torch")
    except ImportError:
        raise ValueError(
            f"PyTorch, which reads such files, is not installed; to install it: {TORCH}; or convert the file where "
            f"PyTorch is: {CONVERT}"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its own classes
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=members is not None)
    except Exception as error:  # of a damaged file: of any kind
        raise ValueError(f"PyTorch cannot read it: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(content, dict):
        raise ValueError(f"expected a state_dict, got {type(content).__name__}")
    state = next((content[key] for key in STATE_DICTS if isinstance(content.get(key), Mapping)), content)
    if not all(isinstance(name, str) for name in state):
        raise ValueError("it holds a dict whose keys are not names; save model.state_dict()")
    tensors = dict(state)
    slots, metadata = _optimizer(next((content[key] for key in OPTIMIZERS if key in content), {}))
    size = TIED * os.path.getsize(path)  # what is tied counts more than once
    if sum(t.numel() * t.element_size() for t in [*tensors.values(), *slots.values()] if torch.is_tensor(t)) > size:
        raise ValueError(f"more than {size} bytes of arrays are declared, {TIED} times the file")
    optimizer = Arrays(path, _entries(torch, slots), metadata=metadata) if slots or metadata else None
    return Arrays(path, _entries(torch, tensors), optimizer=optimizer)


def _check(file: BinaryIO) -> None:
    """Raise ValueError for a pickle that names anything but what tensors are made of; it is not run."""
    try:
        names = [str(value) for code, value, _ in pickletools.genops(file) if code.name in ("GLOBAL", "INST")]
    except Exception as error:  # pickletools checks little
        raise ValueError(f"a damaged pickle, or none: {' '.join(str(error).split())[:200]}") from error
    for name in names:
        if not SAFE.fullmatch(name):
            raise ValueError(
                f"it holds more than plain tensors ({name[:200]!r}), and making that would run code; "
                "where the file was made: torch.save(model.state_dict(), FILE)"
            )


def _optimizer(state: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the slots by name, and the metadata. What a pickle shares is small in the file, and large when written."""
    if not isinstance(state, Mapping) or "param_groups" not in state:
        return {}, {}
    try:
        if sum(len(values) for values in state["state"].values()) > MOST:
            raise ValueError(f"more than {MOST} arrays of an optimizer are declared")
        slots = {
            f"state.{i:d}.{slot:s}": value if hasattr(value, "numel") else np.asarray(value)
            for i, values in state["state"].items()
            for slot, value in values.items()
            if value is not None
        }
        lists = [v for group in state["param_groups"] for v in group.values() if isinstance(v, (list, tuple))]
        if sum(map(len, lists)) > MOST:
            raise ValueError(f"more than {MOST} parameters of an optimizer are declared")
        groups = [{f"{name:s}": _plain(value) for name, value in group.items()} for group in state["param_groups"]]
        return slots, {"param_groups": json.dumps(groups)}
    except (AttributeError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"an optimizer's state that is not PyTorch's: {' '.join(str(error).split())[:200]}") from error


def _plain(value: Any, *, inner: bool = False) -> Any:
    """Return a number, a text, None, or a list of these, as JSON has them."""
    if isinstance(value, (list, tuple)) and not inner:
        return [_plain(each, inner=True) for each in value]
    if hasattr(value, "item"):  # a learning rate may be a tensor
        return value.item()
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"{type(value).__name__} among its numbers")
    return value


def _entries(torch: Any, tensors: dict[str, Any]) -> dict[str, Entry]:
    return {name: _entry(torch, name, tensor) for name, tensor in tensors.items()}


def _entry(torch: Any, name: str, tensor: Any) -> Entry:
    if isinstance(tensor, np.ndarray) and tensor.dtype.kind in "biuf":
        return Entry(tensor.shape, tensor.dtype, lambda out: np.copyto(out, tensor))
    if not torch.is_tensor(tensor):
        raise ValueError(
            f"{name} is {type(tensor).__name__}, expected a tensor; save model.state_dict(), alone or as state_dict"
        )
    wide = torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype
    try:
        dtype = torch.empty(0, dtype=wide).numpy().dtype
    except TypeError:
        raise ValueError(f"{name} is {tensor.dtype}, which numpy has not; save it as float32") from None
    shape = tuple(tensor.shape)
    if math.prod(shape) * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(f"{name}: {shape} is more than is stored of it")
    return Entry(shape, dtype, lambda out: torch.from_numpy(out).copy_(tensor.detach()))
