"""The note about advisories that `sync`, `verify` and `call` add, from state alone."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.shapes import from_json
from tarkpm.errors import TarkError
from tarkpm.io.files import atomic_write, make_private, read_optional

if TYPE_CHECKING:  # a sync without work imports this module, and needs none of these
    from collections.abc import Iterable, Sequence

    from tarkpm.core.advisory import Advisory
    from tarkpm.core.lockfile import LockEntry
    from tarkpm.core.verification import VerifiedRelease
    from tarkpm.ops.project.workspace import Workspace

MAX_BYTES: Final = 64 * 1024 * 1024
_SEE: Final = "see: tarkpm audit"
_UNREADABLE: Final = f"what this machine knows of advisories cannot be read; {_SEE}"


def entry_note(workspace: "Workspace", entry: "LockEntry") -> str:
    """Return the note about one locked plugin, "" without an advisory that is known here."""
    if not (workspace.state.root / "advisories").is_dir():
        return ""
    from tarkpm.ops.project.known_advisories import KnownAdvisories

    try:
        return _note(entry.name, str(entry.version), workspace.resource(KnownAdvisories).affecting(entry))
    except TarkError:  # a damaged file must not keep a plugin from running
        return _UNREADABLE


def candidate_advice(workspace: "Workspace", candidate: "VerifiedRelease") -> list[str]:
    """Return what advisories that are known here say about a release before it is taken, a text for each."""
    if not (workspace.state.root / "advisories").is_dir():
        return []
    from tarkpm.core.text import quoted
    from tarkpm.ops.project.known_advisories import KnownAdvisories

    manifest = candidate.manifest
    statement = candidate.statement.sha256 if candidate.statement else None
    try:
        advised = workspace.resource(KnownAdvisories).advised
        found = advised.affecting(candidate.source, manifest.name, manifest.version, statement)
    except TarkError:
        return [_UNREADABLE]
    return [
        f"{one.id} ({one.severity}): {quoted(one.summary or one.affected, 200)}"
        + (f"; fixed in {', '.join(map(str, one.fixed))}" if one.fixed else "")
        for one in found
    ]


def _note(name: str, version: str, found: "Sequence[Advisory]") -> str:
    if not found:
        return ""
    worst = max(found, key=lambda one: one.severity)
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"'{name}' {version} has advisory {worst.id} ({worst.severity}){more}; {_SEE}"


def project_note(workspace: "Workspace") -> str:
    """Return the note about all locked plugins, "" without an advisory that is known here."""
    if not (workspace.state.root / "advisories").is_dir():
        return ""
    from tarkpm.ops.project.known_advisories import KnownAdvisories
    from tarkpm.ops.project.locked_releases import locked_releases

    known = workspace.resource(KnownAdvisories)
    try:
        found = [(one, known.affecting_locked(one)) for one in locked_releases(workspace)]
    except TarkError:
        return _UNREADABLE
    notes = [note for one, advisories in found if (note := _note(one.name, one.version, advisories))]
    return notes[0] if len(notes) == 1 else f"{len(notes)} plugins have advisories; {_SEE}" if notes else ""


def settled_note(workspace: "Workspace") -> str:
    """Return `project_note` for a project in which nothing changed since the last sync.

    It is kept until the project or the advisories change: to find it takes longer than the sync.
    """
    folder = workspace.state.root / "advisories"
    try:
        files = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".json"))
    except FileNotFoundError:
        return ""
    stats = [(name, (folder / name).stat()) for name in files]
    seal = [(name, at.st_ino, at.st_mtime_ns, at.st_size) for name, at in stats]
    key = sha256(repr((workspace.record.settled, seal)).encode())
    file = folder / "notes" / sha256(os.fsencode(workspace.record.path))[:32]
    kept, _, note = (read_optional(file, 4096) or b"").decode(errors="replace").partition("\n")
    if kept == key:
        return note
    # Most projects have no plugin that is listed, and need not wait for the parsers.
    is_listed = any(_lists(folder / name, workspace.record.installed) for name in files)
    note = project_note(workspace) if is_listed else ""
    with suppress(OSError):  # a full disk makes the next sync slower, and nothing else
        make_private(file.parent)
        atomic_write(file, f"{key}\n{note}".encode(), mode=0o600, durable=False)
    return note


class _Names(msgspec.Struct):
    listed: dict[str, msgspec.Raw] = {}


def _lists(file: Path, names: "Iterable[str]") -> bool:
    """Return whether a file of `store.advisories` lists one of these plugins, or cannot be read."""
    from tarkpm.core.release import folded

    try:
        listed = from_json(read_optional(file, MAX_BYTES) or b"", _Names).listed
    except (TarkError, msgspec.DecodeError):
        return True
    return any(folded(name) in listed for name in names)
