"""No code decides by reading a sentence: messages are for people and may change; decisions use types and fields.

Every module of the package is parsed. What is looked for is the text of an error or question: an attribute
``.message``, ``str(problem)`` of an exception, or a local name that was assigned from one of these.
"""

import ast
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tarkpm"
MODULES = sorted(PACKAGE.rglob("*.py"))

READERS = {
    *("split", "rsplit", "partition", "rpartition", "splitlines", "startswith", "endswith"),
    *("find", "rfind", "index", "rindex", "count", "removeprefix", "removesuffix"),
}
"""Methods of `str` that tell what a text says."""
PATTERNS = {"match", "search", "fullmatch", "findall", "finditer"}
"""Functions and methods of `re` that do."""

_SHORTENS = "shortens a library's text to show it"
ALLOWED: dict[tuple[str, str], str] = {
    ("core/document.py", "_explain"): "rewords msgspec's sentence: its errors have no fields",
    ("core/document.py", "lower_first"): "changes the case of a library's first letter to show it",
    ("host/worker/engine.py", "_trap"): "wasmtime-py has no codes for a component's traps, only words",
    ("host/worker/engine.py", "causes"): "picks the innermost cause of wasmtime's backtrace to show it",
    ("host/worker/loop.py", "_serve"): "bounds what is sent over the channel",
    ("host/worker/schemas.py", "_short"): _SHORTENS,
    ("io/http_transport.py", "_translated"): _SHORTENS,
    ("ops/auth.py", "_by_plugin"): "a plugin's own text; an empty one is shown as a default",
    ("sources/git/error_translation.py", "clean"): _SHORTENS,
    ("sources/index/session.py", "_first_line"): _SHORTENS,
}
"""Functions that read a text all the same: (module, function) and the reason."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _exceptions(tree: ast.AST) -> set[str]:
    """Return the names that hold an exception: bound by ``except``, or annotated with an error's type."""
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            annotation = ast.unparse(node.annotation)
            if "Error" in annotation or "Exception" in annotation:
                names.add(node.arg)
    return names


class _Scope:
    """One function (or module) and the names in it that hold the text of an error."""

    def __init__(self, node: ast.AST, exceptions: set[str], texts: Iterable[str]) -> None:
        self.node, self.exceptions, self.texts = node, exceptions, set(texts)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and self._is_text(inner.value):
                self.texts |= {target.id for target in inner.targets if isinstance(target, ast.Name)}
            elif isinstance(inner, ast.NamedExpr) and self._is_text(inner.value):
                self.texts.add(inner.target.id)

    def decides(self) -> bool:
        """Return whether a text decides something here, inner functions included."""
        return any(map(self.holds_text, itertools.chain.from_iterable(map(_decided_by, ast.walk(self.node)))))

    def calls(self) -> Iterator[tuple[str, int]]:
        """Yield the functions that are given a text, and which argument it is."""
        for node in ast.walk(self.node):
            match node:
                case ast.Call(func=ast.Name(name), args=args):
                    yield from ((name, index) for index, one in enumerate(args) if self.holds_text(one))

    def holds_text(self, node: ast.AST) -> bool:
        """Return whether an expression is made of a text."""
        return any(map(self._is_text, ast.walk(node)))

    def _is_text(self, node: ast.AST) -> bool:
        match node:
            case ast.Attribute(attr="message"):
                return True
            case ast.Call(func=ast.Name("str" | "repr"), args=[ast.Name(name)]):
                return name in self.exceptions
            case ast.Name(name):
                return name in self.texts
        return False


def _decided_by(node: ast.AST) -> list[ast.expr]:
    """Return the expressions whose value this node reads to decide something."""
    match node:
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            return [node.test]
        case ast.comprehension():
            return node.ifs
        case ast.Match():
            return [node.subject, *(case.guard for case in node.cases if case.guard)]
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.BoolOp():
            return node.values[:-1]  # the last is a result: `problem.strerror or str(problem)` reads no text
        case ast.Subscript():
            return [node.value]
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in READERS:
            return [value]
        case ast.Call(func=ast.Attribute(attr=name)) if name in PATTERNS:
            return node.args
    return []


def readers(source: str) -> list[str]:
    """Return the functions of a module in which the text of an error decides something."""
    tree = ast.parse(source)
    exceptions = _exceptions(tree)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    given: dict[str, set[str]] = {name: set() for name in functions}
    for _ in range(3):  # a text that is handed on, and on
        for name, function in functions.items():
            for called, index in _Scope(function, exceptions, given[name]).calls():
                if called in functions and index < len(functions[called].args.args):
                    given[called].add(functions[called].args.args[index].arg)
    scopes = [(name, _Scope(node, exceptions, given[name])) for name, node in functions.items()]
    return [name for name, scope in scopes if scope.decides()]


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_nothing_is_decided_by_a_message(file: Path) -> None:
    module = file.relative_to(PACKAGE).as_posix()
    assert [name for name in readers(file.read_text()) if (module, name) not in ALLOWED] == []


def test_every_exception_is_needed() -> None:
    for module, name in ALLOWED:
        assert name in readers((PACKAGE / module).read_text()), f"{module}: {name} reads no message"


@pytest.mark.parametrize(
    "line",
    [
        "if 'x' in problem.message: pass",
        "while str(problem): pass",
        "y = 1 if problem.message else 2",
        "y = problem.message == 'x'",
        "y = problem.message or 'x'",
        "y = problem.message.split()[0]",
        "y = problem.message[:3]",
        "text = str(problem)\n        y = text.startswith('x')",
        "y = re.search('x', str(problem))",
        "y = [1 for _ in z if problem.message]",
        "y = helper(str(problem))",
    ],
)
def test_a_decision_by_a_message_is_found(line: str) -> None:
    helper = "def helper(text):\n    return text.endswith('x')\n"
    source = f"{helper}def f():\n    try:\n        pass\n    except E as problem:\n        {line}\n"
    assert readers(source)


@pytest.mark.parametrize(
    "line", ["raise X(problem.message)", "y = problem.strerror or str(problem)", "y = f'{problem.message}'"]
)
def test_showing_a_message_is_no_decision(line: str) -> None:
    assert not readers(f"def f():\n    try:\n        pass\n    except E as problem:\n        {line}\n")
