"""``tarkpm lock``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import (
    Invocation,
    allow_http,
    common,
    consent,
    dry_run,
    offline,
    yes,
)
from tarkpm.cli.rendering import taken_lines

if TYPE_CHECKING:
    from tarkpm.core.consent import Answers


@click.command("lock", cls=CheckedCommand)
@click.option("--check", is_flag=True, help="Only check that tark.lock is up to date.")
@consent
@yes
@offline
@allow_http
@dry_run
@common
def lock_command(invocation: Invocation, answers: "Answers", check: bool) -> int:
    """Update tark.lock from tark.toml; installs nothing."""
    from tarkpm.ops.lock import check_lock, lock

    if check:
        check_lock(invocation.settings, invocation.ui)
        invocation.report({"stale": False}, lambda: ["tark.lock follows from tark.toml"])
        return 0
    report = lock(invocation.settings, invocation.ui, answers)
    invocation.report(
        report,
        lambda: (
            taken_lines(report, dry_run=invocation.settings.dry_run, locked=True)
            or ["tark.lock follows from tark.toml"]
        ),
    )
    return 0
