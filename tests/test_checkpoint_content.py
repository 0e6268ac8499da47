"""What may be in a checkpoint: it comes back as it was, or is refused before a file is there."""

import json
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zip_tools
from hypothesis import given
from hypothesis import strategies as st

from common import checkpoint

# What may be in a file

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def an_array(draw) -> np.ndarray:
    dtype = np.dtype(draw(st.sampled_from(sorted(checkpoint.DTYPES))))
    shape = tuple(draw(st.lists(st.integers(0, 5), max_size=4)))
    count = int(np.prod(shape)) * dtype.itemsize
    raw = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 2 if dtype.kind == "b" else 256, count, np.uint8)
    array = raw.view(dtype).reshape(shape)
    return array.T if draw(st.booleans()) else array


ARRAYS = st.dictionaries(st.text(min_size=1, max_size=20), an_array(), max_size=3)


@given(ARRAYS, st.dictionaries(TEXT, JSON, max_size=3))
def test_what_is_saved_comes_back_or_is_refused_before_a_file_is_there(arrays, manifest):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w"
        try:
            checkpoint.save(path, arrays, manifest)
        except ValueError:
            assert os.listdir(folder) == []
            names = "".join([*arrays, json.dumps(manifest, ensure_ascii=False)])
            odd = any(c in '/\\:"' or not c.isprintable() for c in names)
            assert odd or {"arrays"} & manifest.keys()
            return
        found, facts = checkpoint.load(path)
        assert {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in found.items()} == {
            name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()
        }
        assert list(found) == list(arrays) and all(a.flags.writeable for a in found.values())
        # as text, in which nan equals nan
        assert json.dumps(facts, sort_keys=True) == json.dumps(manifest | {"format": 2}, sort_keys=True)
        assert json.dumps(checkpoint.read_manifest(path), sort_keys=True) == json.dumps(facts, sort_keys=True)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
        with np.load(path) as others:
            for name, array in arrays.items():
                assert others[f"{name}.npy"].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "name", ["", "../W", "/tmp/W", "a/b", "a\\b", "C:W", "a\0b", "a\nb", "a\u2028b", "x" * 1001, "\ud800", 5, None]
)
def test_a_name_that_could_not_be_read_back_is_not_written(tmp_path, name):
    checkpoint.save(tmp_path / "w", {"..": np.ones(1), "a b.npy": np.ones(1), "x" * 1000: np.ones(1)})
    old = (tmp_path / "w").read_bytes()
    with pytest.raises(ValueError):
        checkpoint.save(tmp_path / "w", {name: np.ones(2)})
    assert (tmp_path / "w").read_bytes() == old and os.listdir(tmp_path) == ["w"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["x", "x.npy"], "the array 'x.npy' from 'x'"),
        (["a", "W.npy", "W"], "the array 'W.npy' from 'W'"),
        (["x.npy", "x.npy.npy"], "the array 'x.npy.npy' from 'x.npy'"),
        (["manifest.json"], "the array 'manifest.json' from the file's own manifest.json"),
    ],
)
def test_names_that_numpy_load_would_mix_up_are_refused(tmp_path, names, said):
    with pytest.raises(ValueError, match=f"checkpoint.save: numpy.load could not tell {said}; rename one"):
        checkpoint.save(tmp_path / "w", {name: np.full(2, i) for i, name in enumerate(names)})
    assert os.listdir(tmp_path) == []


def test_a_file_that_has_such_names_from_earlier_is_still_loaded(tmp_path):
    arrays = {name: np.full(2, i) for i, name in enumerate(["x", "x.npy", "manifest.json"])}
    (tmp_path / "w").write_bytes(zip_tools.checkpoint(arrays))
    found, _ = checkpoint.load(tmp_path / "w")
    assert {name: a.tolist() for name, a in found.items()} == {name: a.tolist() for name, a in arrays.items()}


def test_numpy_load_tells_all_other_names_apart(tmp_path):
    """Those near to the names above: by their own name and by that of their file, each its own array."""
    names = ["X", "x", "x.NPY", "x.npy.", ".npy", "x.npz", "y.npy", "manifest", "manifest.json.npy", "arrays"]
    names += ["files", "f", "zip", "é", "e\u0301", "..", " x", "x "]
    checkpoint.save(tmp_path / "w", {name: np.full(2, i) for i, name in enumerate(names)})
    with np.load(tmp_path / "w") as found:
        assert found.files == ["manifest.json", *names]
        for i, name in enumerate(names):
            assert found[name].tolist() == found[f"{name}.npy"].tolist() == [i, i], name


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, None]),
        np.array(["a"]),
        np.array([b"a"]),
        np.array(["2026-01-01"], "M8[D]"),
        np.zeros(2, "f4,f4"),
        np.zeros(2, "V8"),
    ],
)
def test_an_array_that_is_not_of_numbers_is_not_written(tmp_path, array):
    with pytest.raises(ValueError, match="'a': expected bool, integers, floats or complex"):
        checkpoint.save(tmp_path / "w", {"a": array})
    assert os.listdir(tmp_path) == []


def test_a_manifest_that_could_not_be_read_back_is_not_written(tmp_path):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    many = {"words": ["word"] * 500_000}
    for manifest, message in (
        ({"arrays": {}}, "'arrays'"),
        ({1: "a", "1": "b"}, "twice"),
        (many, "too large"),
        ({"deep": deep}, "recursion"),
        ({"text": "\ud800"}, "surrogates"),
    ):
        with pytest.raises((ValueError, RecursionError), match=message):
            checkpoint.save(tmp_path / "w", {}, manifest)
    assert os.listdir(tmp_path) == []
    checkpoint.save(tmp_path / "w", {"embed.W": np.zeros((500_000, 16), np.float32)}, many)  # room beside arrays
    assert checkpoint.load(tmp_path / "w")[1]["words"] == many["words"]
