"""Compare two states of a project: what a reviewer of a pull request must see, as values.

Both states are documents: a lock and, where it is known, its tark.toml. What goes beyond the earlier state is
found as acceptance finds it (`core.widening.widenings`), so that a review and the question that `sync` asks
never disagree; what a release asks for, which is not a decision yet, is compared beside it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.keyless import signer_of
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource, OciSource, PluginName, Requirement
from tarkpm.core.settings_difference import FieldChange, index_changes, setting_changes
from tarkpm.core.tool import RISKS, compare
from tarkpm.core.widening import Widening, WideningKind, widenings

UNKNOWN: Final = "not named"
"""What stands for the capabilities of a release in a lock of version 1."""
UNPINNED: Final = "not pinned"
SHOWN_AS: Final[Mapping[WideningKind, tuple[str, ...]]] = {
    WideningKind.INDEX: (),
    WideningKind.SOURCE: ("source",),
    WideningKind.KEY: ("trust", "signer"),
    WideningKind.UNPINNED: ("trust", "identity"),
    WideningKind.SIGNER: ("signer",),
    WideningKind.IDENTITY: ("identity",),
    WideningKind.UNSIGNED: ("signer",),
    WideningKind.CONTENTS: ("files", "commit", "digest"),
    WideningKind.OLDER: ("version",),
    WideningKind.REPUBLISHED: ("files", "commit", "digest"),
    WideningKind.GRANT: ("granted",),
    WideningKind.TOOL: ("tools",),
    WideningKind.MCP: ("mcp.allow", "mcp.deny", "mcp.ask"),
    WideningKind.POLICY: ("policy.key", "policy.version"),
    WideningKind.AGE: ("tark.minimum-release-age", "tark.minimum-release-age-exclude"),
}
"""The kinds of changes in which a widening is seen."""


class Documents(msgspec.Struct, frozen=True):
    """One state. ``project`` is None if only the lock is known.

    ``licenses`` are of the plugins whose plugin.toml is known on this machine.
    """

    lock: Lock
    project: Project | None = None
    licenses: Mapping[str, str] = {}


class PluginChange(msgspec.Struct, frozen=True):
    """How one plugin differs. ``before`` and ``after`` are its versions, "" where it is not locked."""

    name: str
    change: Literal["added", "removed", "changed"]
    before: str = ""
    after: str = ""
    changes: tuple[FieldChange, ...] = ()


class Difference(msgspec.Struct, frozen=True):
    """Every difference of two states, by plugin, and the decisions that go beyond the earlier one.

    ``indexes`` are nicknames with their places, ``settings`` the other keys of tark.toml. ``wider`` holds
    what acceptance would ask about, and ``asks`` the plugins whose releases declare more than before.
    """

    plugins: tuple[PluginChange, ...] = ()
    indexes: tuple[FieldChange, ...] = ()
    wider: tuple[Widening, ...] = ()
    asks: Mapping[str, tuple[str, ...]] = {}
    settings: tuple[FieldChange, ...] = ()

    @property
    def is_wider(self) -> bool:
        """Return whether the later state goes beyond the earlier one."""
        changes = (change for plugin in self.plugins for change in plugin.changes)
        return bool(self.wider or self.asks or any(one.wider for one in (*self.indexes, *changes)))

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The plugins whose tools were pinned and are not any more."""
        return tuple(
            plugin.name
            for plugin in self.plugins
            if any(one.wider and one.added == (UNPINNED,) for one in plugin.changes)
        )


def difference(before: Documents, after: Documents) -> Difference:
    """Compare two states. Without both of the tark.toml files, only what the locks say is compared."""
    was, now = before.project, after.project
    if was is None or now is None:
        was, now = implied(before.lock), implied(after.lock)
    old, new = _Side(was, before), _Side(now, after)
    names = sorted({*before.lock.by_name, *after.lock.by_name, *_decided(was), *_decided(now)})
    wider = widenings(Acceptance.of(now, after.lock), Acceptance.of(was, before.lock))
    shown: dict[str, set[str]] = {}
    for one in wider:
        shown.setdefault(one.subject, set()).update(SHOWN_AS[one.kind])
    changes = (_plugin(name, old, new, shown.get(name, ())) for name in names)
    return Difference(
        tuple(one for one in changes if one.change != "changed" or one.changes),
        tuple(index_changes(was, now)),
        wider,
        {name: asks for name in after.lock.by_name if (asks := _asks(old.get(name), new.get(name)))},
        # They belong to no plugin, so their widenings have no subject.
        tuple(setting_changes(was, now, shown.get("", ()))),
    )


def implied(lock: Lock) -> Project:
    """Return the project that a lock alone speaks of: its sources, and its signers as those to trust."""
    requirements = {
        entry.name: Requirement(
            entry.name,
            entry.source.unpinned(),
            unsigned=not entry.signer,
            range=f"={entry.version}" if isinstance(entry.source, IndexSource) else "",
        )
        for entry in lock.entries
    }
    trust = {entry.name: (entry.signer,) for entry in lock.entries if entry.signer}
    return Project(requirements=requirements, trust=trust)


class _Side:
    """One state, by plugin."""

    def __init__(self, project: Project, documents: Documents) -> None:
        self.project, self.lock, self.licenses = project, documents.lock, documents.licenses
        self._has_ranges = project is documents.project

    def get(self, name: str) -> LockEntry | None:
        return self.lock.get(name)

    def facts(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return what is compared of one plugin, by kind and in the order in which it is shown."""
        project, entry, key = self.project, self.lock.get(name), PluginName(name)
        decided = {
            "trust": tuple(sorted(project.trust.get(key, ()))),
            "identity": (str(project.identities[key]),) if key in project.identities else (),
            "granted": tuple(map(str, project.granted(key))),
        }
        if entry is None:
            return decided
        source = entry.source
        # Of a new plugin, and between two locks, the version says enough.
        required = project.requirements.get(key) if self._has_ranges else None
        if required and required.allowed:
            decided["range"] = (required.allowed,)
        return {
            "version": (str(entry.version),),
            "type": (entry.type,),
            "source": (str(source.unpinned()),),
            "commit": (source.commit,) if isinstance(source, GitSource) else (),
            "digest": (source.digest,) if isinstance(source, OciSource) else (),
            # Without a lasting key, every release has another one, which says nothing.
            "signer": (signer_of(project, entry) or ("none" if entry.files else "your own folder"),),
            "files": tuple(f"{file.name} sha256:{file.sha256}" for file in entry.files),
            "requires": tuple(map(str, entry.requires)),
            "min-tark-version": (str(entry.min_tark_version),) if entry.min_tark_version else (),
            "license": (self.licenses[name],) if self.licenses.get(name) else (),
            "declared": _declared(entry),
            "tools": _tools(entry),
            **decided,
        }

    def equals(self, other: "_Side", name: str) -> bool:
        """Return whether nothing that is compared can differ; most plugins of most changes are equal."""
        key = PluginName(name)
        return (
            self.get(name) == other.get(name)
            and self.project.requirements.get(key) == other.project.requirements.get(key)
            and self.project.trust.get(key) == other.project.trust.get(key)
            and self.project.identities.get(key) == other.project.identities.get(key)
            and self.project.granted(key) == other.project.granted(key)
        )


def _tools(entry: LockEntry) -> tuple[str, ...]:
    if entry.tools is None:
        return (UNPINNED,) if entry.is_unpinned else ()
    return tuple(f"{tool.name} ({tool.risk})" for tool in entry.tools)


def _declared(entry: LockEntry) -> tuple[str, ...]:
    if entry.capabilities is None:
        return () if entry.is_working_copy else (UNKNOWN,)
    return tuple(map(str, entry.capabilities))


def _decided(project: Project) -> set[PluginName]:
    return {*project.trust, *project.identities, *project.grants}


def _plugin(name: str, old: _Side, new: _Side, wider: Collection[str]) -> PluginChange:
    before, after = old.get(name), new.get(name)
    change: Literal["added", "removed", "changed"] = (
        "added" if after and not before else "removed" if before and not after else "changed"
    )
    return PluginChange(
        name,
        change,
        str(before.version) if before else "",
        str(after.version) if after else "",
        () if change == "removed" or old.equals(new, name) else tuple(_changes(name, old, new, wider)),
    )


def _changes(name: str, old: _Side, new: _Side, wider: Collection[str]) -> Iterator[FieldChange]:
    was, now = old.facts(name), new.facts(name)
    before, after = old.get(name), new.get(name)
    for kind in {**now, **was}:
        gone, new_ = was.get(kind, ()), now.get(kind, ())
        removed, added = _without(gone, new_), _without(new_, gone)
        # A license is known where plugin.toml is: not to know it is no change.
        if kind == "license" and before and not (gone and new_):
            continue
        if kind == "range" and before is None:
            continue
        # Other files of another version are what a version is; of the same version they are news.
        if kind == "files" and (before is None or after is None or before.version != after.version):
            continue
        if removed or added:
            yield FieldChange(kind, removed, added, kind in wider or _is_wider(kind, before, after))
    yield from _redefined(before, after)


def _without(items: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(item for item in items if item not in others)


def _redefined(before: LockEntry | None, after: LockEntry | None) -> Iterator[FieldChange]:
    """Yield the tools that kept their name and risk and got another description or schema."""
    risks = {tool.name: tool.risk for tool in (before.tools if before else None) or ()}
    tools = (after.tools if after else None) or ()
    found = compare((before.tools if before else None) or (), tools)
    same = tuple(
        tool.name for tool in tools if tool.name in found.widen and risks.get(tool.name) == tool.risk
    )
    if same:
        yield FieldChange("definitions", (), same, wider=True)


def _is_wider(kind: str, before: LockEntry | None, after: LockEntry | None) -> bool:
    """Return whether a change of this kind goes beyond what was, for kinds that acceptance does not weigh."""
    if kind == "declared":
        return bool(_asks(before, after))
    if before is None or after is None:
        return False
    # Another kind of plugin, an older release, and other contents of one version are never everyday work.
    if kind in ("type", "files"):
        return True
    if kind == "version":
        return after.version < before.version
    return kind == "tools" and _riskier(before, after)


def _riskier(before: LockEntry | None, after: LockEntry) -> bool:
    if after.tools is None:
        return before is not None and before.tools is not None
    known = {tool.name: RISKS.index(tool.risk) for tool in (before.tools if before else None) or ()}
    return any(RISKS.index(tool.risk) > known.get(tool.name, -1) for tool in after.tools)


def _asks(before: LockEntry | None, after: LockEntry | None) -> tuple[str, ...]:
    """Return what a release declares beyond the earlier one; `UNKNOWN` if its lock does not say."""
    if after is None or after.is_working_copy:
        return ()
    if after.capabilities is None:
        # Dropping the line must not hide what it said; only the same release says nothing new.
        is_same = before is not None and before.capabilities is None and before.files == after.files
        return () if is_same else (UNKNOWN,)
    known = before.capabilities if before and before.capabilities is not None else CapabilitySet()
    return tuple(map(str, after.capabilities.beyond(known)))
