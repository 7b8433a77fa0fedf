"""``tarkpm rollback``: make the documents of an earlier generation those of the project.

They are treated as if they had been pulled: nothing comes back that was revoked, and what goes beyond what
this user accepts now is asked about (docs/trust-rules.md, rules 0, 3 and 8).
"""

import msgspec

from tarkpm.errors import EditsRefused, NotFound
from tarkpm.ops.change.go_back import RollbackReport, check_way, go, wanted_documents
from tarkpm.ops.change.history import (
    LOG,
    changed_documents,
    found_documents,
    history_of,
    required_generation,
)
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, asks_again, open_for_change
from tarkpm.store.history import Generation, History


@asks_again
def rollback(
    settings: Settings, ui: Ui, number: int | None, *, replace_edits: bool, with_data: bool = False
) -> RollbackReport:
    """Go back to a generation, by default the newest one with other documents than there are now.

    Documents that were edited since the newest generation are replaced only with ``replace_edits``, and are
    kept as a generation of their own. ``with_data`` also brings back what plugins stored, as far as it was
    kept. Raises `NotFound`, `StoreError`, and what `sync` raises; then nothing has changed.
    """
    with open_for_change(settings, ui) as workspace:
        # 1. Find the generation, and stop before work of the user's would be replaced.
        history = history_of(workspace)
        generation = _chosen(workspace, history, number)
        if not with_data and wanted_documents(generation) == found_documents(workspace):
            note = f"the documents are those of generation {generation.number}"
            return RollbackReport(generation.number, 0, (), (), (note,))
        edited = _edited(workspace, history, generation, replace_edits=replace_edits)
        # 2. Check and report, then apply.
        way = check_way(workspace, generation, workspace.record.accepted, asking=True, with_data=with_data)
        go(workspace, way)
        return msgspec.structs.replace(way.report, notes=(*edited, *way.report.notes))


def _chosen(workspace: Workspace, history: History, number: int | None) -> Generation:
    """Return the generation to go back to. Raises `NotFound`, and `StoreError` if it is damaged."""
    if number is not None:
        return required_generation(history, number)
    present = found_documents(workspace)
    for kept in history.numbers():
        generation = required_generation(history, kept)
        if wanted_documents(generation) != present:
            return generation
    message = "no generation of this project has other documents than there are now"
    raise NotFound(message, where=str(history.folder), hint=LOG)


def _edited(
    workspace: Workspace, history: History, generation: Generation, *, replace_edits: bool
) -> tuple[str, ...]:
    """Return a note about documents that were edited since the newest generation, or raise `EditsRefused`."""
    newest, present = history.newest(), found_documents(workspace)
    where = str(workspace.location.project_file)
    if present is None:
        message = "the documents cannot be kept: they are not UTF-8, or too big; move them away first"
        raise EditsRefused(message, where=where, hint=LOG)
    if newest is None or present == newest.documents:
        return ()
    if replace_edits:
        done = "would be" if workspace.settings.dry_run else "are"
        number = history.numbers()[0] + 1
        return (f"the documents as they were before {done} kept as generation {number}",)
    files = " and ".join(changed_documents(newest.documents, present))
    raise EditsRefused(
        f"{files} changed since generation {newest.number}, and going back to generation "
        f"{generation.number} would replace the changes",
        where=where,
        hint=f"{workspace.settings.command} --replace-edits",
    )
