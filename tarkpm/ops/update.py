"""``tarkpm update``: update plugins to what their sources hold now, also after a review."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

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

if TYPE_CHECKING:  # a review starts workers, which an update does without
    from tarkpm.core.difference import Difference
    from tarkpm.ops.author.reviewing import PluginReplay, ReviewedDifference, UpdateReview


class ReviewReport(TakeReport, frozen=True, kw_only=True):
    """The report of a reviewed update: what differs, and what new releases do on recorded calls.

    ``applied`` is False if nothing was changed, because nobody could be asked.
    """

    applied: bool
    difference: "Difference"
    replays: "tuple[PluginReplay, ...]"


@asks_again
def update(
    settings: Settings,
    ui: Ui,
    typed: list[PluginName],
    answers: Answers,
    *,
    review: "UpdateReview | None" = None,
) -> TakeReport:
    """Install what the sources of these plugins (all, if none is named) hold now.

    ``review`` looks at it first; the report is then a `ReviewReport`, and nothing is changed where no user
    can be asked, unless ``settings.yes`` agrees. Raises what `add` raises, and `NotFound` for a plugin the
    project does not require.
    """
    if review and not (ui.interactive or settings.yes or settings.dry_run):
        # A review that nobody reads must not install what it was to show.
        settings = msgspec.structs.replace(settings, dry_run=True)
        ui.note("there is no terminal to ask at, so nothing is changed; -y installs what the review shows")
    with open_for_change(settings, ui) as workspace:
        # Consent comes before the network (docs/trust-rules.md, rule 3).
        workspace.require_built_here()
        require_accepted(workspace)
        names = workspace.names_of(typed)
        found = [present(workspace, name) for name in names or workspace.project.requirements]
        requests = [PluginRequest.of(requirement) for requirement in found if requirement]
        # Without names every plugin is free to move; with names, dependencies move only if they must.
        agreed = agree(workspace, requests, answers, free=names or None, look=review)
        plan = make_plan(workspace, agreed.target)
        # Somebody who updates expects newer releases: an exact tag is why there are none.
        notes = tuple(pinned_notes(workspace, names or [*workspace.project.requirements]))
        report = report_of(workspace, agreed, agreed.names, notes, plan=plan)
        if settings.dry_run:
            preview_deletions(workspace, plan)
        else:
            apply(workspace, agreed.target, plan, agreed.releases)
    return _reviewed(report, review, applied=not settings.dry_run) if review else report


def reviewer(show: "Callable[[ReviewedDifference], None]") -> "UpdateReview":
    """Return a review for `update`; ``show`` is called with what differs, before the user is asked."""
    from tarkpm.ops.author.reviewing import UpdateReview

    return UpdateReview(show)


def _reviewed(report: TakeReport, review: "UpdateReview", *, applied: bool) -> ReviewReport:
    return ReviewReport(
        report.plugins,
        report.notes,
        applied=applied,
        difference=review.difference,
        replays=review.replays,
    )
