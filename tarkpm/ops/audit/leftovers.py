"""Find what interrupted commands and other programs left behind, and fix it on request."""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from tarkpm.errors import TarkError
from tarkpm.io.files import remove_tree
from tarkpm.io.locks import clear_lock, look_at_lock
from tarkpm.ops.project.settings import Settings
from tarkpm.store.advisories import Advisories
from tarkpm.store.bisections import Bisections
from tarkpm.store.call_ring import remove_rings
from tarkpm.store.claims import Claims
from tarkpm.store.environment import Environment
from tarkpm.store.history import History
from tarkpm.store.journal import recover
from tarkpm.store.secrets import SecretStore
from tarkpm.store.state import Record, State
from tarkpm.store.sweep import is_leftover, items


class Trouble(msgspec.Struct, frozen=True):
    """A problem or, as a ``note``, a fact worth knowing; ``fixed`` says what was done about it."""

    code: str
    message: str
    where: str = ""
    hint: str = ""
    fixed: str = ""
    note: bool = False

    @classmethod
    def of(cls, error: TarkError) -> "Trouble":
        """Return the trouble that an error means."""
        return cls(error.code, error.message, error.where, error.hint)

    @property
    def counts(self) -> bool:
        """Return whether the problem remains."""
        return not self.note and not self.fixed


Fix = Callable[[], str]
"""Fixes a problem and returns what it did: ``deleted it``."""

_Found = Iterator[tuple[Trouble, Fix | None]]
_FIX = "tarkpm doctor --fix"


def check_up(settings: Settings, *, fix: bool) -> list[Trouble]:
    """Check state, environments and cache; with ``fix``, fix what can be fixed without losing data."""
    state = State(settings.paths.state)
    found: list[Trouble] = []
    for look in (_keys, _records, _claims, _locks, _environments, _temporary):
        try:
            for trouble, repair in look(settings, state):
                found.append(_fixed(trouble, repair) if fix and repair else _hinted(trouble, repair))
        except OSError as problem:  # a folder that cannot be read is what doctor is asked about
            reason = (problem.strerror or str(problem)).lower()
            found.append(
                Trouble("Folder", f"the folder cannot be read: {reason}", str(problem.filename or ""))
            )
    return found


def _hinted(trouble: Trouble, repair: Fix | None) -> Trouble:
    return msgspec.structs.replace(trouble, hint=_FIX) if repair and not trouble.hint else trouble


def _fixed(trouble: Trouble, repair: Fix) -> Trouble:
    try:
        return msgspec.structs.replace(trouble, fixed=repair())
    except TarkError as problem:
        return msgspec.structs.replace(trouble, message=f"{trouble.message}; not fixed: {problem.message}")
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        return msgspec.structs.replace(trouble, message=f"{trouble.message}; not fixed: {reason}")


def _keys(_: Settings, state: State) -> _Found:
    """Find secrets that others may read, or that their owner cannot."""
    secrets = SecretStore(state.root).folder
    for folder in (state.keys, secrets):
        yield from _private(folder, 0o700)
    for path in [*sorted(state.keys.glob("*.pem")), state.root / "mac.key", *sorted(secrets.glob("*.json"))]:
        yield from _private(path, 0o600)


def _private(path: Path, mode: int) -> _Found:
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    expected = stat.S_ISDIR if mode == 0o700 else stat.S_ISREG
    if not expected(status.st_mode):
        yield Trouble("Key", "expected a regular folder or file, found something else", str(path)), None
        return
    now = stat.S_IMODE(status.st_mode)
    if now & 0o077:
        problem = f"a secret that other users may read or change: its mode is {now:o}"
    elif now & mode != mode:
        problem = f"a secret that you cannot read or change: its mode is {now:o}"
    else:
        return

    def repair() -> str:
        path.chmod(mode)
        return f"set its mode to {mode:o}"

    yield Trouble("Key", problem, str(path)), repair


def _records(settings: Settings, state: State) -> _Found:
    """Find records that cannot be read, and those of projects that no longer exist."""
    for file in state.record_files():
        try:
            record = state.read_record(file)
        except (TarkError, OSError) as problem:
            message = problem.message if isinstance(problem, TarkError) else "a record cannot be read"
            yield Trouble("Record", message, str(file)), _aside(file)
            continue
        if record is not None and not os.path.lexists(record.path):
            yield _gone(settings, file, record)


def _aside(file: Path) -> Fix:
    def repair() -> str:
        file.rename(file.with_suffix(".damaged"))
        return f"moved it to {file.with_suffix('.damaged').name}; its project asks for acceptance again"

    return repair


def _gone(settings: Settings, file: Path, record: Record) -> tuple[Trouble, Fix | None]:
    """Return the trouble of a project that no longer exists.

    Its record is kept while its plugins have data: nothing else leads to that data.
    """
    data = settings.paths.data / "data" / record.environment
    message = f"the project no longer exists: {record.path}"
    if data.is_dir() and any(any(folder.iterdir()) for folder in data.iterdir() if folder.is_dir()):
        return Trouble("Gone", f"{message}; its plugins' data is kept", str(data), note=True), None

    def repair() -> str:
        file.unlink(missing_ok=True)
        remove_tree(History(settings.paths.state, record.environment).folder)
        Bisections(settings.paths.state, record.environment).end()
        remove_rings(settings.paths.state, record.environment)
        return "deleted its record and history: its plugins stored nothing"

    return Trouble("Gone", message, str(file), note=True), repair


def _claims(_: Settings, state: State) -> _Found:
    claims, advisories = Claims(state.root), Advisories(state.root)
    yield from _unreadable("Claims", claims.folder, claims.read_index)
    yield from _unreadable("Advisories", advisories.folder, advisories.read_index)


def _unreadable(code: str, folder: Path, read: Callable[[Path], object]) -> _Found:
    for file in sorted(folder.glob("*.json")):
        try:
            read(file)
        except TarkError as problem:
            yield Trouble.of(problem), None
        except OSError as problem:
            yield Trouble(code, f"the file cannot be read: {problem.strerror}", str(file)), None


def _environments(settings: Settings, state: State) -> _Found:
    """Find unfinished changes, and staged files that belong to no change."""
    for path, environment in _known_environments(settings, state):
        if not os.path.lexists(environment.work):
            continue
        try:
            environment.check_ours()
        except TarkError as problem:
            yield Trouble.of(problem), None
            continue
        if look_at_lock(state.lock_file(str(path)))[1]:  # the files belong to a running command
            continue
        waiting = os.path.lexists(environment.journal)
        left = [] if waiting else list(_left_in(environment))
        if waiting:
            message = "a committed change was not finished"
            yield Trouble("Unfinished", message, str(environment.journal)), _finish(state, path, environment)
        for leftover in left:
            yield (
                Trouble("Leftover", "an interrupted command left this behind", str(leftover)),
                _clear(settings, state, path, environment),
            )


def _known_environments(settings: Settings, state: State) -> Iterator[tuple[Path, Environment]]:
    config = settings.paths.config
    yield config, Environment(settings.paths.data, in_project=False)
    for file in state.record_files():
        try:
            record = state.read_record(file)
        except (TarkError, OSError):
            continue
        if record is not None and record.path != str(config) and Path(record.path).is_dir():
            yield Path(record.path), Environment(Path(record.path) / ".tark", in_project=True)


def _left_in(environment: Environment) -> Iterator[Path]:
    if not environment.work.is_dir():
        return
    for path in sorted(environment.work.iterdir()):
        own = path.name == "id" or path == environment.journal
        empty = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
        if not own and not empty:
            yield path


def _finish(state: State, path: Path, environment: Environment) -> Fix:
    def repair() -> str:
        with state.changing(str(path), "tarkpm doctor", 5.0):
            return recover(environment, state) or "another command finished it"

    return repair


def _clear(settings: Settings, state: State, path: Path, environment: Environment) -> Fix:
    def repair() -> str:
        with state.changing(str(path), settings.command, 5.0):
            # Again under the lock: a command may have committed a change since.
            if not os.path.lexists(environment.journal):
                environment.clear_work()
        return "deleted it"

    return repair


def _locks(settings: Settings, state: State) -> _Found:
    """Find locks that name a holder: a running command, or a killed one, whose lock the kernel released."""
    folders = (state.projects, state.root / "indexes", settings.paths.cache / "index")
    for file in [file for folder in folders for file in sorted(folder.glob("*.lock"))]:
        text, held = look_at_lock(file)
        if text and held:
            yield Trouble("Busy", f"{text} is running", str(file), note=True), None
        elif text:
            yield Trouble("Lock", f"{text} was killed while it held this lock", str(file)), _unlock(file)


def _unlock(file: Path) -> Fix:
    def repair() -> str:
        clear_lock(file)
        return "cleared it"

    return repair


def _temporary(settings: Settings, state: State) -> _Found:
    """Find temporary files that are no longer being written."""
    now = time.time()
    cached = (item.path for item in items(settings.paths.cache) if item.path.name.startswith("."))
    # State is tarkpm's alone, two folders deep: whatever was to be renamed there is its own.
    kept = sorted(path for depth in ("", "*/", "*/*/") for path in state.root.glob(f"{depth}.*.tmp"))
    old: Iterable[Path] = (path for path in (*cached, *kept) if is_leftover(path, now))
    for path in old:
        yield Trouble("Leftover", "an interrupted command left this behind", str(path)), _delete(path)


def _delete(path: Path) -> Fix:
    def repair() -> str:
        remove_tree(path)
        return "deleted it"

    return repair
