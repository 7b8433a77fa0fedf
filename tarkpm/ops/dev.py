"""``tarkpm dev``: wait until a file of a plugin is saved.

Files are polled, which works on every file system and needs no dependency: a folder has at most
`sources.MAX_FILES`, and asking for them takes milliseconds.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from tarkpm.core.names import MANIFEST, MAX_MANIFEST
from tarkpm.core.recipe import Recipe
from tarkpm.errors import NotFound, TarkError
from tarkpm.io.files import read_file
from tarkpm.io.paths import expanded, resolved
from tarkpm.ops.author.sources import source_files
from tarkpm.ops.project.settings import Settings

POLL_SECONDS: Final = 0.1
_CASES: Final = "tests/*.toml"

_Seen = dict[str, tuple[int, int]]
"""Time and size of each file, by path."""


def plugin_folder(settings: Settings, folder: Path) -> Path:
    """Return the absolute path of a plugin's folder. Raises `NotFound` without a plugin.toml."""
    place = resolved(settings.cwd / expanded(folder))
    if not (place / MANIFEST).is_file():
        raise NotFound(f"there is no {MANIFEST}", where=str(place), hint="tarkpm new my-plugin --lang c")
    return place


def changes(folder: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[tuple[str, ...]]:
    """Yield the paths that changed, each time something did; at once with none for the first time.

    An editor saves in several steps, so a change is reported once nothing more changes for a moment. What
    changes before the caller asks again is reported then. Raises `BuildError` for a folder that is too big.
    """
    before = _look(folder)
    yield ()
    while True:
        now = _look(folder)
        if now == before:
            sleep(POLL_SECONDS)
            continue
        sleep(POLL_SECONDS)
        while (later := _look(folder)) != now:
            now = later
            sleep(POLL_SECONDS)
        names = before.keys() | now.keys()
        changed = tuple(sorted(name for name in names if before.get(name) != now.get(name)))
        before = now
        yield changed


def _look(folder: Path) -> _Seen:
    cases = (path.relative_to(folder).as_posix() for path in folder.glob(_CASES))
    names = [*_sources(folder), *cases, MANIFEST]
    seen: _Seen = {}
    for name in names:
        with suppress(OSError):  # removed meanwhile
            status = (folder / name).stat()
            seen[name] = (status.st_mtime_ns, status.st_size)
    return seen


def _sources(folder: Path) -> Iterator[str]:
    """Yield sources: not modules, which are results, unless one is what is built."""
    yield from (name for name in source_files(folder) if not name.endswith(".wasm"))
    with suppress(TarkError, OSError):  # the manifest is being edited
        data = read_file(folder / MANIFEST, MAX_MANIFEST)
        yield Recipe.read(data, lambda name: (folder / name).is_file()).source


def has_cases(folder: Path) -> bool:
    """Return whether a plugin has test cases."""
    return any(folder.glob(_CASES))
