"""``tarkpm add``: take plugins into the project, from git or a folder."""

import msgspec

from tarkpm.core.policy import Answers
from tarkpm.core.release import GitSource, PluginName
from tarkpm.ops.admission import Ask, Taking, take
from tarkpm.ops.context import Workspace, open_for_change
from tarkpm.ops.install import apply
from tarkpm.ops.settings import Settings
from tarkpm.ops.target import make_plan
from tarkpm.ops.typed import Wish
from tarkpm.ops.ui import Ui


class Taken(msgspec.Struct, frozen=True):
    """One plugin as it is now locked; ``change`` is added, replaced or unchanged."""

    name: str
    version: str
    type: str
    source: str
    commit: str
    signer: str
    capabilities: tuple[str, ...]
    change: str


class TakeReport(msgspec.Struct, frozen=True):
    """What became of each plugin that was asked for, and what is worth knowing about it."""

    plugins: tuple[Taken, ...]
    notes: tuple[str, ...] = ()


def add(settings: Settings, ui: Ui, wishes: list[Wish], answers: Answers) -> TakeReport:
    """Choose, fetch, verify, show, ask, and install: all that is wished for, or nothing.

    Raises `SourceError`, `VerificationError`, `ConsentError`, `ResolutionError`; then nothing has changed.
    """
    with open_for_change(settings, ui, create=True) as workspace:
        workspace.require_built_here()
        workspace.require_accepted()
        asks = [wish.ask(workspace.project) for wish in wishes]
        known = {ask: name for ask in asks if (name := _known_as(workspace, ask))}
        taking = take(workspace, [ask for ask in asks if ask not in known], answers)
        report = report_of(workspace, taking, (*taking.names, *known.values()), map(_already, known.values()))
        if not settings.dry_run:
            apply(workspace, taking.target, make_plan(workspace, taking.target.lock), taking.releases)
        return report


def _known_as(workspace: Workspace, ask: Ask) -> PluginName | None:
    """The plugin that is asked for in exactly this way already, if it is locked."""
    for name, requirement in workspace.project.requirements.items():
        same = requirement.source == ask.source and ask.name in (None, name)
        if same and ask.range in ("", requirement.range) and workspace.lock.get(name):
            return name
    return None


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
        tuple(_taken(workspace, taking, name) for name in dict.fromkeys(names)), (*notes, *taking.unmet)
    )


def _taken(workspace: Workspace, taking: Taking, name: PluginName) -> Taken:
    entry = taking.target.lock.by_name[name]
    change = "replaced" if workspace.lock.get(name) else "added"
    return Taken(
        name=name,
        version=str(entry.version),
        type=entry.type,
        source=str(entry.source.asked()),
        commit=entry.source.commit if isinstance(entry.source, GitSource) else "",
        signer=entry.signer or "",
        capabilities=tuple(map(str, taking.target.project.granted(name))),
        change=change if name in taking.changed else "unchanged",
    )
