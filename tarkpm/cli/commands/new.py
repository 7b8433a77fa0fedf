"""``tarkpm new``."""

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run


@click.command("new", cls=CheckedCommand)
@click.argument("name")
@click.option(
    "--lang",
    "language",
    required=True,
    type=click.Choice(["python", "javascript", "c", "rust"]),
    help="Language of the plugin.",
)
@click.option(
    "--type",
    "plugin_type",
    default="tool",
    show_default=True,
    type=click.Choice(["tool", "auth", "provider", "hook"]),
    help="Type of the plugin.",
)
@click.option(
    "--license", "spdx", default="MIT", show_default=True, metavar="SPDX", help="License, such as Apache-2.0."
)
@click.option("--author", metavar="NAME", help="Author of the plugin. [default: git's user.name]")
@dry_run
@common
def new_command(
    invocation: Invocation, name: str, language: str, plugin_type: str, spdx: str, author: str | None
) -> int:
    """Create a plugin in the folder NAME.

    It builds and passes its own test: an example to replace, with a manifest, a README, a license, a test
    case, and a workflow for GitHub that builds, checks, tests and signs releases.
    """
    from tarkpm.ops.new import new

    report = new(
        invocation.settings,
        name,
        language=language,
        plugin_type=plugin_type,
        spdx=spdx,
        author=author,
    )
    for note in report.notes:
        invocation.ui.note(note)
    verb = "would create" if invocation.settings.dry_run else "created"
    invocation.report(
        report,
        lambda: [
            f"{verb} {report.folder}: {', '.join(report.files)}",
            f"next: cd {report.name} && tarkpm build && tarkpm test",
        ],
    )
    return 0
