"""Select the files of a release from a folder of a repository or of this machine.

A source presents a folder as a `Tree`. `collect` reads the files that make a release and nothing else; git
and local folders share it.
"""

import shlex
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol

import msgspec

from tarkpm.core.manifest import Manifest
from tarkpm.core.names import CI_PROOF, MANIFEST, STATEMENT
from tarkpm.core.release import is_extra
from tarkpm.core.statement import subject_names
from tarkpm.core.text import some
from tarkpm.core.tlog.proof import LogProof
from tarkpm.errors import NotFound, TarkError, TooLarge
from tarkpm.sources.path import LocalTree

LOOK_ELSEWHERE = "name the folder that contains it, or use --path inside a repository"
# Bounded because an unsigned release takes every LICENSE* and README* of a stranger's repository.
MAX_EXTRAS = 8
"""Limit of LICENSE* and README* files in one release, counted together."""
MAX_NAMED = 20
"""Limit of the folders that are named where the one asked for has no plugin."""
MAX_OPENED = 100
"""Limit of the entries that are looked at to find them: the folder may hold a home or a monorepo."""


class Tree(Protocol):
    """A read-only view of a folder and the folders below it; paths are relative and use ``/``."""

    def names(self, folder: str) -> Sequence[str] | None:
        """Return the names of the entries directly in ``folder``; None if the folder does not exist."""

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Return the contents of the ``paths`` that exist, in as few round trips as the source allows.

        Raises `Refused` for anything but a regular file, and `TooLarge` over a limit.
        """


class ReleaseFiles(msgspec.Struct, frozen=True):
    """The contents of one release: its files by installed name, and its statement if it has one.

    ``folder`` is where the release was found, relative to the tree. ``manifest`` is the parsed plugin.toml if
    it was parsed on the way. ``ci_proof`` is of a CI identity, ``log_proof`` of the log of an index; neither
    is verified.
    """

    folder: str
    files: Mapping[str, bytes]
    statement: bytes | None
    manifest: Manifest | None = None
    ci_proof: bytes | None = None
    log_proof: LogProof | None = None


def collect(tree: Tree, folder: str, *, where: str, signed: bool = True) -> ReleaseFiles:
    """Read the release in ``folder``, or in its ``dist/`` if the folder has no plugin.toml.

    A signed release consists of exactly the subjects of its statement; an unsigned one of plugin.toml, the
    module, LICENSE* and README*. With ``signed`` False, a statement is ignored. Nothing is verified here
    (`tarkpm.core.verification`).

    Raises `NotFound` if plugin.toml, the module or a listed file does not exist, `ManifestError` for a
    malformed plugin.toml, `TooLarge` if an unsigned release has more than `MAX_EXTRAS`, and what `Tree.read`
    raises.
    """
    folder, names = _locate(tree, folder, where)
    # One round trip for what most releases consist of; only unusual names need a second one.
    found = dict(tree.read(_likely(folder, names)))
    found = {path[len(folder) + 1 if folder else 0 :]: data for path, data in found.items()}
    manifest = Manifest.parse(found[MANIFEST], where=f"{where}: {_join(folder, MANIFEST)}")
    found[manifest.wasm] = _module(tree, folder, manifest.wasm, found, where)
    statement = found.pop(STATEMENT, None) if signed else None
    ci_proof = found.pop(CI_PROOF, None) if signed else None
    if statement is None and (count := len(_extras(names))) > MAX_EXTRAS:  # no licence may get lost
        message = f"expected at most {MAX_EXTRAS} files named LICENSE* or README*, found {count}"
        raise TooLarge(message, where=f"{where}: {folder}" if folder else where)
    # The statement is not verified yet. Its names only select files, and are checked to be plain file names.
    wanted = _wanted(statement, manifest, found, f"{where}: {_join(folder, STATEMENT)}")
    missing = [name for name in wanted if name not in found]
    found.update(_read_missing(tree, folder, missing, where))
    return ReleaseFiles(folder, {name: found[name] for name in sorted(wanted)}, statement, manifest, ci_proof)


def likely_files(tree: Tree, folder: str) -> list[str]:
    """Return the paths that `collect` reads first, so that a caller can prefetch them for several folders."""
    try:
        return _likely(*_locate(tree, folder, ""))
    except NotFound:
        return []  # `collect` reports it


def _likely(folder: str, names: Sequence[str]) -> list[str]:
    likely = (MANIFEST, STATEMENT, CI_PROOF, "plugin.wasm", *_extras(names)[:MAX_EXTRAS])
    return [_join(folder, name) for name in likely if name in names]


def _locate(tree: Tree, folder: str, where: str) -> tuple[str, Sequence[str]]:
    for candidate in (folder, _join(folder, "dist")):
        names = tree.names(candidate)
        if names is not None and MANIFEST in names:
            return candidate, names
    place = f"folder '{folder}'" if folder else "the top folder"
    if tree.names(folder) is None:
        raise NotFound(f"there is no {place}", where=where, hint=LOOK_ELSEWHERE)
    found = list(islice(_plugins_below(tree, folder), MAX_NAMED))
    there = f", but in {some(found)}" if found else ""
    raise NotFound(f"no {MANIFEST} in {place} or its dist/{there}", where=where, hint=LOOK_ELSEWHERE)


def _plugins_below(tree: Tree, folder: str) -> Iterator[str]:
    """Yield the nearest folders below ``folder`` that hold a plugin.toml, without opening many others."""
    waiting = deque(_join(folder, name) for name in tree.names(folder) or () if not name.startswith("."))
    for _ in range(MAX_OPENED):
        if not waiting:
            return
        candidate = waiting.popleft()
        names: Sequence[str] = ()
        with suppress(OSError, TarkError):  # an unreadable folder must not hide the error this helps with
            names = tuple(tree.names(candidate) or ())  # None for a file
        if MANIFEST in names:
            yield candidate
        else:
            waiting.extend(_join(candidate, name) for name in names if not name.startswith("."))


def _extras(names: Sequence[str]) -> list[str]:
    return sorted(filter(is_extra, names))


def _build_hint(tree: Tree, folder: str) -> str:
    if isinstance(tree, LocalTree):  # the reader's own folder: nobody else has to commit anything
        return f"tarkpm build {shlex.quote(str(tree.root / folder))}"
    return "build the plugin and commit its module"


def _module(tree: Tree, folder: str, wasm: str, found: Mapping[str, bytes], where: str) -> bytes:
    """Return the module: the file at the manifest's path, else one of its base name beside the manifest."""
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
        f"the module '{wasm}' that {MANIFEST} names does not exist",
        where=f"{where}: {_join(folder, MANIFEST)}: plugin.wasm",
        hint=_build_hint(tree, folder),
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
            message = f"the file '{name}' that the release statement lists does not exist"
            raise NotFound(message, where=where, hint="ask its publisher to sign the release again")
    return {name: answers[_join(folder, name)] for name in names}


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
