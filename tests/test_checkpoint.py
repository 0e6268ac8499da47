"""Files of named arrays: whole or refused, by name, at full precision, never a pickle. And model files."""

import json
import os
import pickle
import zipfile
import zlib

import numpy as np
import pytest

from common import checkpoint
from common.base_model import BaseModel
from common.checkpoint import CheckpointError
from common.layers import Affine

ARRAYS = {
    "encoder.lstm.Wh": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "double": np.array([np.pi, -0.0, np.inf, np.nan, 5e-324]),
    "ids": np.array([[1, -(2**62)]], dtype=np.int64),
    "mask": np.array([True, False]),
    "zero-d": np.array(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "strided": np.arange(20.0)[::3],
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "layers.0.重み b": np.ones(2),
}


def model(seed=0, sizes=(2, 3)):
    class Tiny(BaseModel):
        def __init__(self):
            rng = np.random.default_rng(seed)
            self.affine = Affine(rng.standard_normal(sizes).astype("f"), rng.standard_normal(sizes[1]).astype("f"))
            self.params, self.grads = self.affine.params, self.affine.grads

    return Tiny()


def test_round_trip(tmp_path):
    path = tmp_path / "weights"
    facts = {"文字": "a\nb", "lr": 0.001, "sizes": [1, 2]}
    checkpoint.save(path, ARRAYS, facts)
    assert os.listdir(tmp_path) == ["weights"]  # this very name, and nothing beside it
    arrays, manifest = checkpoint.load(path)
    assert manifest == checkpoint.read_manifest(path) == {"format": 2, **facts}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape), name
        assert arrays[name].tobytes() == array.tobytes(), name
        assert arrays[name].flags.writeable


def test_numpy_reads_it_and_so_does_json(tmp_path):
    path = tmp_path / "w.bin"
    checkpoint.save(str(path), ARRAYS, {"model": "attention"})
    with np.load(path, allow_pickle=False) as file:
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(file[name], array)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[0] == "manifest.json" and archive.testzip() is None
        assert json.loads(archive.read("manifest.json"))["model"] == "attention"


def test_a_file_without_a_manifest_is_refused(tmp_path):
    np.savez(tmp_path / "n.npz", **{"affine.W": np.eye(2)})
    with pytest.raises(CheckpointError, match=r"n\.npz.*no manifest\.json at its start"):
        checkpoint.load(tmp_path / "n.npz")


def test_equal_contents_give_equal_bytes(tmp_path, monkeypatch):
    checkpoint.save(tmp_path / "one", ARRAYS, {"seed": 1})
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    checkpoint.save(tmp_path / "two", {name: array.copy("K") for name, array in ARRAYS.items()}, {"seed": 1})
    one = (tmp_path / "one").read_bytes()
    assert one == (tmp_path / "two").read_bytes()
    checkpoint.save(tmp_path / "two", ARRAYS, {"seed": 2})
    assert one != (tmp_path / "two").read_bytes()


def test_a_file_is_as_readable_as_others_are(tmp_path):
    checkpoint.save(tmp_path / "ours", {})
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path):
    """As /dev/null would be, where root writes to it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match=r"a device or a pipe, so it was not written: '.*pipe'"):
            checkpoint.save(tmp_path / name, ARRAYS)
    assert (tmp_path / "pipe").is_fifo() and sorted(os.listdir(tmp_path)) == ["link", "pipe"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file_whole(tmp_path, monkeypatch, error):
    path = tmp_path / "weights.npz"
    checkpoint.save(path, ARRAYS)
    old = path.read_bytes()
    crc32, count = zlib.crc32, iter(range(99))

    def fails_midway(*args):
        if next(count) == 9:
            raise error
        return crc32(*args)

    monkeypatch.setattr("zlib.crc32", fails_midway)
    with pytest.raises(type(error)):
        checkpoint.save(path, {name: array[..., None] for name, array in ARRAYS.items()})
    assert next(count) == 10  # it was midway
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["weights.npz"]


def test_what_cannot_be_saved_leaves_no_file(tmp_path):
    with pytest.raises(TypeError, match="JSON"):
        checkpoint.save(tmp_path / "w", {}, {"vocabulary": {1, 2}})
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        checkpoint.save(tmp_path / "no such folder" / "w", {})


class Bomb:
    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickled_file_is_refused_and_not_run(tmp_path, protocol):
    bomb = Bomb()
    bomb.place = tmp_path / "exploded"
    path = tmp_path / "BetterSeq2seq.pkl"
    path.write_bytes(pickle.dumps([np.ones(2, np.float16), bomb], protocol))
    with pytest.raises(CheckpointError, match=r"BetterSeq2seq\.pkl: a pickled file is refused, because .*any code"):
        checkpoint.load(path)
    assert not bomb.place.exists()


def test_object_arrays_in_a_file_are_refused_and_not_run(tmp_path):
    bomb = Bomb()
    bomb.place = tmp_path / "exploded"
    np.savez(tmp_path / "w.npz", a=np.array([bomb], object))
    with pytest.raises(CheckpointError, match=r"w\.npz"):
        checkpoint.load(tmp_path / "w.npz")
    assert not bomb.place.exists()


@pytest.mark.parametrize("content", [b"", b"P", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00", bytes(1000)])
def test_what_is_no_checkpoint_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"other\.npz: not a checkpoint"):
        checkpoint.load(path)


def test_another_format_is_refused(tmp_path):
    for number, content in enumerate(('{"format": 2}', "[]", "{", "\xff")):
        with zipfile.ZipFile(tmp_path / f"{number}", "w") as archive:
            archive.writestr("manifest.json", content.encode("latin-1"))
        with pytest.raises(CheckpointError, match=f"/{number}: "):
            checkpoint.load(tmp_path / f"{number}")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        checkpoint.load(tmp_path / "nowhere.npz")


def damaged(content):
    """Some of the ways; tests/test_checkpoint_faults.py has them all."""
    for i in range(0, len(content), 40):
        yield f"cut to {i}", content[:i]
        yield f"byte {i} flipped", content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :]


def test_damage_anywhere_is_refused_or_does_no_harm(tmp_path):
    path = tmp_path / "weights.npz"
    saved, loaded = model(seed=1), model(seed=2)
    saved.save_params(path)
    kept = [p.copy() for p in loaded.params]
    wrong = {}
    for what, content in damaged(path.read_bytes()):
        path.write_bytes(content)
        try:
            loaded.load_params(path)
        except CheckpointError as error:
            wanted = kept  # all or nothing
            if "weights.npz" not in str(error):
                wrong[what] = str(error)
        else:
            wanted = saved.params
        if not all(np.array_equal(p, w) for p, w in zip(loaded.params, wanted, strict=True)):
            wrong[what] = "wrong weights"
        for p, k in zip(loaded.params, kept, strict=True):
            p[...] = k
    assert not wrong


# By name


def test_assign_lists_every_misfit_and_then_changes_nothing():
    params = {"a": np.zeros(2), "b": np.zeros((2, 3)), "c": np.zeros(1), "d": np.zeros(4)}
    arrays = {"a": np.ones(2), "b": np.ones((3, 2)), "d": np.ones((4, 1)), "e": np.ones(7), "f": np.ones(())}
    with pytest.raises(CheckpointError) as caught:
        checkpoint.assign(params, arrays, "some/path")
    message = str(caught.value)
    for part in ("some/path", "missing c (1,)", "left over e (7,)", "left over f ()", "b is (3, 2)", "d is (4, 1)"):
        assert part in message
    assert "a " not in message.split("model:")[1]  # a fits
    assert all((p == 0).all() for p in params.values())


@pytest.mark.parametrize("wrong", [np.array(["a", "b"]), np.array([1j, 2])])
def test_assign_refuses_another_kind_of_number_and_changes_nothing(wrong):
    params = {"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)}
    with pytest.raises(CheckpointError, match=rf"f.npz: .*b is {wrong.dtype}, the model's float32"):
        checkpoint.assign(params, {"a": np.ones(2), "b": wrong}, "f.npz")
    assert not params["a"].any()


def test_the_format_of_the_file_is_not_the_callers(tmp_path):
    checkpoint.save(tmp_path / "f", {}, {"format": 7})
    assert checkpoint.load(tmp_path / "f")[1]["format"] == checkpoint.FORMAT


def test_assign_fills_in_place_and_keeps_the_dtype():
    param = np.zeros(2, np.float32)
    checkpoint.assign({"a": param}, {"a": np.array([1 / 3, 2.0])}, "p")
    assert param.tolist() == [np.float32(1 / 3), 2.0]


def test_parameters_go_by_name_not_by_position(tmp_path):
    class Two(BaseModel):
        def __init__(self, names, seed):
            rng = np.random.default_rng(seed)
            for name in names:
                setattr(self, name, Affine(rng.standard_normal((2, 2)), rng.standard_normal(2)))
            self.params = [p for name in names for p in getattr(self, name).params]
            self.grads = [g for name in names for g in getattr(self, name).grads]

    one, other = Two(["left", "right"], 0), Two(["right", "left"], 1)
    one.save_params(tmp_path / "two")
    other.load_params(tmp_path / "two")
    assert (one.left.W == other.left.W).all() and (one.right.b == other.right.b).all()
    assert not (one.params[0] == other.params[0]).any()


def test_default_file_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved, loaded = model(seed=1), model(seed=2)
    saved.save_params()
    assert os.listdir() == ["Tiny.npz"]
    loaded.load_params()
    assert all((a == b).all() for a, b in zip(saved.params, loaded.params, strict=True))
    saved.save_params("weights.pkl")  # the book's name, nothing added to it
    assert set(os.listdir()) == {"Tiny.npz", "weights.pkl"}
    with pytest.raises(CheckpointError, match=r"Tiny\.npz.*affine\.W is \(2, 3\), the model's \(2, 4\)"):
        model(sizes=(2, 4)).load_params()
