"""The common tail of every verb that changes something: make project and environment what the target says.

Compare, fetch what the store lacks, verify, stage, commit. Nothing is switched before all of it is checked.
"""

import shlex
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.lockfile import LockEntry, render
from tarkpm.core.plan import Plan
from tarkpm.core.resolution.resolver import unmet_dependencies
from tarkpm.core.text import some
from tarkpm.errors import StoreError
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.change.bind import bind
from tarkpm.ops.change.target import CheckedTarget
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.installed import BIG
from tarkpm.store.journal import DocumentEdit, Transaction, commit
from tarkpm.store.state import Installed
from tarkpm.store.sweep import in_use

if TYPE_CHECKING:
    from tarkpm.ops.change.adopt import Adoption
    from tarkpm.ops.release.fetch import Release

SMALL = 512 * 1024
"""Below this average size of a plugin, bytes, two threads cost more in switching than they gain."""


def apply(
    workspace: Workspace,
    target: CheckedTarget,
    changes: Plan,
    releases: "Iterable[Release]" = (),
    adopted: "Collection[Adoption]" = (),
) -> None:
    """Make the project and its environment what ``target`` says; ``releases`` were just acquired.

    Folders that are ``adopted`` make room.

    Raises before anything is changed, or succeeds as a whole.
    """
    lock_bytes = render(target.lock)
    documents = _documents(workspace, target, lock_bytes)
    bound = bind(workspace, target, changes, adopted)
    settled = _settled(workspace, target, changes, lock_bytes)
    if not changes and not documents and bound == workspace.record:
        if settled and settled != workspace.record.settled:
            workspace.remember(settled=settled)
        return
    workspace.prepare()
    _check_room(workspace, changes, adopted)
    workspace.expect(bound)
    staged = _stage_all(workspace, changes.install, releases)
    installed = {name: workspace.record.installed[name] for name in changes.keep} | staged
    record = msgspec.structs.replace(workspace.record, installed=installed, settled=settled)
    names = tuple(entry.name for entry in changes.install)
    leaving = _strangers(workspace, (*names, *changes.remove))
    transaction = Transaction(names, changes.remove, documents, record)
    commit(
        workspace.environment,
        _making_room(workspace, transaction, adopted),
        workspace.state,
        seen=_seen(workspace),
    )
    for text in leaving:
        workspace.ui.note(text)
    workspace.applied(record, target.lock, target.project)
    if any(file.size >= BIG for name in names for file in record.installed[name].files):
        from tarkpm.ops.run.compile_installed import compile_big

        compile_big(workspace, names)


def _seen(workspace: Workspace) -> dict[Path, bytes | None]:
    """The documents as they were read: what the user was asked about."""
    place = workspace.place
    return {place.project_file: workspace.project_bytes, place.lock_file: workspace.lock_bytes}


def _settled(workspace: Workspace, target: CheckedTarget, changes: Plan, lock_bytes: bytes) -> str:
    """The seal under which the next sync may find nothing to do; "" if it must look again."""
    entries = target.lock.entries
    if not changes.complete or any(entry.is_working_copy for entry in entries) or unmet_dependencies(entries):
        return ""
    return workspace.seal(target.project_bytes, lock_bytes)


def _documents(workspace: Workspace, target: CheckedTarget, lock_bytes: bytes) -> tuple[DocumentEdit, ...]:
    """The documents whose bytes change; an unchanged file is not rewritten."""
    place = workspace.place
    wanted: list[tuple[Path, bytes | None, bytes | None]] = [
        (place.project_file, workspace.project_bytes, target.project_bytes),
        (place.lock_file, workspace.lock_bytes, lock_bytes),
    ]
    place.project_file.parent.mkdir(parents=True, exist_ok=True)
    return tuple(
        DocumentEdit.change(file, before, after)
        for file, before, after in wanted
        if after is not None and after != before
    )


def _check_room(workspace: Workspace, changes: Plan, adopted: "Collection[Adoption]") -> None:
    """Raise `StoreError` for what stands in the way and is not to make room."""
    aside = {one.folder for one in adopted}
    _check_free(workspace, changes, aside)
    _check_data(workspace, changes, aside)


def _making_room(
    workspace: Workspace, transaction: Transaction, adopted: "Collection[Adoption]"
) -> Transaction:
    """The same change, which first puts folders aside."""
    if not adopted:
        return transaction
    from tarkpm.ops.change.adopt import data_moves

    aside = {one.folder: str(one.kept) for one in adopted}
    return msgspec.structs.replace(transaction, aside=aside, data=data_moves(workspace, adopted))


def _check_free(workspace: Workspace, changes: Plan, leaving: set[str]) -> None:
    """Raise `StoreError` where a folder that tarkpm did not install stands in the way and does not leave."""
    standing = set(workspace.environment.names()) - set(workspace.record.installed) - leaving
    for entry in changes.install:
        if entry.name in standing:
            folder = str(workspace.environment.folder(entry.name))
            raise StoreError(
                f"a folder that tarkpm did not install has the place of '{entry.name}'",
                where=folder,
                hint=f"look at it, then: mv {shlex.quote(folder)} {entry.name}.old",
            )


def _check_data(workspace: Workspace, changes: Plan, leaving: set[str]) -> None:
    """Raise `StoreError` rather than take away a folder in which data lies that should lie elsewhere."""
    for name in (*(entry.name for entry in changes.install), *changes.remove):
        if name not in leaving and workspace.environment.has_own_data(name):
            data = str(workspace.environment.folder(name) / "data")
            kept = shlex.quote(str(workspace.data(name)))
            raise StoreError(
                f"'{name}' has data in its own folder, which this would delete",
                where=data,
                hint=f"move it first: mkdir -p {kept} && mv {shlex.quote(data)}/* {kept}/",
            )


def preview_deletions(workspace: Workspace, changes: Plan) -> None:
    """Say what `apply` would delete that no release put there."""
    names = (*(entry.name for entry in changes.install), *changes.remove)
    for text in _strangers(workspace, names):
        workspace.ui.note(f"would be {text}")


def _strangers(workspace: Workspace, names: "Iterable[str]") -> list[str]:
    """Sentences about files somebody put into plugins' folders, which go when those are replaced.

    They are what `verify` finds fault with: an environment that is synced holds what was locked and no more.
    """
    sentences = []
    for name in names:
        installed = workspace.record.installed.get(name)
        if installed and workspace.environment.folder(name).is_dir():
            expected = {file.name for file in installed.files}
            if found := workspace.environment.strangers(name, expected):
                sentences.append(
                    f"deleted from the folder of '{name}', no release put it there: {some(found)}"
                )
    return sentences


def _stage_all(
    workspace: Workspace, entries: tuple[LockEntry, ...], releases: "Iterable[Release]"
) -> dict[str, Installed]:
    """Fetch, verify and stage; a failure leaves nothing in the staging area."""
    if not entries:
        return {}
    from tarkpm.ops.change.stage import by_name, fetch_missing, stage

    settings = workspace.settings
    try:
        with in_use(settings.paths.cache, settings.lock_seconds):
            ready = by_name(fetch_missing(workspace, entries, releases))
            workspace.ui.busy("installing")
            small = sum(file.size for entry in entries for file in entry.files) < SMALL * len(entries)
            staged = run_parallel(
                lambda entry: stage(workspace, entry, ready.get(entry.name)),
                entries,
                threads=1 if small else settings.threads,
            )
    except BaseException:
        workspace.environment.clear_work()
        raise
    return {entry.name: new for entry, new in zip(entries, staged, strict=True)}
