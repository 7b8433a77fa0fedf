"""Python, with its interpreter, by the PyPI package ``componentize-py``."""

import ast
import re
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from tarkpm.errors import BuildError
from tarkpm.toolchains.component.wit import WitInterface, read_package
from tarkpm.toolchains.job import Job, checked_version
from tarkpm.toolchains.programs import Compiler, find, install_from_pypi, missing
from tarkpm.toolchains.resources import wit_files
from tarkpm.toolchains.undeclared import called, undeclared

LEAST: Final = (0, 17)
"""The oldest version of componentize-py whose options are known to be these."""

PYTHON: Final = (3, 14)
"""The version of Python in a plugin."""


def syntax_error(source: bytes, name: str) -> str:
    """Return why this Python cannot parse a source, with its line; "" if it can."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, name, "exec", dont_inherit=True)  # nothing of it runs
    except SyntaxError as problem:
        return f"{name}:{problem.lineno}: {problem.msg}"
    except (ValueError, RecursionError, MemoryError):  # a null byte; nesting that only this parser refuses
        return ""
    return ""


def unexported(source: bytes, plugin_type: str) -> str:
    """Return what a source lacks that its type requires, such as ``ToolPlugin.execute``; "" if that is open.

    A class of its own, with no base, is all that can be told: componentize-py refuses one of ``exports`` that
    lacks a method, and takes any other.
    """
    name = "".join(part.title() for part in f"{plugin_type}-plugin".split("-"))
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""  # left to `syntax_error`, and to the plugin's own Python
    classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == name]
    if len(classes) != 1 or classes[0].bases or classes[0].keywords or classes[0].decorator_list:
        return ""
    if not all(isinstance(node, (ast.FunctionDef, ast.Expr, ast.Pass)) for node in classes[0].body):
        return ""  # a method may come from anywhere
    there = {node.name for node in classes[0].body if isinstance(node, ast.FunctionDef)}
    package = read_package(text.decode() for text in wit_files().values())
    functions = package.interfaces.get(f"{plugin_type}-plugin", WitInterface({}, {})).functions
    lacks = [one for function in functions if (one := function.replace("-", "_")) not in there]
    return f"{name}.{lacks[0]}" if lacks else ""


_EXCEPTION: Final = "AssertionError: "
"""How componentize-py 0.25 begins what ended the plugin's own Python, below a traceback of its launcher."""
_CAUSED: Final = "Caused by:"
_FRAME: Final = re.compile(r'^(\s*File ")/\d{1,3}/([^"]+)", line (\d+)')
"""A line about a source: componentize-py numbers the folders that it searches."""


def raised(output: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """Return the exception that ended a build, with its file and line, and its traceback; None without one.

    Sources run once while they are built, so it is a syntax error, in any of them, or what they raised.
    """
    starts = [at for at, line in enumerate(output) if line.startswith(_EXCEPTION)]
    if not starts:
        return None
    said = (output[starts[0]].removeprefix(_EXCEPTION), *output[starts[0] + 1 :])
    said = said[: said.index(_CAUSED)] if _CAUSED in said else said
    frames = [found for line in said if (found := _FRAME.match(line))]
    summary = next((line for line in reversed(said) if line[:1].strip()), "")
    if not summary:
        return None
    place = f"{frames[-1][2]}:{frames[-1][3]}: " if frames else ""
    return f"{place}{summary}", tuple(_FRAME.sub(r'\1\2", line \3', line) for line in said[:-1])


_IMPORT: Final = re.compile(
    r"(?:cannot import name '(\w+)' from 'wit_world\.imports'|No module named 'wit_world\.imports\.(\w+)')"
)
_EXPORT: Final = re.compile(r"No module named 'wit_world\.exports\.(\w+)_plugin'")


def explained(said: str, plugin_type: str) -> tuple[str, str] | None:
    """Return message and hint for an exception about the world of the plugin; None for another one.

    ``said`` is what `raised` returns: where it was raised, and the exception.
    """
    place = said.partition(": ")[0]
    if found := _IMPORT.search(said):
        text, hint = undeclared((found[1] or found[2]).replace("_", "-"))
        return f"{place}: {text}", hint
    if (found := _EXPORT.search(said)) and found[1] != plugin_type:
        text = f"the source is a plugin of type '{found[1]}', but plugin.toml says '{plugin_type}'"
        return f"{place}: {text}", f'under [plugin], write type = "{found[1]}"'
    return None


class Python:
    """CPython 3.14 in a plugin of 18 MB."""

    name: str = "componentize-py"
    language: str = "Python"
    steady: bool = False
    least: tuple[int, int] = LEAST
    advice: Mapping[str, str] = MappingProxyType(
        {
            "export": "define the class of your type, such as class ToolPlugin(exports.ToolPlugin)",
            "import": "import only from wit_world, and declare what you use under [capabilities]",
            "signature": "return the values that the WIT describes: tarkpm wit",
            "failed": "fix the source; wit_world.imports has the interfaces that [capabilities] declares",
        }
    )

    def find(self, folder: Path, search_path: str) -> Compiler:
        """Return componentize-py."""
        del folder
        found = find((self.name,), search_path)
        if found is None:
            raise missing(self.name, self.language, install_from_pypi(self.name, search_path))
        return found

    def version(self, job: Job, program: Compiler) -> str:
        """Return the version of componentize-py."""
        hint = install_from_pypi(self.name, job.environment.get("PATH", ""), upgrade=True)
        return checked_version(job.run(program, ["--version"]), self.name, LEAST, hint)

    def build(self, job: Job, program: Compiler) -> bytes:
        """Return a component. Raises `BuildError`."""
        source = PurePosixPath(job.source)
        if not source.stem.isidentifier():
            raise BuildError(f"expected the name of a Python module, found '{source.stem}'", where=job.source)
        options = ["-q", "-d", job.wit, "-w", job.world]
        search = ["-p", str(source.parent)]
        try:
            job.run(
                program,
                [*options, "componentize", *search, "-o", job.out, source.stem],
                VIRTUAL_ENV=_empty_environment(job),
            )
        except BuildError as problem:
            if found := raised(problem.output):
                if told := explained(found[0], job.plugin_type):
                    raise BuildError(told[0], where=job.source, hint=told[1]) from None
                raise BuildError(found[0], output=found[1], where=job.source) from None
            if told := called("\n".join(problem.output)):
                raise BuildError(told[0], where=job.source, hint=told[1]) from None
            raise
        return job.result(program)


def _empty_environment(job: Job) -> str:
    """Return a virtual environment without packages, for componentize-py to search.

    Without one it searches the user's, and gives the plugin's code, which runs once during a build, the right
    to write there: a ``.pth`` file in the user's site-packages runs with each of the user's Pythons.
    """
    packages = job.scratch / "environment" / "lib" / f"python{PYTHON[0]}.{PYTHON[1]}" / "site-packages"
    packages.mkdir(parents=True)
    return str(job.scratch / "environment")
