"""What is mutated: the functions that the layers compute with, and their mutants."""

import ast
import collections
import hashlib
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from mutation import operators

ROOT = Path(__file__).resolve().parents[2]
# what those outside common/ call
ROOTS = {"forward", "backward", "final", "add_final", "start", "step", "update", "clip_grads"}
WHOLE = {"common/functions.py", "common/initializers.py"}


class Function(NamedTuple):
    """A function of ours: its file, its name with that of its class, the trees of the file and of itself."""

    file: str
    name: str
    module: ast.Module
    node: ast.FunctionDef

    @property
    def key(self) -> str:
        return f"{self.file}:{self.name}"

    def live(self) -> Callable:
        """The function itself, without what its decorators put around it."""
        found = import_module(self.file.removesuffix(".py").replace("/", "."))
        for name in self.name.split("."):
            found = inspect.getattr_static(found, name)
        return inspect.unwrap(getattr(found, "__func__", found))

    def code(self):
        """Compile the tree as it is now."""
        with warnings.catch_warnings():  # about what no one would write, such as 0[..., None]
            warnings.simplefilter("ignore")
            code = compile(ast.fix_missing_locations(self.module), self.file, "exec")
        for name in self.name.split("."):
            code = next(c for c in code.co_consts if getattr(c, "co_name", None) == name)
        return code


class Case(NamedTuple):
    """The ``number``-th mutant of a function; ``id`` changes when the function does."""

    function: Function
    number: int
    mutant: operators.Mutant
    id: str

    def apply(self) -> None:
        """Give the function this mutant's code: wherever it was imported, it is the same function."""
        mutants = operators.mutants(self.function.node)
        for _ in range(self.number):
            next(mutants)
        assert next(mutants) == self.mutant
        self.function.live().__code__ = self.function.code()

    def __str__(self) -> str:
        file, line, mutant = self.function.file, self.mutant.line, self.mutant
        return f"{file}:{line} {self.function.name} ({mutant.kind})\n    {mutant.before}\n    {mutant.after}"


def functions(files: Iterable[str]) -> list[Function]:
    """Return the functions of ROOTS, all of the files WHOLE, and what these use by name, in the order of files.

    Raises ValueError when a file of common/ that has a forward is not among them.
    """
    files = list(files)
    every: dict[str, list[Function]] = collections.defaultdict(list)
    for path in sorted((ROOT / "common").glob("*.py")):
        file, module = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        for node in module.body:
            inside = node.body if isinstance(node, ast.ClassDef) else []
            names = {inner.name for inner in inside if isinstance(inner, ast.FunctionDef)}
            if file not in files:
                if names & {"forward", "backward"}:
                    raise ValueError(f"{file}: {node.name} has {', '.join(sorted(names))}, but the file has no tests")
                continue
            if isinstance(node, ast.FunctionDef):
                every[node.name].append(Function(file, node.name, module, node))
            for inner in inside:
                if isinstance(inner, ast.FunctionDef):
                    name = node.name if inner.name == "__init__" else inner.name  # a class is used by its name
                    every[name].append(Function(file, f"{node.name}.{inner.name}", module, inner))
    todo = [name for name, found in every.items() if name in ROOTS or found[0].file in WHOLE]
    used = set()
    while todo:
        if (name := todo.pop()) not in used:
            used.add(name)
            parts = (part for function in every[name] for part in ast.walk(function.node))
            todo += {getattr(part, "attr", getattr(part, "id", None)) for part in parts} & set(every)
    found = [function for name in used for function in every[name]]
    return sorted(found, key=lambda function: (files.index(function.file), function.node.lineno))


def cases(function: Function) -> Iterator[Case]:
    source = ast.unparse(function.node)
    for number, mutant in enumerate(operators.mutants(function.node)):
        place = mutant.line - function.node.lineno
        text = f"{function.file} {function.name}\n{source}\n{place}\n{mutant.after}"
        yield Case(function, number, mutant, hashlib.sha256(text.encode()).hexdigest()[:16])


def lines(function: Function) -> set[int]:
    """Return the lines at which a statement of the function begins, except those that only refuse bad input."""
    return {statement.lineno for _, statement in operators.statements(function.node)}
