"""``tarkpm add``: take plugins into the project, from git or a folder."""

import msgspec

from tarkpm.core.policy import Answers
from tarkpm.core.release import GitSource, PluginName, Source
from tarkpm.ops.admission import Taking, take
from tarkpm.ops.context import Workspace, open_for_change
from tarkpm.ops.install import apply
from tarkpm.ops.settings import Settings
from tarkpm.ops.target import make_plan
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


def add(settings: Settings, ui: Ui, sources: list[Source], answers: Answers) -> TakeReport:
    """Fetch, verify, show, ask, and install: all of ``sources`` or none.

    Raises `SourceError`, `VerificationError`, `ConsentError`, `ResolutionError`; then nothing has changed.
    """
    with open_for_change(settings, ui, create=True) as workspace:
        workspace.require_built_here()
        workspace.require_accepted()
        known = {source: name for source in sources if (name := _known_as(workspace, source))}
        taking = take(workspace, [(None, source) for source in sources if source not in known], answers)
        report = report_of(workspace, taking, (*taking.names, *known.values()), map(_already, known.values()))
        if not settings.dry_run:
            apply(workspace, taking.target, make_plan(workspace, taking.target.lock), taking.releases)
        return report


def _known_as(workspace: Workspace, source: Source) -> PluginName | None:
    """The plugin that already comes from exactly this source, if it is locked."""
    for name, requirement in workspace.project.requirements.items():
        if requirement.source == source and workspace.lock.get(name):
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
