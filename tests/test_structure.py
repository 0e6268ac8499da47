"""How the rooms hang together: imports point one way and do nothing, and no one touches the global generator."""

import ast
import functools
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARROWS = {  # room -> the rooms of ours that it may import, besides itself
    "support": set(),
    "common": {"support"},
    "dataset": {"support"},
    "seq2seq": {"common", "support"},
    "classifier": {"common", "support"},
    "interchange": {"common", "seq2seq", "classifier", "support"},
    "experiment": {"common", "dataset", "seq2seq", "classifier", "interchange", "support"},
    "scripts": {"common", "dataset", "seq2seq", "classifier", "interchange", "experiment", "support"},
    "benchmarks": {"common", "dataset", "seq2seq", "classifier", "interchange", "experiment", "support"},
}
PACKAGES = [room for room in ARROWS if room not in ("scripts", "benchmarks")]
FILES = {str(path.relative_to(ROOT)): path for room in ARROWS for path in sorted((ROOT / room).rglob("*.py"))}


@functools.cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(nodes):
    """Full names of the modules that the nodes import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import; write the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(node):
    """The nodes that run when the module is imported: those not inside a function, nor for a type checker only."""
    for child in ast.iter_child_nodes(node):
        for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not for_types and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from at_import(child)


def roots(nodes):
    return {name.split(".")[0] for name in imports(nodes)}


def test_the_walk_finds_rooms_and_imports():
    assert all((ROOT / room).is_dir() for room in ARROWS)
    assert {"common/layer.py", "dataset/dates.py", "seq2seq/seq2seq.py"} <= set(FILES)
    tree = ast.parse("import a.b\ndef f():\n    import c\nclass D:\n    from d import e\nif 1:\n    import g")
    assert sorted(imports(ast.walk(tree))) == ["a.b", "c", "d.e", "g"]
    assert sorted(imports(at_import(tree))) == ["a.b", "d.e", "g"]


def test_imports_point_one_way():
    against = {}
    for name, path in FILES.items():
        room = path.relative_to(ROOT).parts[0]
        ours = roots(ast.walk(parse(path))) & {*ARROWS, "tests", "reference"}
        against[name] = ours - ARROWS[room] - {room}
    assert not {name: found for name, found in against.items() if found}


def test_no_file_is_longer_than_a_reader_takes_in():
    code = [
        path
        for room in [*ARROWS, "tests"]
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".js", ".css")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in code}
    assert len(lengths) > 200
    assert not {name: lines for name, lines in lengths.items() if lines > 350}


def test_matplotlib_is_imported_by_pictures_only():
    against = []
    for name, path in FILES.items():
        tree, room = parse(path), path.relative_to(ROOT).parts[0]
        if room in ("scripts", "benchmarks") or (room != "dataset" and path.name.startswith("plot")):
            continue
        inside_functions = name in ("common/callbacks.py", "support/fonts.py")
        if "matplotlib" in roots(at_import(tree) if inside_functions else ast.walk(tree)):
            against.append(name)
    assert not against


OF_TORCH = "contestants", "torch_date", "compare_text", "torch_text", "import_text", "torch_published"
WITH_TORCH = {f"benchmarks/{name}.py" for name in OF_TORCH}


def test_no_package_is_used_that_setup_cfg_does_not_name():
    siblings = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    known = {"numpy", "cupy", "matplotlib", "threadpoolctl", "tqdm"} | set(ARROWS) | set(sys.stdlib_module_names)
    against = {}
    for name, path in FILES.items():
        allowed = known | siblings if name.startswith("scripts") else known
        if name in WITH_TORCH:
            allowed = allowed | {"torch"}  # measured beside ours where somebody has installed it
        if name == "dataset/tokenizers.py":
            allowed = allowed | {"sentencepiece"}  # of the extra `japanese`, imported where it is needed
        if name in ("experiment/mpi_job.py", "benchmarks/mpi_driver.py"):
            allowed = allowed | {"mpi4py"}  # of the extra `mpi`, imported where a job starts
        if name == "benchmarks/chromium.py":
            allowed = allowed | {"selenium"}  # of the extra `test`
        if name.startswith("interchange/"):
            allowed = allowed | {"h5py", "onnx", "safetensors", "torch"}  # of extras, imported where they are needed
        against[name] = roots(ast.walk(parse(path))) - allowed
    assert not {name: found for name, found in against.items() if found}


def test_the_reference_is_independent():
    assert roots(ast.walk(parse(ROOT / "tests" / "reference.py"))) == {"math", "numpy"}


# Generators of one's own: all else in numpy.random draws from, or seeds, the global one.
OWN = {"RandomState", "default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator"}


def global_draws(tree):
    """Uses of the global generators: numpy's, and the standard library's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random", "cupy.random"):
            if node.attr not in OWN:
                yield ast.unparse(node)
    for name in imports(ast.walk(tree)):
        if name == "random" or name.startswith("random."):
            yield name
        if name.startswith("numpy.random.") and name.removeprefix("numpy.random.") not in OWN:
            yield name
        if name == "numpy.random":
            yield name  # under another name it would escape this search


def test_the_search_finds_global_draws():
    for line in (
        "np.random.randn(3)",
        "from numpy.random import rand",
        "f = np.random.seed",
        "import random",
        "from numpy import random",
        "rng = np.random.mtrand._rand",
    ):
        assert list(global_draws(ast.parse(line))), line
    assert not list(global_draws(ast.parse("rng: np.random.Generator = numpy.random.default_rng(0); rng.random(3)")))


def test_nothing_draws_from_the_global_generator():
    found = {name: list(global_draws(parse(path))) for name, path in FILES.items()}
    assert not {name: uses for name, uses in found.items() if uses}


IMPORT_ALL = """
import importlib, os, pkgutil, sys, threading
import numpy

root, *packages = sys.argv[1:]
sys.path.insert(0, root)

def state():
    kind, keys, *rest = numpy.random.get_state()
    return kind, keys.tolist(), rest

before, threads = state(), threading.enumerate()
names = [m.name for p in packages for m in pkgutil.walk_packages([os.path.join(root, p)], p + ".")]
plots = [name for name in names if name.split(".")[-1].startswith("plot")]
for name in [*packages, *names]:
    if name not in plots:
        importlib.import_module(name)
assert {"common.layer", "dataset.dates", "seq2seq.seq2seq"} <= set(sys.modules)
assert "matplotlib" not in sys.modules, "the framework imported matplotlib"
import matplotlib
looks = dict(matplotlib.rcParams)
for name in plots:
    importlib.import_module(name)
assert dict(matplotlib.rcParams) == looks, "rcParams changed"
if "matplotlib.pyplot" in sys.modules:
    assert not sys.modules["matplotlib.pyplot"].get_fignums(), "a figure was opened"
assert state() == before, "the global generator moved"
assert threading.enumerate() == threads, "a thread was started"
"""


def test_importing_everything_does_nothing(tmp_path):
    """No output, no file, no seed, no thread, no rcParams, and matplotlib for pictures only."""
    env = os.environ | {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    warnings = ["-W", "error"]
    for module in ("_fontconfig_pattern", "_mathtext"):  # what an old matplotlib hears from a new pyparsing
        warnings += ["-W", f"ignore::DeprecationWarning:matplotlib.{module}"]
    command = [sys.executable, *warnings, "-c", IMPORT_ALL, str(ROOT), *PACKAGES]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(tmp_path) == []


def test_mypy_checks_every_room():
    """Then ``py.typed``, in each package, is true: .ci/run allows no error in any of them."""
    checked = re.search(r"^\[tool\.mypy\]\nfiles = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert sorted(ast.literal_eval(checked[1])) == sorted(ARROWS)
    assert all((ROOT / room / "py.typed").is_file() for room in PACKAGES)


def compared_names(tree, names):
    """Names of models that are compared with: what a model can is asked of its class, not of its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and part.value in names:
                    yield ast.unparse(node)


def test_no_model_is_known_by_its_name():
    """Else a model that is registered in MODELS, and nowhere else, would be taken for another."""
    names = {"baseline", "peeky", "attention"}
    assert list(compared_names(ast.parse("a if name in ('peeky', 'x') else b"), names)) == ["name in ('peeky', 'x')"]
    allowed = {  # PyTorch's twin is one of the book's models; and the weights of a token have a kind of this name
        "benchmarks/torch_date.py": 4,
        "experiment/answers.py": 1,
    }
    found = {name: list(compared_names(parse(path), names)) for name, path in FILES.items()}
    against = {name: each for name, each in found.items() if each and len(each) != allowed.get(name)}
    assert not against
