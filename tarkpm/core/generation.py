"""What changed from one generation of a project to the next, in a few words for each plugin."""

from typing import Literal

import msgspec

from tarkpm.core.difference import Documents, PluginChange, difference
from tarkpm.core.settings_difference import FieldChange


class GenerationChange(msgspec.Struct, frozen=True):
    """How one plugin changed. ``before`` and ``after`` are its versions, "" where it is not locked.

    ``name`` is "" for the project itself. ``kinds`` name what differs, as `FieldChange` does.
    ``gained`` and ``lost`` are the capabilities that it may use and may not use any longer.
    """

    name: str
    change: Literal["added", "removed", "changed"]
    before: str = ""
    after: str = ""
    kinds: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def generation_changes(before: Documents, after: Documents) -> tuple[GenerationChange, ...]:
    """Return what changed between two generations: the project's indexes first, then plugins by name."""
    found = difference(before, after)
    changes = [GenerationChange("", "changed", kinds=("index",))] if found.indexes else []
    return (*changes, *map(_change, found.plugins))


def _change(plugin: PluginChange) -> GenerationChange:
    kinds = tuple(change.kind for change in plugin.changes) if plugin.change == "changed" else ()
    granted = next((one for one in plugin.changes if one.kind == "granted"), FieldChange("granted"))
    shown = plugin.name, plugin.change, plugin.before, plugin.after
    return GenerationChange(*shown, kinds, gained=granted.added, lost=granted.removed)
