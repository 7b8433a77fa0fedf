"""``tarkpm outdated``: newer versions, and what an update would install."""

from collections.abc import Iterable, Mapping

import msgspec

from tarkpm.core.release import IndexSource, PluginName, Source
from tarkpm.core.rows import Listing
from tarkpm.errors import (
    SourceError,
)
from tarkpm.ops.change.foresee import Foresight, HeldBack, foresee
from tarkpm.ops.change.outlook import REVOKED, Look, OutdatedRow
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.newer_tags import newer_tags
from tarkpm.ops.release.way_back import command, withdrawn


class OutdatedReport(msgspec.Struct, frozen=True):
    """The outdated plugins, the number of plugins checked (without working copies), and notes.

    ``failed`` gives, by plugin, the reason why its source could not be asked, and ``unchecked`` the row of
    each. ``command`` installs the versions under ``update``; "" if there are none.
    """

    plugins: tuple[OutdatedRow, ...]
    checked: int = 0
    notes: tuple[str, ...] = ()
    failed: dict[str, str] = {}
    command: str = ""
    unchecked: tuple[OutdatedRow, ...] = ()

    @property
    def is_due(self) -> bool:
        """Return whether there is anything to do: to update, to decide, or to replace what was withdrawn.

        A newer version that the requirements exclude is shown, and would be due for ever.
        """
        return any(not row.held_by for row in self.plugins)


def outdated(settings: Settings, ui: Ui) -> OutdatedReport:
    """Return what an update would do, from the proposal that `update` makes; changes nothing.

    State learns what indexes say of publishers. A source that cannot be asked does not hide the others.
    Raises `Unreachable` if nothing could be asked because network requests are forbidden,
    `VerificationError` for an index that serves what its maintainers did not sign, and `ProjectNotAccepted`.
    """
    with open_for_reading(settings, ui) as workspace:
        require_accepted(workspace)
        foresight = foresee(workspace)
        listings = _listings(workspace, foresight)
        names = {*workspace.project.requirements, *workspace.lock.by_name, *foresight.lock.by_name}
        tags, notes = newer_tags(workspace, () if settings.offline else foresight.lock.entries)
        looks = [
            Look(workspace, foresight, PluginName(name), listings.get(name), tags.get(PluginName(name)))
            for name in sorted(names)
        ]
        failed = {look.name: problem for look in looks if (problem := look.failure)}
        # One cause concerns all of them, and its hint is the one that helps.
        if settings.offline and failed and len(failed) == len(names):
            raise next(iter(failed.values()))
        rows = [(look, look.row()) for look in looks if look.name not in failed and look.is_news]
        ways = (
            _way_back(workspace, row, listings) for _, row in rows if row.warning == REVOKED and row.newest
        )
        return OutdatedReport(
            tuple(row for _, row in rows),
            sum(not one.is_working_copy and one.name not in failed for one in workspace.lock.entries),
            (*foresight.notes, *notes, *ways),
            {look.name: look.reason for look in looks if look.name in failed},
            _command(foresight, [look for look, _ in rows]),
            tuple(look.row() for look in looks if look.name in failed),
        )


def _listings(workspace: Workspace, foresight: Foresight) -> dict[str, Listing | None]:
    """Return what the project's indexes list of each plugin that is from one, required or locked."""
    by_source: dict[IndexSource, list[PluginName]] = {}
    known = {index.source for index in workspace.project.indexes.values()}
    entries = (*foresight.lock.entries, *workspace.lock.entries)
    sources: dict[PluginName, Source] = {entry.name: entry.source for entry in entries}
    sources |= {name: one.source for name, one in workspace.project.requirements.items()}
    for name, source in sources.items():
        is_asked = not isinstance(foresight.held.get(name, HeldBack()).error, SourceError)
        if isinstance(source, IndexSource) and source in known and is_asked:
            by_source.setdefault(source, []).append(name)
    return {
        name: listing
        for source, names in by_source.items()
        for name, listing in workspace.resource(Indexes).listings(source, names).items()
    }


def _command(foresight: Foresight, looks: "Iterable[Look]") -> str:
    changed = [look for look in looks if look.moves or look.goes]
    if not changed or not foresight.held:
        return "tarkpm update" if changed else ""
    # the others would make an update of everything fail
    names = [look.name for look in changed if look.moves and (look.entry or look.required)]
    return " ".join(["tarkpm update", *names]) if names else ""


def _way_back(workspace: Workspace, row: OutdatedRow, listings: Mapping[str, Listing | None]) -> str:
    """Return a note with the command that replaces a revoked release."""
    entries = withdrawn(workspace, workspace.lock.by_name[PluginName(row.name)])
    known = {PluginName(name): listing for name, listing in listings.items() if listing}
    way = command(workspace, entries, known)
    return f"'{row.name}' {row.locked} was revoked, {row.update or row.newest} was not: {way}"
