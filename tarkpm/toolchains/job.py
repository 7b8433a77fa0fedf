"""One build: where its sources are, and how a compiler runs on them."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tarkpm.core.text import neutral
from tarkpm.errors import BuildError, ToolchainMissing
from tarkpm.toolchains.programs import Compiler

SECONDS: Final = 600
"""Limit of one run of a compiler."""
_MAX_LINES: Final = 30
_LAST: Final = 8
_MAX_LINE: Final = 300
_KEPT: Final = (
    "HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN",
)  # fmt: skip
"""The variables a compiler sees. Not VIRTUAL_ENV: componentize-py gets an empty one (`toolchains.python`)."""
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_VERSION: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class Job(msgspec.Struct, frozen=True):
    """A copy of the plugin's sources in a folder of its own, and what surrounds it.

    A compiler runs in ``stage``, which contains the sources that were hashed and nothing else of the
    plugin's folder. ``wit`` is the folder of the WIT package with the world ``world``, ``headers`` that of
    tark.h, ``scratch`` an empty folder for results, ``caches`` one that stays from build to build.
    """

    stage: Path
    source: str
    plugin_type: str
    wit: Path
    world: str
    headers: Path
    scratch: Path
    caches: Path
    environment: Mapping[str, str]

    @property
    def out(self) -> Path:
        """Return where a compiler writes its result."""
        return self.scratch / "out.wasm"

    def run(self, program: Compiler, arguments: Sequence[object], **more: str) -> str:
        """Run a compiler in the stage; returns what it prints. Raises `BuildError` with its output."""
        environment = {name: self.environment[name] for name in _KEPT if name in self.environment} | more
        command = [*program.command, *map(str, arguments)]
        try:
            done = subprocess.run(
                command,
                cwd=self.stage,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BuildError(f"'{self.name(program)}' did not finish within {SECONDS} seconds") from None
        said = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")
        if done.returncode:
            text = f"'{self.name(program)}' failed"
            raise BuildError(text, output=self.trimmed(said), where=self.source)
        return said

    def result(self, program: Compiler) -> bytes:
        """Return what the compiler wrote. Raises `BuildError` if there is nothing."""
        if not self.out.is_file():
            raise BuildError(f"'{self.name(program)}' succeeded but wrote no module", where=self.source)
        return self.out.read_bytes()

    def trimmed(self, said: str) -> tuple[str, ...]:
        """Return the lines of a compiler's output, bounded, with paths as the author knows them."""
        for place in (self.stage, self.stage.resolve(), self.headers, self.stage.parent):
            said = said.replace(f"{place}/", "")
        lines = [line.rstrip() for line in _ESCAPES.sub("", said).splitlines() if line.strip()]
        if (more := len(lines) - _MAX_LINES) > 0:
            # Compilers say first what is wrong, and tracebacks last.
            lines[_MAX_LINES - _LAST : -_LAST] = [f"… {more} more lines"]
        return tuple(neutral(line, limit=_MAX_LINE) for line in lines)

    @staticmethod
    def name(program: Compiler) -> str:
        """Return the name of a program as it is typed."""
        return Path(program.command[0]).name


class Toolchain(Protocol):
    """Builds sources of one language. ``steady`` is whether equal sources give equal bytes."""

    name: str
    language: str
    steady: bool
    least: tuple[int, int]
    """The oldest version whose options are known to be the ones used; (0, 0) for no program."""
    advice: Mapping[str, str]
    """What the author should have done differently, by the kind of problem of the result."""

    def find(self, folder: Path, search_path: str) -> Compiler:
        """Return the compiler. Raises `ToolchainMissing`."""

    def version(self, job: Job, program: Compiler) -> str:
        """Return the compiler's version. Raises `ToolchainMissing` if it is too old."""

    def build(self, job: Job, program: Compiler) -> bytes:
        """Return a component, or a core module that can become one. Raises `BuildError`."""


def checked_version(said: str, name: str, least: tuple[int, int], hint: str) -> str:
    """Return the version in a program's output. Raises `ToolchainMissing` if it is lower than ``least``."""
    found = _VERSION.search(said)
    if found is None:
        return ""
    if (int(found[1]), int(found[2])) < least:
        wanted = ".".join(map(str, least))
        raise ToolchainMissing(f"expected {name} {wanted} or newer, found {found[0]}", hint=hint)
    return found[0]
