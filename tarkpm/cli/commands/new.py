"""``tarkpm new``."""

from typing import Any, Final

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common, dry_run

SHORT: Final = {"js": "javascript", "py": "python", "rs": "rust"}


class _Language(click.Choice[str]):
    """A choice that also takes the suffix of a language's sources."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(SHORT.get(value, value), param, ctx)


@click.command("new", cls=CheckedCommand)
@click.argument("name")
@click.option(
    "--lang",
    "language",
    required=True,
    type=_Language(["python", "javascript", "c", "rust"]),
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
