"""``tarkpm sbom``."""

import json
from typing import TYPE_CHECKING, Any

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common
from tarkpm.core.text import some

if TYPE_CHECKING:
    from tarkpm.ops.sbom import Format


@click.command("sbom", cls=CheckedCommand)
@click.option(
    "--format",
    "form",
    type=click.Choice(["cyclonedx", "spdx"]),
    default="cyclonedx",
    show_default=True,
    help="CycloneDX 1.6 or SPDX 2.3, as JSON.",
)
@common
def sbom_command(invocation: Invocation, form: "Format") -> int:
    """Print a software bill of materials of the locked plugins."""
    from tarkpm.ops.sbom import sbom

    report = sbom(invocation.settings, invocation.ui, form)
    if report.unknown:
        invocation.ui.note(
            f"only the lock is known here of {some(report.unknown)}; to fetch the rest: tarkpm sync"
        )
    invocation.report(report.document, lambda: [_text(report.document)])
    return 0


def _text(document: dict[str, Any]) -> str:
    # ASCII: a plugin's words cannot change a terminal.
    return json.dumps(document, indent=2)
