"""``tarkpm accept`` and ``accepted``: what this user accepted of projects, and what is asked of them."""

import time
from pathlib import Path

import msgspec

from tarkpm.errors import NotFound
from tarkpm.ops.acceptance import accept as keep
from tarkpm.ops.acceptance import consequences, decisions, not_accepted, require_accepted
from tarkpm.ops.context import open_for_change, open_for_reading
from tarkpm.ops.settings import Settings
from tarkpm.ops.ui import Ui
from tarkpm.store.state import Record, State


class AcceptReport(msgspec.Struct, frozen=True):
    """A project's decisions: their digest for ``--accept-project=``, and what of them is not accepted yet."""

    project: str
    digest: str
    accepted: bool
    new: tuple[str, ...] = ()


class AcceptedProject(msgspec.Struct, frozen=True):
    """A project this user accepted: when (UTC), which decisions, and the names of its plugins and indexes."""

    project: str
    accepted_at: str
    digest: str
    plugins: tuple[str, ...]
    indexes: tuple[str, ...]


class AcceptedList(msgspec.Struct, frozen=True):
    """Every project this user accepted, sorted by path."""

    projects: tuple[AcceptedProject, ...]


def accept(settings: Settings, ui: Ui) -> AcceptReport:
    """Ask this user to accept what the project decides; fetches and installs nothing.

    Raises `ProjectNotAccepted`.
    """
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        decided = decisions(workspace)
        if not settings.dry_run:
            keep(workspace, decided)
        return AcceptReport(str(workspace.place.project_file), decided.digest, accepted=True)


def preview(settings: Settings, ui: Ui) -> AcceptReport:
    """What `accept` would ask, and the digest that answers it beforehand. Changes nothing."""
    with open_for_reading(settings, ui) as workspace:
        decided, new = decisions(workspace), not_accepted(workspace)
        lines = (*map(str, new), *(consequences(workspace, decided, new) if new else ()))
        return AcceptReport(str(workspace.place.project_file), decided.digest, accepted=not new, new=lines)


def accepted(settings: Settings) -> AcceptedList:
    """What this user accepted, of every project. Raises `StoreError` for a record that cannot be read."""
    state = State(settings.paths.state)
    records = (state.read_record(file) for file in state.record_files())
    found = [_row(record) for record in records if record and record.accepted_at]
    return AcceptedList(tuple(sorted(found, key=lambda row: row.project)))


def forget(settings: Settings, folder: Path) -> AcceptedProject:
    """Take back what was accepted of the project in ``folder``: the next command there asks again.

    Raises `NotFound` where nothing was accepted.
    """
    state, path = State(settings.paths.state), str((settings.cwd / folder).resolve())
    with state.changing(path, settings.command, settings.lock_seconds):
        record = state.find(path)
        if record is None or not record.accepted_at:
            raise NotFound("nothing was accepted of this project", where=path, hint="tarkpm accepted")
        row = _row(record)
        if not settings.dry_run:
            state.save(record.forgotten())
        return row


def _row(record: Record) -> AcceptedProject:
    accepted = record.accepted
    return AcceptedProject(
        record.path,
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.accepted_at)),
        accepted.digest,
        tuple(accepted.plugins),
        tuple(accepted.indexes),
    )
