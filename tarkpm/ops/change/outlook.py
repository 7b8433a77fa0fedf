"""How one plugin is locked, what an update makes of it, and what its source has."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

import msgspec

from tarkpm.core.consent import Question
from tarkpm.core.release import GitSource, IndexSource, OciSource, PluginName, Source
from tarkpm.core.release_age import Waiting
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.tags import VersionTag
from tarkpm.core.text import some
from tarkpm.core.version import Version
from tarkpm.core.withdrawn import is_revoked
from tarkpm.errors import (
    CapabilityWidened,
    ConsentError,
    Downgrade,
    IdentityChanged,
    KeyChanged,
    KeyUnknown,
    Republished,
    SourceError,
    TarkError,
    UnsignedRefused,
)
from tarkpm.ops.change.foresee import Foresight, HeldBack
from tarkpm.ops.project.release_ages import ReleaseAges
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.installed import is_current_copy

REVOKED: Final = "revoked"
_WORDS: Final[Mapping[type[ConsentError], str]] = {
    Downgrade: "lower",
    Republished: "other contents of this version",
    KeyUnknown: "signed by an unknown key",
    KeyChanged: "signed by a different key",
    UnsignedRefused: "not signed",
    IdentityChanged: "another CI identity, or none",
    CapabilityWidened: "more capabilities",
}


class OutdatedRow(msgspec.Struct, frozen=True):
    """A plugin that an update would change, that is outdated, or that was withdrawn.

    ``locked`` is "" for a plugin that is not locked. ``update`` is the version ``tarkpm update`` installs
    without asking for a decision, "" if none; ``newest`` is the newest version, "" if it is not known. A git
    source has one version, at ``commit``, and an OCI source at the manifest ``digest``; their tags name
    others: ``newest_tag`` is the newest one above the one that was taken. ``warning`` says what stands in the
    way, or that the locked release was yanked or revoked. ``held_by`` is what keeps the locked version, such
    as ``=1.0.0``, where an update does nothing.
    ``waiting`` is the newest release that is too young to be taken, None if none is.
    """

    name: str
    locked: str
    update: str
    newest: str
    source: str
    commit: str = ""
    warning: str = ""
    newest_tag: str = ""
    held_by: str = ""
    waiting: Waiting | None = None
    digest: str = ""


class Look:
    """One plugin: how it is locked, what an update makes of it, and what its source has."""

    def __init__(
        self,
        workspace: Workspace,
        foresight: Foresight,
        name: PluginName,
        listing: Listing | None,
        newer: VersionTag | None,
    ) -> None:
        self.workspace, self.name, self.listing, self.newer = workspace, name, listing, newer
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
    def reason(self) -> str:
        """Why the source could not be asked, with the variable or file at fault."""
        if self.failure is None:
            return ""
        match self.source:
            case GitSource() as source:
                return self.failure.about(source.git)
            case OciSource() as source:
                return self.failure.about(f"oci://{source.oci}")
            case IndexSource() as source:
                index = self.workspace.project.indexes.get(PluginName(source.index))
                return self.failure.about(index.url if index else str(source))
        return self.failure.message

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
        return self._is_due or self._is_newer or self.waiting is not None

    @property
    def _is_due(self) -> bool:
        return self.moves or self.goes or bool(self.warning) or self._differs

    @property
    def _is_newer(self) -> bool:
        """Whether there is a version above the locked one, or a tag above the one that was taken."""
        if self.newer:
            return True
        return self.entry is not None and self.newest is not None and self.newest > self.entry.version

    @property
    def _held_by(self) -> str:
        """What keeps the locked version, if nothing else is to be reported."""
        if self._is_due:
            return ""
        if self.waiting:
            return "minimum-release-age"
        if isinstance(self.source, GitSource | OciSource):
            return self.source.ref
        newest, required = self.newest, self.required
        if required and newest and not required.allows(newest):
            return required.range
        row = self.listing.get(newest) if self.listing and newest else None
        tark = self.workspace.project.tark_version
        if row and row.min_tark_version and tark and row.min_tark_version > tark:
            return f"tark {tark}"
        needing = [
            one.name
            for one in self.workspace.lock.entries
            if any(need.name == self.name for need in one.requires)
        ]
        return some(needing) if needing else "other requirements"

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
        if self.newer:
            return self.newer.version
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
            return f"not checked: {self.reason}"
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
            yield f"refused: {self.held.error.about(str(self.source))}"
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
            self.newer.name if self.newer else "",
            self._held_by,
            self.waiting,
            found.source.digest if found and isinstance(found.source, OciSource) else "",
        )


def _obstacle(name: PluginName, question: Question) -> str:
    what = _WORDS.get(question.error, question.message) if question.plugin == name else question.message
    return f"{what}: needs {question.flag}" if question.flag else f"refused: {question.message}"
