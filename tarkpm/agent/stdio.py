"""``tarkpm mcp``: the server on standard input and output."""

import anyio

from tarkpm.agent.server import AgentServer
from tarkpm.agent.standard_streams import standard_streams
from tarkpm.ops.mcp import Toolbox


def serve(toolbox: Toolbox) -> None:
    """Serve one client until it closes standard input."""
    anyio.run(_serve, toolbox)


async def _serve(toolbox: Toolbox) -> None:
    app = AgentServer(toolbox)
    async with standard_streams() as (reader, writer):
        await app.run(reader, writer, app.create_initialization_options())
