"""The history of the project a verb works on: what a change adds to it, and how it is read."""

import time
from collections.abc import Mapping
from typing import Final

from tarkpm.core.difference import Documents
from tarkpm.core.digest import Digest
from tarkpm.core.lockfile import Lock, parse
from tarkpm.core.names import LOCK, PROJECT
from tarkpm.core.project import Project
from tarkpm.core.text import ellipsis
from tarkpm.errors import NotFound, TarkError
from tarkpm.ops.project.workspace import Workspace
from tarkpm.store.history import MAX_COMMAND, MAX_DOCUMENTS, Generation, History, installed_digests
from tarkpm.store.state import Installed

LOG: Final = "tarkpm log"
"""The command that helps where a generation cannot be used."""
NOTHING: Final = Generation(0, 0, "", "", "", {})
"""What was there before the first generation."""


def history_of(workspace: Workspace) -> History:
    """Return the history of a project."""
    return History(workspace.state.root, workspace.record.environment)


def next_generations(
    workspace: Workspace,
    project_bytes: bytes | None,
    lock_bytes: bytes,
    installed: Mapping[str, Installed],
    *,
    data_changes: bool = False,
) -> tuple[Generation, ...]:
    """Return what the history gains by a change that leads to these documents and installed files.

    Documents that something else wrote since the newest generation are kept as one of their own, so that
    nothing that tarkpm replaces is lost. ``project_bytes`` None leaves tark.toml as it is. Nothing is
    returned for a change of neither documents nor files, unless what plugins stored changes.
    """
    newest = history_of(workspace).newest()
    was = found_documents(workspace)
    project = workspace.project_bytes if project_bytes is None else project_bytes
    now, digests = _texts(project, lock_bytes), installed_digests(installed)
    made: list[Generation] = []
    known = newest is not None and newest.documents == was
    if was and was != now and not known and not workspace.conflicted:
        made.append(_generation(workspace, was, installed_digests(workspace.record.installed)))
    last = made[-1] if made else newest
    if now and (data_changes or last is None or (now, digests) != (last.documents, last.installed)):
        made.append(_generation(workspace, now, digests, len(made), workspace.settings.command))
    return tuple(made)


def keep_generations(workspace: Workspace, project_bytes: bytes | None, lock_bytes: bytes) -> None:
    """Add to the history what a change that needs no journal means: documents that were found in order."""
    made = next_generations(workspace, project_bytes, lock_bytes, workspace.record.installed)
    if made:
        history = history_of(workspace)
        history.data.begin(made[0].number)  # such a change replaces no plugin, so it keeps no data
        history.save(made)


def found_documents(workspace: Workspace) -> tuple[str, str] | None:
    """Return the texts of tark.toml and tark.lock; None if the history cannot hold them."""
    return _texts(workspace.project_bytes, workspace.lock_bytes)


def _texts(project: bytes | None, lock: bytes | None) -> tuple[str, str] | None:
    if len(project or b"") + len(lock or b"") > MAX_DOCUMENTS:
        return None
    try:
        return (project or b"").decode(), (lock or b"").decode()
    except UnicodeDecodeError:
        return None


def _generation(
    workspace: Workspace,
    documents: tuple[str, str],
    installed: dict[str, Digest],
    ahead: int = 0,
    command: str = "",
) -> Generation:
    number = next(iter(history_of(workspace).numbers()), 0) + 1 + ahead
    return Generation(
        number, int(time.time()), ellipsis(command, MAX_COMMAND), *documents, installed=installed
    )


def changed_documents(before: tuple[str, str], after: tuple[str, str]) -> tuple[str, ...]:
    """Return the names of the documents that differ."""
    pairs = zip((PROJECT, LOCK), before, after, strict=True)
    return tuple(name for name, was, now in pairs if was != now)


def shown_time(generation: Generation) -> str:
    """Return when a generation was made, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(generation.at))


def required_generation(history: History, number: int) -> Generation:
    """Return a generation of the project. Raises `NotFound` if it is not kept, `StoreError` if damaged."""
    found = history.read(number)
    if found is None:
        kept = history.numbers()
        which = (
            f"the oldest is {kept[-1]}, the newest {kept[0]}" if kept else "this project has no history yet"
        )
        raise NotFound(f"generation {number} is not kept; {which}", where=str(history.folder), hint=LOG)
    return found


def documents_of(generation: Generation) -> Documents:
    """Return the parsed documents of a generation. Raises `ProjectError` and `LockError`."""
    named = f"generation {generation.number}"
    try:
        return Documents(
            parse(generation.lock.encode(), where=f"{named}: {LOCK}") if generation.lock else Lock(),
            Project.parse(generation.project.encode(), where=f"{named}: {PROJECT}"),
        )
    except TarkError as problem:
        problem.hint = LOG
        raise
