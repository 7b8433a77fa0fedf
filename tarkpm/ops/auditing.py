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
from tarkpm.core.digest import Digest
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.version import Version
from tarkpm.errors import Unreachable
from tarkpm.ops.project.known_advisories import KnownAdvisories
from tarkpm.ops.project.locked_releases import LockedRelease, locked_releases
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading


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
    # Not parsed: `locked_releases` knows what an unchanged lock contains.
    with open_for_reading(settings, ui, must_exist=True, parsed=False) as workspace:
        locked = locked_releases(workspace)
        sources = _sources(locked)
        problems = {} if settings.offline else _ask(workspace, sources)
        found = [one for release in locked for one in _of_release(workspace, release)]
        found += _stale(workspace, sources, problems, datetime.now(UTC))
        if settings.user:  # a hint works when it is typed
            found = [msgspec.structs.replace(one, hint=f"{one.hint} --user") for one in found]
        return AuditReport(
            len(locked),
            tuple(sorted(found, key=lambda one: (one.plugin, one.kind.value, one.id))),
            {source.index: _text(_known(workspace, source).checked) for source in sources},
        )


def _sources(locked: Iterable[LockedRelease]) -> dict[IndexSource, list[PluginName]]:
    """Return the indexes of the locked plugins, with the plugins of each."""
    found: dict[tuple[str, str], list[PluginName]] = {}
    for one in locked:
        if one.root:
            found.setdefault((one.index, one.root), []).append(PluginName(one.name))
    return {IndexSource(*place): names for place, names in found.items()}


def _ask(workspace: Workspace, sources: Mapping[IndexSource, list[PluginName]]) -> dict[IndexSource, str]:
    """Refresh what state knows of each index; returns why some could not be asked."""
    # Imported here: without a network, their imports would take most of the time.
    from tarkpm.ops.project.acceptance import require_accepted
    from tarkpm.ops.project.indexes import Indexes

    require_accepted(workspace)
    problems = {}
    known = {index.source for index in workspace.project.indexes.values()}
    for source, names in sources.items():
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


def _of_release(workspace: Workspace, one: LockedRelease) -> Iterator[AuditFinding]:
    def finding(kind: AuditKind, message: str, hint: str, id_: str = "") -> AuditFinding:
        return AuditFinding(one.name, one.version, kind, message, id_, hint=hint, line=one.line)

    affecting = workspace.resource(KnownAdvisories).affecting_locked(one)
    for advisory in affecting:
        yield _advisory(advisory, one, _way_out(workspace, one, advisory))
    source, version = IndexSource(one.index, one.root), Version.parse(one.version)
    # Listed, but its document was not fetched here: nothing is known of it that would excuse silence.
    unread = {*_known(workspace, source).unread(one.name)} - {advisory.id for advisory in affecting}
    for id_ in sorted(unread):
        yield finding(AuditKind.ADVISORY, "its document is not on this machine", "tarkpm audit", id_)
    vouched, statement = workspace.vouched, Digest(one.statement)
    if one.root and vouched.is_revoked(source, PluginName(one.name), version, statement):
        hint = _way_back(workspace, one.name)
        yield finding(AuditKind.REVOKED, "revoked by the maintainers of the index", hint)
    elif reason := vouched.why_yanked(source, statement):
        yield finding(AuditKind.YANKED, reason, f"tarkpm update {one.name}")
    if not one.statement and not one.is_working_copy:
        yield finding(AuditKind.UNSIGNED, "no signature says who made it", f"tarkpm info {one.name}")


def _way_back(workspace: Workspace, name: str) -> str:
    from tarkpm.ops.release.way_back import way_back

    return way_back(workspace, workspace.lock.by_name[name])


def _advisory(advisory: Advisory, one: LockedRelease, hint: str) -> AuditFinding:
    return AuditFinding(
        one.name,
        one.version,
        AuditKind.ADVISORY,
        advisory.summary or f"affects {advisory.affected}",
        advisory.id,
        str(advisory.severity),
        tuple(map(str, advisory.fixed)),
        advisory.references,
        hint,
        one.line,
    )


def _way_out(workspace: Workspace, one: LockedRelease, advisory: Advisory) -> str:
    """Return the command that takes the fix of an advisory: within the accepted range, or beyond it."""
    locked = Version.parse(one.version)
    later = sorted((fixed for fixed in advisory.fixed if fixed > locked), key=lambda fixed: fixed.key)
    if not later:
        return f"tarkpm remove {one.name}"
    required = workspace.project.requirements.get(PluginName(one.name))
    if required is None or any(map(required.allows, later)):
        return f"tarkpm update {one.name}"
    return f"tarkpm add {one.index}:{one.name}@^{later[0]}" if one.index else f"tarkpm info {one.name}"


def _stale(
    workspace: Workspace, sources: Iterable[IndexSource], problems: Mapping[IndexSource, str], now: datetime
) -> Iterator[AuditFinding]:
    for source in sources:
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
