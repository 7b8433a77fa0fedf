"""``tarkpm mcp``."""

import gc
from typing import TYPE_CHECKING

import click

from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, read, running
from tarkpm.cli.rendering import print_log

if TYPE_CHECKING:
    from tarkpm.core.agent.listing import Exposure


@click.group("mcp", cls=Group, invoke_without_command=True)
@click.option(
    "--expose", default="", metavar="all|search|N", help="Tools to list. [default: all, if they are few]"
)
@running
def mcp_command(invocation: Invocation, expose: str) -> int:
    """Serve the tools of plugins to agents, over MCP.

    Without a subcommand, the server uses standard input and output: an agent starts it.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    return _serve(invocation, _exposure(expose))


def _exposure(text: str) -> "Exposure":
    from tarkpm.core.agent.listing import Exposure

    return read(Exposure.read, text, "--expose") if text else Exposure()


def _serve(invocation: Invocation, exposure: "Exposure") -> int:
    from tarkpm.agent import stdio
    from tarkpm.ops.mcp import Toolbox

    toolbox = Toolbox(invocation.settings, invocation.ui, exposure, print_log)
    # What was imported is never garbage; `entry.start` turned the collector off, but a server runs for long.
    gc.freeze()
    gc.enable()
    try:
        stdio.serve(toolbox)
    finally:
        toolbox.close()
    return 0
