"""The sources of a plugin: the files of its folder that a build may see, as they were read once.

A compiler runs on a copy of exactly these files, so what is hashed is what is built.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from tarkpm.core.manifest import Manifest
from tarkpm.core.names import CI_PROOF, MANIFEST, STATEMENT
from tarkpm.core.recipe import CARGO, Recipe
from tarkpm.core.release import is_extra
from tarkpm.core.text import neutral
from tarkpm.errors import BuildError, TooLarge
from tarkpm.io.files import read_file
from tarkpm.sources.path import LEAVE_OUT

MAX_FILES: Final = 2_000
MAX_BYTES: Final = 64 * 1024 * 1024
_SKIPPED: Final = frozenset({"node_modules", "target", "tests", "__pycache__", "dist", "wit"})
_OTHERS: Final = ("pyvenv.cfg", MANIFEST)
"""What makes a folder a virtual environment or another plugin, such as a release that `publish` wrote."""
_AMBIGUOUS: Final = frozenset("\\\r\n")
"""rustc writes them unescaped in the list of its inputs, where they hide others (`toolchains.reads`)."""
_CHOOSES_RUSTC: Final = frozenset({"rust-toolchain", "rust-toolchain.toml"})
"""Files in which rustup finds the path of the compiler to run (docs/decisions/0151)."""


def read_sources(folder: Path, manifest: Manifest, recipe: Recipe) -> dict[str, bytes]:
    """Return the files that a build may see, by path relative to ``folder``, sorted.

    Not hidden files, results, tests, documents and installed packages. Raises `BuildError` for more than
    `MAX_FILES` or `MAX_BYTES`, `TooLarge` for one such file, and `StoreError` for a source that is a link.
    """
    check_no_link(folder, recipe.source)
    if recipe.language == "wasm":
        return {recipe.source: _read(folder / recipe.source)}
    names = list(select_sources(source_files(folder), manifest, recipe))
    if recipe.source not in names:  # in a folder that is skipped, but asked for
        names.append(recipe.source)
    found, left = {}, MAX_BYTES
    for name in sorted(names):
        if not _AMBIGUOUS.isdisjoint(name):
            text = f"expected no backslash and no line break in the name of a source, found '{neutral(name)}'"
            raise BuildError(text, where=str(folder), hint="rename the file, then run the command again")
        found[name] = _read(folder / name)
        left -= len(found[name])
        if left < 0:
            raise _too_big(f"{MAX_BYTES >> 20} MiB", folder)
    return found


def _read(file: Path) -> bytes:
    try:
        return read_file(file, MAX_BYTES)
    except TooLarge as problem:
        problem.hint = LEAVE_OUT
        raise


def select_sources(names: Iterable[str], manifest: Manifest, recipe: Recipe) -> Iterator[str]:
    """Yield which of the files in the source folders of a plugin are its sources."""
    made = {MANIFEST, STATEMENT, CI_PROOF, manifest.wasm}
    if recipe.source.rpartition("/")[2] != CARGO:
        made |= _CHOOSES_RUSTC
    for name in names:
        hidden = name.rpartition("/")[2].startswith(".")
        if not hidden and name not in made and not is_extra(name):
            yield name


def check_no_link(folder: Path, file: str) -> None:
    """Raise `BuildError` for a source or a module below a link: it would be another folder's file."""
    for part in Path(file).parents:
        if (folder / part).is_symlink() and part != Path():
            text, hint = f"expected a folder, found a link: '{part}'", f"ls -ld {folder / part}"
            raise BuildError(text, where=str(folder), hint=hint)


def source_files(folder: Path) -> Iterator[str]:
    """Yield the files of a plugin's folder that may be sources, by path relative to it.

    Raises `BuildError` for more than `MAX_FILES`.
    """
    count = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _is_source_folder(Path(place, name))]
        for name in files:
            path = Path(place, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            count += 1
            if count > MAX_FILES:
                raise _too_big(f"{MAX_FILES:,} files", folder)
            yield path.relative_to(folder).as_posix()


def _is_source_folder(path: Path) -> bool:
    return is_source_folder(path.name, [name for name in _OTHERS if (path / name).is_file()])


def is_source_folder(path: str, names: Collection[str]) -> bool:
    """Return whether a folder below a plugin's, with these names in it, may contain sources."""
    name = path.rpartition("/")[2]
    if name in _SKIPPED or name.startswith("."):
        return False
    return not any(other in names for other in _OTHERS)


def _too_big(limit: str, folder: Path) -> BuildError:
    hint = "keep the plugin in a folder of its own, then run the command again"
    return BuildError(f"the folder has more than {limit}", where=str(folder), hint=hint)
