"""Python, with its interpreter, by the PyPI package ``componentize-py``."""

import ast
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from tarkpm.errors import BuildError
from tarkpm.toolchains.job import Job, checked_version
from tarkpm.toolchains.programs import Compiler, find, install_from_pypi, missing

LEAST: Final = (0, 17)

PYTHON: Final = (3, 14)
"""The version of Python in a plugin."""


def syntax_error(source: bytes, name: str) -> str:
    """Return why this Python cannot parse a source, with its line; "" if it can."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(source, name)
    except SyntaxError as problem:
        return f"{name}:{problem.lineno}: {problem.msg}"
    except (ValueError, RecursionError, MemoryError):  # a null byte; nesting that only this parser refuses
        return ""
    return ""


class Python:
    """CPython 3.14 in a plugin of 18 MB."""

    name: str = "componentize-py"
    language: str = "Python"
    steady: bool = False
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
        """Return a component."""
        source = PurePosixPath(job.source)
        if not source.stem.isidentifier():
            raise BuildError(f"expected the name of a Python module, found '{source.stem}'", where=job.source)
        options = ["-q", "-d", job.wit, "-w", job.world]
        job.run(program, [*options, "componentize", "-p", str(source.parent), "-o", job.out, source.stem])
        return job.result(program)
