"""The workspace of a verb: a project with its documents, record, store and environment."""

import os
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import msgspec

from tarkpm import __version__
from tarkpm.core.digest import Digest, sha256
from tarkpm.core.names import MAX_LOCK, MAX_PROJECT
from tarkpm.core.owner import Owner, current_owner
from tarkpm.errors import Edited, LockError, ProjectNotAccepted
from tarkpm.io.files import read_optional
from tarkpm.ops.project.location import Location, checked_place
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.team_policy import TeamPolicies
from tarkpm.ops.project.ui import Ui
from tarkpm.store.blobs import BlobStore
from tarkpm.store.environment import Environment
from tarkpm.store.state import Record, State, new_environment_id

if TYPE_CHECKING:  # parsers are imported on use: a no-op sync needs none
    from tarkpm.core.claim import Vouched
    from tarkpm.core.lockfile import Lock
    from tarkpm.core.project import Project
    from tarkpm.core.release import PluginName
    from tarkpm.store.claims import Claims

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Workspace:
    """A project as it was read, and the objects through which a verb changes it."""

    def __init__(self, settings: Settings, location: Location, state: State, ui: Ui) -> None:
        """Read the documents' bytes and the project's record; the documents are parsed when they are used."""
        self.settings, self.location, self.state, self.ui = settings, location, state, ui
        self.environment = location.environment
        self.store = BlobStore(settings.paths.cache)
        self.project_bytes = read_optional(location.project_file, MAX_PROJECT)
        self.lock_bytes = read_optional(location.lock_file, MAX_LOCK)
        self.record = Record(str(location.folder), new_environment_id())
        self.recognized = False
        self.sides: tuple[Lock, ...] = ()  # of a conflict that a merge left in tark.lock
        self._resources: dict[object, Any] = {}
        self._load_record()

    @cached_property
    def project(self) -> "Project":
        """Return tark.toml, parsed. Raises `ProjectError`."""
        from tarkpm.core.project import Project

        if self.project_bytes is None:
            return Project()
        return Project.parse(self.project_bytes, where=str(self.location.project_file))

    @cached_property
    def lock(self) -> "Lock":
        """Return tark.lock, parsed. Raises `LockError`."""
        from tarkpm.core.lockfile import Lock, parse

        if self.lock_bytes is None:
            return Lock()
        try:
            return parse(self.lock_bytes, where=str(self.location.lock_file))
        except LockError as problem:
            from tarkpm.ops.project.conflict import lock_hint

            problem.hint = problem.hint or lock_hint(self.lock_bytes, self.location.lock_file)
            raise

    @property
    def conflicted(self) -> bool:
        """Return whether `lock` is what both sides of a conflict agree on."""
        return bool(self.sides)

    @cached_property
    def followed(self) -> "Lock":
        """The locked entries that the project leads to: one that was planted in the lock holds nothing."""
        from tarkpm.core.lock_check import led_to

        return led_to(self.project, self.lock)

    @cached_property
    def claims(self) -> "Claims":
        """Return the store of verified claims about publishers."""
        from tarkpm.store.claims import Claims

        return Claims(self.state.root)

    @cached_property
    def vouched(self) -> "Vouched":
        """Return what this machine knows about publishers in indexes. Raises `StoreError`."""
        return self.claims.read()

    def resource(self, kind: "Callable[[Workspace], T]") -> "T":
        """Return the one resource of a kind, such as the project's indexes; `close` closes it."""
        if kind not in self._resources:
            self._resources[kind] = kind(self)
        resource: T = self._resources[kind]
        return resource

    def close(self) -> None:
        """Close every resource. A thread that outlives a failed command finds them closed, and opens none."""
        for resource in tuple(self._resources.values()):
            resource.close()

    def _load_record(self) -> None:
        """Load this project's record, and whether its environment was built here."""
        environment, path = self.environment, str(self.location.folder)
        record = self.state.find(path)
        # The id alone proves nothing, because anyone can write it: the record of this path must name it.
        self.recognized = bool(record and environment.exists() and environment.id == record.environment)
        if not self.recognized and (moved := self.state.find_moved(environment.id, environment.inode)):
            self.recognized, record = True, msgspec.structs.replace(moved, path=path)
            self.state.save(record, moved_from=moved.path)
        if record is not None:
            # Of an environment made elsewhere nothing is known: its files are verified and installed again.
            gone = msgspec.structs.replace(record, installed={}, settled="")
            self.verified = {installed.fingerprint for installed in record.installed.values()}
            self.record = record if self.recognized else gone

    verified: Collection[Digest] = frozenset()
    """Fingerprints of lock entries whose signature and documents were verified on this machine before."""

    def seal(self, project_bytes: bytes | None, lock_bytes: bytes) -> Digest:
        """Return a digest of the documents (None: tark.toml as it is), the program version and state.

        State of indexes and team policies are part of it, so that what they forbid since then is noticed.
        """
        project = self.project_bytes if project_bytes is None else project_bytes
        parts = [__version__.encode(), project or b"", lock_bytes, self.state.known_seal()]
        parts += self.resource(TeamPolicies).sealed
        return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))

    def is_settled(self) -> bool:
        """Return whether exactly these documents were synced before, and every installed file looks intact.

        Then nothing needs checking: what was accepted, trusted and verified is in the same record.
        """
        record, environment = self.record, self.environment
        if not self.recognized or not record.settled or self.lock_bytes is None:
            return False
        # The seal covers tarkpm's version: a newer one checks everything once.
        if record.settled != self.seal(None, self.lock_bytes):
            return False
        return all(environment.is_intact(name, one.files) for name, one in record.installed.items())

    def name_of(self, typed: str) -> "PluginName":
        """Return the name that a typed plugin has here; case is ignored, and ``-`` equals ``_``.

        An unknown plugin keeps its name as typed. Raises `ValueError` for an invalid name.
        """
        from tarkpm.core.release import PluginName, folded, plugin_name

        name = plugin_name(typed)
        known = [*self.project.requirements, *self.lock.by_name, *self.environment.names()]
        if name in known:
            return name
        return next((PluginName(one) for one in known if folded(one.lower()) == folded(name)), name)

    def names_of(self, typed: Iterable[str]) -> "list[PluginName]":
        """Return the names of typed plugins, each once."""
        return list(dict.fromkeys(map(self.name_of, typed)))

    def is_enabled(self, name: str) -> bool:
        """Return whether the plugin may run: neither its marker nor state says that it is disabled."""
        return self.environment.is_enabled(name) and not current_owner(self.record.owners, name).disabled

    def data(self, name: str, owner: Owner | None = None) -> Path:
        """Return the data folder of a plugin: its current publisher's, or that of ``owner``.

        It is never in the work tree. Another publisher's plugin of the name has another one.
        """
        folder = (owner or current_owner(self.record.owners, name)).folder
        return self.settings.paths.data / "data" / self.record.environment / folder

    def require_built_here(self) -> None:
        """Raise `ProjectNotAccepted` for an environment unknown to state (docs/trust-rules.md, rule 3)."""
        if self.recognized or not self.environment.in_project or not self.environment.names():
            return
        raise ProjectNotAccepted(
            "this environment was not built here by your tarkpm",
            where=str(self.environment.base),
            hint=f"inspect it, then: rm -r {shlex.quote(str(self.environment.base))} && tarkpm sync",
        )

    def prepare(self) -> None:
        """Create the environment's folders and record in state that they were built here."""
        self.require_built_here()
        if not self.recognized:
            self.environment.create(self.record.environment)
            self.remember(inode=self.environment.inode)
            self.recognized = True
        elif not self.environment.plugins.is_dir():  # deleted by hand, to install everything again
            self.environment.create(self.record.environment)

    def forget_verified(self) -> None:
        """Forget earlier verifications, so that every signature is verified again."""
        self.verified = frozenset()

    def read_claims_again(self) -> None:
        """Make `vouched` read the claims again."""
        vars(self).pop("vouched", None)

    def expect(self, record: Record) -> None:
        """Use the record as it will be once the change is committed; saves nothing."""
        self.record = msgspec.structs.replace(record, inode=self.record.inode)

    def applied(self, record: Record, lock: "Lock", project: "Project") -> None:
        """Take over the state of the project after a committed change."""
        self.record, self.lock, self.project = record, lock, project

    def remember(self, **changes: object) -> None:
        """Change this project's record and save it in state."""
        self.record = msgspec.structs.replace(self.record, **changes)
        self.state.save(self.record)


MAX_QUESTIONS = 3  # times a verb runs because a document was edited while its prompt waited


def asks_again(verb: Callable[Concatenate[Settings, Ui, P], R]) -> Callable[Concatenate[Settings, Ui, P], R]:
    """Run a verb again with the current documents if one was edited while its prompt waited.

    An answer is valid only for what was shown. Without a terminal the verb raises `Edited`.
    """

    @wraps(verb)
    def wrapper(settings: Settings, ui: Ui, /, *args: P.args, **kwargs: P.kwargs) -> R:
        for last in (*[False] * (MAX_QUESTIONS - 1), True):
            try:
                return verb(settings, ui, *args, **kwargs)
            except Edited as problem:
                problem.hint = settings.command
                # Bounded, in case something edits a document all the time.
                if last or not ui.interactive:
                    raise
                ui.note(f"{problem.message}; showing the change again")
        raise AssertionError  # the last round returns or raises

    return wrapper


@contextmanager
def open_for_change(settings: Settings, ui: Ui, *, create: bool = False) -> Iterator[Workspace]:
    """Lock the project for a command that changes it, after finishing an interrupted change.

    ``create`` allows a missing tark.toml of the user. Raises `ProjectError`, `StoreBusy`.
    """
    location, state = checked_place(settings, create=create), State(settings.paths.state)
    with state.changing(str(location.folder), settings.command, settings.lock_seconds):
        # 1. Finish an interrupted change, so that documents and folders belong together.
        _recover(location.environment, state, ui)
        # 2. Delete what an interrupted command staged: under the lock, no other command is using it.
        location.environment.clear_work()
        # 3. Read documents and record only now, as the first two steps may change them.
        with closing(Workspace(settings, location, state, ui)) as workspace:
            yield workspace


@contextmanager
def open_for_reading(
    settings: Settings, ui: Ui, *, must_exist: bool = False, parsed: bool = True
) -> Iterator[Workspace]:
    """Read the project while no change is being applied to it, its documents only if ``parsed``.

    ``must_exist`` raises `ProjectError` where neither a project nor the user's own tark.toml is found: a
    check of nothing must not pass. With ``--user`` there may be none.
    """
    location = checked_place(settings, create=settings.user or not must_exist)
    state, environment = State(settings.paths.state), location.environment
    # Usually there is no journal, and reading takes no lock that would wait for a long download.
    if os.path.lexists(environment.journal):
        from tarkpm.store.journal import Unfinished

        try:
            with state.changing(str(location.folder), settings.command, settings.lock_seconds):
                _recover(environment, state, ui)
        except Unfinished as problem:
            ui.note(f"{problem.message} ({problem.where})")
    with environment.reading(), closing(Workspace(settings, location, state, ui)) as workspace:
        _ = parsed and (workspace.project, workspace.lock)  # an unreadable document is an error for most
        yield workspace


def _recover(environment: Environment, state: State, ui: Ui) -> None:
    """Finish the committed change of an interrupted command, if there is one."""
    if os.path.lexists(environment.journal):
        from tarkpm.store.journal import recover

        if message := recover(environment, state):
            ui.note(message)
