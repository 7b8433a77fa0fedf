"""``tarkpm outdated``: newer versions, and what an update would install."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

import msgspec

from tarkpm.core.consent import Question
from tarkpm.core.release import GitSource, IndexSource, PluginName, Source
from tarkpm.core.release_age import Waiting
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.version import Version
from tarkpm.core.withdrawn import is_revoked
from tarkpm.errors import (
    CapabilityWidened,
    ConsentError,
    Downgrade,
    KeyChanged,
    KeyUnknown,
    Republished,
    SourceError,
    TarkError,
    UnsignedRefused,
)
from tarkpm.ops.change.foresee import Foresight, HeldBack, foresee
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.release_ages import ReleaseAges
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.installed import is_current_copy
from tarkpm.ops.release.way_back import command, withdrawn

REVOKED: Final = "revoked"
_WORDS: Final[Mapping[type[ConsentError], str]] = {
    Downgrade: "lower",
    Republished: "other contents of this version",
    KeyUnknown: "signed by an unknown key",
    KeyChanged: "signed by a different key",
    UnsignedRefused: "not signed",
    CapabilityWidened: "more capabilities",
}


class OutdatedRow(msgspec.Struct, frozen=True):
    """A plugin that an update would change, that is outdated, or that was withdrawn.

    ``locked`` is "" for a plugin that is not locked. ``update`` is the version ``tarkpm update`` installs
    without asking for a decision, "" if none; ``newest`` is the newest version, "" if it is not known. A git
    source has one version, at ``commit``. ``warning`` says what stands in the way, or that the locked release
    was yanked or revoked. ``waiting`` is the newest release that is too young to be taken, None if none is.
    """

    name: str
    locked: str
    update: str
    newest: str
    source: str
    commit: str = ""
    warning: str = ""
    waiting: Waiting | None = None


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
        looks = [_Look(workspace, foresight, PluginName(name), listings.get(name)) for name in sorted(names)]
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
            (*foresight.notes, *ways),
            {name: problem.message for name, problem in failed.items()},
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


def _command(foresight: Foresight, looks: "Iterable[_Look]") -> str:
    changed = [look for look in looks if look.moves or look.goes]
    if not changed or not foresight.held:
        return "tarkpm update" if changed else ""
    # the others would make an update of everything fail
    names = [look.name for look in changed if look.moves and (look.entry or look.required)]
    return " ".join(["tarkpm update", *names]) if names else ""


class _Look:
    """One plugin: how it is locked, what an update makes of it, and what its source has."""

    def __init__(
        self, workspace: Workspace, foresight: Foresight, name: PluginName, listing: Listing | None
    ) -> None:
        self.workspace, self.name, self.listing = workspace, name, listing
        self.required = workspace.project.requirements.get(name)
        self.entry = workspace.lock.get(name)
        self.after = foresight.lock.get(name)
        self.held = foresight.held.get(name, HeldBack())
        self.found = self.held.entry or foresight.found.get(name)
        self.waiting = workspace.resource(ReleaseAges).waiting.get(name)

    @property
    def failure(self) -> TarkError | None:
        """The error of a source that could not be asked."""
        return self.held.error if isinstance(self.held.error, SourceError) else None

    @property
    def moves(self) -> bool:
        """Whether an update takes another release, records another commit, or installs changed files."""
        return self.after is not None and (not self.after.same_as(self.entry) or self._is_edited)

    @cached_property
    def _is_edited(self) -> bool:
        """Whether a working copy has other files than were installed of it."""
        if self.entry is None or not self.entry == self.after == self.found:
            return False
        return not is_current_copy(self.workspace, self.entry)

    @property
    def goes(self) -> bool:
        """Whether an update drops the entry: nothing in tark.toml leads to it."""
        return self.entry is not None and self.after is None

    @property
    def is_news(self) -> bool:
        """Whether there is anything to report."""
        is_newer = self.entry is not None and self.newest is not None and self.newest > self.entry.version
        waits = self.waiting is not None
        return self.moves or self.goes or is_newer or bool(self.warning) or self._differs or waits

    @property
    def _differs(self) -> bool:
        """Whether the source holds another release than the locked one."""
        return self.found is not None and not self.found.same_as(self.entry)

    @property
    def source(self) -> Source:
        """The source that tark.toml names, or that a dependency is locked from."""
        if self.required:
            return self.required.source
        entry = self.entry or self.after
        assert entry is not None  # every name is one of these three
        return entry.source.unpinned()

    @property
    def newest(self) -> Version | None:
        """The newest release of an index that may be taken, or the version that another source has now."""
        if isinstance(self.source, IndexSource):
            listed = max(filter(self._may_be_taken, self._rows), key=lambda row: row.version, default=None)
            return listed.version if listed else None
        if self.held.error and not self.held.entry:
            return None
        if self.waiting:
            return Version.parse(self.waiting.version)
        found = self.found or self.after or self.entry
        return found.version if found else None

    @property
    def _rows(self) -> tuple[ReleaseRow, ...]:
        return self.listing.rows if self.listing else ()

    def _may_be_taken(self, row: ReleaseRow) -> bool:
        source = self.source
        assert isinstance(source, IndexSource)
        vouched, digest = self.workspace.vouched, row.statement.sha256
        if row.yanked or vouched.is_revoked(source, self.name, row.version, digest):
            return False
        return not row.version.pre or bool(self.entry and self.entry.version.pre)

    @property
    def warning(self) -> str:
        """What was withdrawn, or what stands in the way of an update."""
        if self.failure:
            return f"not checked: {self.failure.message}"
        return self._withdrawn or "; ".join(self._obstacles())

    @property
    def _withdrawn(self) -> str:
        entry = self.entry
        if entry is None or not isinstance(entry.source, IndexSource) or entry.source != self.source:
            return ""
        if is_revoked(entry, self.workspace.vouched):
            return REVOKED
        row = self.listing.get(entry.version) if self.listing else None
        if row is None:
            return "no longer listed"
        return f"yanked: {row.yanked}" if row.yanked else ""

    def _obstacles(self) -> Iterator[str]:
        if self.held.error:
            yield f"refused: {self.held.error.message}"
        for question in self.held.questions:
            yield _obstacle(self.name, question)
        if self.goes:
            yield "nothing in tark.toml leads to it"
        if self._is_edited:
            yield "other files"
        if self.moves and self.entry and self.after and self.entry.files:
            before, after = self.entry, self.after
            if (before.files, before.statement) == (after.files, after.statement):
                yield "same contents"

    def row(self) -> OutdatedRow:
        """Return the row of this plugin."""
        found = self.found if self._differs else self.after if self.moves else None
        return OutdatedRow(
            self.name,
            str(self.entry.version) if self.entry else "",
            str(self.after.version) if self.moves and self.after else "",
            str(self.newest or ""),
            str(self.source),
            found.source.commit if found and isinstance(found.source, GitSource) else "",
            self.warning,
            self.waiting,
        )


def _way_back(workspace: Workspace, row: OutdatedRow, listings: Mapping[str, Listing | None]) -> str:
    """Return a note with the command that replaces a revoked release."""
    entries = withdrawn(workspace, workspace.lock.by_name[PluginName(row.name)])
    known = {PluginName(name): listing for name, listing in listings.items() if listing}
    way = command(workspace, entries, known)
    return f"'{row.name}' {row.locked} was revoked, {row.update or row.newest} was not: {way}"


def _obstacle(name: PluginName, question: Question) -> str:
    what = _WORDS.get(question.error, question.message) if question.plugin == name else question.message
    return f"{what}: needs {question.flag}" if question.flag else f"refused: {question.message}"
