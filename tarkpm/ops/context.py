"""Finds the project, opens it, and builds the edges a verb works with. Nothing else builds them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tarkpm.core import lockfile
from tarkpm.core.decisions import Decisions
from tarkpm.core.lockfile import Lock
from tarkpm.core.project import FILE, MAX_BYTES, Project
from tarkpm.errors import ProjectError, ProjectNotAccepted
from tarkpm.io.files import read_optional
from tarkpm.ops.settings import Settings
from tarkpm.ops.ui import Card, Ui
from tarkpm.store.blobs import BlobStore
from tarkpm.store.environment import Environment
from tarkpm.store.journal import recover
from tarkpm.store.state import Record, State, new_environment_id


class Place(msgspec.Struct, frozen=True):
    """Where a project's documents, environment and data are."""

    project_file: Path
    lock_file: Path
    environment: Environment

    @property
    def folder(self) -> Path:
        """What relative paths in tark.toml are relative to."""
        return self.project_file.parent


class Workspace:
    """A project as it was read, and the edges through which it is changed."""

    def __init__(self, settings: Settings, place: Place, state: State, ui: Ui) -> None:
        self.settings, self.place, self.state, self.ui = settings, place, state, ui
        self.environment = place.environment
        self.store = BlobStore(settings.paths.cache)
        self.project_bytes: bytes | None = None
        self.lock_bytes: bytes | None = None
        self.project, self.lock = Project(), Lock()
        self.record = Record(str(place.folder), new_environment_id())
        self.recognized = False

    def load(self) -> None:
        """Read the documents and the record. Raises `ProjectError`, `LockError`."""
        self.project_bytes = read_optional(self.place.project_file, MAX_BYTES)
        self.lock_bytes = read_optional(self.place.lock_file, lockfile.MAX_BYTES)
        if self.project_bytes is not None:
            self.project = Project.parse(self.project_bytes, where=str(self.place.project_file))
        if self.lock_bytes is not None:
            self.lock = lockfile.parse(self.lock_bytes, where=str(self.place.lock_file))
        self._load_record()

    def _load_record(self) -> None:
        """Find this project's record, and whether its environment is the one built here."""
        environment, path = self.environment, str(self.place.folder)
        record = self.state.find(path)
        self.recognized = bool(record and environment.exists() and environment.id == record.environment)
        if not self.recognized and (moved := self.state.find_moved(environment.id, environment.inode)):
            self.recognized, record = True, msgspec.structs.replace(moved, path=path)
            self.state.save(record, moved_from=moved.path)
        if record is not None:
            self.record = record if self.recognized else msgspec.structs.replace(record, installed={})

    def data(self, name: str) -> Path:
        """Where a plugin of this environment keeps its own data: never in the work tree."""
        return self.settings.paths.data / "data" / self.record.environment / name

    def require_built_here(self) -> None:
        """Raise `ProjectNotAccepted` for a project's environment that state does not know (rule 3)."""
        if self.recognized or not self.environment.in_project or not self.environment.names():
            return
        raise ProjectNotAccepted(
            "this environment was not built here by your tarkpm",
            where=str(self.environment.base),
            hint=f"look at it, then: rm -r {self.environment.base} && tarkpm sync",
        )

    def prepare(self) -> None:
        """Make the environment's folders and let state know them as built here."""
        self.require_built_here()
        if not self.recognized:
            self.environment.create(self.record.environment)
            self.remember(inode=self.environment.inode)
            self.recognized = True

    def remember(self, **changes: object) -> None:
        """Change this project's record in state."""
        self.record = msgspec.structs.replace(self.record, **changes)
        self.state.save(self.record)

    def require_accepted(self) -> None:
        """Rule 3: make sure this user accepted the decisions in tark.toml; ask, or raise."""
        decisions = Decisions.of(self.project)
        new = decisions.beyond(self.record.accepted)
        if not new:
            return
        file = self.place.project_file
        if not self.settings.accept_project:
            warning = "Accept only what you, or people you trust, wrote."
            card = Card(f"{file} makes decisions for you", tuple(("would", line) for line in new), (warning,))
            if not self.ui.interactive:
                raise ProjectNotAccepted(
                    f"you have not accepted what this project decides: {'; '.join(new)}",
                    where=str(file),
                    hint=f"{self.settings.command} --accept-project",
                )
            self.ui.show([card])
            if not self.ui.confirm("Accept these decisions?"):
                raise ProjectNotAccepted("the project's decisions were not accepted", where=str(file))
        self.remember(accepted=decisions)


def locate(settings: Settings) -> Place:
    """The project to work on: --project, else the nearest tark.toml above, else the user's own."""
    if not settings.user:
        start = settings.project or settings.cwd
        folders = [start] if settings.project else [start, *start.parents]
        for folder in folders:
            if settings.project or os.path.lexists(folder / FILE):
                return project_place(folder)
    config = settings.paths.config
    return Place(config / FILE, config / lockfile.FILE, Environment(settings.paths.data, in_project=False))


def project_place(folder: Path) -> Place:
    """The place of a project in ``folder``; links to it are resolved, so that it has one name."""
    real = folder.resolve()
    file = real / FILE
    if file.is_symlink():
        file = file.resolve()
    return Place(file, real / lockfile.FILE, Environment(real / ".tark", in_project=True))


@contextmanager
def open_for_change(settings: Settings, ui: Ui, *, create: bool = False) -> Iterator[Workspace]:
    """Hold the project for a command that changes it, after finishing what an interrupted one began.

    ``create`` lets the user's own tark.toml be absent. Raises `ProjectError`, `StoreBusy`.
    """
    place = _checked_place(settings, create=create)
    state = State(settings.paths.state)
    with place.environment.writing(settings.command, settings.lock_seconds):
        if message := recover(place.environment, state):
            ui.note(message)
        place.environment.clear_work()
        workspace = Workspace(settings, place, state, ui)
        workspace.load()
        yield workspace


@contextmanager
def open_for_reading(settings: Settings, ui: Ui) -> Iterator[Workspace]:
    """Read the project while no change is being applied to it."""
    place = _checked_place(settings, create=True)
    state = State(settings.paths.state)
    environment = place.environment
    if os.path.lexists(environment.journal):
        with environment.writing(settings.command, settings.lock_seconds):
            if message := recover(environment, state):
                ui.note(message)
    with environment.reading():
        workspace = Workspace(settings, place, state, ui)
        workspace.load()
        yield workspace


def _checked_place(settings: Settings, *, create: bool) -> Place:
    place = locate(settings)
    if settings.project and not place.project_file.exists():
        hint = f"tarkpm init --project {settings.project}"
        raise ProjectError(f"there is no {FILE} here", where=str(settings.project), hint=hint)
    if not create and not place.project_file.exists():
        raise ProjectError(f"there is no {FILE} here or above", where=str(settings.cwd), hint="tarkpm init")
    place.environment.check_ours()
    return place
