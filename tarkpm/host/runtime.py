"""Typed calls into plugins, for the rest of tarkpm and for Python programs.

>>> with PluginHost() as host:                                        # doctest: +SKIP
...     result = host.call(image, "text-stats", '{"text": "one two"}')
"""

import time
from collections.abc import Sequence
from typing import Any, TypeVar

from tarkpm.core.chat import ChatResponse, Message, Usage
from tarkpm.core.text import neutral
from tarkpm.core.tool import Risk, ToolDef
from tarkpm.errors import HostError
from tarkpm.host import results
from tarkpm.host.arguments import check_size
from tarkpm.host.channel_plugin import ChannelPlugin
from tarkpm.host.image import Interfaces, PluginImage
from tarkpm.host.imports.log import LogLine
from tarkpm.host.limits import Limits
from tarkpm.host.pool import WorkerPool
from tarkpm.host.results import (
    AuthStatus,
    Credentials,
    DeviceCode,
    HookOutcome,
    Poll,
    ToolResult,
)
from tarkpm.host.trace import TracedCall
from tarkpm.host.worker_handle import Worker

__all__ = [
    "AuthStatus",
    "ChannelPlugin",
    "ChatResponse",
    "Credentials",
    "DeviceCode",
    "HookOutcome",
    "Interfaces",
    "Limits",
    "LogLine",
    "Message",
    "PluginHost",
    "PluginImage",
    "Poll",
    "Risk",
    "ToolDef",
    "ToolResult",
    "TracedCall",
    "Usage",
    "Worker",
]  # fmt: skip

_T = TypeVar("_T")


class PluginHost(WorkerPool):
    """Run plugins, each in a process of its own that starts at its first call.

    Every call ends before its deadline (`Limits.seconds`), with a value or with one `HostError`. A plugin
    that failed can be called again. The host is safe for several threads; calls of one plugin take turns.

    Raises, from every method that calls a plugin:
        ModuleInvalid: the module's imports or exports do not fit its type.
        HostError: the plugin is of another type, or the arguments are not valid.
        LimitReached: the plugin exceeded its time, memory, stack, text or call limit.
        PluginCrashed: the plugin trapped, or its worker process ended or broke the protocol.
        PluginFailed: the plugin returned an error or a value that cannot be used.
    """

    # Tools

    def tools(self, image: PluginImage) -> list[ToolDef]:
        """Return the tools of a tool plugin, in its order, but for those that differ from their pins.

        One deadline covers all calls that this takes.
        """
        worker = self._worker(image, "tool")
        worker.load()
        deadline = time.monotonic() + self._limits.seconds
        found = worker.call("get-tools", [], list[results.WireTool], deadline)
        results.checked_names([tool.name for tool in found], "tool", image.name)
        tools = [
            ToolDef(
                tool.name,
                neutral(tool.description, keep="\n\t"),
                tool.parameters_schema,
                worker.call("get-risk-level", [tool.name], Risk, deadline),  # type: ignore[arg-type]
            )
            for tool in found
        ]
        return self._pinned.matching(image, tools, worker.pid)

    def call(self, image: PluginImage, tool: str, arguments: str) -> ToolResult:
        """Execute a tool. ``arguments`` is JSON text, which is checked against the tool's schema first.

        Returns the tool's result; ``success`` is false if the tool reports a failure. Raises `HostError` for
        arguments that do not match the schema, and `DigestMismatch` for a tool that is not defined as it was
        pinned.
        """
        if not self._pinned.knows(image, self._worker(image, "tool").pid):
            self.tools(image)
        self._pinned.check(image, tool)
        return self._ask(image, "tool", "execute", [tool, arguments], ToolResult)

    # Authentication

    def display_name(self, image: PluginImage) -> str:
        """Return the display name of an auth plugin, in one line; the plugin's name if it gives none."""
        return results.label(self._ask(image, "auth", "display-name", [], str)) or image.name

    def auth_status(self, image: PluginImage) -> AuthStatus:
        """Return whether an auth plugin has a token."""
        return self._ask(image, "auth", "status", [], AuthStatus)  # type: ignore[arg-type]

    def start_device_flow(self, image: PluginImage) -> DeviceCode:
        """Start a device flow (RFC 8628). Raises `PluginFailed` if the plugin returns an error."""
        shape = results.WireResult[results.WireDeviceCode]
        found = self._ask(image, "auth", "start-device-flow", [], shape)
        code = results.succeeded(found, "start the device flow", image.name)
        return results.device_code(code, image.name)

    def poll(self, image: PluginImage, device_code: str) -> Poll:
        """Return the state of a device flow. An error is a state, not an exception."""
        return results.poll(self._ask(image, "auth", "poll", [device_code], results.WirePoll), image.name)

    def get_token(self, image: PluginImage) -> str:
        """Return the access token, which is a secret. Raises `PluginFailed` if there is none."""
        found = self._ask(image, "auth", "get-token", [], results.WireResult[str])
        return results.token(results.succeeded(found, "get a token", image.name), image.name)

    def logout(self, image: PluginImage) -> None:
        """Make an auth plugin delete its token. Raises `PluginFailed` if it returns an error."""
        found = self._ask(image, "auth", "logout", [], results.WireResult[None])
        results.succeeded(found, "log out", image.name)

    # Authentication in the older ABI: providers and channels sign in too, and the host runs the OAuth flow

    def auth_init(self, image: PluginImage, credentials: str) -> None:
        """Give a plugin its credentials, as JSON text. Raises `PluginFailed` if it does not accept them."""
        found = self._ask_older(image, "init", [credentials], results.WireResult[None])
        results.succeeded(found, "accept the credentials", image.name)

    def process_tokens(self, image: PluginImage, tokens: str) -> str | None:
        """Return an OAuth token response as the plugin changed it (JSON text), or None if it did not."""
        found = self._ask_older(image, "process-tokens", [tokens], results.WireResult[str | None])
        return results.succeeded(found, "process the tokens", image.name)

    def credentials(self, image: PluginImage) -> Credentials:
        """Return the credentials with which tark's own provider acts for a plugin that only signs in.

        Raises `PluginFailed` if it has none.
        """
        found = self._ask_older(image, "credentials", [], results.WireResult[results.WireCredentials])
        return results.credentials(results.succeeded(found, "give credentials", image.name), image.name)

    def channel(self, image: PluginImage) -> ChannelPlugin:
        """Return the calls of a channel plugin."""
        return ChannelPlugin(image, self._ask)

    # Providers

    def provider_name(self, image: PluginImage) -> str:
        """Return the display name of a provider, in one line."""
        return results.label(self._ask(image, "provider", "name", [], str))

    def models(self, image: PluginImage) -> list[str]:
        """Return the model names of a provider, in its order."""
        found = self._ask(image, "provider", "models", [], list[str])
        results.checked_names(found, "model", image.name, limit=results.MAX_MODELS)
        return found

    def chat(self, image: PluginImage, messages: Sequence[Message], model: str) -> ChatResponse:
        """Return one completion. Raises `PluginFailed` if the provider returns an error."""
        turns = [results.wire_message(message) for message in messages]
        found = self._ask(image, "provider", "chat", [turns, model], results.WireResult[results.WireChat])
        return results.chat_response(results.succeeded(found, "answer", image.name))

    # Hooks

    def hook_events(self, image: PluginImage) -> list[str]:
        """Return the names of the events a hook plugin subscribes to."""
        found = self._ask(image, "hook", "events", [], list[str])
        results.checked_names(found, "event", image.name)
        return found

    def hook_handle(self, image: PluginImage, event: str, payload: str) -> HookOutcome:
        """Pass an event to a hook plugin; ``payload`` is JSON text."""
        return results.outcome(self._ask(image, "hook", "handle", [event, payload], results.WireOutcome))

    def _ask(self, image: PluginImage, kind: str, function: str, args: list[Any], shape: type[_T]) -> _T:
        check_size(args, self._limits.arguments, image.name)
        return self._worker(image, kind).call(function, args, shape)

    def _ask_older(self, image: PluginImage, function: str, args: list[Any], shape: type[_T]) -> _T:
        if not image.is_older:
            raise HostError("the plugin is a component, which signs in by itself", where=image.name)
        return self._ask(image, "auth", function, args, shape)
