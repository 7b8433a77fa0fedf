"""What a release's folder holds, wherever the folder is.

A source shows a folder as a `Tree`; `collect` picks out of it the files that make a release, and nothing
else is ever read. It is one algorithm for git and for local folders.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import is_extra
from tarkpm.core.statement import subject_names
from tarkpm.errors import NotFound, TooLarge

LOOK_ELSEWHERE = "name the folder that holds it; one inside a repository with --path"
MAX_EXTRAS = 8
"""How many LICENSE* and README* files a release may have together."""


class Tree(Protocol):
    """A read-only view of a folder and the folders below it; paths are relative and use ``/``."""

    def names(self, folder: str) -> Sequence[str] | None:
        """The names of the entries directly in ``folder``; None if there is no such folder."""

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of those ``paths`` that exist, in as few round trips as the source allows.

        Raises `Refused` for anything but a regular file, `TooLarge` over a limit.
        """


class ReleaseFiles(msgspec.Struct, frozen=True):
    """The bytes of one release: its files by installed name, and its statement if it has one.

    ``manifest`` is what was read from the plugin.toml among them, if it was read.
    """

    folder: str
    files: Mapping[str, bytes]
    statement: bytes | None
    manifest: Manifest | None = None


def collect(tree: Tree, folder: str, *, where: str, signed: bool = True) -> ReleaseFiles:
    """Read the release in ``folder``, or in its ``dist/`` if the folder has no plugin.toml.

    A signed release consists of exactly its statement's subjects; an unsigned one of plugin.toml, the module
    and LICENSE* and README*. ``signed`` False leaves a statement out of account. Raises `NotFound` when
    there is no plugin.toml or no module, and `TooLarge` for more than `MAX_EXTRAS` of the latter.
    """
    folder, names = _locate(tree, folder, where)
    found = dict(tree.read(_likely(folder, names)))
    found = {path[len(folder) + 1 if folder else 0 :]: data for path, data in found.items()}
    manifest = Manifest.parse(found[MANIFEST], where=f"{where}: {_join(folder, MANIFEST)}")
    found[manifest.wasm] = _module(tree, folder, manifest.wasm, found, where)
    statement = found.pop(STATEMENT, None) if signed else None
    if statement is None and (count := len(_extras(names))) > MAX_EXTRAS:  # no licence may get lost
        message = f"expected at most {MAX_EXTRAS} files named LICENSE* or README*, found {count}"
        raise TooLarge(message, where=f"{where}: {folder}" if folder else where)
    wanted = _wanted(statement, manifest, found, f"{where}: {_join(folder, STATEMENT)}")
    missing = [name for name in wanted if name not in found]
    found.update(_read_missing(tree, folder, missing, where))
    return ReleaseFiles(folder, {name: found[name] for name in sorted(wanted)}, statement, manifest)


def manifest_in(tree: Tree, folder: str, *, where: str) -> Manifest:
    """The plugin.toml of the release in ``folder``, and nothing else of it. Raises like `collect`."""
    folder, _ = _locate(tree, folder, where)
    path = _join(folder, MANIFEST)
    return Manifest.parse(tree.read([path])[path], where=f"{where}: {path}")


def likely_files(tree: Tree, folder: str) -> list[str]:
    """The files that `collect` reads first, for whoever can have those of several folders at once."""
    try:
        return _likely(*_locate(tree, folder, ""))
    except NotFound:
        return []  # which `collect` will say


def _likely(folder: str, names: Sequence[str]) -> list[str]:
    likely = (MANIFEST, STATEMENT, "plugin.wasm", *_extras(names)[:MAX_EXTRAS])
    return [_join(folder, name) for name in likely if name in names]


def _locate(tree: Tree, folder: str, where: str) -> tuple[str, Sequence[str]]:
    for candidate in (folder, _join(folder, "dist")):
        names = tree.names(candidate)
        if names is not None and MANIFEST in names:
            return candidate, names
    place = f"folder '{folder}'" if folder else "the top folder"
    if tree.names(folder) is None:
        raise NotFound(f"there is no {place}", where=where, hint=LOOK_ELSEWHERE)
    raise NotFound(f"no {MANIFEST} in {place} or its dist/", where=where, hint=LOOK_ELSEWHERE)


def _extras(names: Sequence[str]) -> list[str]:
    return sorted(filter(is_extra, names))


def _module(tree: Tree, folder: str, wasm: str, found: Mapping[str, bytes], where: str) -> bytes:
    """The module's bytes: where the manifest says, else by its base name beside the manifest."""
    if wasm in found:
        return found[wasm]
    beside = wasm.rpartition("/")[2]
    if "/" in wasm and beside in found:
        exact = tree.read([_join(folder, wasm)])
        return exact.get(_join(folder, wasm), found[beside])
    candidates = [_join(folder, name) for name in dict.fromkeys((wasm, beside))]
    answers = tree.read(candidates)
    for path in candidates:
        if path in answers:
            return answers[path]
    raise NotFound(
        f"'{wasm}', which {MANIFEST} names as the module, is not there",
        where=f"{where}: {_join(folder, MANIFEST)}: plugin.wasm",
        hint="build the plugin and commit its module",
    )


def _wanted(statement: bytes | None, manifest: Manifest, found: Mapping[str, bytes], where: str) -> list[str]:
    if statement is not None:
        return subject_names(statement, where=where)
    return [MANIFEST, manifest.wasm, *(name for name in _extras(list(found)))]


def _read_missing(tree: Tree, folder: str, names: Sequence[str], where: str) -> Mapping[str, bytes]:
    if not names:
        return {}
    answers = tree.read([_join(folder, name) for name in names])
    for name in names:
        if _join(folder, name) not in answers:
            message = f"'{name}', which the release statement lists, is not there"
            raise NotFound(message, where=where, hint="tell its publisher, who is to sign the release again")
    return {name: answers[_join(folder, name)] for name in names}


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
