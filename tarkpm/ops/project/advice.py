"""The note about advisories that `sync`, `verify` and `call` add, from state alone."""

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # a sync without work imports this module, and needs none of these
    from collections.abc import Sequence

    from tarkpm.core.advisory import Advisory
    from tarkpm.core.lockfile import LockEntry
    from tarkpm.ops.project.workspace import Workspace

_SEE: Final = "see: tarkpm audit"


def entry_note(workspace: "Workspace", entry: "LockEntry") -> str:
    """Return the note about one locked plugin, "" without an advisory that is known here."""
    from tarkpm.ops.project.known_advisories import KnownAdvisories

    return _note(entry.name, str(entry.version), workspace.resource(KnownAdvisories).affecting(entry))


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
    found = ((one, known.affecting_locked(one)) for one in locked_releases(workspace))
    notes = [note for one, advisories in found if (note := _note(one.name, one.version, advisories))]
    return notes[0] if len(notes) == 1 else f"{len(notes)} plugins have advisories; {_SEE}" if notes else ""


def settled_note(workspace: "Workspace") -> str:
    """Return `project_note` for a project in which nothing changed since the last sync.

    It is kept until the project or the advisories change: to find it takes longer than the sync.
    """
    from tarkpm.core.digest import sha256
    from tarkpm.io.files import atomic_write, make_private, read_optional

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
    note = project_note(workspace)
    with suppress(OSError):  # a full disk makes the next sync slower, and nothing else
        make_private(file.parent)
        atomic_write(file, f"{key}\n{note}".encode(), mode=0o600, durable=False)
    return note
