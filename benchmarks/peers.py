"""``--peers``: tarkpm beside the programs its users know, on the same bytes, in one table of ratios.

Most rows are figures of the other modules. The rest are here: they promise nothing, so they have no bound and
are measured only with ``--peers``.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as installed
from math import inf
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from resolvelib import AbstractProvider, BaseReporter, Resolver
from support import wat

from benchmarks.calling import CALLS, KIB, image, loop
from benchmarks.figure import Figure, Race, Side
from benchmarks.resolving import Catalog, Timed, dense
from benchmarks.setup import PYTHON, locked_project, put_away, tarkpm
from benchmarks.syncing import PLUGINS, SIZE, find_uv, write_wheel
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.key import from_bytes
from tarkpm.core.release import Dependency, PluginName
from tarkpm.core.resolution.catalog import Candidate, RootRequirement
from tarkpm.core.resolution.resolver import solve
from tarkpm.core.statement import sign, verify
from tarkpm.core.version import Range, Version
from tarkpm.host.runtime import PluginHost

SIGNATURES = 200
_ECHO = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $set (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "echo") (result i32)
    (call $set (call $offset) (call $length)) (i32.const 0)))"""
"""A plugin of extism that returns its input."""


@contextmanager
def _pip(folder: Path) -> Iterator[Race]:
    """`sync` from a warm store, and pip that installs wheels of the same files into a new environment."""
    person = locked_project(folder, PLUGINS, SIZE)
    wheels, venv, installed_to = folder / "wheels", folder / "venv", person.cwd / ".tark"
    wheels.mkdir()
    names = [plugin.name for plugin in sorted(person.plugins.iterdir())]
    for name in names:
        write_wheel(wheels, name, person.plugins / name)
    environment = person.environment(PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")

    def renew() -> None:
        put_away(venv, folder)
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", venv], env=environment, check=True)

    pip: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "--quiet",
        "--python",
        str(venv),
        "install",
        "--no-index",
        "--no-compile",
    ]
    peer = Side([*pip, "--find-links", str(wheels), *names], folder, environment, renew)
    sync = tarkpm(person, "sync")
    yield Race(Side(sync.command, sync.cwd, sync.env, lambda: put_away(installed_to, folder)), peer)


@dataclass(frozen=True)
class OpenSsl(Side):
    """So many verifications at the rate that ``openssl speed`` finds: its start and its keys do not count."""

    def run(self) -> float:
        """Measure the rate for a second."""
        command = ["openssl", "speed", "-mr", "-seconds", "1", "ed25519"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"^\+F6:.*:([0-9.]+)$", said, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"openssl speed printed no rate: {said[-200:]}")
        return SIGNATURES / float(found[1])


@contextmanager
def _signatures(_folder: Path) -> Iterator[Race]:
    if shutil.which("openssl") is None:
        raise RuntimeError("openssl is not installed")
    data = b"module"
    files = (FileEntry("plugin.toml", sha256(data), 6), FileEntry("plugin.wasm", sha256(data), 6))
    key = Ed25519PrivateKey.generate()
    public = from_bytes(key.public_key().public_bytes_raw())
    envelope = sign(PluginName("alpha"), Version(1, 0, 0), files, key=public, signer=key.sign)

    def ours() -> None:
        for _ in range(SIGNATURES):
            verify(envelope)

    yield Race(loop(ours), OpenSsl([], Path(), {}))


@contextmanager
def _extism(folder: Path) -> Iterator[Race]:
    try:
        import extism
        from wasmtime import wat2wasm
    except ImportError:
        raise RuntimeError("extism is not installed: python3 dev.py bench") from None
    text = json.dumps({"text": "x" * KIB})
    theirs = extism.Plugin({"wasm": [{"data": bytes(wat2wasm(_ECHO))}]})
    plugin = image("echo", wat.hostile_tool(), folder)

    def peer() -> None:
        for _ in range(CALLS):
            theirs.call("echo", text)

    with PluginHost(long_lived=True) as host:

        def ours() -> None:
            for _ in range(CALLS):
                host.call(plugin, "echo", text)

        yield Race(loop(ours), loop(peer))


@cache
def _range(text: str) -> Range:
    return Range.parse(text)


def _admits(need: Dependency | RootRequirement, version: Version) -> bool:
    range_ = need.range if isinstance(need.range, Range) else _range(need.range)
    return range_.matches(version)


class _Provider(AbstractProvider[Any, Any, Any]):
    """The plainest provider that gives a right answer: newest first, and nothing is kept."""

    def __init__(self, catalog: Catalog) -> None:
        self.by_name = {name: offers for (_, name), offers in catalog.items()}

    def identify(self, requirement_or_candidate: Any) -> str:
        return str(requirement_or_candidate.name)

    def get_preference(self, identifier: str, *rest: Any, **more: Any) -> str:  # noqa: ARG002
        return identifier

    def find_matches(
        self, identifier: str, requirements: Mapping[str, Iterator[Any]], incompatibilities: Any
    ) -> Iterable[Candidate]:
        wanted = list(requirements[identifier])
        without = {one.version for one in incompatibilities[identifier]}
        fitting = (
            one
            for one in self.by_name[PluginName(identifier)]
            if one.version not in without and all(_admits(need, one.version) for need in wanted)
        )
        return sorted(fitting, key=lambda one: one.version, reverse=True)

    def is_satisfied_by(self, requirement: Any, candidate: Any) -> bool:
        return _admits(requirement, candidate.version)

    def get_dependencies(self, candidate: Any) -> Sequence[Any]:
        return tuple(candidate.requires)


@contextmanager
def _resolvelib(_folder: Path) -> Iterator[Race]:
    catalog, wanted = dense(plugins=100, versions=10, needs=3, wanted=10)

    def ours() -> None:
        solve(catalog, wanted, locked={}, free=None, tark=None)

    def peer() -> None:
        # The type of a catalog's key is the source and the name; there is one source here.
        Resolver[Any, Any, Any](_Provider(catalog), BaseReporter()).resolve(wanted, max_rounds=10_000)

    yield Race(Timed((), Path(), {}, call=ours), Timed((), Path(), {}, call=peer))


FIGURES = [
    Figure("peer-pip", f"tarkpm sync, {PLUGINS} × 200 KiB", "pip install", inf, 3, _pip, 1),
    Figure("peer-openssl", f"{SIGNATURES} statements", "openssl ed25519", inf, 5, _signatures, 2),
    Figure("peer-extism", f"{CALLS} warm calls, 1 KB", "extism", inf, 10, _extism, 3),
    Figure("peer-resolvelib", "100 plugins × 10 versions", "resolvelib", inf, 7, _resolvelib, 3),
]
NAMES = (
    *("noop", "add", "add-large", "sync", "sync-cold", "verify", "call", "execute", "execute-large"),
    *(figure.name for figure in FIGURES),
)
"""The figures that ``--peers`` measures: those with another program on the other side."""


def anchors() -> Iterator[str]:
    """Yield the programs and libraries on the other side, each with its version."""
    yield f"CPython {platform.python_version()}"
    for command, word in (
        ((find_uv(), "--version"), 1),
        (("git", "--version"), 2),
        (("sha256sum", "--version"), 3),
        (("openssl", "version"), 1),
        ((sys.executable, "-m", "pip", "--version"), 1),
    ):
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        yield f"{Path(command[2] if len(command) > 2 else command[0]).name} {said[word]}"
    for package in ("extism", "resolvelib", "wasmtime"):
        yield f"{package} {installed(package)}"
