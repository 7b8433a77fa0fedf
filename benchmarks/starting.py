"""Commands that do next to nothing, against the start of the interpreter they need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figure import Figure, Race
from benchmarks.setup import bare_python, locked_project, tarkpm, user

PLUGINS = 100
KIB = 1024


@contextmanager
def _version(folder: Path) -> Iterator[Race]:
    person = user(folder / "user")
    yield Race(tarkpm(person, "--version"), bare_python(person))


@contextmanager
def _nothing_to_do(folder: Path) -> Iterator[Race]:
    person = locked_project(folder, PLUGINS, 200 * KIB)
    yield Race(tarkpm(person, "sync"), bare_python(person))


FIGURES = [
    Figure("version", "tarkpm --version", "python3 -c pass", 5.0, 30, _version, 15),
    Figure(
        "noop", f"tarkpm sync, {PLUGINS} plugins in place", "python3 -c pass", 8.0, 30, _nothing_to_do, 15
    ),
]
