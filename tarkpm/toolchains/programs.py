"""Where compilers are found, and which command installs a missing one.

Programs come from PATH and from the Python environment that tarkpm runs in, never from the plugin's folder:
``tarkpm build`` in a folder that somebody else wrote must not run a program that came with it
(docs/decisions/0151).
"""

import importlib.util
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.errors import ToolchainMissing
from tarkpm.io.programs import absolute_entries, find_program

_PACKAGE: Final = "package.json"
_MAX_PACKAGE: Final = 1024 * 1024


class Compiler(msgspec.Struct, frozen=True):
    """A program: how it is started, and what identifies this very build of it."""

    command: tuple[str, ...]
    identity: str


def find(names: tuple[str, ...], search_path: str) -> Compiler | None:
    """Return the first of these programs on PATH or beside the Python that runs tarkpm; None without one."""
    own = str(Path(sys.executable).parent)
    for name in names:
        if found := find_program(name, f"{search_path}:{own}"):
            return compiler(found)
    return None


def find_all(name: str, search_path: str) -> Iterator[str]:
    """Yield the path of every program of this name on PATH, in its order."""
    for entry in absolute_entries(search_path).split(":"):
        if entry and (found := find_program(name, entry)):
            yield found


def compiler(path: str) -> Compiler:
    """Return the program at a path. A package of npm is identified by its version, others by their file."""
    file = Path(path).resolve()
    if version := npm_version(file):
        return Compiler((path,), f"{file} {version}")
    status = file.stat()
    return Compiler((path,), f"{file} {status.st_size} {status.st_mtime_ns}")


def npm_version(file: Path) -> str:
    """Return the version of the npm package that a file belongs to; "" if it belongs to none.

    npm gives all files the same date, so the date does not tell versions apart.
    """
    if "node_modules" not in file.parts:
        return ""
    for folder in file.parents:
        if (folder / _PACKAGE).is_file() and (folder / _PACKAGE).stat().st_size <= _MAX_PACKAGE:
            try:
                return str(json.loads((folder / _PACKAGE).read_bytes()).get("version", ""))
            except (ValueError, AttributeError):
                return ""
    return ""


def ziglang() -> Compiler | None:
    """Return the compiler of the PyPI package ``ziglang`` in tarkpm's own environment; None without it."""
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        return None
    zig = Path(found.origin).with_name("zig")
    return compiler(str(zig)) if os.access(zig, os.X_OK) else None


def install_from_pypi(package: str, search_path: str, *, upgrade: bool = False) -> str:
    """Return the command that installs a program from PyPI where `find` finds it."""
    if find_program("uv", search_path):
        return f"uv tool install {'--upgrade ' if upgrade else ''}{package}"
    if find_program("pipx", search_path):  # `pipx upgrade` refuses what another installer installed
        return f"pipx install {'--force ' if upgrade else ''}{package}"
    python = shlex.quote(sys.executable)
    pip = f"{python} -m pip install {'--upgrade ' if upgrade else ''}{package}"
    # `uv tool install tarkpm` makes an environment without pip.
    return pip if importlib.util.find_spec("pip") else f"{python} -m ensurepip && {pip}"


def install_from_npm(package: str, program_name: str, folder: Path, search_path: str) -> str:
    """Return the command that installs a program from npm, or that uses the one in the plugin's folder."""
    if (folder / "node_modules" / ".bin" / program_name).exists():
        return 'PATH="$PWD/node_modules/.bin:$PATH" tarkpm build'
    if find_program("npm", search_path):
        return f"npm install --global {package}"
    return "install Node.js (https://nodejs.org), then run the command again"


def missing(name: str, language: str, hint: str) -> ToolchainMissing:
    """Return the error for a toolchain that is not installed."""
    return ToolchainMissing(f"'{name}', which builds plugins in {language}, was not found", hint=hint)
