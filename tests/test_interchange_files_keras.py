"""Keras's files, by their attributes: names, order, config, and what belongs to the optimizer."""

import io
import os
import signal
import zipfile

import numpy as np
import pytest
from keras_layouts import example, hdf5_here, write_h5, write_keras, write_weights_h5

from interchange import Arrays, ForeignFileError, hdf5_outline, keras_file, read_arrays

h5py = pytest.importorskip("h5py")
CONFIG = {"class_name": "Sequential", "config": {"name": "mine", "layers": []}}
SLOTS = {"adam/iteration": np.int64(7)} | {f"adam/slot_{i}": np.full(3, i, np.float32) for i in range(11)}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("interchange.keras_file.subprocess.run", hdf5_here)


def same(arrays: Arrays, expected: dict[str, np.ndarray]) -> None:
    assert list(arrays) == list(expected)
    for name, array in expected.items():
        found = arrays[name]
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes()), name


def named() -> dict[str, np.ndarray]:
    return {f"{layer}/{name}": array for layer, (_, arrays) in example().items() for name, array in arrays.items()}


@pytest.mark.parametrize("options", [{}, {"prefix": "mine/"}, {"suffix": ":0"}, {"whole": False}])
def test_a_h5_is_read_by_the_names_in_its_attributes(tmp_path, options):
    """Layers in their order; without the counter that tf_keras appends, and the model that Keras 3 puts in front."""
    write_h5(
        tmp_path / "a.h5", example(), config=CONFIG, slots=SLOTS if options.get("whole", True) else None, **options
    )
    arrays = read_arrays(tmp_path / "a.h5")
    same(arrays, named())
    assert arrays.config == CONFIG and arrays.metadata == {"keras_version": "3.15.1", "backend": "tensorflow"}
    if options.get("whole", True):
        assert arrays.optimizer.config == {"class_name": "Adam", "config": {}}
        same(arrays.optimizer, {name: np.asarray(array) for name, array in SLOTS.items()})
    else:
        assert arrays.optimizer is None


def by_path() -> dict[str, np.ndarray]:
    """The example's arrays in the order of their paths: by class, and by number."""
    layers = example()
    found = {}
    for way in ("backward", "forward"):
        for i, name in enumerate(("kernel", "recurrent_kernel", "bias")):
            array = layers["bidirectional"][1][f"{way}_lstm/lstm_cell/{name}"]
            found[f"layers/bidirectional/{way}_layer/cell/vars/{i}"] = array
    for layer in ["dense", *sorted(name for name in layers if name.startswith("dense_"))]:
        found |= {f"layers/{layer}/vars/{i}": array for i, array in enumerate(layers[layer][1].values())}
    return found | {"layers/embedding/vars/0": layers["words"][1]["embeddings"]}


@pytest.mark.parametrize("names", [True, False])
def test_a_weights_h5_is_read_by_path_and_says_the_names_of_layers(tmp_path, names):
    write_weights_h5(tmp_path / "a.weights.h5", example(), names=names, slots=SLOTS)
    arrays = read_arrays(tmp_path / "a.weights.h5")
    same(arrays, by_path())
    assert arrays.config is None
    assert arrays.metadata.get("name:layers/bidirectional/forward_layer/cell") == ("lstm_cell" if names else None)
    found = {k.split("/")[1]: v for k, v in arrays.metadata.items() if k.count("/") == 1}
    expected = {("embedding" if layer == "words" else layer): layer for layer in example()}
    assert found == (expected if names else {})
    expected = {f"optimizer/vars/{i}": np.asarray(array) for i, array in enumerate(SLOTS.values())}
    same(arrays.optimizer, expected)  # 2 before 10; and the metric is nowhere


def test_a_keras_is_its_config_and_its_weights(tmp_path, monkeypatch):
    monkeypatch.undo()
    write_keras(
        tmp_path / "a.keras", example(), CONFIG | {"compile_config": {"optimizer": {"class_name": "Adam"}}}, SLOTS
    )
    arrays = read_arrays(tmp_path / "a.keras")
    same(arrays, by_path())
    assert arrays.config["class_name"] == "Sequential" and arrays.metadata["keras_version"] == "3.15.1"
    assert arrays.metadata["name:layers/embedding"] == "words"
    assert len(arrays.optimizer) == len(SLOTS) and arrays.optimizer.config == {"class_name": "Adam"}


def test_a_list_that_was_too_long_for_one_attribute_is_whole(tmp_path):
    """HDF5 keeps at most 64 kB in one, so Keras writes ``layer_names0``, ``layer_names1`` ..."""
    write_h5(tmp_path / "a.h5", example())
    with h5py.File(tmp_path / "a.h5", "r+") as root:
        names = list(root["model_weights"].attrs["layer_names"])
        del root["model_weights"].attrs["layer_names"]
        for i in range(13):
            root["model_weights"].attrs[f"layer_names{i}"] = names[i : i + 1]
    same(read_arrays(tmp_path / "a.h5"), named())


def test_weights_of_a_layer_that_is_a_model_stay_apart(tmp_path):
    layers = {"inner": ("functional", {"dense/kernel": np.ones((2, 2)), "dense_1/kernel": np.zeros((2, 2))})}
    write_h5(tmp_path / "a.h5", layers)
    assert list(read_arrays(tmp_path / "a.h5")) == ["inner/dense/kernel", "inner/dense_1/kernel"]
    with h5py.File(tmp_path / "a.h5", "r+") as root:  # without the layer's name in front
        group = root["model_weights/inner"]
        group["x/kernel"] = np.ones(3)
        group.attrs["weight_names"] = ["inner/dense/kernel", "x/kernel"]
    assert list(read_arrays(tmp_path / "a.h5")) == ["inner/dense/kernel", "inner/x/kernel"]


@pytest.mark.parametrize("dtype", [">f4", "<f4", "<f8", ">f8", "<i4", ">i8", "?", "<f2", ">f2"])
def test_numbers_come_in_the_byte_order_of_the_machine(tmp_path, dtype):
    array = np.array([[0, 1, 1, 0, 1]], dtype)
    write_h5(tmp_path / "a.h5", {"a": ("dense", {"b": array})})
    found = read_arrays(tmp_path / "a.h5")["a/b"]
    expected = np.dtype(np.float32) if dtype[1:] == "f2" else np.dtype(dtype).newbyteorder("=")
    assert found.dtype == expected and found.dtype.isnative and found.tolist() == array.tolist()


def test_what_this_project_notes_in_a_file_is_metadata(tmp_path):
    write_weights_h5(tmp_path / "a.weights.h5", example())
    with h5py.File(tmp_path / "a.weights.h5", "r+") as root:
        root.attrs["attention-from-scratch"] = '{"model": "gru"}'
    assert read_arrays(tmp_path / "a.weights.h5").metadata["attention-from-scratch"] == '{"model": "gru"}'


def test_a_window_is_a_file(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(20)))
    with open(tmp_path / "a", "rb", buffering=0) as file:
        window = hdf5_outline.Window(file, 5, 10)
        assert window.read() == bytes(range(5, 15)) and window.read(1) == b""
        assert window.seek(-3, os.SEEK_END) == 7 and window.read(9) == bytes(range(12, 15))
        assert window.seek(2) == 2 and window.seek(1, os.SEEK_CUR) == 3 and window.tell() == 3
        assert window.seek(50) == 50 and window.read(5) == b""


# The process that HDF5 runs in. Nothing here crashes HDF5: a script takes its place


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"import os; os.kill(os.getpid(), {signal.SIGSEGV.value})", r"HDF5 breaks off in it \(code -11\)"),
        ("import time; time.sleep(60)", "HDF5 does not come to an end with it"),
        ("raise MemoryError('no more')", r"HDF5 breaks off in it \(MemoryError: no more\)"),
        ("print('[' * 100000)", "is too large|nested too deeply"),
    ],
)
def test_a_crash_of_hdf5_is_one_clear_error(tmp_path, monkeypatch, script, said):
    write_h5(tmp_path / "a.h5", example())
    monkeypatch.undo()
    (tmp_path / "script.py").write_text(script)
    monkeypatch.setattr(hdf5_outline, "__file__", str(tmp_path / "script.py"))
    monkeypatch.setattr(keras_file, "TIMEOUT", 2)
    with pytest.raises(ForeignFileError, match=said) as caught:
        read_arrays(tmp_path / "a.h5")
    assert str(caught.value).startswith(f"{tmp_path / 'a.h5'}: ")


def test_h5py_is_not_imported_here_and_its_lack_is_said(tmp_path, monkeypatch):
    write_h5(tmp_path / "a.h5", example())
    monkeypatch.setattr(keras_file, "find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ImportError, match=r"h5py is not installed; to install it: pip install h5py"):
        read_arrays(tmp_path / "a.h5")


def test_a_file_whose_end_is_missing_is_damaged(tmp_path, monkeypatch):
    """Cut where HDF5 itself says so; its library does not survive every other damage, which is why it is kept apart."""
    monkeypatch.undo()
    file = io.BytesIO()
    write_h5(file, example())
    for size in (8, len(file.getvalue()) - 1):
        (tmp_path / "a.h5").write_bytes(file.getvalue()[:size])
        with pytest.raises(ForeignFileError, match="damaged, or not from Keras"):
            read_arrays(tmp_path / "a.h5")
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", file.getvalue()[:2000])
    with pytest.raises(ForeignFileError, match="damaged, or not from Keras"):
        read_arrays(tmp_path / "a.keras")
