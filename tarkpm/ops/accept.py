"""``tarkpm accept``: accept a project's decisions."""

import shlex

import msgspec

from tarkpm.ops.project.acceptance import accept as keep
from tarkpm.ops.project.acceptance import (
    consequences,
    decisions,
    not_accepted,
    place_words,
    require_accepted,
)
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_change, open_for_reading


class AcceptReport(msgspec.Struct, frozen=True):
    """A project's decisions: their digest for ``--accept-project=``, and those not accepted yet.

    ``command`` accepts exactly these; "" if there is nothing to accept.
    """

    project: str
    digest: str
    accepted: bool
    new: tuple[str, ...] = ()
    command: str = ""


def accept(settings: Settings, ui: Ui) -> AcceptReport:
    """Ask this user to accept what the project decides; fetches and installs nothing.

    Raises `ProjectNotAccepted`.
    """
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        decided = decisions(workspace)
        if not settings.dry_run:
            # Also without anything new: what was accepted is narrowed to what the project decides now.
            keep(workspace, decided)
        return AcceptReport(str(workspace.location.project_file), decided.digest, accepted=True)


def preview(settings: Settings, ui: Ui) -> AcceptReport:
    """Return what `accept` would ask, and the digest that accepts it in advance. Changes nothing."""
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        decided, new = decisions(workspace), not_accepted(workspace)
        lines = (*map(str, new), *(consequences(workspace, decided, new) if new else ()))
        words = ["tarkpm", "accept", f"--accept-project={decided.digest}", *place_words(settings)]
        command = shlex.join(words) if new else ""
        where = str(workspace.location.project_file)
        return AcceptReport(where, decided.digest, accepted=not new, new=lines, command=command)
