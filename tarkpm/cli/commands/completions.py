"""``tarkpm completions``."""

import click

from tarkpm.cli.options import Invocation, common

SHELLS = ("bash", "zsh", "fish")


VARIABLE = "_TARKPM_COMPLETE"


@click.command("completions")
@click.argument("shell", type=click.Choice(SHELLS))
@common
def completions_command(invocation: Invocation, shell: str) -> int:
    """Print the completion script of a shell: eval "$(tarkpm completions bash)".

    For fish: tarkpm completions fish | source
    """
    from click.shell_completion import get_completion_class

    from tarkpm.cli.group import group

    made = get_completion_class(shell)
    assert made is not None
    completion = made(group, {}, "tarkpm", VARIABLE)
    script = completion.source_template % completion.source_vars()
    invocation.report({"shell": shell, "script": script}, lambda: [script])
    return 0
