"""The report of a verb that changes plugins."""

from collections.abc import Iterator
from typing import Final

import msgspec

from tarkpm.core.keyless import signer_of
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.plan import Plan
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, OciSource, PluginName
from tarkpm.core.release_age import Waiting
from tarkpm.ops.change.admit import AgreedChange
from tarkpm.ops.change.adopt import adoption_notes
from tarkpm.ops.change.planning import refreshed
from tarkpm.ops.project.release_ages import ReleaseAges
from tarkpm.ops.project.workspace import Workspace

NOTHING: Final = Plan()
"""The plan of a verb that installs nothing."""


class Previous(msgspec.Struct, frozen=True):
    """The lock entry that a plugin had before."""

    version: str
    commit: str
    signer: str
    digest: str = ""


class Taken(msgspec.Struct, frozen=True):
    """One plugin as it is locked now; ``change`` is added, replaced, adopted or unchanged.

    ``range`` is what tark.toml asks for of a plugin from an index. ``previous`` is None for a new plugin;
    ``gained`` and ``lost`` are capabilities. ``edited`` is whether tark.toml requires or trusts something
    else of it than before; the plugin may be unchanged then.
    """

    name: str
    version: str
    type: str
    source: str
    commit: str
    signer: str
    capabilities: tuple[str, ...]
    change: str
    previous: Previous | None = None
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    range: str = ""
    edited: bool = False
    digest: str = ""


class TakeReport(msgspec.Struct, frozen=True):
    """The requested and changed plugins, notes, and newer releases that are too young to be taken."""

    plugins: tuple[Taken, ...]
    notes: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()


def report_of(
    workspace: Workspace,
    agreed: AgreedChange,
    names: tuple[PluginName, ...],
    notes: tuple[str, ...] = (),
    *,
    plan: Plan = NOTHING,
) -> TakeReport:
    """Return the report of an agreed change, made before it is applied to tell new from replaced.

    Working copies that ``plan`` installs count as replaced, though their lock entry is the same.
    """
    again = refreshed(plan)
    changes: dict[PluginName, str] = dict.fromkeys((*agreed.changed, *again), "taken")
    changes |= {one.name: "adopted" for one in agreed.adopted}
    return TakeReport(
        tuple(
            _taken(workspace, agreed, name, changes.get(name, "")) for name in dict.fromkeys((*names, *again))
        ),
        (
            *notes,
            *_upgraded(workspace.lock, agreed.target.lock),
            *agreed.unmet,
            *adoption_notes(workspace, agreed.adopted, dry_run=workspace.settings.dry_run),
        ),
        tuple(workspace.resource(ReleaseAges).waiting.values()),
    )


def _upgraded(before: Lock, after: Lock) -> Iterator[str]:
    if before.version < after.version and before.entries:
        yield f"tark.lock becomes version {after.version}: it names what each plugin asks for"


def _taken(workspace: Workspace, agreed: AgreedChange, name: PluginName, change: str) -> Taken:
    entry, before = agreed.target.lock.by_name[name], workspace.followed.get(name)
    might, may = workspace.project.granted(name), agreed.target.project.granted(name)
    requirement = agreed.target.project.requirements.get(name)
    if change == "taken":
        change = "replaced" if before else "added"
    elif not change and might != may:
        change = "replaced"
    return Taken(
        name=name,
        version=str(entry.version),
        type=entry.type,
        source=str(entry.source.unpinned()),
        commit=_commit(entry),
        signer=signer_of(agreed.target.project, entry),
        capabilities=tuple(map(str, agreed.target.project.granted(name))),
        change=change or "unchanged",
        previous=_previous(workspace.project, before) if before else None,
        gained=tuple(map(str, may.beyond(might))),
        lost=tuple(map(str, might.beyond(may))),
        range=requirement.range if requirement else "",
        edited=_decisions(workspace.project, name) != _decisions(agreed.target.project, name),
        digest=_digest(entry),
    )


def _previous(project: Project, entry: LockEntry) -> Previous:
    return Previous(str(entry.version), _commit(entry), signer_of(project, entry), _digest(entry))


def _decisions(project: Project, name: PluginName) -> tuple[object, ...]:
    return project.requirements.get(name), project.trust.get(name), project.identities.get(name)


def _digest(entry: LockEntry) -> str:
    return entry.source.digest if isinstance(entry.source, OciSource) else ""


def _commit(entry: LockEntry) -> str:
    return entry.source.commit if isinstance(entry.source, GitSource) else ""
