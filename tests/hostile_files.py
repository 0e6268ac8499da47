"""A corpus of files that are not our checkpoints: hostile, damaged, or of another kind."""

import hashlib
import io
import json
import os
import pickle
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
import zip_tools as z

W = np.arange(12, dtype=np.float32).reshape(3, 4)
B = np.array(2.5)
ARRAYS = {"W": W, "b": B}
NAMES = ["manifest.json", "W", "b"]
HUGE = 2**35  # 32 GB


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: str):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (self.place,)


def others(place: str) -> Iterator[tuple[str, bytes]]:
    """Files of other kinds, with a pickle in some that would make the folder ``place``."""
    for size in range(5):
        yield f"the first {size} bytes of a zip", b"PK\3\4"[:size]
    yield "text", b"date,answer\n" * 50
    yield "zeros", bytes(10000)
    for protocol in range(6):
        yield f"a pickle of protocol {protocol}", pickle.dumps([np.ones(2), Bomb(place)], protocol)
    objects = np.array([Bomb(place)], dtype=object)
    for name, write in {"np.savez": np.savez, "np.savez_compressed": np.savez_compressed, "np.save": np.save}.items():
        for what, content in {"numbers": W, "objects": objects}.items():
            file = io.BytesIO()
            write(file, content)
            yield f"{name} of {what}", file.getvalue()
    data = pickle.dumps(objects)
    for dtype in ("|O", "<f8"):
        text = _text({"a": dict(shape=[1], dtype=dtype, sha256=_sha(data))})
        npy = z.npy("|O", (1,), data)
        yield f"a pickled array called {dtype}", z.archive(z.member("manifest.json", text), z.member("a.npy", npy))
    old = json.dumps({"format": 1, "model": "attention"}).encode()
    for name, method in {"of format 1": 0, "deflated": 8, "bzip2": 12, "lzma": 14}.items():
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("manifest.json", old if name == "of format 1" else z.manifest(ARRAYS))
            for key, array in ARRAYS.items():
                archive.writestr(f"{key}.npy", z.npy(array.dtype.str, array.shape, array.tobytes()))
        yield f"a zip {name}", file.getvalue()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(arrays, **facts) -> bytes:
    return json.dumps({"format": 2, "arrays": arrays} | facts).encode()


def fields() -> Iterator[tuple[str, bytes]]:
    """Our format, with a wrong field in a header, in either place or both."""
    wrong = dict(version=20, flags=0, method=8, time=1, date=0x22, crc=1, size=1, packed=1, extra=b"UT\5\0\3\0\0\0\0")
    wrong |= {"name": b"other.npy"}
    for name in NAMES:
        for field, value in wrong.items():
            values = [value, *{"flags": [0x801, 0x808, 0x840], "size": [HUGE, 2**63, 2**64 - 1]}.get(field, [])]
            for v in values:
                for where in (["local"], ["entry"], ["local", "entry"]):
                    flaw = {name: {place: {field: v} for place in where}}
                    yield f"{field} {v!r} in {'+'.join(where)} of {name}", z.checkpoint(ARRAYS, flaws=flaw)
        for field, value in dict(disk=1, comment=b"x", made=0, offset=0 if name != NAMES[0] else 1).items():
            yield f"{field} {value!r} of {name}", z.checkpoint(ARRAYS, flaws={name: {"entry": {field: value}}})
        for gap in (b"\0", b"PK\3\4", bytes(1000)):
            yield f"{len(gap)} bytes before {name}", z.checkpoint(ARRAYS, flaws={name: {"before": gap}})
    members = _members()
    for key, values in {
        "count": (0, 2, 4, 2**32, 2**64 - 1),
        "directory_size": (0, 1, HUGE, 2**64 - 1),
        "directory_offset": (0, 1, HUGE, 2**64 - 1),
        "end_offset": (0, 1, HUGE, 2**64 - 1),
        "disk": (1, 2**16),
        "disks": (0, 2, 2**32 - 1),
        "comment": (b"x", bytes(65535)),
        "directory": (b"\0", b"PK\1\2", bytes(100)),
    }.items():
        for value in values:
            yield f"{key} {str(value)[:30]} at the end", z.archive(*members, **{key: value})
    good = z.archive(*members)
    yield "bytes after the end", good + b"\0"
    yield "two files in one", good + good
    yield "a directory of the 32-bit kind", good[: -(56 + 20 + 22)] + good[-22:]


def _members(text: bytes | None = None) -> list[tuple]:
    text = z.manifest(ARRAYS) if text is None else text
    arrays = [z.member(f"{name}.npy", z.npy(a.dtype.str, a.shape, a.tobytes())) for name, a in ARRAYS.items()]
    return [z.member("manifest.json", text), *arrays]


def members() -> Iterator[tuple[str, bytes]]:
    """Members that are missing, superfluous, duplicated, reordered, or overlapping."""
    m, w, b = _members()
    for name, order in {
        "no members": [],
        "no manifest": [w, b],
        "the manifest last": [w, b, m],
        "W missing": [m, b],
        "W and b missing": [m],
        "the other order": [m, b, w],
        "W twice": [m, w, w, b],
        "b twice": [m, w, b, b],
        "two manifests": [m, m, w, b],
        "left over": [m, w, b, z.member("c.npy", z.npy("<f8", (), bytes(8)))],
        "left over, no array": [m, w, b, z.member("run.py", b"print()")],
    }.items():
        yield name, z.archive(*order)
    entry = dict(entry=dict(offset=0))
    yield "b on top of the manifest", z.archive(m, w, z.member("b.npy", z.npy("<f8", (), B.tobytes()), **entry))
    inner = z.archive(z.member("b.npy", z.npy("<f8", (), B.tobytes())))
    yield "b within W", z.archive(m, z.member("W.npy", z.npy("<f4", (3, 4), W.tobytes()) + inner), b)
    yield "100000 entries, no members", z.archive(*_members(), directory=(b"PK\1\2" + bytes(42)) * 100000)


def headers() -> Iterator[tuple[str, bytes]]:
    """Headers of .npy that differ from the manifest."""
    data = W.tobytes()
    deep = b"(" * 5000 + b")" * 5000
    for name, npy in {
        "in Fortran order": z.npy("<f4", (3, 4), data, fortran=True),
        "another shape": z.npy("<f4", (4, 3), data),
        "another dtype": z.npy("<i4", (3, 4), data),
        "32 GB": z.npy("<f4", (2**33,), data),
        "a negative length": z.npy("<f4", (-1, 4), data),
        "objects": z.npy("|O", (3, 4), data),
        "code": z.npy("", (), data, text=b"__import__('os').mkdir('exploded')"),
        "deep": z.npy("", (), data, text=deep),
        "no dict": z.npy("", (), data, text=b"[]"),
        "version 2": b"\x93NUMPY\2\0" + z.npy("<f4", (3, 4), data)[8:],
        "no magic": b"\0" + z.npy("<f4", (3, 4), data)[1:],
        "no header": data,
        "nothing": b"",
        "a byte less": z.npy("<f4", (3, 4), data[:-1]),
        "a byte more": z.npy("<f4", (3, 4), data + b"\0"),
        "other numbers": z.npy("<f4", (3, 4), (W + 1).tobytes()),
    }.items():
        m, _, b = _members()
        yield f"header: {name}", z.archive(m, z.member("W.npy", npy), b)


def entries() -> Iterator[tuple[str, bytes]]:
    """Manifests that describe impossible arrays, with members that match the description where possible."""
    good = z.described({"W": W})["W"]
    for name in (
        "",
        "../W",
        "/tmp/W",
        "a/b",
        "a\\b",
        "C:W",
        "a\0b",
        "a\nb",
        "a\u2028b",
        "\x9b31m",
        "x" * 1001,
        "\ud800",
    ):
        text = _text({name: good})
        npy = z.npy("<f4", (3, 4), W.tobytes())
        encoded = name.encode(errors="surrogatepass") + b".npy"
        yield f"name {name[:20]!r}", z.archive(z.member("manifest.json", text), z.member(encoded, npy))
    dtypes = [
        "O",
        "|O",
        "|V8",
        "|S5",
        "<U3",
        "<M8[s]",
        "<m8[s]",
        "f4,f4",
        "(1000000000,)f4",
        "float32",
        "f4",
        "=f4",
        "",
    ]
    dtypes += ["<f3", "<f-4", "<f4\n", "|f4", "os.system", None, 4, 4.0, True, [], [["a", "<f4"]], {}, {"a": 1}]
    for dtype in dtypes:
        yield f"dtype {dtype!r}", _described({"W": good | {"dtype": dtype}}, str(dtype))
    shapes = [[2**33], [2**62, 2**62], [2**64], [10**400], [0, 2**63], [-3, -4], [3.0, 4], [True, 12], ["3", 4], [None]]
    shapes += [[[3, 4]], "34", 12, None, {}, {"0": 3}, [1] * 65 + [12], [12] + [1] * 5000, [2**31] * 64, [1e999]]
    shapes += [[1] * 30000, [-100]]
    for i, shape in enumerate(shapes):
        yield f"shape {i}: {str(shape)[:30]}", _described({"W": good | {"shape": shape}})
    members = [z.member("manifest.json", _text({"W": good | {"shape": [True, 12]}}))]
    yield (
        "shape [True, 12] in both places",
        z.archive(*members, z.member("W.npy", z.npy("<f4", (True, 12), W.tobytes()))),
    )
    for sha in ("", "0" * 64, good["sha256"].upper(), good["sha256"] + "0", None, 5, [good["sha256"]], {}):
        yield f"sha256 {str(sha)[:10]!r}", _described({"W": good | {"sha256": sha}})
    for key in good:
        yield f"no {key}", _described({"W": {k: v for k, v in good.items() if k != key}})
    for name, entry in {"more keys": good | {"file": "W.npy"}, "a list": list(good), "null": None, "text": "W"}.items():
        yield f"described by {name}", _described({"W": entry})
    promised = {f"W{i}": z.promise([2**28]) for i in range(32)}
    yield "32 arrays of 1 GB", _described(promised)
    yield "an array as large as the file", _described({"W": z.promise([250])})


def _described(arrays: dict, descr: str = "<f4") -> bytes:
    text = _text(arrays)
    return z.archive(
        z.member("manifest.json", text), *(z.member(f"{n}.npy", z.npy(descr, (3, 4), W.tobytes())) for n in arrays)
    )


def manifests() -> Iterator[tuple[str, bytes]]:
    """Manifests that are wrong as a whole."""
    good = z.manifest(ARRAYS).decode()
    deep = 100_000
    for name, text in {
        "nothing": "",
        "a list": "[]",
        "a number": "2",
        "null": "null",
        "half of it": good[: len(good) // 2],
        "two of them": good + good,
        "format 1": good.replace('"format": 2', '"format": 1'),
        "format 3": good.replace('"format": 2', '"format": 3'),
        "format '2'": good.replace('"format": 2', '"format": "2"'),
        "format []": good.replace('"format": 2', '"format": []'),
        "no format": good.replace('"format": 2', '"other": 2'),
        "no arrays": '{"format": 2}',
        "arrays a list": '{"format": 2, "arrays": ["W", "b"]}',
        "arrays null": '{"format": 2, "arrays": null}',
        "arrays twice": good.replace('"format"', '"arrays": {}, "format"'),
        "format twice": good.replace('"format"', '"format": 1, "format"'),
        "an array twice": good.replace('"b":', '"W":'),
        "a fact's key twice": good.replace('"format"', '"x": {"a": 1, "a": 2}, "format"'),
        "deep lists": good.replace('"format"', f'"x": {"[" * deep}{"]" * deep}, "format"'),
        "deep lists without an end": "[" * deep,
        "deep objects": good.replace('"format"', '"x": ' + '{"a":' * deep + "1" + "}" * deep + ', "format"'),
        "a number of 5000 digits": good.replace('"format"', f'"x": {"9" * 5000}, "format"'),
    }.items():
        yield f"manifest: {name}", z.archive(*_members(text.encode()))
    for cost in (26e6, 70e6):  # bytes that the reader expects in memory: what it just takes, and what it does not
        for name, (before, unit, after, each) in {
            "lists that take 25 times their bytes": ("[", "[0],", "0]", 214),
            "objects that take 28 times their bytes": ("[", '{"":0},', "0]", 353),
            "objects in objects": ("[", '{"a":{}},', "0]", 489),
            "texts": ("[", '"ab",', "0]", 87),
            "wide texts": ('["\U0001d11e",', '"ab",', "0]", 117),
            "one wide character in a text": ('["', "a", '\U0001d11e"]', 9),
            "one escaped wide character in a text": ('["', "a", '\\ud834\\udd1e"]', 9),
            "escapes": ('["', "\\n", '"]', 6),
        }.items():
            text = before + unit * int(cost / each) + after
            yield f"manifest: {name}, {cost / 1e6:.0f} MB", z.archive(*_members(text.encode()))
        keys = "{" + ",".join(f'"{i:07}":0' for i in range(int(cost / 238))) + "}"
        yield f"manifest: keys, {cost / 1e6:.0f} MB", z.archive(*_members(keys.encode()))
    for encoding in ("utf-16", "utf-32-le", "utf-8-sig", "cp037"):
        yield f"manifest in {encoding}", z.archive(*_members(good.encode(encoding)))
    yield "manifest: no text", z.archive(*_members(b"\xff" + good.encode()))
    for flaw in ({"size": HUGE, "packed": HUGE}, {"size": 2**64 - 1, "packed": 2**64 - 1}):
        yield (
            f"a manifest of {flaw['size']} bytes",
            z.checkpoint(ARRAYS, flaws={NAMES[0]: dict(local=flaw, entry=flaw)}),
        )
    bomb = zlib.compress(bytes(10_000_000))
    flaw = dict(method=8, size=10_000_000)
    m, _, b = _members()
    yield "an inflating member", z.archive(m, z.member("W.npy", bomb, local=flaw, entry=flaw), b)


def corpus(place: str) -> dict[str, bytes]:
    """All of them by name; a pickle in some would make the folder ``place``."""
    files = {}
    for source in (others(place), fields(), members(), headers(), entries(), manifests()):
        for name, content in source:
            assert name not in files, name
            files[name] = content
    return files
