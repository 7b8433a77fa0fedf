"""``tarkpm add``: add plugins to the project from an index, git, a registry or a folder."""

import shlex

from tarkpm.core.consent import Answers
from tarkpm.core.release import GitSource, OciSource, PluginName, Requirement
from tarkpm.core.version import Range
from tarkpm.host import prestart
from tarkpm.ops.change.admit import agree
from tarkpm.ops.change.apply import apply, preview_deletions
from tarkpm.ops.change.planning import make_plan
from tarkpm.ops.change.propose import PluginRequest
from tarkpm.ops.change.report import TakeReport, report_of
from tarkpm.ops.change.source_args import SourceArg
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, asks_again, open_for_change


@asks_again
def add(settings: Settings, ui: Ui, args: list[SourceArg], answers: Answers) -> TakeReport:
    """Select, fetch, verify, show, ask, and install: all requested plugins, or none.

    Raises `SourceError`, `VerificationError`, `ConsentError`, `ResolutionError`; the project is then
    unchanged.
    """
    with open_for_change(settings, ui, create=True) as workspace:
        # 1. Consent comes before the network (docs/trust-rules.md, rule 3).
        workspace.require_built_here()
        require_accepted(workspace)
        prestart.start(2)  # one is asked for its tools, one compiles; two at once would slow the imports
        # 2. Leave out what is required exactly like this already: `add` is no `update`.
        requests = [arg.request(workspace.project) for arg in args]
        #    With an identity it is a decision about what it has: that must not go unheard.
        decides = answers.identity is not None or answers.keyless
        known = {one: name for one in requests if not decides and (name := _known_as(workspace, one))}
        # 3. Select, fetch, verify, show and ask. Nothing has changed if the user declines.
        agreed = agree(
            workspace, [request for request in requests if request not in known], answers, adopting=True
        )
        plan = make_plan(workspace, agreed.target)
        names = (*agreed.names, *known.values())
        notes = (_already(workspace.project.requirements[name]) for name in known.values())
        report = report_of(workspace, agreed, names, tuple(notes), plan=plan)
        # 4. Apply what was agreed to: the same releases, not fetched again.
        if settings.dry_run:
            preview_deletions(workspace, plan)
        else:
            apply(workspace, agreed.target, plan, agreed.releases, agreed.adopted)
        return report


def _known_as(workspace: Workspace, request: PluginRequest) -> PluginName | None:
    """Return the locked plugin that is already required exactly like this, if any."""
    for name, requirement in workspace.project.requirements.items():
        same = requirement.source == request.source and request.name in (None, name)
        if same and request.range in ("", requirement.range) and workspace.followed.get(name):
            return None if _is_in_the_way(workspace, name) else name
    return None


def _is_in_the_way(workspace: Workspace, name: PluginName) -> bool:
    """Return whether an unmanaged folder occupies the place of a locked plugin."""
    return name not in workspace.record.installed and name in workspace.environment.names()


def _already(requirement: Requirement) -> str:
    name, source = requirement.name, requirement.source
    if requirement.range and (exact := Range.parse(requirement.range)).is_exact:
        newer = shlex.quote(f"{name}@^{str(exact).lstrip('= ')}")
        return f"tark.toml requires '{name}' {exact}; to allow newer releases: tarkpm add {newer}"
    if isinstance(source, OciSource) and not source.tag_range:
        return f"'{name}' is pinned to {source.ref}; to move it, name another tag or a range"
    if isinstance(source, GitSource) and (source.tag or source.rev) and not source.tag_range:
        return f"'{name}' is pinned to {source.ref}; to move it, name another --tag, --branch or --rev"
    return f"'{name}' already comes from this source; to look for a newer release: tarkpm update {name}"
