"""``tarkpm accepted``: the projects whose decisions this user accepted."""

import time
from pathlib import Path

import msgspec

from tarkpm.errors import NotFound
from tarkpm.ops.project.ownership import check_home
from tarkpm.ops.project.settings import Settings
from tarkpm.store.consents import Consents
from tarkpm.store.state import Record, State


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


def accepted(settings: Settings) -> AcceptedList:
    """Return every project this user accepted. Raises `StoreError` for a record that cannot be read."""
    state = State(settings.paths.state)
    records = (state.read_record(file) for file in state.record_files())
    found = [_row(record) for record in records if record and record.accepted_at]
    return AcceptedList(tuple(sorted(found, key=lambda row: row.project)))


def forget(settings: Settings, folder: Path) -> AcceptedProject:
    """Withdraw the acceptance of the project in ``folder``: the next command there asks again.

    Raises `NotFound` if it was not accepted.
    """
    check_home(settings)
    state, path = State(settings.paths.state), str((settings.cwd / folder).resolve())
    with state.changing(path, settings.command, settings.lock_seconds):
        record = state.find(path)
        if record is None or not record.accepted_at:
            raise NotFound("this project was not accepted", where=path, hint="tarkpm accepted")
        row = _row(record)
        if not settings.dry_run:
            state.save(record.forgotten())
            Consents(settings.paths.state).forget_below(Path(path))
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
