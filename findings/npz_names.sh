#!/usr/bin/env bash
# numpy.load silently returns the wrong array for a name that equals another name plus `.npy`.
#
# A good guess: dict(numpy.load(f)) restores what numpy.savez(f, **arrays) wrote, because every array has its own member
# in the archive: `x` is x.npy, `x.npy` is x.npy.npy. It does not: of the arrays `x` and `x.npy`, both names return `x`,
# although `files` lists both and the numbers of the second are in the file. numpy.load looks a name up as a member
# first, and only then as an array. numpy.savez accepts both.
#
# Whom it hurts: whoever saves arrays under names from elsewhere, such as file names next to names without a suffix; or
# adds a file of another kind (manifest.json) to an archive that contains an array of that name.
# Source: numpy/lib/_npyio_impl.py, NpzFile.__init__: `self._files.update(zip(_files, _files))`.
# Seen with numpy 2.0.2, 2.4.6 (CPython 3.11) and 2.5.5 (CPython 3.12).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==${NUMPY:-2.4.6}"
"$folder/venv/bin/python" - "$folder/arrays.npz" <<'PYTHON' | tee "$folder/found"
import sys
import zipfile

import numpy as np

np.savez(sys.argv[1], **{"x": np.array([1]), "x.npy": np.array([2])})
with np.load(sys.argv[1]) as found:
    print("files:", found.files)
    print("arrays:", {name: array.tolist() for name, array in found.items()})
    print("by member:", found["x.npy.npy"].tolist())
print("members:", zipfile.ZipFile(sys.argv[1]).namelist())
PYTHON
diff "$folder/found" - <<'EXPECTED'
files: ['x', 'x.npy']
arrays: {'x': [1], 'x.npy': [1]}
by member: [2]
members: ['x.npy', 'x.npy.npy']
EXPECTED
