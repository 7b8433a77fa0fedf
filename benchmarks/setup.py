"""People, plugins and projects to measure with: made by the tests' own sandbox, in a folder of their own."""

import os
import random
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from support import guests
from support.gitrepo import GitRepo
from support.sandbox import WASM, Sandbox

from benchmarks.figure import Side

BIN = Path(sys.executable).parent
PYTHON = BIN / "python3"
TARKPM = BIN / "tarkpm"
"""The entry point that installing the package made: what a user's shell runs."""

TARK = "0.12.6"
TAG = "v1.0.0"


def python_module() -> bytes:
    """Return the 18 MB tool that componentize-py makes. Raises `RuntimeError` where it cannot be built."""
    try:
        return guests.build_py("tool")
    except pytest.skip.Exception as problem:
        raise RuntimeError(str(problem)) from None


def put_away(path: Path, root: Path) -> None:
    """Have nothing at ``path``, without deleting what is there: that goes with ``root`` in the end.

    ext4 does not give an inode that was deleted within the last minute to a new file; it steps over all of
    them, one by one, for each. Deleting hundreds before a round makes each file that is created in it
    up to 20 times as expensive: the side that creates more would be measured against its own deletions.
    """
    if os.path.lexists(path):
        gone = root / "gone"
        gone.mkdir(exist_ok=True)
        path.rename(gone / os.urandom(8).hex())


def user(folder: Path) -> Sandbox:
    """Somebody new, with an empty HOME and an empty project; whoever was in ``folder`` is gone."""
    put_away(folder, folder.parent)
    person = Sandbox(folder)
    person.init(TARK)
    return person


def tarkpm(person: Sandbox, *arguments: str) -> Side:
    """A tarkpm command as a process of its own, in the person's project."""
    return Side([TARKPM, *arguments], person.cwd, person.environment())


def bare_python(person: Sandbox) -> Side:
    """The least a Python program can take."""
    return Side([PYTHON, "-c", "pass"], person.cwd, person.environment())


def padded(size: int, seed: int = 0) -> bytes:
    """A valid component of exactly ``size`` bytes, most of them incompressible, in a custom section."""
    name = b"\x07padding"
    room = size - len(WASM) - 6 - len(name)
    if room < 0:
        return WASM
    return b"".join([WASM, b"\0", _leb(len(name) + room), name, random.Random(seed).randbytes(room)])


def _leb(number: int) -> bytes:
    """A u32 as LEB128, always in five bytes."""
    return bytes(number >> shift & 0x7F | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))


def plugin_names(count: int) -> list[str]:
    """Names for ``count`` plugins."""
    return [f"plugin-{number:03}" for number in range(count)]


def publish(person: Sandbox, folder: Path, sizes: Iterable[tuple[str, int]]) -> str:
    """A repository with a folder for each signed plugin (name, size of its module); returns the key."""
    key = person.key()
    repo = GitRepo(folder)
    # Without this git would search random bytes for deltas, and compress them, in vain.
    repo.git("config", "core.bigFileThreshold", "64k")
    repo.git("config", "core.compression", "0")
    for seed, (name, size) in enumerate(sizes):
        person.plugin(folder / name, name=name, wasm=padded(size, seed), sign="release")
    repo.git("add", "--all")
    repo.commit("plugins")
    repo.tag(TAG)
    return key


def project(person: Sandbox, repository: Path, names: Iterable[str], key: str) -> None:
    """Make the person's project ask for these plugins, and lock and install them."""
    plugins = list(names)
    tables = {
        "tark": [f'version = "{TARK}"'],
        "plugins": [
            f'{name} = {{ git = "{repository.as_uri()}", tag = "{TAG}", path = "{name}" }}'
            for name in plugins
        ],
        "trust": [f'{name} = ["{key}"]' for name in plugins],
        "grants": [f"{name} = {{ storage = true }}" for name in plugins],
    }
    text = "\n".join("\n".join([f"[{table}]", *lines, ""]) for table, lines in tables.items())
    (person.cwd / "tark.toml").write_text(text)
    # As processes of their own: what they read, a gigabyte perhaps, is not kept in this one.
    tarkpm(person, "lock", "--accept-project", "--accept-capabilities").run()
    tarkpm(person, "sync").run()
    installed = len(list(person.plugins.iterdir()))
    if installed != len(plugins):
        raise RuntimeError(f"expected {len(plugins)} installed plugins, found {installed}")


def locked_project(folder: Path, count: int, size: int) -> Sandbox:
    """Somebody with a project of ``count`` signed plugins of ``size`` bytes each, in step with its lock."""
    names = plugin_names(count)
    publisher = Sandbox(folder / "publisher")
    key = publish(publisher, folder / "plugins", ((name, size) for name in names))
    person = user(folder / "user")
    project(person, folder / "plugins", names, key)
    put_away(folder / "plugins", folder)  # neither sync nor verify may need it again
    return person
