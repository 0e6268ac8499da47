"""The mutants of a function: its syntax tree with one place changed, for every place and every change listed here.

``mutants(function)`` puts each change into the tree, yields it, and takes it out again. A change is one of:

    operator   + and -, * and /, @ with an operand transposed, & and |, comparisons, ``is None``; also numpy's own
               (``np.add``, ``sum``, ``max``, ...) and those that write into ``out``
    dropped    a term, a factor, a function (``tanh(x)`` -> ``x``), a transposition, a statement that changes an array
    factor     what an expression gives, times 1.0005
    sign       what an expression gives, negated
    axis       another axis, other orders of axes, of indices and of shapes, no ``keepdims``
    slice      the other side, one bound less, forwards for backwards
    constant   one more

What only refuses bad input (a condition before nothing but ``raise``, ``expect``) is left as it is.
"""

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

FACTOR = 1.0005
SWAPS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
CALLS = {  # what a call may be taken for
    "add": ["subtract"],
    "subtract": ["add"],
    "multiply": ["divide"],
    "divide": ["multiply"],
    "sum": ["mean", "max"],
    "mean": ["sum"],
    "max": ["min"],
    "min": ["max"],
    "maximum": ["minimum"],
    "ones": ["zeros"],
    "zeros": ["ones"],
    "sigmoid_of_minus_slope": ["tanh_slope"],
    "tanh_slope": ["sigmoid_of_minus_slope"],
}
OF_TWO = {"add", "subtract", "multiply", "divide", "max", "min", "maximum"}
OF_ONE = {"tanh", "exp", "log", "log1p", "sqrt", "sigmoid", "softmax", "softplus", "relu"}
VALUES = OF_ONE | {"add", "subtract", "multiply", "divide", "matmul", "sum", "mean", "max", "min"} | {
    "maximum", "cumsum", "reduceat", "take_along_axis", "concatenate", "where"
}  # fmt: skip
COUNTS = {"range", "slice", "work", "arange", "searchsorted", "array_split"}  # whose arguments are whole numbers
ALONG = {"take_along_axis", "put_along_axis", "reduceat", "accumulate"}  # without axis they fail, or take the same one
REFUSALS = {"expect", "expect_mask", "expect_step", "expect_array"}


class Mutant(NamedTuple):
    """A change of the statement that begins at ``line``: how it reads ``before`` and ``after``, on one line."""

    line: int
    kind: str
    before: str
    after: str


class Place(NamedTuple):
    """Where a node stands: the ``field`` of its parent, or one item of the list in that field."""

    parent: ast.AST
    field: str
    index: int | None

    def put(self, node) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def fill(template: str, **parts: ast.AST) -> ast.expr:
    """Parse an expression and replace its names by the parts."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node):
            return parts.get(node.id, node)

    return Fill().visit(ast.parse(template, mode="eval").body)


def like(node: ast.AST, **changes) -> ast.AST:
    """Copy the node with some fields changed."""
    new = copy.copy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def swapped(items: list) -> Iterator[list]:
    """Yield the list with two different neighbours swapped, for each such pair."""
    for i in range(len(items) - 1):
        if ast.dump(items[i]) != ast.dump(items[i + 1]):
            yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


def number(node: ast.AST) -> int | float | None:
    """Return the value of a number, with or without a minus; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number(node.operand)
        return None if value is None else -value
    value = node.value if isinstance(node, ast.Constant) else None
    return value if type(value) in (int, float) else None


def name_of(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def renamed(call: ast.Call, name: str) -> ast.Call:
    function = call.func
    return like(call, func=like(function, **{"attr" if isinstance(function, ast.Attribute) else "id": name}))


def of_values(node: ast.expr, whole: bool) -> Iterator[tuple[str, ast.expr]]:
    """Yield what any expression that computes numbers may be taken for."""
    out = [k.value for k in node.keywords if k.arg == "out"] if isinstance(node, ast.Call) else []
    if out:
        yield "factor", fill(f"np.multiply(call, {FACTOR}, out=to)", call=node, to=out[0])
        yield "sign", fill("np.negative(call, out=to)", call=node, to=out[0])
    elif whole:
        yield "constant", fill("a + 1", a=node)
    else:
        yield "factor", fill(f"a * {FACTOR}", a=node)
        yield "sign", fill("-a", a=node)


def of_binary(node: ast.BinOp, whole: bool) -> Iterator[tuple[str, ast.expr]]:
    a, b = node.left, node.right
    for op in SWAPS.get(type(node.op), []):
        yield "operator", like(node, op=op())
    if isinstance(node.op, ast.MatMult):
        yield "operator", fill("a.swapaxes(-1, -2) @ b", a=a, b=b)
        yield "operator", fill("a @ b.swapaxes(-1, -2)", a=a, b=b)
    yield "dropped", a
    if not isinstance(node.op, ast.Pow):
        yield "dropped", b
    if not isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        yield from of_values(node, whole or isinstance(node.op, ast.FloorDiv))


def of_call(node: ast.Call, whole: bool) -> Iterator[tuple[str, ast.expr]]:
    name, args = name_of(node), node.args
    into = "np.positive(a, out=to)" if (out := [k.value for k in node.keywords if k.arg == "out"]) else "a"
    for other in CALLS.get(name, []):
        if isinstance(node.func, ast.Attribute) or name in ("max", "min", "sigmoid_of_minus_slope", "tanh_slope"):
            yield "operator", renamed(node, other)
    if name in OF_TWO and len(args) == 2:
        yield from (("dropped", fill(into, a=arg, to=(out or args)[0])) for arg in args)
        if name in ("subtract", "divide"):
            yield "sign", like(node, args=args[::-1])
    if name in OF_ONE and args:
        yield "dropped", fill(into, a=args[0], to=(out or args)[0])
    if name == "matmul":
        for i in range(2):
            turned = fill("a.swapaxes(-1, -2)", a=args[i])
            yield "operator", like(node, args=[turned if j == i else arg for j, arg in enumerate(args)])
    if name in VALUES:
        yield from of_values(node, whole)
    if name == "where":
        yield "operator", like(node, args=[args[0], args[2], args[1]])
        yield from (("dropped", arg) for arg in args[1:])
    if name == "reversed":
        yield "slice", args[0]
    if name == "transpose":
        yield "dropped", node.func.value
        for i in range(len(args)):
            for j in range(i):
                order = list(args)
                order[i], order[j] = order[j], order[i]
                yield "axis", like(node, args=order)
    if name == "reshape":
        yield from (("axis", like(node, args=order)) for order in swapped(args))
    if name == "concatenate" and isinstance(args[0], ast.Tuple):
        yield "axis", like(node, args=[like(args[0], elts=args[0].elts[::-1]), *args[1:]])
    if name in ("sum", "mean") and not args and all(keyword.arg == "out" for keyword in node.keywords):
        yield "axis", like(node, keywords=[*node.keywords, ast.keyword("axis", ast.Constant(0))])
    for i, keyword in enumerate(node.keywords):
        others = [*node.keywords[:i], *node.keywords[i + 1 :]]
        if keyword.arg == "axis" and (axis := number(keyword.value)) is not None:
            for other in (axis + 1, axis - 1):
                yield "axis", like(node, keywords=[*others, like(keyword, value=ast.Constant(other))])
            if name not in ALONG:
                yield "axis", like(node, keywords=others)
        elif keyword.arg in ("keepdims", "side"):
            yield "axis", like(node, keywords=others)


def of_slice(node: ast.Slice) -> Iterator[tuple[str, ast.Slice]]:
    if node.step is not None:
        yield "slice", like(node, step=None)
    elif node.lower is not None and node.upper is not None:
        yield from (("slice", like(node, lower=None)), ("slice", like(node, upper=None)))
    elif node.lower is not None or node.upper is not None:
        yield "slice", like(node, lower=node.upper, upper=node.lower)


def changes(node: ast.AST, whole: bool) -> Iterator[tuple[str, ast.AST]]:
    """Yield what an expression may be taken for, with the kind of change. whole: it counts or indexes."""
    value = number(node)
    if value is not None:
        yield "constant", ast.Constant(value + 1)
        if value < 0:
            yield "sign", ast.Constant(-value)
    elif isinstance(node, ast.BinOp):
        yield from of_binary(node, whole)
    elif isinstance(node, ast.Call):
        yield from of_call(node, whole)
    elif isinstance(node, ast.Slice):
        yield from of_slice(node)
    elif isinstance(node, ast.UnaryOp):
        yield "sign" if isinstance(node.op, ast.USub) else "operator", node.operand
    elif isinstance(node, ast.Compare):
        for op in SWAPS.get(type(node.ops[0]), []):
            yield "operator", like(node, ops=[op(), *node.ops[1:]])
    elif isinstance(node, ast.BoolOp):
        yield "operator", like(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        yield from (("dropped", value) for value in node.values)
    elif isinstance(node, ast.IfExp):
        yield "operator", like(node, body=node.orelse, orelse=node.body)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "dropped", node.value
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        for order in swapped(node.slice.elts):
            yield "axis", like(node, slice=like(node.slice, elts=order))
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and number(node.slice) is None:
        if not isinstance(node.slice, (ast.Slice, ast.Constant)):
            yield "dropped", node.value


def of_statement(node: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """Yield what a simple statement may be taken for."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "dropped", ast.Pass()
    elif isinstance(node, ast.AugAssign):
        yield "dropped", ast.Pass()
        for op in SWAPS.get(type(node.op), []):
            yield "operator", like(node, op=op())
        whole = fill("a[...]", a=like(node.target, ctx=ast.Load()))
        target = node.target if isinstance(node.target, ast.Subscript) else like(whole, ctx=ast.Store())
        yield "dropped", ast.Assign([target], node.value, lineno=node.lineno)
        if number(node.value) is None:
            yield "factor", like(node, value=fill(f"a * {FACTOR}", a=node.value))
            if isinstance(node.op, (ast.Mult, ast.Div)):
                yield "sign", like(node, value=fill("-a", a=node.value))
    elif isinstance(node, ast.If) and not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
        yield "operator", like(node, test=fill("not a", a=node.test))
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield "dropped", ast.Pass()
    if isinstance(node, (ast.Assign, ast.Return)) and node.value is not None:
        stored = isinstance(node, ast.Return) or any(
            isinstance(part, (ast.Subscript, ast.Attribute)) for target in node.targets for part in ast.walk(target)
        )
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        for i, value in enumerate(values):  # an array that is handed over or kept as it is
            call = isinstance(value, ast.Call) and name_of(value) not in VALUES | {"empty", "zeros"}
            if stored and (call or isinstance(value, (ast.Name, ast.Subscript, ast.Attribute))):
                times = fill(f"a * {FACTOR}", a=value)
                new = like(node.value, elts=[*values[:i], times, *values[i + 1 :]]) if len(values) > 1 else times
                yield "factor", like(node, value=new)


def only_refuses(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        call = node.value
        return isinstance(call, ast.Constant) or (isinstance(call, ast.Call) and name_of(call) in REFUSALS)
    if isinstance(node, ast.If):
        return all(isinstance(inner, ast.Raise) or only_refuses(inner) for inner in node.body) and not node.orelse
    return isinstance(node, (ast.Raise, ast.Pass))


def places(node: ast.AST, whole: bool = False) -> Iterator[tuple[Place, ast.AST, bool]]:
    """Yield every expression below a node, except in bodies of statements, and whether it counts or indexes."""
    for field, value in ast.iter_fields(node):
        if field in ("body", "orelse", "handlers", "finalbody") and isinstance(node, ast.stmt):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.JoinedStr, ast.arguments)):
                continue
            if isinstance(node, (ast.AnnAssign, ast.FunctionDef)) and field in ("annotation", "returns"):
                continue
            called = name_of(node) if isinstance(node, ast.Call) else ""
            inside = whole or (isinstance(node, ast.Subscript) and field == "slice") or called in COUNTS
            given = isinstance(node, ast.keyword) and node.arg in ("axis", "keepdims")
            if not given and not (called in ("reshape", "transpose") and number(child) is not None):
                yield Place(node, field, index), child, inside
            if number(child) is None:
                yield from places(child, inside)


def statements(node: ast.AST) -> Iterator[tuple[Place, ast.stmt]]:
    """Yield every statement of a function that may change numbers."""
    for field in ("body", "orelse", "finalbody"):
        for index, child in enumerate(getattr(node, field, [])):
            if isinstance(child, ast.stmt) and not only_refuses(child):
                yield Place(node, field, index), child
                yield from statements(child)


def text(node: ast.stmt) -> str:
    """Return a statement on one line; of a compound statement, the head."""
    return ast.unparse(like(node, **{name: [] for name in {"body", "orelse", "finalbody"} & {*node._fields}})).strip()


def mutants(function: ast.FunctionDef) -> Iterator[Mutant]:
    """Yield each mutant while the tree of the function is changed to it; changes to the same text count once."""
    for place, statement in list(statements(function)):
        before = text(statement)
        seen = {before}
        changed = [(place, statement, *change) for change in of_statement(statement)]
        for inner, node, whole in places(statement):
            changed += [(inner, node, *change) for change in changes(node, whole)]
        for where, node, kind, new in changed:
            where.put(new)
            try:
                after = text(new if node is statement else statement)
                if after not in seen:
                    seen.add(after)
                    yield Mutant(statement.lineno, kind, before, after)
            finally:
                where.put(node)
