#!/usr/bin/env bash
# numpy.load gives the wrong array, without a word, for a name that is another name with `.npy` at its end.
#
# A good guess: what numpy.savez(f, **arrays) wrote, dict(numpy.load(f)) brings back, since every array has its own
# member in the archive: `x` is x.npy, `x.npy` is x.npy.npy. It does not: of the arrays `x` and `x.npy` both names give
# `x`, though `files` lists both and the numbers of the second are in the file. numpy.load takes a name for that of a
# member first, and only then for that of an array. numpy.savez refuses nothing.
#
# Whom it hurts: who saves arrays under names that come from elsewhere, file names say, next to names without ending;
# or puts a file of another kind (manifest.json) into an archive that holds an array of that name.
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
