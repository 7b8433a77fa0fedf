"""``tarkpm update``: update plugins to what their sources hold now."""

from tarkpm.core.consent import Answers
from tarkpm.core.release import PluginName
from tarkpm.ops.change.admit import agree
from tarkpm.ops.change.apply import apply, preview_deletions
from tarkpm.ops.change.planning import make_plan
from tarkpm.ops.change.propose import PluginRequest
from tarkpm.ops.change.report import TakeReport, report_of
from tarkpm.ops.change.target import present
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import asks_again, open_for_change
from tarkpm.ops.release.newer_tags import pinned_notes


@asks_again
def update(settings: Settings, ui: Ui, typed: list[PluginName], answers: Answers) -> TakeReport:
    """Install what the sources of these plugins (all, if none is named) hold now.

    Raises what `add` raises, and `NotFound` for a plugin the project does not require.
    """
    with open_for_change(settings, ui) as workspace:
        # Consent comes before the network (docs/trust-rules.md, rule 3).
        workspace.require_built_here()
        require_accepted(workspace)
        names = workspace.names_of(typed)
        found = [present(workspace, name) for name in names or workspace.project.requirements]
        requests = [PluginRequest.of(requirement) for requirement in found if requirement]
        # Without names every plugin is free to move; with names, dependencies move only if they must.
        agreed = agree(workspace, requests, answers, free=names or None)
        plan = make_plan(workspace, agreed.target)
        # Somebody who names a plugin expects a newer release of it.
        notes = tuple(pinned_notes(workspace, names))
        report = report_of(workspace, agreed, agreed.names, notes, plan=plan)
        if settings.dry_run:
            preview_deletions(workspace, plan)
        else:
            apply(workspace, agreed.target, plan, agreed.releases)
        return report
