"""``tarkpm audit``: what is known against the locked plugins.

The module is not named like its verb, because the package `ops.audit` is: it is what `verify` and `doctor`
look at.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum

import msgspec

from tarkpm.core.advised import IndexAdvisories
from tarkpm.core.advisory import Advisory
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.withdrawn import is_revoked, why_yanked
from tarkpm.errors import Unreachable
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.known_advisories import KnownAdvisories
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.way_back import way_back


class AuditKind(Enum):
    """What a finding is about."""

    ADVISORY = "advisory"
    REVOKED = "revoked"
    STALE = "stale"
    UNSIGNED = "unsigned"
    YANKED = "yanked"


class AuditFinding(msgspec.Struct, frozen=True):
    """Something known against a locked plugin, or an index that could not be checked.

    ``plugin`` is "" for an index. ``severity`` is "" except for an advisory. ``message`` may contain
    untrusted text. ``fixed`` are the versions that an advisory names as the fix. ``line`` is that of the
    plugin in tark.lock, from 1. ``hint`` is a command.
    """

    plugin: str
    version: str
    kind: AuditKind
    message: str
    id: str = ""
    severity: str = ""
    fixed: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    hint: str = ""
    line: int = 1


class AuditReport(msgspec.Struct, frozen=True):
    """The number of locked plugins, the findings, and when each index was last checked, in UTC by name."""

    plugins: int
    findings: tuple[AuditFinding, ...]
    checked: dict[str, str]

    @property
    def exit_status(self) -> int:
        """1 with findings, else 0."""
        return int(bool(self.findings))


def audit(settings: Settings, ui: Ui) -> AuditReport:
    """Report advisories, revoked, yanked and unsigned releases among the locked plugins, and stale indexes.

    Unless network requests are forbidden, the indexes of locked plugins are asked first. What could not be
    checked is a finding. Raises `ProjectNotAccepted` before an index is asked, and `IndexUntrusted` for one
    that serves what its maintainers did not sign.
    """
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        problems: dict[IndexSource, str] = {}
        if not settings.offline:
            require_accepted(workspace)
            problems = _ask(workspace)
        now = datetime.now(UTC)
        lines = _lines(workspace.lock_bytes or b"")
        found = [
            msgspec.structs.replace(one, line=lines.get(entry.name, 1))
            for entry in workspace.lock.entries
            for one in _of_entry(workspace, entry)
        ]
        found += _stale(workspace, problems, now)
        return AuditReport(
            len(workspace.lock.entries),
            tuple(sorted(found, key=lambda one: (one.plugin, one.kind.value, one.id))),
            {source.index: _text(_known(workspace, source).checked) for source in _sources(workspace)},
        )


def _lines(lock: bytes) -> dict[str, int]:
    """Return the line of each plugin in tark.lock, which a forge shows beside a finding."""
    found: dict[str, int] = {}
    for number, line in enumerate(lock.splitlines(), 1):
        if line.startswith(b'name = "'):
            found.setdefault(line[8:].rstrip(b'"').decode(errors="replace"), number)
    return found


def _sources(workspace: Workspace) -> dict[IndexSource, list[PluginName]]:
    """Return the indexes of the locked plugins, with the plugins of each."""
    found: dict[IndexSource, list[PluginName]] = {}
    for entry in workspace.lock.entries:
        if isinstance(entry.source, IndexSource):
            found.setdefault(entry.source, []).append(entry.name)
    return found


def _ask(workspace: Workspace) -> dict[IndexSource, str]:
    """Refresh what state knows of each index; returns why some could not be asked."""
    problems = {}
    known = {index.source for index in workspace.project.indexes.values()}
    for source, names in _sources(workspace).items():
        if source not in known:
            problems[source] = "tark.toml does not have this index"
            continue
        try:
            workspace.resource(Indexes).listings(source, names)
        except Unreachable as problem:  # also `IndexStale`: nothing is known that is current
            problems[source] = problem.message
    return problems


def _known(workspace: Workspace, source: IndexSource) -> IndexAdvisories:
    return workspace.resource(KnownAdvisories).advised.index(source)


def _of_entry(workspace: Workspace, entry: LockEntry) -> Iterator[AuditFinding]:
    name, version = entry.name, str(entry.version)
    affecting = workspace.resource(KnownAdvisories).affecting(entry)
    for one in affecting:
        yield _advisory(one, version, _way_out(workspace, entry, one))
    if isinstance(entry.source, IndexSource):
        # Listed, but its document was not fetched here: nothing is known of it that would excuse silence.
        unread = {*_known(workspace, entry.source).unread(name)} - {one.id for one in affecting}
        for id_ in sorted(unread):
            text = "its document is not on this machine"
            yield AuditFinding(name, version, AuditKind.ADVISORY, text, id_, hint="tarkpm audit")
    if is_revoked(entry, workspace.vouched):
        text, hint = "revoked by the maintainers of the index", way_back(workspace, entry)
        yield AuditFinding(name, version, AuditKind.REVOKED, text, hint=hint)
    elif reason := why_yanked(entry, workspace.vouched):
        yield AuditFinding(name, version, AuditKind.YANKED, reason, hint=f"tarkpm update {name}")
    if entry.statement is None and not entry.is_working_copy:
        text = "no signature says who made it"
        yield AuditFinding(name, version, AuditKind.UNSIGNED, text, hint=f"tarkpm info {name}")


def _advisory(one: Advisory, version: str, hint: str) -> AuditFinding:
    return AuditFinding(
        one.name,
        version,
        AuditKind.ADVISORY,
        one.summary or f"affects {one.affected}",
        one.id,
        str(one.severity),
        tuple(map(str, one.fixed)),
        one.references,
        hint,
    )


def _way_out(workspace: Workspace, entry: LockEntry, one: Advisory) -> str:
    """Return the command that takes the fix of an advisory: within the accepted range, or beyond it."""
    later = sorted((fixed for fixed in one.fixed if fixed > entry.version), key=lambda fixed: fixed.key)
    if not later:
        return f"tarkpm remove {entry.name}"
    required = workspace.project.requirements.get(entry.name)
    if required is None or any(map(required.allows, later)):
        return f"tarkpm update {entry.name}"
    index = f"{entry.source.index}:" if isinstance(entry.source, IndexSource) else ""
    return f"tarkpm add {index}{entry.name}@^{later[0]}"


def _stale(
    workspace: Workspace, problems: Mapping[IndexSource, str], now: datetime
) -> Iterable[AuditFinding]:
    for source in _sources(workspace):
        known = _known(workspace, source)
        problem = problems.get(source, "")
        # A mirror can withhold an advisory as long as the metadata it has is fresh, and not longer.
        if not problem and known.expires > now.timestamp():
            continue
        since = f"since {_text(known.checked)}" if known.checked else "yet"
        why = f": {problem}" if problem else ""
        text = f"could not check {source} {since}{why}"
        yield AuditFinding("", "", AuditKind.STALE, text, hint="tarkpm audit")


def _text(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC" if moment else ""
