"""Checkpoints under faults: processes killed while they save, damaged and hostile files, disks that are full."""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import hostile_files
import numpy as np
import pytest
import zip_tools

from common import checkpoint
from common.checkpoint import CheckpointError
from support.atomic_file import replacing

TESTS = Path(__file__).parent
MEGABYTE = 2**20
LARGE = 200_000  # bytes; of a hostile file


def run(environment, *arguments) -> dict:
    """What a script of ours prints, as JSON."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=500)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


# Saves that are cut short


def test_a_save_that_is_killed_leaves_one_of_the_contents_whole(tmp_path, script_environment, full):
    count = 400 if full else 20
    seen = run(script_environment, TESTS / "kill_saves.py", tmp_path, "kills", count, 1)
    assert seen["kills"] == count
    assert min(seen["contents"]) > 0 or not full, "of a few kills, on a busy machine, all may come early"
    assert seen["midway"] > (count / 5 if full else 0)  # so many died within a save
    first, second = seen["contents"]
    print(
        f"{count} saves killed, {seen['midway']} of them before the rename, the others after it or before they wrote; "
        f"the file was whole each time, {first} times with one content, {second} with the other"
    )


def test_saves_of_several_processes_do_not_mix(tmp_path, script_environment, full):
    seen = run(script_environment, TESTS / "kill_saves.py", tmp_path, "together", 200 if full else 10, 1)
    assert seen["reads"] > 5
    print(f"4 processes saved to one path; read {seen['reads']} times meanwhile, whole each time")


def test_a_link_and_permissions_stay(tmp_path):
    (tmp_path / "real").mkdir()
    checkpoint.save(tmp_path / "real" / "w.npz", {"W": np.zeros(2)})
    os.chmod(tmp_path / "real" / "w.npz", 0o600)
    (tmp_path / "w.npz").symlink_to("real/w.npz")
    checkpoint.save(tmp_path / "w.npz", {"W": np.ones(3)})
    assert (tmp_path / "w.npz").is_symlink() and checkpoint.load(tmp_path / "real" / "w.npz")[0]["W"].size == 3
    assert (tmp_path / "real" / "w.npz").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["real", "w.npz", "w.npz"]


def test_a_save_sweeps_what_others_left_of_this_file_and_nothing_else(tmp_path):
    swept = [".w.npz.0123456789abcdef.tmp", ".w.npz.4711.tmp"]
    kept = ["w.npz.4711.tmp", ".w.npz.tmp", ".w.npz.old.tmp", ".v.npz.4711.tmp", ".w.npz.x.4711.tmp", ".wxnpz.4711.tmp"]
    for name in swept + kept:
        (tmp_path / name).write_bytes(b"?")
    os.mkfifo(tmp_path / ".w.npz.1234.tmp")  # to open it would wait for ever
    with replacing(tmp_path / "w.npz") as file:  # another save that goes on meanwhile
        file.write(b"other")
        checkpoint.save(tmp_path / "w.npz", {})
        assert checkpoint.load(tmp_path / "w.npz") == ({}, {"format": 2})
    assert (tmp_path / "w.npz").read_bytes() == b"other"
    assert sorted(os.listdir(tmp_path)) == sorted(["w.npz", ".w.npz.1234.tmp", *kept])


def test_a_temporary_file_that_is_swept_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    from fcntl import flock

    taken = []

    def swept_first(file, operation):
        if not taken:
            taken.append(file.name)
            os.unlink(file.name)
        flock(file, operation)

    monkeypatch.setattr("fcntl.flock", swept_first)
    checkpoint.save(tmp_path / "w.npz", {"a": np.ones(2)})
    assert len(taken) == 1 and os.listdir(tmp_path) == ["w.npz"]


def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    def none(file, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", none)
    (tmp_path / ".w.npz.4711.tmp").write_bytes(b"?")
    checkpoint.save(tmp_path / "w.npz", {})
    assert sorted(os.listdir(tmp_path)) == [".w.npz.4711.tmp", "w.npz"]


def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_after(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        here = os.readlink(f"/proc/self/fd/{descriptor}")
        calls.append(("fsync", here, os.path.getsize(here)))
        fsync(descriptor)

    def noted_replace(source, target):
        calls.append(("replace", str(source)))
        replace(source, target)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc/self/fd, which names the open files")
    monkeypatch.setattr("os.fsync", noted_fsync)
    monkeypatch.setattr("os.replace", noted_replace)
    checkpoint.save(tmp_path / "w.npz", {"a": np.ones(1000)})
    (first, file, size), (second, source), (third, folder, _) = calls
    assert (first, second, third) == ("fsync", "replace", "fsync") and file == source and folder == str(tmp_path)
    assert size == os.path.getsize(tmp_path / "w.npz")  # nothing was left in a buffer


@pytest.mark.parametrize("limit", [0, 1, 5000, 300_000])
def test_a_full_disk_is_one_error_and_the_old_file_stays(tmp_path, limit):
    path = tmp_path / "w.npz"
    checkpoint.save(path, {"a": np.ones(3)}, {"which": "old"})
    old = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            checkpoint.save(path, {f"a{i}": np.ones(10_000) for i in range(8)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and ".tmp" not in str(caught.value)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["w.npz"]


def test_a_read_only_folder_is_one_error_and_the_old_file_stays():
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, which other users may not enter
        path = Path(folder) / "w.npz"
        checkpoint.save(path, {"a": np.ones(3)})
        old = path.read_bytes()
        os.chmod(folder, 0o555)
        root = os.geteuid() == 0  # who may write everywhere
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError) as caught:
                checkpoint.save(path, {"a": np.zeros(3)})
        finally:
            if root:
                os.seteuid(0)
            os.chmod(folder, 0o755)
        assert str(path) in str(caught.value) and ".tmp" not in str(caught.value)
        assert path.read_bytes() == old and os.listdir(folder) == ["w.npz"]


def test_a_folder_in_the_files_place_is_one_error_that_leaves_nothing(tmp_path):
    (tmp_path / "w.npz").mkdir()
    with pytest.raises(OSError, match=r"'[^']*/w\.npz'$"):
        checkpoint.save(tmp_path / "w.npz", {"a": np.ones(3)})
    assert os.listdir(tmp_path) == ["w.npz"]


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="font"), replacing(tmp_path / "w.npz"):
        open(tmp_path / "font")
    assert os.listdir(tmp_path) == []


# Damaged files

SMALL = {"W": np.array([[1, -2.5], [np.nan, 0]], np.float32), "n": np.array(7), "none": np.zeros((0, 3))}


def outcome(path: Path) -> str | tuple:
    """The error of ``load``, one line with the path, or all that it read."""
    try:
        arrays, manifest = checkpoint.load(path)
    except CheckpointError as error:
        assert str(error).startswith(f"{path}: ") and len(str(error).splitlines()) == 1
        return "refused"
    return {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}, manifest


def test_every_bit_and_every_length_matters(tmp_path, full):
    path = tmp_path / "w.npz"
    checkpoint.save(path, SMALL, {"model": "attention", "lr": 0.1})
    content = path.read_bytes()
    whole, draw = outcome(path), random.Random(1)
    bits, lengths = range(8 * len(content)), range(len(content))
    if not full:
        bits, lengths = draw.sample(bits, 600), draw.sample(lengths, 200)
    tried = {"flips": 0, "truncations": 0, "longer": 0, "identical": 0}
    with open(path, "r+b", buffering=0) as file:
        for bit in bits:
            at, mask = bit // 8, 1 << bit % 8
            os.pwrite(file.fileno(), bytes([content[at] ^ mask]), at)
            seen = outcome(path)
            assert seen in ("refused", whole), f"bit {bit}"
            os.pwrite(file.fileno(), content[at : at + 1], at)
            tried["flips"] += 1
            tried["identical"] += seen == whole
        for length in sorted(lengths, reverse=True):
            file.truncate(length)
            assert outcome(path) == "refused", f"cut to {length}"
            tried["truncations"] += 1
    for more in (b"\0", b"\n", content):
        path.write_bytes(content + more)
        assert outcome(path) == "refused"
        tried["longer"] += 1
    path.write_bytes(content)
    assert outcome(path) == whole
    assert tried["identical"] == 0  # more than is promised: no bit is without meaning
    print(
        f"{len(content)} bytes: {tried['flips']} single bits flipped, {tried['truncations']} truncations, "
        f"{tried['longer']} files that are longer; all refused"
    )


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    checkpoint.save(path, {"a": np.ones(10**6)})
    check = checkpoint._check

    def shrink(file, size):
        checked = check(file, size)
        os.truncate(path, size // 2)
        return checked

    monkeypatch.setattr(checkpoint, "_check", shrink)
    with pytest.raises(CheckpointError, match="ends within 'a'"):
        checkpoint.load(path)


# Hostile files


def test_the_tests_archive_is_what_save_writes(tmp_path):
    """So each of the corpus has the one flaw that its name says."""
    for arrays in (hostile_files.ARRAYS, {}, {"重み": np.arange(3, dtype=">i8"), "e": np.zeros((0, 2**40), bool)}):
        checkpoint.save(tmp_path / "w", arrays)
        assert (tmp_path / "w").read_bytes() == zip_tools.checkpoint(arrays)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """The corpus, and the folder that is there when something in it was executed."""
    exploded = tmp_path_factory.mktemp("hostile") / "exploded"
    return exploded, hostile_files.corpus(str(exploded))


def test_hostile_files_are_refused_with_one_line_in_bounded_memory(tmp_path, hostile, full):
    path, (exploded, files) = tmp_path / "w.npz", hostile
    wrong, most, tried = {}, 0, 0
    for name, content in files.items():
        if len(content) > LARGE and not full:  # those the next test has
            continue
        path.write_bytes(content)
        tried += 1
        for read in (checkpoint.load, checkpoint.read_manifest) if full else (checkpoint.load,):
            tracemalloc.start()
            try:
                read(path)
                seen = "accepted" if read is checkpoint.load else None  # the other does not look at numbers
            except CheckpointError as error:
                fine = (
                    str(error).startswith(f"{path}: ") and len(str(error).splitlines()) == 1 and len(str(error)) < 600
                )
                seen = None if fine else str(error)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if peak > 2 * len(content) + 32 * MEGABYTE:
                seen = f"{peak} bytes of memory for {len(content)}"
            most = max(most, peak - 2 * len(content))
            if seen is not None:
                wrong[name] = seen
    assert not wrong and not exploded.exists() and tried > 350
    print(f"{tried} hostile files refused; memory at most twice the file and {most / MEGABYTE:.1f} MiB, as traced")


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "zero", Path("/dev/null")):
        with pytest.raises(CheckpointError, match=f"^{path}: .*a folder, a pipe or a device$"):
            checkpoint.load(path)


LIMITED = """
import json, resource, sys
from pathlib import Path
from common import checkpoint
seen = {"refused": 0, "read": 0}
for path in sorted(Path(sys.argv[1]).iterdir()):
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 2 * path.stat().st_size + 32 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    try:
        checkpoint.load(path)
        seen["read"] += 1
    except checkpoint.CheckpointError:
        seen["refused"] += 1
print(json.dumps(seen))
"""


def test_the_memory_of_a_process_that_reads_is_bounded(tmp_path, hostile, script_environment, full):
    """As the system counts it: what is beyond the limit raises MemoryError."""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs /proc/self/statm, which counts the memory")
    checkpoint.save(tmp_path / "40 MB", {"a": np.ones(5 * 10**6)}, {"model": "attention"})
    checkpoint.save(tmp_path / "many", {f"layers.{i}.W": np.array(i) for i in range(12_000 if full else 1000)})
    exploded, files = hostile
    for i, content in enumerate(files.values()):
        if len(content) > LARGE or full:
            (tmp_path / f"hostile {i}").write_bytes(content)
    bad = len(os.listdir(tmp_path)) - 2
    seen = run(script_environment, "-c", LIMITED, tmp_path)
    assert seen == {"refused": bad, "read": 2} and bad > 15 and not exploded.exists()
    print(f"{bad} hostile files refused, 2 good ones read, none of which took twice the file and 32 MiB of a process")


def test_reading_takes_the_arrays_once(tmp_path):
    checkpoint.save(tmp_path / "w", {"a": np.ones(10**6), "b": np.ones(10**6)})
    for read, most in ((checkpoint.load, 16 * 10**6), (checkpoint.read_manifest, 0)):
        tracemalloc.start()
        read(tmp_path / "w")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most + 10**5
