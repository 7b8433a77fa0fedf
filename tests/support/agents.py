"""The official SDK's client, connected to `tarkpm mcp` as agents start it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from support.sandbox import Sandbox
from support.silent_ui import SilentUi
from tarkpm.core.agent.listing import Exposure
from tarkpm.ops.mcp import Toolbox
from tarkpm.ops.project.settings import Settings, user_paths

if TYPE_CHECKING:
    from mcp import Client

NEW, OLD = "2026-07-28", "2025-11-25"


def run(function: Callable[[], Awaitable[None]], seconds: float = 60) -> None:
    """Run an asynchronous test to its end."""

    async def limited() -> None:
        with anyio.fail_after(seconds):
            await function()

    anyio.run(limited)


@asynccontextmanager
async def connected(
    sandbox: Sandbox,
    *arguments: str,
    version: str = NEW,
    errors: Path | None = None,
    env: Mapping[str, str] | None = None,
    **client: Any,
) -> AsyncIterator[Client]:
    """Start the server in the sandbox's project, and connect a client of this protocol revision."""
    pytest.importorskip("mcp")
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tarkpm", "mcp", *arguments],
        env=sandbox.environment(**(env or {})),
        cwd=sandbox.cwd,
    )
    place = errors or sandbox.root / "mcp.err"
    with place.open("w") as log:
        mode = "legacy" if version == OLD else "auto"
        async with Client(stdio_client(parameters, errlog=log), mode=mode, **client) as found:
            yield found


@contextmanager
def toolbox(project: Sandbox, folder: Path, ui: SilentUi) -> Iterator[Toolbox]:
    """The tools of the project in a folder, as the server calls them, in this process."""
    environment = project.environment()
    settings = Settings(cwd=folder, paths=user_paths(environment), environment=environment)
    found = Toolbox(settings, ui, Exposure(), lambda _: None)
    try:
        yield found
    finally:
        found.close()
