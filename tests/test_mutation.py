"""mutate.py changes what it says, where it says; the score itself takes longer, see docs/reliability.md."""

import ast

import numpy as np
import pytest
from mutate import TESTS
from mutation.equivalent import equivalents
from mutation.operators import mutants
from mutation.scope import ROOT, cases, functions, lines

from common.functions import relu
from common.layers import Affine

CHANGES = {  # a statement: what it is changed to
    "return a - b": "return a + b; return a; return b; return (a - b) * 1.0005; return -(a - b)",
    "h = a @ b.T": "h = a.swapaxes(-1, -2) @ b.T; h = a @ b.T.swapaxes(-1, -2); h = a; h = b.T; "
    "h = a @ b.T * 1.0005; h = -(a @ b.T); h = a @ b",
    "x += y": "pass; x -= y; x[...] = y; x += y * 1.0005",
    "dx[now] *= y": "pass; dx[now] /= y; dx[now] = y; dx[now] *= y * 1.0005; dx[now] *= -y",
    "np.add(a, b, out=c)": "pass; np.subtract(a, b, out=c); np.positive(a, out=c); np.positive(b, out=c); "
    "np.multiply(np.add(a, b, out=c), 1.0005, out=c); np.negative(np.add(a, b, out=c), out=c)",
    "s = x.sum(axis=-1, keepdims=True)": "s = x.mean(axis=-1, keepdims=True); s = x.max(axis=-1, keepdims=True); "
    "s = x.sum(axis=-1, keepdims=True) * 1.0005; s = -x.sum(axis=-1, keepdims=True); s = x.sum(keepdims=True, axis=0); "
    "s = x.sum(keepdims=True, axis=-2); s = x.sum(keepdims=True); s = x.sum(axis=-1)",
    "return x.sum() ** 2": "return x.mean() ** 2; return x.max() ** 2; return (x.sum() * 1.0005) ** 2; "
    "return (-x.sum()) ** 2; return x.sum(axis=0) ** 2; return x.sum() * 2; return x.sum(); "
    "return x.sum() ** 2 * 1.0005; return -x.sum() ** 2; return x.sum() ** 3",
    "a = b.transpose(0, 2, 1)": "a = b; a = b.transpose(2, 0, 1); a = b.transpose(1, 2, 0); a = b.transpose(0, 1, 2)",
    "a = b[:, ::-1]": "a = b[::-1, :]; a = b[:, :]; a = b[:, ::0]; a = b[:, ::1]",
    "a = b[1:n]": "a = b[:n]; a = b[1:]; a = b[2:n]",
    "a = np.tanh(a)": "a = a; a = np.tanh(a) * 1.0005; a = -np.tanh(a)",
    "a = b if c is None else d": "a = d if c is None else b; a = b if c is not None else d",
    "W = V[gate]": "W = V",
    "self.cache = x, y.copy()": "self.cache = (x * 1.0005, y.copy()); self.cache = (x, y.copy() * 1.0005)",
    "if reset: x += 1": "if not reset:; pass; x -= 1; x[...] = 1; x += 2",
    "if n < 1: raise ValueError(n + 1)": "",
    "self.expect('x', x, n + 1)": "",
}


@pytest.mark.parametrize("statement", CHANGES)
def test_changes(statement):
    function = ast.parse(f"def f():\n {statement}").body[0]
    before = ast.dump(function)
    found = [mutant.after for mutant in mutants(function)]
    assert sorted(found) == sorted(filter(None, CHANGES[statement].split("; ")))
    assert ast.dump(function) == before


def test_what_is_mutated():
    found = functions(TESTS)
    named = {f"{function.file} {function.name}" for function in found}
    for path in (ROOT / "common").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                passes = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
                for name in passes & {"forward", "backward"}:
                    assert f"common/{path.name} {node.name}.{name}" in named
    assert {"common/gru.py TimeGRU._mix", "common/steps.py Ragged.__init__", "common/layer.py Layer.work"} <= named
    assert all((ROOT / "tests" / f"test_{name}.py").exists() for tests in TESTS.values() for name in tests.split())
    without = {file: tests for file, tests in TESTS.items() if file != "common/gru.py"}
    with pytest.raises(ValueError, match=r"common/gru\.py: GRU has .*backward, forward, but the file has no tests"):
        functions(without)


def test_lists_and_ids():
    """Each entry of the list of equivalents is a mutant; no two mutants are known by one id."""
    every = [case for function in functions(TESTS) for case in cases(function)]
    assert len({case.id for case in every}) == len(every) > 3000
    assert 0 < len(equivalents(every)) < 0.05 * len(every)
    assert all(case.mutant.line in lines(case.function) for case in every)


@pytest.mark.parametrize(
    ("file", "name", "after", "effect"),
    [
        ("functions", "relu", "return np.where(x.real <= 0, 0, x) * 1.0005", lambda: relu(np.ones(1)) == 1.0005),
        ("layers", "Affine.forward", "y -= self.b", lambda: Affine(np.eye(1), np.ones(1)).forward(np.ones(1)) == 0),
    ],
)
def test_a_mutant_is_what_runs(file, name, after, effect):
    function = next(f for f in functions(TESTS) if (f.file, f.name) == (f"common/{file}.py", name))
    code, case = function.live().__code__, next(case for case in cases(function) if case.mutant.after == after)
    try:
        assert not effect()
        case.apply()
        assert effect()
    finally:
        function.live().__code__ = code
    assert not effect()
