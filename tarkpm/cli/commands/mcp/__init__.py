"""``tarkpm mcp``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.collector import collect_garbage
from tarkpm.cli.lazy_group import LazyGroup
from tarkpm.cli.options import Invocation, read, running
from tarkpm.cli.rendering import print_log

if TYPE_CHECKING:
    from tarkpm.ops.mcp import Toolbox

TOKEN = "TARKPM_MCP_TOKEN"  # noqa: S105  # a variable's name
SECTIONS = {"Agents": ("connect", "disconnect", "export")}


@click.group("mcp", cls=LazyGroup, package=__name__, sections=SECTIONS, invoke_without_command=True)
@click.option("--expose", default="", metavar="all|search|N", help="Tools to list. [default: all if few]")
@click.option("--http", default="", metavar="[HOST:PORT]", help="Serve HTTP on loopback.")
@running
def mcp_command(invocation: Invocation, expose: str, http: str) -> int:
    """Serve the tools of plugins to agents, over MCP.

    Without a subcommand, the server uses standard input and output: an agent starts it. Clients of --http
    send the token of TARKPM_MCP_TOKEN; without it, a new token is shown once on standard error.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    from tarkpm.core.agent.address import loopback
    from tarkpm.core.agent.listing import Exposure

    exposure = read(Exposure.read, expose, "--expose") if expose else Exposure()
    address = read(loopback, http, "--http") if http else None
    import tarkpm.agent  # noqa: F401  before the project is read: without the SDK there is no need to
    from tarkpm.ops.mcp import Toolbox
    from tarkpm.ops.project.location import without_project
    from tarkpm.ops.run.server_token import read_token, without_token

    if note := without_project(invocation.settings, "serving"):
        invocation.ui.note(note)
    token = read_token(invocation.settings, TOKEN) if address else ""
    toolbox = Toolbox(without_token(invocation.settings, TOKEN), invocation.ui, exposure, print_log)
    try:
        _serve(invocation, toolbox, address, token)
    finally:
        toolbox.close()
    return 0


def _serve(invocation: Invocation, toolbox: "Toolbox", address: tuple[str, int] | None, token: str) -> None:
    if address is not None:
        from tarkpm.agent import http

        collect_garbage()
        http.serve(toolbox, *address, invocation.ui.note, token)
        return
    from tarkpm.agent import stdio

    if invocation.ui.interactive:
        invocation.ui.note("waiting for an agent on standard input; tarkpm mcp connect sets one up")
    collect_garbage()
    stdio.serve(toolbox)
