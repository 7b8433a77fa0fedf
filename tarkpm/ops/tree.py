"""``tarkpm tree``: the dependency tree."""

import msgspec

from tarkpm.core.graph import Branch, inverted, tree
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.release import PluginName
from tarkpm.errors import NotFound
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.listing import withdrawn_notes


class TreeReport(msgspec.Struct, frozen=True):
    """The branches of a tree in print order, and notes about withdrawn releases."""

    branches: tuple[Branch, ...]
    notes: tuple[str, ...] = ()


def show_tree(settings: Settings, ui: Ui, *, invert: PluginName | None = None) -> TreeReport:
    """Return the dependencies of every required plugin; with ``invert``, the dependents of that one.

    Raises `NotFound` for a plugin that is not locked.
    """
    with open_for_reading(settings, ui) as workspace:
        lock, notes = workspace.lock, tuple(withdrawn_notes(workspace))
        if invert is None:
            return TreeReport(tree(lock, workspace.project.requirements), notes)
        if lock.get(invert) is None:
            where = str(workspace.location.lock_file)
            near = did_you_mean(invert, lock.by_name)
            raise NotFound(f"no plugin named '{invert}' is locked{near}", where=where, hint="tarkpm tree")
        return TreeReport(inverted(lock, invert), notes)
