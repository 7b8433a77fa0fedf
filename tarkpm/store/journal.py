"""The journal: several folders and two documents change together, or not at all.

The caller stages new plugin folders beside the old ones. Then:

1. `commit` checks that the folders are writable,
2. stages the documents' new texts,
3. seals the transaction with the user's secret,
4. checks that the documents the user saw are unchanged,
5. renames the journal into place. This is the commit.
6. `finish` takes the environment's lock,
7. switches documents and folders,
8. saves the record and the generation in state,
9. deletes the journal,
10. and deletes the leftovers.

A run interrupted before step 5 has changed nothing. The next command finishes a run interrupted after it, so
every step of `finish` may be repeated.

The journal is authenticated with the user's secret, so a journal that came with a clone has no effect.
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
from tarkpm.core.shapes import from_json
from tarkpm.errors import Edited, StoreError
from tarkpm.io.files import atomic_write, make_private, move_contents, read_optional, remove_tree, replace_by
from tarkpm.store.environment import Environment
from tarkpm.store.history import Generation, History
from tarkpm.store.kept_data import restore
from tarkpm.store.state import Record, State

MAX_BYTES = 64 * 1024 * 1024


class Unfinished(StoreError):
    """A committed change cannot be applied now; the next command tries again."""


class DocumentEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document to replace: its path, the digest of its old contents ("" if absent), and its new text."""

    path: str
    before: str
    text: str

    @classmethod
    def change(cls, path: Path, before: bytes | None, after: bytes) -> "DocumentEdit":
        """Return the replacement of ``before`` by ``after``."""
        return cls(str(path), sha256(before) if before is not None else "", after.decode())


class Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of an environment: staged folders to install, folders to remove, documents, and the record.

    ``aside`` maps names of unmanaged folders, which make room first, to the paths where they are kept.
    ``data`` are pairs of folders: the contents of the first move to the second. ``restored`` are copies of
    what plugins stored, each with the data folder whose contents it replaces. ``generations`` are what the
    change adds to the project's history.
    """

    install: tuple[str, ...]
    remove: tuple[str, ...]
    documents: tuple[DocumentEdit, ...]
    record: Record
    aside: dict[str, str] = {}
    data: tuple[tuple[str, str], ...] = ()
    generations: tuple[Generation, ...] = ()
    restored: tuple[tuple[str, str], ...] = ()
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
    """Apply ``transaction`` atomically: once the journal is in place, an interrupted run is finished later.

    ``seen`` are the documents as the user saw them when answering. Raises `Edited` if one has changed since,
    `PermissionError` for a folder that is not writable, and `Unfinished`.
    """
    # 1. Check what could still fail after the commit, while failing changes nothing.
    _check_writable(environment, transaction)
    # 2. Write the documents' new texts now: a full disk must not interrupt step 7.
    for number, document in enumerate(transaction.documents):
        # Private until it replaces a document, whose permissions it gets then.
        mode = 0o600 if document.before else 0o644
        atomic_write(_staged(environment, number), document.text.encode(), mode=mode)
    # 3. Seal the transaction: without the user's secret nobody can write a journal that is obeyed.
    body = msgspec.json.encode(transaction)
    mac = hmac.digest(state.mac_key(), body, "sha256").hex()
    sealed = msgspec.json.encode(_Sealed(body.decode(), mac))
    # 4. As late as possible: the user's answer applies only to the documents it was given for.
    _check_unedited(seen)
    # 5. Commit: after this rename the change will happen.
    atomic_write(environment.journal, sealed, mode=0o600)
    # 6 to 10.
    finish(environment, transaction, state)


def _check_unedited(seen: Mapping[Path, bytes | None]) -> None:
    for path, data in seen.items():
        if read_optional(path, MAX_BYTES) != data:
            raise Edited(f"{path.name} was edited in the meantime: nothing was changed", where=str(path))


def _check_writable(environment: Environment, transaction: Transaction) -> None:
    """Raise `PermissionError` with the first folder in which a rename would fail."""
    names = (*transaction.install, *transaction.remove, *transaction.aside)
    touched = [path for path in map(environment.folder, names) if path.is_dir() and not path.is_symlink()]
    folders = [environment.plugins, *(Path(document.path).parent for document in transaction.documents)]
    for folder in (*folders, *touched):
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, "permission denied", str(folder))


def _staged(environment: Environment, number: int) -> Path:
    return environment.work / f"document-{number}"


def pending(environment: Environment, state: State) -> Transaction | None:
    """Return the committed transaction of an interrupted command, or None.

    Raises `StoreError` for a journal that was not written with this user's secret.
    """
    data = read_optional(environment.journal, MAX_BYTES)
    if data is None:
        return None
    try:
        sealed = from_json(data, _Sealed)
        body = sealed.body.encode()
        expected = hmac.digest(state.mac_key(), body, "sha256").hex()
        # As bytes: `compare_digest` refuses text that is not ASCII, and a checkout can contain this file.
        genuine = hmac.compare_digest(expected.encode(), sealed.mac.encode())
        transaction = from_json(body, Transaction) if genuine else None
    except msgspec.DecodeError:
        transaction = None
    if transaction is None:
        raise StoreError(
            "the journal of an interrupted change was not written by your tarkpm",
            where=str(environment.journal),
            hint=f"inspect it, then: rm {shlex.quote(str(environment.journal))}",
        )
    return transaction


def recover(environment: Environment, state: State) -> str:
    """Finish the committed change of an interrupted command; returns a sentence about it, or "".

    If a document was edited since, it is kept and the whole change is dropped. Raises `StoreError` and
    `Unfinished`.
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
    """Apply a committed transaction. Every step may be repeated.

    Raises `Unfinished` if a step fails; the journal is then kept.
    """
    try:
        # 6. Wait for readers, so that none of them sees half of the change.
        with environment.switching():
            # 7. Switch documents and folders.
            _switch(environment, transaction)
            # 8. Save record and history after the files: they must not describe files that are not installed.
            History(state.root, transaction.record.environment).save(transaction.generations)
            state.save(transaction.record)
            # 9. Only now is the change complete.
            environment.journal.unlink()
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise Unfinished(
            f"the change is committed but cannot be applied yet: {reason}",
            where=str(problem.filename or environment.base),
            hint="fix this; the next tarkpm command here finishes the change",
        ) from problem
    # 10. Leftovers are harmless: an interruption here costs only disk space.
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
    for copy, target in transaction.restored:
        restore(Path(copy), Path(target))


def _replace(path: Path, text: bytes, staged: Path) -> None:
    """Replace a document: by renaming the staged file if possible, which needs no free disk space."""
    if read_optional(path, MAX_BYTES) == text:
        return
    try:
        replace_by(path, staged)
    except FileNotFoundError:
        atomic_write(path, text)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        atomic_write(path, text)


def _set_aside(environment: Environment, name: str, kept: Path) -> None:
    """Move an unmanaged folder to ``kept``. If ``kept`` exists, an earlier run has already moved it."""
    if not os.path.lexists(kept):
        make_private(environment.kept)
        environment.folder(name).rename(kept)


def _take_away(environment: Environment, name: str) -> None:
    """Move a plugin's folder to the trash, if it exists. An earlier run may have left one there."""
    if os.path.lexists(environment.folder(name)):
        remove_tree(environment.trash / name)
        environment.folder(name).rename(environment.trash / name)
