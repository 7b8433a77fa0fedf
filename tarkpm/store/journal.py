"""The journal: several folders and two documents change together, or not at all.

New plugin folders are staged beside the old ones; then one rename puts the journal in place, and that is the
commit. After it folders and documents are switched, the record in state is saved and the journal removed. A
run interrupted before the rename changed nothing; one interrupted after it is finished by the next command.
Every step of `finish` may be repeated.

The journal is authenticated with the user's secret: a journal that came with a clone is not obeyed.
"""

import errno
import hmac
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.errors import Edited, StoreError
from tarkpm.io.files import atomic_write, make_private, move_contents, read_optional, remove_tree
from tarkpm.store.environment import Environment
from tarkpm.store.state import Record, State

MAX_BYTES = 64 * 1024 * 1024


class Unfinished(StoreError):
    """A change that was committed cannot be applied on this machine now; the next command tries again."""


class DocumentEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document to replace: its path, the digest of what it held ("" if absent), and its new text."""

    path: str
    before: str
    text: str

    @classmethod
    def change(cls, path: Path, before: bytes | None, after: bytes) -> "DocumentEdit":
        """The replacement of ``before`` by ``after``."""
        return cls(str(path), sha256(before) if before is not None else "", after.decode())


class Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of an environment: staged folders to switch in, folders to take away, documents, record.

    ``aside`` are folders nobody installed that make room first, by name, and where each is kept. ``data`` are
    folders, and where what was stored in them goes.
    """

    install: tuple[str, ...]
    remove: tuple[str, ...]
    documents: tuple[DocumentEdit, ...]
    record: Record
    aside: dict[str, str] = {}
    data: tuple[tuple[str, str], ...] = ()
    version: int = 1


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: str
    mac: str


def commit(
    environment: Environment,
    transaction: Transaction,
    state: State,
    *,
    seen: Mapping[Path, bytes | None] = MappingProxyType({}),
) -> None:
    """Make ``transaction`` happen: after the first rename it will, whatever happens to this process.

    What could still fail then is tried before: the documents' new texts are written, folders are writable.
    ``seen`` are documents as the user was asked about them: raises `Edited` if one says something else now.
    """
    _check_writable(environment, transaction)
    for number, document in enumerate(transaction.documents):
        atomic_write(_staged(environment, number), document.text.encode())
    body = msgspec.json.encode(transaction)
    mac = hmac.digest(state.mac_key(), body, "sha256").hex()
    sealed = msgspec.json.encode(_Sealed(body.decode(), mac))
    _check_unedited(seen)  # last, so that an answer is not applied to what it was not given for
    atomic_write(environment.journal, sealed, mode=0o600)
    finish(environment, transaction, state)


def _check_unedited(seen: Mapping[Path, bytes | None]) -> None:
    for path, data in seen.items():
        if read_optional(path, MAX_BYTES) != data:
            raise Edited(f"{path.name} was edited meanwhile: nothing was changed", where=str(path))


def _check_writable(environment: Environment, transaction: Transaction) -> None:
    """Raise `PermissionError` naming the first folder in which something could not be renamed."""
    names = (*transaction.install, *transaction.remove, *transaction.aside)
    touched = [path for path in map(environment.folder, names) if path.is_dir() and not path.is_symlink()]
    folders = [environment.plugins, *(Path(document.path).parent for document in transaction.documents)]
    for folder in (*folders, *touched):
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, "permission denied", str(folder))


def _staged(environment: Environment, number: int) -> Path:
    return environment.work / f"document-{number}"


def pending(environment: Environment, state: State) -> Transaction | None:
    """The transaction an interrupted command committed to, if there is one.

    Raises `StoreError` for a journal this user's tarkpm did not write.
    """
    data = read_optional(environment.journal, MAX_BYTES)
    if data is None:
        return None
    try:
        sealed = msgspec.json.decode(data, type=_Sealed)
        body = sealed.body.encode()
        genuine = hmac.compare_digest(hmac.digest(state.mac_key(), body, "sha256").hex(), sealed.mac)
        transaction = msgspec.json.decode(body, type=Transaction) if genuine else None
    except msgspec.DecodeError:
        transaction = None
    if transaction is None:
        raise StoreError(
            "the journal of an interrupted change was not written by your tarkpm",
            where=str(environment.journal),
            hint=f"look at it, then: rm {shlex.quote(str(environment.journal))}",
        )
    return transaction


def recover(environment: Environment, state: State) -> str:
    """Finish what an interrupted command committed to; returns a sentence about it, "" if there was nothing.

    A document edited since is kept as it is, and the rest of the change is dropped.
    """
    transaction = pending(environment, state)
    if transaction is None:
        return ""
    for document in transaction.documents:
        now = read_optional(Path(document.path), MAX_BYTES)
        digest = sha256(now) if now is not None else ""
        if digest not in (document.before, sha256(document.text.encode())):
            environment.journal.unlink()
            return f"an interrupted change was dropped, because {document.path} was edited since"
    finish(environment, transaction, state)
    return "an interrupted change was finished first"


def finish(environment: Environment, transaction: Transaction, state: State) -> None:
    """Apply a committed transaction; every step may be repeated.

    Raises `Unfinished` if the machine does not let it be finished now.
    """
    try:
        with environment.switching():
            _switch(environment, transaction)
            state.save(transaction.record)
            environment.journal.unlink()
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise Unfinished(
            f"the change is decided but cannot be applied yet: {reason}",
            where=str(problem.filename or environment.base),
            hint="mend that; the next tarkpm command here finishes the change",
        ) from problem
    environment.clear_work()


def _switch(environment: Environment, transaction: Transaction) -> None:
    for number, document in enumerate(transaction.documents):
        _replace(Path(document.path), document.text.encode(), _staged(environment, number))
    environment.trash.mkdir(exist_ok=True)
    for name, kept in transaction.aside.items():
        _set_aside(environment, name, Path(kept))
    for name in transaction.install:
        if os.path.lexists(environment.staging / name):
            _take_away(environment, name)
            (environment.staging / name).rename(environment.folder(name))
    for name in transaction.remove:
        _take_away(environment, name)
    for source, target in transaction.data:
        move_contents(Path(source), Path(target))


def _replace(path: Path, text: bytes, staged: Path) -> None:
    """Put a document's new text in place: by renaming the staged file where that is possible."""
    if read_optional(path, MAX_BYTES) == text:
        return
    try:
        staged.replace(path)
    except FileNotFoundError:
        atomic_write(path, text)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        atomic_write(path, text)


def _set_aside(environment: Environment, name: str, kept: Path) -> None:
    """Keep a folder elsewhere. Once it is kept, what stands there was switched in by us."""
    if not os.path.lexists(kept):
        make_private(environment.kept)
        environment.folder(name).rename(kept)


def _take_away(environment: Environment, name: str) -> None:
    """Move a plugin's folder out of sight, if it is there; the trash may hold an earlier one."""
    if os.path.lexists(environment.folder(name)):
        remove_tree(environment.trash / name)
        environment.folder(name).rename(environment.trash / name)
