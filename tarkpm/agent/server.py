"""Answer MCP requests from a `Toolbox`.

The SDK's server answers the revisions 2025-11-25 (handshake) and 2026-07-28 (stateless) in one process; the
first message decides. Calls of plugins run on threads, so that one that hangs keeps nobody waiting.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError

from tarkpm import __version__
from tarkpm.agent.consent import Context, Elicitations
from tarkpm.core.agent.agreement import DECLINED
from tarkpm.core.agent.outcome import Outcome, refused
from tarkpm.ops.mcp import Toolbox
from tarkpm.ops.run.turns import AgentCall

LOOK_SECONDS = 1.0
"""How often the project's files are looked at: eight calls of `os.stat`."""
PROGRESS_SECONDS = 1.0
MAX_CALLS = 64
"""Calls at once, of all clients; further ones wait. Each takes a thread; calls of one plugin take turns."""
MAX_SESSIONS = 64
"""Sessions of 2025-11-25 that are sent changes of the list: the latest. Nothing says when one ends."""
TELL_SECONDS = 2.0
INSTRUCTIONS = (
    "Tools of WebAssembly plugins that the user installed with tarkpm. Each runs in a sandbox, with what the "
    "user granted to it. If a tool lacks a permission, tell the user the command that grants it."
)


class AgentServer(Server[Any]):
    """The MCP server of one project."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._bus = InMemorySubscriptionBus()
        super().__init__(
            "tarkpm",
            version=__version__,
            title="tarkpm plugins",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_subscriptions_listen=ListenHandler(self._bus),
            lifespan=_watching,
        )
        self.middleware.clear()  # the SDK's tracing: what is called with what concerns nobody else
        self.toolbox = toolbox
        self._sessions: list[ServerSession] = []
        self._consent = Elicitations()
        self._limiter: anyio.CapacityLimiter | None = None
        self.add_notification_handler("notifications/initialized", types.NotificationParams, self._began)

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Return the options, which say that changes of the list of tools are announced."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)

    async def look(self) -> None:
        """Look for changes of the project, and announce them, until cancelled."""
        known = self.toolbox.changes
        while True:
            await anyio.sleep(LOOK_SECONDS)
            await anyio.to_thread.run_sync(self.toolbox.refresh)
            # Also what a call noticed first: it read the project again without a notification.
            if (changes := self.toolbox.changes) != known:
                known = changes
                await self._announce()

    async def _announce(self) -> None:
        await self._bus.publish(ToolsListChanged())  # to clients of 2026-07-28 that listen
        async with anyio.create_task_group() as group:
            for session in list(self._sessions):
                group.start_soon(self._tell, session)

    async def _tell(self, session: ServerSession) -> None:
        # A client that is gone, or does not read, must neither end the server nor keep the others waiting.
        with anyio.move_on_after(TELL_SECONDS), suppress(Exception):
            await session.send_tool_list_changed()
            return
        with suppress(ValueError):
            self._sessions.remove(session)

    async def _began(self, context: Context, _: types.NotificationParams | None) -> None:
        self._sessions = [*self._sessions[1 - MAX_SESSIONS :], context.session]

    async def _list(self, _: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        if params and params.cursor:
            # The list is one page. The whole again would look like the next one (MCP, pagination, errors).
            raise MCPError(types.INVALID_PARAMS, "expected no cursor: the list of tools has one page")
        found = await anyio.to_thread.run_sync(self.toolbox.listing)
        return types.ListToolsResult(tools=[types.Tool.model_validate(one) for one in found.definitions])

    async def _call(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(MAX_CALLS)
        arguments, agreed = params.arguments or {}, False
        if self.toolbox.asks and (question := self.toolbox.question(params.name, arguments)):
            answer = await self._consent.asked(context, params, question)
            if isinstance(answer, types.InputRequiredResult):
                return answer
            if answer is False:
                return result(refused(DECLINED), context.protocol_version)
            agreed = answer is True
        async with _progress(context) as call:
            work = partial(self.toolbox.call, params.name, arguments, call, agreed=agreed)
            try:
                found = await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)
            except anyio.get_cancelled_exc_class():
                # The client stopped waiting: its call must not go on, nor keep others from their turn.
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self.toolbox.cancel, call)
                raise
        return result(found, context.protocol_version)


def result(found: Outcome, version: str) -> types.CallToolResult:
    """Return an outcome as MCP's result. The plugin's text and tarkpm's sentences are separate blocks."""
    texts = [found.text] if found.text or not found.host else []
    texts += [f"tarkpm: {sentence}" for sentence in found.host]
    # Until 2025-11-25, structured content is an object.
    data = found.data if isinstance(found.data, dict) or version >= "2026-07-28" else None
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text) for text in texts],
        structured_content=data,
        is_error=found.failed,
    )


@asynccontextmanager
async def _progress(context: Context) -> AsyncIterator[AgentCall]:
    """Yield a call whose progress goes to the client, if it asked for that."""
    meta = context.meta or {}
    if meta.get("progress_token") is None and meta.get("progressToken") is None:
        yield AgentCall()
        return
    last: deque[str] = deque(maxlen=1)  # a plugin can log faster than a client reads
    start = anyio.current_time()

    async def report() -> None:
        while True:
            await anyio.sleep(PROGRESS_SECONDS)
            message = last[-1] if last else None
            await context.session.report_progress(anyio.current_time() - start, message=message)

    async with anyio.create_task_group() as group:
        group.start_soon(report)
        yield AgentCall(last.append)
        group.cancel_scope.cancel()


@asynccontextmanager
async def _watching(server: Server[Any]) -> AsyncIterator[dict[str, Any]]:
    assert isinstance(server, AgentServer)
    async with anyio.create_task_group() as group:
        group.start_soon(server.look)
        try:
            yield {}
        finally:
            group.cancel_scope.cancel()
