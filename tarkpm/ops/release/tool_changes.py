"""What changed in the pinned definitions of tools. No plugin is started."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from tarkpm.core.lockfile import Lock
from tarkpm.core.tool import ToolPin, compare
from tarkpm.core.tool_text import difference
from tarkpm.ops.project.acceptance import not_accepted
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.tool_rows import definitions

Pins = Mapping[str, Sequence[ToolPin]]


class ToolChange(msgspec.Struct, frozen=True):
    """A tool whose definition differs.

    ``risk`` and ``risk_before`` are claims of the plugin, "" where there is no such tool. ``diff`` are the
    lines of `tool_text.difference`; it is empty, and ``is_known`` false, if a definition is not on this
    machine: tark.lock has its digest only.
    """

    plugin: str
    tool: str
    change: Literal["new", "removed", "changed"]
    risk: str
    risk_before: str
    is_known: bool
    diff: tuple[str, ...]


class ChangesReport(msgspec.Struct, frozen=True):
    """The tools that differ between tark.lock and what it is compared with, by plugin and name.

    ``compared_with`` is "accepted" for what this user accepted, or "commit" for the tark.lock in ``commit``.
    """

    compared_with: Literal["accepted", "commit"]
    commit: str
    tools: tuple[ToolChange, ...]


def tool_changes(workspace: Workspace, plugin: str = "", since: str = "") -> ChangesReport:
    """Return what changed in the tools of ``plugin``, or of all.

    What this user has not accepted yet is compared with what was accepted, also of tools that were removed
    earlier: state remembers them. If everything is accepted, tark.lock is compared with the last commit's.
    ``since`` names another revision. Raises `NotFound`, `Refused`, `SourceError`, `LockError`.
    """
    after = pins_of(workspace.followed)
    commit, before = _baseline(workspace, since) or ("", after)
    names = [plugin] if plugin else sorted({*before, *after})
    found = tuple(
        change
        for name in names
        for change in _changes(workspace, name, before.get(name, ()), after.get(name, ()))
    )
    return ChangesReport("commit" if commit else "accepted", commit, found)


def _baseline(workspace: Workspace, since: str) -> tuple[str, Pins] | None:
    """Return a commit and its pins, or "" and the accepted ones; None if there is nothing to compare."""
    if not since and not_accepted(workspace):
        accepted = workspace.record.accepted.plugins
        return "", {name: one.tools for name, one in accepted.items() if one.tools}
    from tarkpm.ops.project.revision import last_committed, read_revision

    location, instead = workspace.location, "tarkpm tools"
    found = read_revision(location, since, instead) if since else last_committed(location, instead)
    return (found.commit, pins_of(found.lock())) if found else None


def pins_of(lock: Lock) -> dict[str, Sequence[ToolPin]]:
    """Return the pins of the plugins that have any."""
    return {entry.name: entry.tools for entry in lock.entries if entry.tools}


def _changes(
    workspace: Workspace, plugin: str, before: Sequence[ToolPin], after: Sequence[ToolPin]
) -> Iterator[ToolChange]:
    found = compare(before, after)
    was, now = ({one.name: one for one in some} for some in (before, after))
    texts = [{one.name: one for one in definitions(workspace, some)} for some in (before, after)]
    kinds: dict[str, Literal["new", "removed", "changed"]] = {
        **dict.fromkeys(found.changed, "changed"),
        **dict.fromkeys(found.added, "new"),
        **dict.fromkeys(found.removed, "removed"),
    }
    for name in sorted(kinds):
        old, new = (one.get(name) for one in texts)
        is_known = (name in was) == (old is not None) and (name in now) == (new is not None)
        yield ToolChange(
            plugin,
            name,
            kinds[name],
            now[name].risk if name in now else "",
            was[name].risk if name in was else "",
            is_known,
            difference(old, new) if is_known else (),
        )
