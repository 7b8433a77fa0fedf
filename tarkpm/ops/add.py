"""``tarkpm add``: take plugins into the project, from git or a folder."""

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.policy import Answers
from tarkpm.core.release import GitSource, PluginName
from tarkpm.ops.acceptance import require_accepted
from tarkpm.ops.admission import Ask, Taking, take
from tarkpm.ops.adoption import adoption_notes
from tarkpm.ops.context import Workspace, asks_again, open_for_change
from tarkpm.ops.install import apply, foretell
from tarkpm.ops.settings import Settings
from tarkpm.ops.target import make_plan
from tarkpm.ops.typed import Wish
from tarkpm.ops.ui import Ui


class Previous(msgspec.Struct, frozen=True):
    """How a plugin was locked before."""

    version: str
    commit: str
    signer: str


class Taken(msgspec.Struct, frozen=True):
    """One plugin as it is now locked; ``change`` is added, replaced, adopted or unchanged.

    ``previous`` is None for a new one; ``gained`` is what it may do now and might not before.
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


class TakeReport(msgspec.Struct, frozen=True):
    """What became of each plugin that was asked for, and what is worth knowing about it."""

    plugins: tuple[Taken, ...]
    notes: tuple[str, ...] = ()


@asks_again
def add(settings: Settings, ui: Ui, wishes: list[Wish], answers: Answers) -> TakeReport:
    """Choose, fetch, verify, show, ask, and install: all that is wished for, or nothing.

    Raises `SourceError`, `VerificationError`, `ConsentError`, `ResolutionError`; then nothing has changed.
    """
    with open_for_change(settings, ui, create=True) as workspace:
        workspace.require_built_here()
        require_accepted(workspace)
        asks = [wish.ask(workspace.project) for wish in wishes]
        known = {ask: name for ask in asks if (name := _known_as(workspace, ask))}
        taking = take(workspace, [ask for ask in asks if ask not in known], answers, adopting=True)
        report = report_of(workspace, taking, (*taking.names, *known.values()), map(_already, known.values()))
        plan = make_plan(workspace, taking.target.lock)
        if settings.dry_run:
            foretell(workspace, plan)
        else:
            apply(workspace, taking.target, plan, taking.releases, taking.adopted)
        return report


def _known_as(workspace: Workspace, ask: Ask) -> PluginName | None:
    """The plugin that is asked for in exactly this way already, if it is locked."""
    for name, requirement in workspace.project.requirements.items():
        same = requirement.source == ask.source and ask.name in (None, name)
        if same and ask.range in ("", requirement.range) and workspace.lock.get(name):
            return None if _is_in_the_way(workspace, name) else name
    return None


def _is_in_the_way(workspace: Workspace, name: PluginName) -> bool:
    """Whether something stands in the place of a plugin that is locked and not installed."""
    return name not in workspace.record.installed and name in workspace.environment.names()


def _already(name: str) -> str:
    return f"'{name}' already comes from there; to look for something newer: tarkpm update {name}"


def report_of(
    workspace: Workspace,
    taking: Taking,
    names: tuple[PluginName, ...],
    notes: "map[str] | tuple[str, ...]" = (),
) -> TakeReport:
    """The report of a taking, made before it is applied: it tells new from replaced."""
    return TakeReport(
        tuple(_taken(workspace, taking, name) for name in dict.fromkeys(names)),
        (
            *notes,
            *taking.unmet,
            *adoption_notes(workspace, taking.adopted, dry_run=workspace.settings.dry_run),
        ),
    )


def _taken(workspace: Workspace, taking: Taking, name: PluginName) -> Taken:
    entry, before = taking.target.lock.by_name[name], workspace.lock.get(name)
    might, may = workspace.project.granted(name), taking.target.project.granted(name)
    change = "replaced" if before else "added"
    if name in {one.name for one in taking.adopted}:
        change = "adopted"
    return Taken(
        name=name,
        version=str(entry.version),
        type=entry.type,
        source=str(entry.source.asked()),
        commit=_commit(entry),
        signer=entry.signer or "",
        capabilities=tuple(map(str, taking.target.project.granted(name))),
        change=change if name in taking.changed or change == "adopted" else "unchanged",
        previous=Previous(str(before.version), _commit(before), before.signer or "") if before else None,
        gained=tuple(map(str, may.beyond(might))),
        lost=tuple(map(str, might.beyond(may))),
    )


def _commit(entry: LockEntry) -> str:
    return entry.source.commit if isinstance(entry.source, GitSource) else ""
