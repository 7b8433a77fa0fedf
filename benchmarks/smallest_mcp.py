"""The smallest server that the MCP SDK makes, with COUNT tools that do nothing: a peer of `tarkpm mcp`."""

import json
import sys

import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS = [
    types.Tool(name=f"plugin-{number:03}__text-stats", description="Counts", input_schema=SCHEMA)
    for number in range(int(sys.argv[1]))
]


async def _list(_context, _params):  # type: ignore[no-untyped-def]
    return types.ListToolsResult(tools=TOOLS)


async def _call(_context, params):  # type: ignore[no-untyped-def]
    data = {"chars": len(params.arguments["text"])}
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json.dumps(data))], structured_content=data
    )


async def _main() -> None:
    server = Server("smallest", version="0", on_list_tools=_list, on_call_tool=_call)
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


anyio.run(_main)
