"""The mutants of one file: each is the file with one small mistake in the body of one function."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

_NEGATED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OTHER: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS: Final = {"any": "all", "all": "any", "min": "max", "max": "min"}
_Changed = Iterator[tuple[ast.AST, ast.AST]]


class Mutant(NamedTuple):
    """A change of one function: its line, and what the text was and became.

    Of several equal changes in one function, the second ends in ``#2``.
    """

    function: str
    line: int
    change: str
    file: ast.Module
    old: ast.AST
    new: ast.AST

    def tree(self) -> ast.Module:
        """Return the changed file, on the same lines."""
        placed = ast.copy_location(self.new, self.old) if hasattr(self.old, "lineno") else self.new
        changed: ast.Module = copy.deepcopy(self.file, {id(self.old): placed})
        return ast.fix_missing_locations(changed)


def mutants(source: str) -> Iterator[Mutant]:
    """Yield the mutants of a file, in its order. Only bodies of functions change, and no text for people."""
    tree = ast.parse(source)
    for name, function in _functions(tree):
        seen = Counter[str]()
        for node in _inner(function):
            for old, new in _changes(node):
                shown = _shown(old, new)
                seen[shown] += 1
                change = shown if seen[shown] == 1 else f"{shown} #{seen[shown]}"
                yield Mutant(name, getattr(old, "lineno", 0), change, tree, old, new)


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions with their qualified names; a nested one is part of the outer one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _inner(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a body, without docstrings, annotations, and what is only raised as text."""
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield node
        if isinstance(node, ast.Raise | ast.JoinedStr):
            continue
        skipped = {getattr(node, "annotation", None), getattr(node, "returns", None)}
        waiting += [one for one in reversed(list(ast.iter_child_nodes(node))) if one not in skipped]


def _changes(node: ast.AST) -> _Changed:  # noqa: C901  # a case for each kind of mistake
    """Yield (old node, new node) for each way in which this node can be wrong."""
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            yield from _joined(node)
        case ast.UnaryOp(op=ast.Not()):
            yield node, node.operand
        case ast.BinOp() if type(node.op) in _OTHER:
            yield node, ast.BinOp(node.left, _OTHER[type(node.op)](), node.right)
        case ast.If() | ast.IfExp() | ast.While():
            for value in (True, False):
                if not (value and isinstance(node, ast.While)):
                    yield node.test, ast.Constant(value)
        case ast.comprehension():
            for test in node.ifs:
                yield test, ast.Constant(True)
        case ast.Constant():
            yield from _constants(node)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield node, ast.Return(ast.Constant(None))
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield node.func, ast.Name(_CALLS[name], ast.Load())
        case ast.Expr(value=ast.Call() | ast.YieldFrom()) | ast.Raise():
            yield node, ast.Pass()
        case ast.Continue() | ast.Break():
            yield node, ast.Pass()


def _compared(node: ast.Compare) -> _Changed:
    for place, op in enumerate(node.ops):
        for other in _NEGATED[type(op)]:
            ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield node, ast.Compare(node.left, ops, node.comparators)


def _joined(node: ast.BoolOp) -> _Changed:
    yield node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for place in range(len(node.values)):
        rest = [*node.values[:place], *node.values[place + 1 :]]
        yield node, ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]


def _constants(node: ast.Constant) -> _Changed:
    if isinstance(node.value, bool):
        yield node, ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield node, ast.Constant(node.value + 1)
    elif isinstance(node.value, str):
        yield node, ast.Constant(node.value + "X")


def _shown(old: ast.AST, new: ast.AST) -> str:
    return f"{_line(old)} -> {_line(new)}"


def _line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:160]
