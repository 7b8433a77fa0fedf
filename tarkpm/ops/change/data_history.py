"""What plugins stored, beside the generations: a change keeps it, a rollback restores it (decision 0239)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tarkpm.core.owner import current_owner
from tarkpm.core.project import Project
from tarkpm.errors import StoreError, TarkError
from tarkpm.ops.change.bind import accepted_after, owners_after
from tarkpm.ops.change.history import history_of
from tarkpm.ops.change.target import Target
from tarkpm.ops.project.acceptance import has_data
from tarkpm.ops.project.workspace import Workspace
from tarkpm.store.history import Generation, History, installed_digests
from tarkpm.store.kept_data import Copy, check_copy, is_there
from tarkpm.store.state import Installed


class ReturningData(msgspec.Struct, frozen=True):
    """What a ``plugin`` had stored ``before`` a generation: a copy, and the data folder it returns to."""

    plugin: str
    before: int
    copy: Path
    folder: Path


def returning_data(workspace: Workspace, target: Target, generation: Generation) -> tuple[ReturningData, ...]:
    """Return the copies that belong to a generation, of the plugins that ``target`` locks.

    Each is that of the publisher whose plugin it will be, and was stored by the release that is to return.
    """
    owners = owners_after(workspace, accepted_after(workspace, target))
    history = history_of(workspace)
    copies = history.data.after(generation.number, history.numbers()[0])
    found: list[ReturningData] = []
    for entry in target.lock.entries:
        owner = current_owner(owners, entry.name)
        copy = copies.get(owner.folder)
        if copy and _is_of(history, copy, generation, entry.name):
            folder = workspace.data(entry.name, owner)
            found.append(ReturningData(entry.name, copy.number, copy.file, folder))
    return tuple(found)


def _is_of(history: History, copy: Copy, generation: Generation, name: str) -> bool:
    """Return whether a copy has what the release of a generation stored.

    A change between the two may have kept nothing: what its release stored may have another form.
    """
    try:
        before = history.read(copy.number - 1)
    except (TarkError, OSError):  # damaged, as one that is not there
        return False
    return before is not None and before.installed.get(name) == generation.installed.get(name)


def to_restore(returning: Sequence[ReturningData]) -> tuple[ReturningData, ...]:
    """Return the copies that differ from what is stored.

    Raises `StoreError` for one that is damaged, and for data that cannot be read or must not be written to.
    """
    found: list[ReturningData] = []
    for one in returning:
        with _naming(f"the copy of the data of '{one.plugin}' cannot be restored"):
            check_copy(one.copy)
        with _naming(f"the data of '{one.plugin}' cannot be replaced"):
            if not is_there(one.copy, one.folder):
                found.append(one)
    return tuple(found)


def data_notes(
    workspace: Workspace, changed: Collection[str], returning: Sequence[ReturningData], *, with_data: bool
) -> tuple[str, ...]:
    """Return notes about the data that stays as it is, of the plugins that ``changed``."""
    there = {one.plugin: one.before for one in returning}
    if with_data:
        missing = (name for name in changed if name not in there and has_data(workspace, name))
        text = "the data of '{}' was not kept; [tark] data-history = true keeps it from now on"
        return tuple(text.format(name) for name in missing)
    text = "the data of '{}' stays as it is; --with-data restores it as it was before generation {}"
    return tuple(text.format(name, number) for name, number in there.items() if name in changed)


def data_folders(workspace: Workspace, target: Target) -> dict[str, Path]:
    """Return the data folders of the installed plugins in a project that keeps data, by plugin.

    They are those of the present owners, so this is called before a change sets others.
    """
    names = workspace.record.installed if _is_wanted(workspace, target) else ()
    return {name: workspace.data(name) for name in names}


def _is_wanted(workspace: Workspace, target: Target) -> bool:
    """Return whether the project keeps data, as it is or as it will be."""
    if target.project.data_history or workspace.project.data_history:
        return True
    # A rollback works with the documents of its generation: those on disk count, too.
    present = workspace.project_bytes or b""
    try:
        return b"data-history" in present and Project.parse(present).data_history
    except TarkError:
        return False


def keep_data(
    workspace: Workspace,
    folders: Mapping[str, Path],
    installed: Mapping[str, Installed],
    generations: Sequence[Generation],
    returning: Sequence[ReturningData],
) -> None:
    """Copy the data in ``folders`` of plugins that change, and what ``returning`` replaces.

    The copies belong to the newest of ``generations``. ``installed`` are the plugins after the change. What
    cannot be copied is a note, or an error where it would be replaced: then nothing has changed.
    """
    if not generations:
        return
    kept, number = history_of(workspace).data, generations[-1].number
    kept.begin(generations[0].number)
    for one in returning:
        with _naming(f"the data of '{one.plugin}' is not replaced, because it cannot be kept"):
            kept.keep(number, one.folder)
    done = {one.folder for one in returning}
    before, after = installed_digests(workspace.record.installed), installed_digests(installed)
    for name, folder in folders.items():
        if folder not in done and before.get(name) != after.get(name):
            try:
                kept.keep(number, folder)
            except StoreError as problem:
                workspace.ui.note(f"the data of '{name}' is not kept: {problem.message}")


@contextmanager
def _naming(text: str) -> Iterator[None]:
    """Say in errors whose data it is."""
    try:
        yield
    except StoreError as problem:
        problem.message = f"{text}: {problem.message}"
        raise
