"""``tarkpm accepted``: the projects whose decisions this user accepted."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tarkpm.errors import NotFound
from tarkpm.io.paths import resolved
from tarkpm.ops.project.ownership import check_home
from tarkpm.ops.project.settings import Settings
from tarkpm.store.consents import Consent, Consents
from tarkpm.store.environment import Environment
from tarkpm.store.folder_consents import FolderConsent, FolderConsents
from tarkpm.store.state import Record, State


class AcceptedProject(msgspec.Struct, frozen=True):
    """A project this user accepted: when (UTC), which decisions, and the names of its plugins and indexes.

    ``unmanaged`` names the folders in its environment that tarkpm did not install and the user agreed to
    run, and the plugin of a working copy; ``accepted_at`` is "" if there is only such a consent.
    """

    project: str
    accepted_at: str
    digest: str
    plugins: tuple[str, ...]
    indexes: tuple[str, ...]
    unmanaged: tuple[str, ...]


class AcceptedList(msgspec.Struct, frozen=True):
    """Every project this user accepted, sorted by path."""

    projects: tuple[AcceptedProject, ...]


def accepted(settings: Settings) -> AcceptedList:
    """Return every project this user accepted. Raises `StoreError` for a record that cannot be read."""
    state = State(settings.paths.state)
    records = (state.read_record(file) for file in state.record_files())
    rows = [_row(record, _consents(settings, record.path)) for record in records if record]
    found = [row for row in rows if row.accepted_at or row.unmanaged]
    found += [_folder_row([one]) for one in FolderConsents(settings.paths.state).all()]
    return AcceptedList(tuple(sorted(found, key=lambda row: row.project)))


def forget(settings: Settings, folder: Path) -> AcceptedProject:
    """Withdraw the acceptance of the project in ``folder`` and the consents to run its hand-placed plugins.

    Consents to run working copies in or below it are withdrawn, too. The next command there asks again.

    Raises `NotFound` if nothing of it was accepted.
    """
    check_home(settings)
    state, path = State(settings.paths.state), str(resolved(settings.cwd / folder))
    with state.changing(path, settings.command, settings.lock_seconds):
        record, consents = state.find(path), _consents(settings, path)
        folders = FolderConsents(settings.paths.state)
        copies = folders.within(Path(path))
        is_project = record is not None and (record.accepted_at or consents)
        if not (is_project or copies):
            raise NotFound("this project was not accepted", where=path, hint="tarkpm accepted")
        row = _row(record, consents) if record and is_project else _folder_row(copies, path)
        if not settings.dry_run:
            for consent in consents:
                Consents(settings.paths.state).forget(consent)
            for copy in copies:
                folders.forget(copy)
            if record is not None:
                state.save(record.forgotten())
        return row


def _consents(settings: Settings, project: str) -> list[Consent]:
    """Return the consents to run folders of this project's environment, not of another below it."""
    environment = Environment(Path(project) / ".tark", in_project=True)
    return Consents(settings.paths.state).within(environment.plugins)


def _folder_row(consents: Sequence[FolderConsent], folder: str = "") -> AcceptedProject:
    names = tuple(sorted(one.name for one in consents))
    return AcceptedProject(folder or consents[0].folder, "", "", (), (), names)


def _row(record: Record, consents: list[Consent]) -> AcceptedProject:
    accepted, at = record.accepted, record.accepted_at
    return AcceptedProject(
        record.path,
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) if at else "",
        accepted.digest,
        tuple(accepted.plugins),
        tuple(accepted.indexes),
        tuple(sorted(Path(consent.folder).name for consent in consents)),
    )
