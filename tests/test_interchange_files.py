"""Files of weights are read: safetensors and npz; what all formats share; and hostile files of each kind."""

import io
import json
import os
import pickle
import struct
import sys
import tracemalloc
from collections import OrderedDict

import hostile_weights as hostile
import numpy as np
import pytest
import zip_tools
from hostile_files import Bomb
from hypothesis import given
from hypothesis import strategies as st
from keras_layouts import example, hdf5_here, write_h5, write_weights_h5

from interchange import Arrays, ForeignFileError, read_arrays
from interchange.spans import Span, entries

RNG = np.random.default_rng(0)
SOME = {
    "b": RNG.normal(size=(3, 4)).astype(np.float32),
    "a.weight": RNG.normal(size=5),
    "half": RNG.normal(size=(2, 3)).astype(np.float16),
    "scalar": np.array(2.5),
    "none": np.zeros((0, 3), np.float32),
    "count": np.arange(4),
    "yes": np.array([True, False]),
}


def expected(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float16 else array


def same(arrays: Arrays, wanted: dict[str, np.ndarray]) -> None:
    assert list(arrays) == list(wanted)
    for name, array in wanted.items():
        for found in (arrays[name], read_into(arrays, name)):
            assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes()), name
            assert found.flags.writeable and found.flags.c_contiguous


def read_into(arrays: Arrays, name: str) -> np.ndarray:
    out = np.ones(arrays.entries[name].shape, arrays.entries[name].dtype)
    arrays.read_into(name, out)
    return out


def test_an_onnx_file_is_refused_with_what_to_import_instead(tmp_path):
    (tmp_path / "date.onnx").write_bytes(b"\x08\x08\x12\x16attention")
    with pytest.raises(ForeignFileError, match=r"date\.onnx: an ONNX graph cannot be imported; the \.safetensors"):
        read_arrays(tmp_path / "date.onnx")


# What is there comes back


def test_a_safetensors_file_is_read_in_its_order_with_its_metadata(tmp_path):
    numpy_part = pytest.importorskip("safetensors.numpy")
    numpy_part.save_file(SOME, tmp_path / "a.safetensors", metadata={"format": "pt", "語": "彙"})
    arrays = read_arrays(tmp_path / "a.safetensors")
    assert arrays.metadata == {"format": "pt", "語": "彙"} and arrays.config is None and arrays.optimizer is None
    assert arrays.path == str(tmp_path / "a.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack_from("<Q", content)[0]])
    del header["__metadata__"]
    order = sorted(header, key=lambda name: header[name]["data_offsets"])
    same(arrays, {name: expected(SOME[name]) for name in order})
    assert arrays.entries["half"].dtype == np.float32


def test_bfloat16_is_the_upper_half_of_a_float32(tmp_path):
    pytest.importorskip("safetensors")
    bits = np.array([0x3F80, 0xC000, 0x7F80, 0x0001, 0x3EAB], "<u2")  # 1, -2, inf, the smallest, about 1/3
    header = {"w": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]}}
    (tmp_path / "a.safetensors").write_bytes(hostile.safetensors(header, bits.tobytes()))
    found = read_arrays(tmp_path / "a.safetensors")["w"]
    assert found.dtype == np.float32 and found[:3].tolist() == [1, -2, np.inf] and found[3] == 2.0**-133
    assert abs(found[4] - 1 / 3) < 1e-2 and (found.view(np.uint32) & 0xFFFF == 0).all()


def test_an_npz_is_read_in_its_order(tmp_path):
    np.savez(tmp_path / "a.npz", **SOME)
    same(read_arrays(tmp_path / "a.npz"), {name: expected(array) for name, array in SOME.items()})


@pytest.mark.parametrize("array", [SOME["b"].T, SOME["b"].astype(">f8").T, SOME["half"].T, np.zeros((2, 3, 4)).T])
def test_an_array_in_the_order_of_fortran_is_the_same_array(tmp_path, array):
    np.savez(tmp_path / "a.npz", a=array)
    native = array.astype(array.dtype.newbyteorder("="))
    same(read_arrays(tmp_path / "a.npz"), {"a": np.ascontiguousarray(expected(native))})


@given(st.sampled_from([">f4", "<f8", ">f8", ">f2", "<i4", ">i8", "?", ">u2"]), st.lists(st.integers(0, 4), max_size=4))
def test_numbers_come_in_the_byte_order_of_the_machine(tmp_path_factory, dtype, shape):
    path = tmp_path_factory.mktemp("order") / "a.npz"
    array = RNG.integers(0, 2, shape).astype(dtype)
    np.savez(path, a=array)
    found = read_arrays(path)["a"]
    assert found.dtype.isnative and found.dtype.kind == array.dtype.kind and found.shape == array.shape
    assert found.tolist() == array.tolist()


def test_names_that_numpy_load_mixes_up_stay_apart(tmp_path):
    np.savez(tmp_path / "a.npz", **{"x": np.array([1]), "x.npy": np.array([2])})
    assert {name: array.tolist() for name, array in read_arrays(tmp_path / "a.npz").items()} == {"x": [1], "x.npy": [2]}


def test_the_content_tells_the_format_and_not_the_ending(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones(2))
    os.rename(tmp_path / "a.npz", tmp_path / "a.safetensors")
    assert read_arrays(str(tmp_path / "a.safetensors"))["w"].tolist() == [1, 1]
    assert read_arrays(os.fsencode(tmp_path / "a.safetensors"))["w"].tolist() == [1, 1]


def test_nothing_is_kept_and_no_copy_is_made(tmp_path):
    """Reading into an array takes no memory of its own."""
    np.savez(tmp_path / "a.npz", w=np.ones((1000, 1000), np.float32))
    arrays, out = read_arrays(tmp_path / "a.npz"), np.empty((1000, 1000), np.float32)
    tracemalloc.start()
    arrays.read_into("w", out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out.min() == 1 and peak < 200_000


def test_an_array_is_within_its_part_of_the_file(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    span = Span(40, (10,), np.dtype(np.float32))
    assert entries(str(tmp_path / "a"), {"w": span}, 80)["w"].shape == (10,)
    for offset, end in ((41, 80), (61, None), (-4, None), (2**70, None)):
        with pytest.raises(ValueError, match="40 bytes of w are declared, more than the file has from there on"):
            entries(str(tmp_path / "a"), {"w": span._replace(offset=offset)}, end)


def test_a_file_that_is_cut_after_it_was_opened_is_one_error(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones(1000))
    arrays = read_arrays(tmp_path / "a.npz")
    os.truncate(tmp_path / "a.npz", 1000)
    with pytest.raises(ForeignFileError, match=r"a\.npz: ends within w"):
        arrays["w"]


# What is hostile is one error, and takes no memory


def refused(path, what: str, content: bytes | None = None) -> str:
    """The message; memory stays within that of a checkpoint: twice the file, and 32 MB."""
    if content is not None:
        path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ForeignFileError) as caught:
            read_arrays(path)
            print(what)  # which of them is read
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert peak < 2 * os.path.getsize(path) + 32 * 2**20, f"{peak} bytes for {what}"
    assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < len(str(path)) + 500, message
    return message


@pytest.mark.parametrize("kind", ["safetensors", "npz", "keras", "others"])
def test_a_hostile_file_is_refused_with_its_reason(tmp_path, monkeypatch, kind):
    if kind == "keras":
        pytest.importorskip("h5py")
        monkeypatch.setattr("interchange.keras_file.subprocess.run", hdf5_here)
        weights = io.BytesIO()
        write_weights_h5(weights, example())
        files = hostile.of_keras(weights.getvalue())
    else:
        if kind == "safetensors":
            pytest.importorskip("safetensors")
        files = {"safetensors": hostile.of_safetensors, "npz": hostile.of_npz, "others": hostile.others}[kind]()
    count = 0
    for what, content, said in files:
        assert said in refused(tmp_path / "a.bin", what, content), what
        count += 1
    assert count > 5
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_hostile_hdf5_is_refused_with_its_reason(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr("interchange.keras_file.subprocess.run", hdf5_here)
    monkeypatch.chdir(tmp_path)
    for what, change, said in hostile.of_hdf5():
        write_h5(tmp_path / "a.h5", example())
        with h5py.File(tmp_path / "a.h5", "r+") as root:
            change(root)
        assert said in refused(tmp_path / "a.h5", what), what
    assert os.listdir(tmp_path) == ["a.h5"]


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ForeignFileError, match="expected a file of weights"):
            read_arrays(path)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "nothing")


def changed(content: bytes, places) -> list[bytes]:
    found = []
    for place in places:
        for value in (0, 1, 0x7F, 0x80, 0xFF, *b'9"'):
            if content[place] != value:
                found.append(content[:place] + bytes([value]) + content[place + 1 :])
    return found


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_any_byte_may_change_and_the_end_be_missing(tmp_path, kind, full):
    """Each byte that is not a number becomes some others: the arrays are read, or it is one error."""
    if kind == "safetensors":
        pytest.importorskip("safetensors")
        header = {"__metadata__": {"note": "some words that may change"}, "W": hostile.described()}
        content = hostile.safetensors(header, hostile.W.tobytes())
        places = range(len(content) - 48)
    else:
        content = zip_tools.archive(zip_tools.member("W.npy", hostile.npy()), zip_tools.member("V.npy", hostile.npy()))
        places = [i for i in range(len(content)) if content[i] or full]
    files = changed(content, places) + [content[:size] for size in range(len(content))]
    outcomes = {"read": 0, "refused": 0}
    tracemalloc.start()
    for file in files[:: 1 if full else 11]:
        (tmp_path / "a").write_bytes(file)
        try:
            arrays = read_arrays(tmp_path / "a")
            assert sum(array.nbytes for array in arrays.values()) <= 2 * len(content)
            outcomes["read"] += 1
        except ForeignFileError as error:
            assert str(error).startswith(f"{tmp_path / 'a'}: ") and "\n" not in str(error)
            outcomes["refused"] += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20
    assert min(outcomes.values()) > (100 if full else 4), outcomes


def test_the_bytes_of_the_tests_are_what_the_libraries_write(tmp_path):
    """Else a fault that is refused could be in these bytes, and not be the one that is meant."""
    numpy_part = pytest.importorskip("safetensors.numpy")
    content = hostile.safetensors({"W": hostile.described()}, hostile.W.tobytes())
    assert numpy_part.load(content)["W"].tolist() == hostile.W.tolist()
    assert struct.unpack_from("<Q", content)[0] == len(content) - 8 - 48
    (tmp_path / "a").write_bytes(zip_tools.archive(zip_tools.member("W.npy", hostile.npy())))
    for path in ("a", "b"):
        assert read_arrays(tmp_path / path)["W"].tolist() == hostile.W.tolist()
        (tmp_path / "b").write_bytes(content)


# PyTorch's files, without PyTorch: tests/test_torch_files.py has the rest


def pickled(content, *, zipped: bool) -> bytes:
    """A file of PyTorch's, of the format since 1.6 or before, with such an object."""
    if zipped:
        return hostile.zipped(("a/data.pkl", pickle.dumps(content, 2)), ("a/version", b"3\n"))
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, content, []]
    return b"".join(pickle.dumps(part, 2) for part in parts)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_pickle_code_runs_and_a_missing_pytorch_is_said(tmp_path, monkeypatch, zipped):
    monkeypatch.setitem(sys.modules, "torch", None)
    path, place = tmp_path / "a.pt", tmp_path / "made"
    message = refused(path, "a state_dict", pickled(OrderedDict(a=1), zipped=zipped))
    assert "PyTorch, which reads such files, is not installed" in message and "save_file(" in message
    bomb = Bomb(str(place))
    for what, content in {"alone": bomb, "in a checkpoint": {"model": {"a": bomb}}}.items():
        message = refused(path, what, pickled(content, zipped=zipped))
        assert "it holds more than plain tensors ('posix mkdir')" in message and "state_dict()" in message
    whole = pickled({"a": 1}, zipped=zipped)
    for size in (20, 40, len(whole) - 9):
        refused(path, f"cut after {size}", whole[:size])
    huge = b"\x80\x02X" + struct.pack("<L", 2**31) + b"a."  # a text of 2 GB
    refused(path, "a long text", hostile.zipped(("a/data.pkl", huge)))
    two = hostile.zipped(("a/data.pkl", pickle.dumps({}, 2)), ("b/data.pkl", pickle.dumps(bomb, 2)))
    assert "more than one data.pkl" in refused(path, "two pickles", two)
    assert not place.exists()


def test_torchscript_is_refused(tmp_path):
    content = hostile.zipped(("a/data.pkl", b"."), ("a/constants.pkl", b"."), ("a/code/x.py", b""), method=8)
    assert "a TorchScript archive" in refused(tmp_path / "a.pt", "TorchScript", content)
