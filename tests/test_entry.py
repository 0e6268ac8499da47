"""A package that is missing or broken is one line with the command that installs it; and Ctrl-C shows no traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest
from script_tools import ROOT, refused

SCRIPTS = sorted(
    path
    for folder in ("scripts", "benchmarks", "dataset")
    for path in (ROOT / folder).glob("*.py")
    if "    entry.run(" in path.read_text("utf-8")
)
SENTENCEPIECE = "pip install sentencepiece"
ALL = r"to install it: pip install -e \."
TORCH = r"pip install torch==2\.13\.0"
GONE = "raise ModuleNotFoundError(\"No module named '{0}'\", name='{0}')\n"
LIBRARY = "import ctypes\nctypes.CDLL('libnone.so.1')\n"
NUMPYS = "raise ImportError('''\n\nIMPORTANT: PLEASE READ THIS\n\nOriginal error was: ...\n''')\n"


@pytest.fixture
def script_with(tmp_path, script_environment):
    """``script_with("torch", code, "x.py", *arguments)``: runs a script, or a module, where that is the package."""

    def run(package: str, code: str, name: str, *arguments) -> subprocess.CompletedProcess:
        (tmp_path / "first").mkdir()
        (tmp_path / "first" / f"{package}.py").write_text(code.format(package), encoding="utf-8")
        path = os.pathsep.join([str(tmp_path / "first"), script_environment["PYTHONPATH"]])
        what = [ROOT / "scripts" / name] if name.endswith(".py") else ["-m", name]
        command = [sys.executable, *what, *map(str, arguments)]
        environment = script_environment | {"PYTHONPATH": path}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    return run


def test_every_script_begins_and_ends_in_the_same_way():
    """What it imports before ``entry`` belongs to Python."""
    assert len(SCRIPTS) >= 14 and {path.parent.name for path in SCRIPTS} == {"scripts", "benchmarks", "dataset"}
    for path in SCRIPTS:
        lines = path.read_text("utf-8").splitlines()
        imports = [line.split()[1] for line in lines if line.startswith(("import ", "from "))]
        before = imports[: imports.index("entry" if path.parent.name == "scripts" else "support")]
        assert {name.split(".")[0] for name in before} <= sys.stdlib_module_names, path.name


@pytest.mark.parametrize(
    ("package", "code", "said"),
    [
        ("numpy", GONE, rf"numpy is not installed; {ALL}"),
        (
            "numpy",
            NUMPYS,
            rf"numpy cannot be imported \(IMPORTANT: PLEASE READ THIS\); {ALL}",
        ),
        ("tqdm", GONE, rf"tqdm is not installed; {ALL}"),
    ],
    ids=["missing", "broken", "of a part"],
)
def test_a_package_that_scripts_begin_with(script_with, package, code, said):
    refused(script_with(package, code, "train_date.py"), f"^train_date.py: {said}$")


def test_matplotlib_is_missed_before_the_training(script_with, tmp_path, tiny):
    """Whatever it raises."""
    done = script_with("matplotlib", "raise AttributeError('no attribute x')\n", "train_date.py", "--data", tiny)
    refused(done, rf"^train_date.py: matplotlib cannot be imported \(no attribute x\); {ALL}$")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("package", "code", "said"),
    [
        ("sentencepiece", GONE, f"the package sentencepiece is missing; install it: {SENTENCEPIECE}"),
        (
            "sentencepiece",
            LIBRARY,
            rf"sentencepiece cannot be imported \(libnone.so.1: .*\); .*: {SENTENCEPIECE}",
        ),
        ("sentencepiece", "from re import no_such_name\n", rf"sentencepiece cannot be imported \(.*: {SENTENCEPIECE}"),
    ],
    ids=["missing", "library", "name"],
)
def test_sentencepiece(in_process, monkeypatch, tmp_path, package, code, said):
    (tmp_path / f"{package}.py").write_text(code.format(package), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    refused(in_process(tmp_path, "train_text.py", "--model", "gru", "--tokenizer", "sentencepiece"), said)
    assert not (tmp_path / "runs").exists()


def test_a_package_that_is_no_python(script_with, tiny):
    said = rf"^train_date.py: tqdm cannot be imported \(.*syntax.*\); {ALL}$"
    refused(script_with("tqdm", "no syntax\n", "train_date.py", "--data", tiny), said)


@pytest.mark.parametrize("code", [LIBRARY, "import no_such_part_of_torch\n"], ids=["library", "part"])
def test_a_torch_that_is_broken(in_process, monkeypatch, tmp_path, code):
    """One that is missing is told of, and left out: tests/test_compare_text.py."""
    (tmp_path / "torch.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    done = in_process(tmp_path, "benchmarks.compare_text", "--data", tmp_path)
    refused(done, rf"^compare_text.py: torch cannot be imported \(.*\); to install it: {TORCH}$")


@pytest.mark.parametrize(("code", "what"), [(GONE, "is missing"), (LIBRARY, "cannot be imported")])
def test_cupy(script_with, monkeypatch, script_environment, code, what):
    monkeypatch.setitem(script_environment, "GPU", "1")
    said = rf"^convert_date.py: GPU was asked for, but cupy {what}: pip install cupy-cuda12x, or"
    refused(script_with("cupy", code, "convert_date.py", "x"), said)


@pytest.mark.parametrize(
    "path",
    [
        path if path.parent.name == "dataset" else pytest.param(path, marks=pytest.mark.slow)
        for path in SCRIPTS
        if path.name != "pairs.py"  # which needs no numpy
    ],
    ids=lambda path: path.name,
)
def test_every_script_without_numpy(script_with, path):
    name = path.name if path.parent.name == "scripts" else f"{path.parent.name}.{path.stem}"
    refused(script_with("numpy", GONE, name), rf"^{path.name}: numpy is not installed; {ALL}$")


def test_an_error_of_ours_is_no_package(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from support import entry

    for error in (ValueError("x"), FileNotFoundError(2, "no such file", "x")):
        with pytest.raises(type(error)) as caught:
            raise error
        assert entry.of_import(caught.value) is None


@pytest.mark.parametrize(
    "what",
    [[ROOT / "scripts" / "convert_date.py", "x"], ["-m", "dataset.dates"], ["-mbenchmarks.date"]],
    ids=["path", "-m", "-m without a space"],
)
def test_ctrl_c_during_the_imports(script_environment, tmp_path, what):
    """This numpy sleeps: the key is pressed while it is imported."""
    code = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    (tmp_path / "numpy.py").write_text(code, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), script_environment["PYTHONPATH"]])
    environment = script_environment | {"PYTHONPATH": path}
    with subprocess.Popen(
        [sys.executable, *what], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"importing\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == -signal.SIGINT


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_ctrl_c_during_a_command_of_dataset(script_environment, tmp_path):
    """It waits for a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "in.tsv")
    command = [sys.executable, "-m", "dataset.pairs", "convert", "in.tsv", "out.txt"]
    with subprocess.Popen(command, cwd=tmp_path, env=script_environment, stderr=subprocess.PIPE) as process:
        with open(tmp_path / "in.tsv", "wb"):  # opens once the command reads
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60)[1] == b"pairs.py: interrupted\n"
    assert process.returncode == 130
    assert os.listdir(tmp_path) == ["in.tsv"]
