"""Files of weights that are hostile, damaged or of another kind, by format. Nothing in them harms a library."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
import zip_tools as z

W = np.arange(12, dtype=np.float32).reshape(3, 4)
HUGE = 2**35  # 32 GB
DEEP = 100_000


def safetensors(header: dict | str | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with any header, of any declared length."""
    text = header if isinstance(header, (str, bytes)) else json.dumps(header)
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def described(shape=(3, 4), dtype="F32", start=0, end=48) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def of_safetensors() -> Iterator[tuple[str, bytes, str]]:
    """(what, content, what is said)."""
    good, data = {"W": described()}, W.tobytes()
    for length in (HUGE, 2**63, 2**64 - 1, len(json.dumps(good)) + 49):
        yield f"a header of {length} bytes", safetensors(good, data, length), "more than the file has"
    for name, text in {
        "no JSON": "{W}",
        "cut": json.dumps(good)[:-1],
        "utf-16": b"{" + json.dumps(good).encode("utf-16"),
        "nan": '{"W": nan}',
        "a list": '{"W": []}',
        "no shape": {"W": {"dtype": "F32", "data_offsets": [0, 48]}},
        "a text for a shape": {"W": described() | {"shape": "34"}},
        "a number for metadata": {"__metadata__": {"a": 1}, **good},
        "a list for metadata": {"__metadata__": [1], **good},
    }.items():
        yield f"header: {name}", safetensors(text, data), ""
    yield "header: deep", safetensors('{"W":' + "[" * DEEP + "]" * DEEP + "}", data), "too deeply"
    wide = '{"__metadata__": {"a": "' + "\\ud834\\udd1e" * 10**6 + '"}}'
    yield "header: metadata of 12 MB", safetensors(wide), "is too large"
    yield "header: a million objects", safetensors("{" + '"a":{},' * 10**6 + '"b":{}}'), "is too large"
    twice = json.dumps(good)
    yield "a name twice", safetensors(twice[:-1] + "," + twice[1:], data), "a name occurs twice"
    for dtype in ("F8_E4M3", "F4", "O", "<f4", "f32", ""):
        size = 12 if dtype.startswith("F8") else 6 if dtype == "F4" else 48
        yield (
            f"dtype {dtype!r}",
            safetensors({"W": described(dtype=dtype, end=size)}, data[:size]),
            "F8_E4M3" * (size == 12),
        )
    for shape in (
        [2**33],
        [2**62, 2**62],
        [2**64],
        [10**400],
        [0, 2**63],
        [-3, -4],
        [3.5, 4],
        [None],
        [4, 4],
        [],
        [3, 4, 1, 2],
    ):
        yield f"shape {str(shape)[:20]}", safetensors({"W": described(shape)}, data), ""
    for start, end in ((0, HUGE), (8, 56), (48, 0), (-48, 0), (0, 47), (0, 49), (2**63, 2**63 + 48)):
        yield f"offsets {start}, {end}", safetensors({"W": described(start=start, end=end)}, data), ""
    names = {"__metadata__": {f"W{i}": "W" for i in range(9)}, "W": described([10**4], end=40000)}
    yield "nine tied names", safetensors(names, bytes(40000)), "400000 bytes of arrays are declared, more than 6 times"
    yield "the same bytes twice", safetensors({"W": described(), "V": described()}, data), ""
    yield "a byte less", safetensors(good, data[:-1]), ""
    yield "a byte more", safetensors(good, data + b"\0"), ""


def zipped(*members: tuple[str, bytes], method: int = 0) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def npy(array: np.ndarray = W, **options) -> bytes:
    return z.npy(array.dtype.str, array.shape, array.tobytes(), **options)


def of_npz() -> Iterator[tuple[str, bytes, str]]:
    """(what, content, what is said)."""
    file = io.BytesIO()
    np.savez_compressed(file, W=W)
    yield "compressed", file.getvalue(), "'W.npy' is compressed"
    file = io.BytesIO()
    np.savez(file, W=np.array([{}], dtype=object))
    yield "objects", file.getvalue(), "W holds pickled objects"
    yield "a checkpoint of ours", z.checkpoint({"W": W}), "this project's own"
    data = W.tobytes()
    for name, content in {
        "32 GB": z.npy("<f4", (2**33,), data),
        "a negative length": z.npy("<f4", (-3, -4), data),
        "a length beyond 64 bits": z.npy("<f4", (2**64,), data),
        "nothing, and 2**62 times": z.npy("<f4", (0, 2**62)),
        "another shape": z.npy("<f4", (4, 4), data),
        "times": z.npy("<M8[s]", (3, 2), data),
        "texts": z.npy("<U1", (3, 4), data),
        "fields": z.npy("V8", (3, 2), data),
        "code": z.npy("", (), data, text=b"__import__('os').mkdir('exploded')"),
        "deep": z.npy("", (), data, text=b"(" * 5000 + b")" * 5000),
        "deep, and short": z.npy("", (), data, text=b"-" * 900 + b"1"),
        "deep brackets, and short": z.npy("", (), data, text=b"[" * 450 + b"]" * 450),
        "no dict": z.npy("", (), data, text=b"[]"),
        "no text": z.npy("", (), data, text=b"\xff\xfe"),
        "half a text": z.npy("", (), data, text=b"{'descr': '''"),
        "version 3": b"\x93NUMPY\3\0" + z.npy("<f4", (3, 4), data)[8:],
        "a long header": b"\x93NUMPY\2\0" + struct.pack("<L", 2**31) + z.npy("<f4", (3, 4), data)[10:],
        "no magic": data,
        "no header": b"\x93NUMPY\1\0",
        "nothing": b"",
        "a byte less": z.npy("<f4", (3, 4), data[:-1]),
        "a byte more": z.npy("<f4", (3, 4), data + b"\0"),
    }.items():
        yield f"an array: {name}", zipped(("W.npy", content)), "W"
    good = npy()
    yield "no array", zipped(("W.npy", good), ("run.py", b"print()")), "'run.py' is no array"
    member = z.member("W.npy", good)
    yield "a name twice", z.archive(member, member), "'W.npy' occurs twice"
    large = npy(np.zeros(1000))
    inside = {"offset": 0, "size": len(large), "packed": len(large)}
    members = [z.member(f"{i}.npy", b"" if i else large, entry=inside) for i in range(9)]
    yield "members that share bytes", z.archive(*members), "72000 bytes of arrays are declared"
    for name, flaw in {
        "encrypted": dict(flags=0x801),
        "deflated": dict(method=8),
        "of method 99": dict(method=99),
        "32 GB": dict(size=HUGE, packed=HUGE),
        "32 GB from nothing": dict(size=HUGE),
        "2**64 bytes": dict(size=2**64 - 1, packed=2**64 - 1),
        "elsewhere": dict(offset=5),
        "beyond the end": dict(offset=HUGE),
        "beyond 64 bits": dict(offset=2**64 - 1),
    }.items():
        yield f"a member {name}", z.archive(z.member("W.npy", good, local=flaw, entry=flaw)), "W"
    for name, end in {
        "of 32 GB": dict(directory_size=HUGE),
        "of 2**63 bytes": dict(directory_size=2**63),
        "of 5 MB": dict(directory=bytes(5 * 2**20)),
        "beyond the end": dict(directory_offset=HUGE),
        "on another disk": dict(disks=3),
    }.items():
        yield f"a directory {name}", z.archive(member, **end), "a directory of" * ("MB" in name)
    whole = z.archive(member)
    for size in (2, 4, 30, 100, len(whole) - 30, len(whole) - 1):
        yield f"cut after {size} bytes", whole[:size], ""


def of_hdf5() -> Iterator[tuple[str, Callable, str]]:
    """(what, what it does to a good ``.h5`` with h5py's root group, what is said)."""
    import h5py

    def replace(**options):
        def change(root):
            group = root["model_weights/words"]
            del group["words/embeddings"]
            group.create_dataset("words/embeddings", **options)

        return change

    def link(target):
        def change(root):
            del root["model_weights/words/words/embeddings"]
            root["model_weights/words/words/embeddings"] = target

        return change

    def cycle(root):
        root["model_weights/words/again"] = root["model_weights"]

    def attribute(group, name, value):
        def change(root):
            root[group].attrs[name] = value

        return change

    def virtual(root):
        layout = h5py.VirtualLayout((3,), dtype="f4")
        layout[:] = h5py.VirtualSource("other.h5", "a", (3,))
        root.create_virtual_dataset("model_weights/words/v", layout)

    def compact(root):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(root["model_weights/words"].id, b"c", h5py.h5t.IEEE_F32LE, space, dcpl=plist)

    def odd(root):
        kind = h5py.h5t.IEEE_F32LE.copy()
        kind.set_fields(31, 20, 11, 0, 20)
        h5py.h5d.create(root["model_weights/words"].id, b"o", kind, h5py.h5s.create_simple((3,)))

    words = "model_weights/words"
    yield "in chunks", replace(data=W, chunks=(1, 4)), "words/embeddings' is compressed, or in pieces"
    yield "compressed", replace(data=W, compression="gzip"), "words/embeddings' is compressed, or in pieces"
    yield "32 GB of zeros, compressed", replace(shape=(2**33,), dtype="f4", chunks=(2**20,)), "compressed, or in pieces"
    yield "32 GB, never written", replace(shape=(2**33,), dtype="f4"), "never written"
    yield "in another file", replace(shape=(3,), dtype="f4", external=[("zeros.bin", 0, 12)]), "in pieces"
    yield "of another file's", virtual, "compressed, or in pieces"
    yield "in its header", compact, "compressed, or in pieces"
    yield "floats of another kind", odd, "expected numbers"
    yield "texts", replace(data=[b"a"]), "expected numbers"
    yield "texts of any length", replace(data=["a"]), "expected numbers"
    yield "fields", replace(data=np.zeros(3, "f4,f4")), "expected numbers"
    yield "nothing", replace(data=h5py.Empty("f4")), "is no array"
    yield "a link to another file", link(h5py.ExternalLink("other.h5", "/a")), "link to elsewhere"
    yield "a link within the file", link(h5py.SoftLink("/model_weights")), "link to elsewhere"
    yield "a circle of groups", cycle, "in more than one place"
    yield "a kind of number", lambda root: root.__setitem__(f"{words}/t", np.dtype("f4")), "is no array"
    yield (
        "a layer that is not there",
        attribute("model_weights", "layer_names", ["words", "x"]),
        "",
    )  # no group: no weights
    yield "a weight that is not there", attribute(words, "weight_names", ["words/x"]), "words/words/x is named"
    yield "a weight twice", attribute(words, "weight_names", ["words/embeddings"] * 2), "words/embeddings occurs twice"
    yield "two names for a weight", attribute(words, "weight_names", ["words/embeddings", "words/embeddings:0"]), ""
    yield "a path upwards", attribute(words, "weight_names", ["../words/embeddings"]), "is named"
    yield "an absolute path", attribute(words, "weight_names", ["/model_weights/words/words/embeddings"]), "is named"
    yield "a text for a list", attribute("model_weights", "layer_names", "words"), "not a list"
    yield "numbers for a list", attribute("model_weights", "layer_names", np.arange(3)), ""
    yield "no layers", lambda root: root["model_weights"].attrs.__delitem__("layer_names"), "neither an attribute"
    yield "another kind of file", lambda root: root.__delitem__("model_weights"), "neither an attribute"
    text = h5py.string_dtype()
    yield "a text that is no UTF-8", lambda root: root.attrs.create("note", b"\xff", dtype=text), "can't encode"
    yield "no UTF-8", attribute(words, "weight_names", np.array([b"\xff"])), ""
    for name, text in {"no JSON": "{", "a list": "[]", "deep": "[" * DEEP, "a name twice": '{"a": 1, "a": 2}'}.items():
        yield f"a config: {name}", attribute("/", "model_config", text), "model_config"
    yield "a config of 2 MB", attribute("/", "model_config", "[" + "0," * 10**7 + "0]"), ""


def of_keras(weights: bytes) -> Iterator[tuple[str, bytes, str]]:
    """(what, content, what is said); weights: a good ``model.weights.h5``."""
    parts = [("config.json", b"{}"), ("model.weights.h5", weights)]
    yield "compressed", zipped(*parts, method=zipfile.ZIP_DEFLATED), "is compressed"
    bomb = ("model.weights.h5", bytes(10**7))
    yield "an inflating member", zipped(parts[0], bomb, method=zipfile.ZIP_DEFLATED), "is compressed"
    yield "no HDF5", zipped(parts[0], ("model.weights.h5", b"weights")), "damaged, or not from Keras"
    yield "zeros", zipped(parts[0], ("model.weights.h5", bytes(10**5))), "damaged, or not from Keras"
    cut = z.member("model.weights.h5", weights, local={}, entry={"size": 4000, "packed": 4000})
    yield "weights that end in the zip's own", z.archive(z.member(*parts[0]), cut), "damaged, or not from Keras"
    yield "no config", zipped(parts[1]), "'model.weights.h5' is no array"
    yield "no weights", zipped(parts[0]), "'config.json' is no array"
    members = [z.member(name, content) for name, content in parts]
    yield "a member twice", z.archive(*members, members[1]), "occurs twice"
    yield "a config that is a list", zipped(("config.json", b"[]"), parts[1]), "config.json"
    yield "a config that is deep", zipped(("config.json", b"[" * DEEP), parts[1]), "config.json"
    yield "a config of 2 MB", zipped(("config.json", b"[" + b"0," * 10**7 + b"0]"), parts[1]), "too large"
    yield "metadata that is no JSON", zipped(*parts, ("metadata.json", b"{")), ""


def others() -> Iterator[tuple[str, bytes, str]]:
    """Files of other kinds."""
    yield "nothing", b"", "an empty file"
    yield "text", b"date,answer\n" * 50, "expected a .safetensors"
    yield (
        "list of shards",
        b'{\n    "weight_map": {"/layers/dense/vars": "a_00000.weights.h5"}\n}',
        "without max_shard_size",
    )
    yield "zeros", bytes(10000), "expected a .safetensors"
    yield "a pickle", b"\x80\x04N.", "pickled file is refused"
    yield "one array", npy(), "expected a .safetensors"
    yield "an empty zip", zipped(), "no arrays"
