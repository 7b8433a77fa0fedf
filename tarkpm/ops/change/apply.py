"""Apply a checked target: the last step of every verb that changes a project.

Nothing under its final name changes before everything is fetched, verified and staged.
"""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.lockfile import LockEntry, rewritten
from tarkpm.core.plan import Plan
from tarkpm.core.release import PluginName
from tarkpm.core.resolution.resolver import unmet_dependencies
from tarkpm.core.text import some
from tarkpm.errors import StoreError, TeamPolicyInvalid
from tarkpm.io.parallel import run_parallel, threads_for
from tarkpm.ops.change.bind import bind
from tarkpm.ops.change.data_history import ReturningData, data_folders, keep_data
from tarkpm.ops.change.history import keep_generations, next_generations
from tarkpm.ops.change.target import CheckedTarget
from tarkpm.ops.project.acceptance import check_kept
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.installed import BIG
from tarkpm.store.journal import DocumentEdit, Transaction, commit
from tarkpm.store.state import Installed
from tarkpm.store.sweep import in_use

if TYPE_CHECKING:
    from tarkpm.ops.change.adopt import Adoption
    from tarkpm.ops.release.fetch import Release


def apply(
    workspace: Workspace,
    target: CheckedTarget,
    changes: Plan,
    releases: "Iterable[Release]" = (),
    adopted: "Collection[Adoption]" = (),
    returning: Sequence[ReturningData] = (),
) -> None:
    """Make the project and its environment match ``target``; ``releases`` were just acquired.

    Folders in ``adopted`` are moved aside, and ``returning`` data replaces what plugins stored. Raises
    `StoreError`, `SourceError` or `VerificationError` before anything has changed, or succeeds as a whole.
    """
    # 1. Compute the documents and the record that the target means. Nothing is written yet.
    lock_bytes = target.lock_bytes
    if lock_bytes is None:
        was = None if workspace.conflicted else workspace.lock
        lock_bytes = rewritten(target.lock, workspace.lock_bytes, was)
    documents = _documents(workspace, target, lock_bytes)
    if target.decided:
        check_kept(workspace, target.lock.entries)
    bound = bind(workspace, target, changes, adopted)
    _mark_disabled(workspace)
    settled = _settled(workspace, target, changes, lock_bytes)
    # 2. Stop where nothing changes: an unchanged lock is not rewritten.
    if not (changes or documents or returning) and bound == workspace.record:
        if not settled or settled != workspace.record.settled:
            # Documents that were pulled or edited, and mean no work: the history has them all the same.
            keep_generations(workspace, target.project_bytes, lock_bytes)
        if settled and settled != workspace.record.settled:
            workspace.remember(settled=settled)
        return
    # 3. Check what stands in the way, before anything is fetched for it.
    workspace.prepare()
    _check_room(workspace, changes, adopted)
    # 4. Fetch, verify and stage (docs/trust-rules.md, rule 1). The data folders follow from the new bindings,
    #    so the workspace works with the record as it will be.
    folders = data_folders(workspace, target)
    workspace.expect(bound)
    staged = _stage_all(workspace, changes.install, releases)
    installed = {name: workspace.record.installed[name] for name in changes.keep} | staged
    # 5. Write the journal and switch: documents, folders and record together, or none of them. `commit`
    #    compares the documents with the bytes the user was asked about, and raises `Edited` if they differ.
    record = msgspec.structs.replace(workspace.record, installed=installed, settled=settled)
    names = tuple(entry.name for entry in changes.install)
    leaving = _strangers(workspace, (*names, *changes.remove))
    generations = next_generations(
        workspace, target.project_bytes, lock_bytes, installed, data_changes=bool(returning)
    )
    keep_data(workspace, folders, installed, generations, returning)
    restored = tuple((str(one.copy), str(one.folder)) for one in returning)
    transaction = Transaction(
        names, changes.remove, documents, record, generations=generations, restored=restored
    )
    commit(
        workspace.environment,
        _making_room(workspace, transaction, adopted),
        workspace.state,
        seen=_seen(workspace),
    )
    # 6. Report what was deleted, and compile big modules so that their first call does not wait.
    for text in leaving:
        workspace.ui.note(text)
    workspace.applied(record, target.lock, target.project)
    _compile_big(workspace, names)


def _compile_big(workspace: Workspace, names: tuple[PluginName, ...]) -> None:
    """Compile the big modules among these plugins; small ones are compiled at their first call."""
    if any(file.size >= BIG for name in names for file in workspace.record.installed[name].files):
        from tarkpm.ops.run.compile_installed import compile_big

        compile_big(workspace, names)


def _mark_disabled(workspace: Workspace) -> None:
    """Put back the marker of each disabled plugin: tark reads markers and not tarkpm's state."""
    for name in workspace.record.owners:
        folder = workspace.environment.folder(name)
        if folder.is_dir() and workspace.environment.is_enabled(name) and not workspace.is_enabled(name):
            workspace.environment.set_enabled(name, enabled=False)


def _seen(workspace: Workspace) -> dict[Path, bytes | None]:
    """Return the documents as they were read, which is what the user was asked about."""
    place = workspace.location
    return {place.project_file: workspace.project_bytes, place.lock_file: workspace.lock_bytes}


def _settled(workspace: Workspace, target: CheckedTarget, changes: Plan, lock_bytes: bytes) -> str:
    """Return the seal that lets the next sync skip its checks; "" if it must check again."""
    entries = target.lock.entries
    if not changes.complete or any(entry.is_working_copy for entry in entries) or unmet_dependencies(entries):
        return ""
    try:
        return workspace.seal(target.project_bytes, lock_bytes)
    except TeamPolicyInvalid:  # what only removes or revokes goes on, and the next sync checks everything
        return ""


def _documents(workspace: Workspace, target: CheckedTarget, lock_bytes: bytes) -> tuple[DocumentEdit, ...]:
    """Return the documents whose bytes change; an unchanged file is not rewritten."""
    place = workspace.location
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
    """Raise `StoreError` for a folder in the way that is not ``adopted``."""
    aside = {one.folder for one in adopted}
    _check_free(workspace, changes, aside)
    _check_data(workspace, changes, aside)


def _making_room(
    workspace: Workspace, transaction: Transaction, adopted: "Collection[Adoption]"
) -> Transaction:
    """Return the transaction, which first moves the ``adopted`` folders aside."""
    if not adopted:
        return transaction
    from tarkpm.ops.change.adopt import data_moves

    aside = {one.folder: str(one.kept) for one in adopted}
    # Part of the transaction: an interruption must not leave a folder moved aside and nothing in its place.
    return msgspec.structs.replace(transaction, aside=aside, data=data_moves(workspace, adopted))


def _check_free(workspace: Workspace, changes: Plan, leaving: set[str]) -> None:
    """Raise `StoreError` where an unmanaged folder occupies a plugin's place and is not ``leaving``."""
    standing = set(workspace.environment.names()) - set(workspace.record.installed) - leaving
    for entry in changes.install:
        if entry.name in standing:
            folder = str(workspace.environment.folder(entry.name))
            raise StoreError(
                f"a folder that tarkpm did not install occupies the folder of '{entry.name}'",
                where=folder,
                hint=f"inspect it, then: mv {shlex.quote(folder)} {entry.name}.old",
            )


def _check_data(workspace: Workspace, changes: Plan, leaving: set[str]) -> None:
    """Raise `StoreError` for a plugin folder that holds data: replacing the folder would delete it."""
    for name in (*(entry.name for entry in changes.install), *changes.remove):
        if name not in leaving and workspace.environment.has_own_data(name):
            data = str(workspace.environment.folder(name) / "data")
            kept = shlex.quote(str(workspace.data(name)))
            raise StoreError(
                f"'{name}' stores data inside its plugin folder, which this would delete",
                where=data,
                hint=f"move it first: mkdir -p {kept} && mv {shlex.quote(data)}/* {kept}/",
            )


def preview_deletions(workspace: Workspace, changes: Plan) -> None:
    """Note the files that `apply` would delete though no release put them there."""
    names = (*(entry.name for entry in changes.install), *changes.remove)
    for text in _strangers(workspace, names):
        workspace.ui.note(f"would be {text}")


def _strangers(workspace: Workspace, names: "Iterable[str]") -> list[str]:
    """Return notes about foreign files in plugin folders, which are deleted when a folder is replaced.

    `verify` reports the same files: a synced environment contains what was locked and nothing else.
    """
    sentences = []
    for name in names:
        installed = workspace.record.installed.get(name)
        if installed and workspace.environment.folder(name).is_dir():
            expected = {file.name for file in installed.files}
            if found := workspace.environment.strangers(name, expected):
                sentences.append(
                    f"deleted from the folder of '{name}', not part of the release: {some(found)}"
                )
    return sentences


def _stage_all(
    workspace: Workspace, entries: tuple[LockEntry, ...], releases: "Iterable[Release]"
) -> dict[str, Installed]:
    """Fetch, verify and stage; a failure leaves the staging area empty."""
    if not entries:
        return {}
    from tarkpm.ops.change.fetch_locked import fetch_groups

    settings, known = workspace.settings, list(releases)
    left, staged = {entry.name: entry for entry in entries}, dict[str, Installed]()
    try:
        # Another process must not prune a blob between the check and the copy (decision 0047).
        with in_use(settings.paths.cache, settings.lock_seconds):
            # 1. What was fetched, a group at a time: it is still in memory.
            for group in fetch_groups(workspace, entries, known):
                ready = {release.candidate.manifest.name: release for release in group}
                turn = [left.pop(name) for name in ready if name in left]
                staged |= _stage_group(workspace, turn, ready)
            # 2. What the store had, and working copies.
            ready = {release.candidate.manifest.name: release for release in known}
            staged |= _stage_group(workspace, list(left.values()), ready)
    except BaseException:
        workspace.environment.clear_work()
        raise
    return {entry.name: staged[entry.name] for entry in entries}


def _stage_group(
    workspace: Workspace, entries: list[LockEntry], ready: "Mapping[PluginName, Release]"
) -> dict[str, Installed]:
    """Stage entries; those that are ``ready`` were verified just now."""
    from tarkpm.ops.change.stage import stage

    workspace.ui.busy("installing")
    staged = run_parallel(
        lambda entry: stage(workspace, entry, ready.get(entry.name)),
        entries,
        threads=threads_for([entry.size for entry in entries], workspace.settings.threads),
    )
    return {entry.name: new for entry, new in zip(entries, staged, strict=True)}
