"""Typed calls into plugins, for the rest of tarkpm and for Python programs.

>>> with PluginHost() as host:                                        # doctest: +SKIP
...     result = host.call(image, "text-stats", '{"text": "one two"}')
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from tarkpm.core.text import neutral
from tarkpm.errors import HostError
from tarkpm.host import results
from tarkpm.host.arguments import check_size
from tarkpm.host.channel_plugin import ChannelPlugin
from tarkpm.host.forkserver import ForkServer
from tarkpm.host.image import Interfaces, PluginImage
from tarkpm.host.imports.log import LogLine, LogSink
from tarkpm.host.limits import Limits
from tarkpm.host.process import AnyProcess, start
from tarkpm.host.reaper import Reaper
from tarkpm.host.results import (
    AuthStatus,
    ChatResponse,
    Credentials,
    DeviceCode,
    HookOutcome,
    Message,
    Poll,
    Risk,
    ToolDef,
    ToolResult,
    Usage,
)
from tarkpm.host.trace import Trace, TracedCall
from tarkpm.host.worker_handle import Worker

if TYPE_CHECKING:
    from tarkpm.host.compile.cache import CompileCache

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


class PluginHost:
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

    def __init__(
        self,
        limits: Limits | None = None,
        log: LogSink | None = None,
        *,
        spare: AnyProcess | None = None,
        interfaces: Interfaces | None = None,
        cache: "CompileCache | None" = None,
        trace: Trace | None = None,
        long_lived: bool = False,
        idle_seconds: float = 300.0,
    ) -> None:
        """Create a host. No process is started yet.

        Args:
            limits: limits of each plugin.
            log: called with each `LogLine`, on the thread that calls the plugin.
            spare: a worker process that was started ahead; the first plugin gets it.
            interfaces: creates the implementations of a plugin's host calls.
            cache: compiled code. Without it each worker compiles its module.
            trace: called with each `TracedCall`, on the thread that calls the plugin.
            long_lived: fork workers from a server process (one extra start, then 6 ms instead of 90 ms
                each) and end idle ones; the next call starts them again.
            idle_seconds: how long a worker of a ``long_lived`` host may stay unused.
        """
        self._limits = limits or Limits()
        self._sink = log
        self._interfaces = interfaces
        self._cache = cache
        self._trace = trace
        self._forks = ForkServer() if long_lived else None
        self._idle_seconds = idle_seconds
        self._reaper: Reaper | None = None
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._spare = spare

    def __enter__(self) -> "PluginHost":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Tools

    def tools(self, image: PluginImage) -> list[ToolDef]:
        """Return the tools of a tool plugin, in its order; one deadline covers all calls this takes."""
        worker = self._worker(image, "tool")
        worker.load()
        deadline = time.monotonic() + self._limits.seconds
        found = worker.call("get-tools", [], list[results.WireTool], deadline)
        results.checked_names([tool.name for tool in found], "tool", image.name)
        return [
            ToolDef(
                tool.name,
                neutral(tool.description, keep="\n\t"),
                tool.parameters_schema,
                worker.call("get-risk-level", [tool.name], Risk, deadline),  # type: ignore[arg-type]
            )
            for tool in found
        ]

    def call(self, image: PluginImage, tool: str, arguments: str) -> ToolResult:
        """Execute a tool. ``arguments`` is JSON text, which is checked against the tool's schema first.

        Returns the tool's result; ``success`` is false if the tool reports a failure. Raises `HostError` for
        arguments that do not match the schema.
        """
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

    # Workers

    def load(self, image: PluginImage) -> None:
        """Load a plugin, so that its first call does not wait."""
        self._worker(image).load()

    def load_all(self, images: Iterable[PluginImage]) -> dict[str, HostError]:
        """Load plugins. Returns the error of each one that cannot be loaded, by name."""
        failed = {}
        for image in images:
            try:
                self.load(image)
            except HostError as problem:
                failed[image.name] = problem
        return failed

    def counted(self, name: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Return the counts of used and of refused host calls since a plugin was loaded, by function."""
        with self._lock:
            worker = self._workers.get(name)
        return ({}, {}) if worker is None else (dict(worker.gate.uses), dict(worker.gate.refusals))

    def unload(self, name: str) -> None:
        """End the worker of a plugin, if it has one."""
        with self._lock:
            worker = self._workers.pop(name, None)
        if worker is not None:
            worker.close()

    def close(self) -> None:
        """End every worker. The host can be used again afterwards."""
        with self._lock:
            workers, self._workers = list(self._workers.values()), {}
            spare, self._spare = self._spare, None
            reaper, self._reaper = self._reaper, None
        if reaper is not None:
            reaper.stop()
        if spare is not None:
            spare.kill()
        for worker in workers:
            worker.close()
        if self._forks is not None:
            self._forks.close()

    def _ask(self, image: PluginImage, kind: str, function: str, args: list[Any], shape: type[_T]) -> _T:
        check_size(args, self._limits.arguments, image.name)
        return self._worker(image, kind).call(function, args, shape)

    def _ask_older(self, image: PluginImage, function: str, args: list[Any], shape: type[_T]) -> _T:
        if not image.is_older:
            raise HostError("is a component, which signs in by itself", where=image.name)
        return self._ask(image, "auth", function, args, shape)

    def _worker(self, image: PluginImage, kind: str = "") -> Worker:
        """Return the worker of exactly this image; end the one of another image of the same name."""
        if kind and image.type != kind and not (kind == "auth" and image.is_older):
            hint = f"tarkpm list --type {kind}"
            raise HostError(f"is of type {image.type!r}, expected {kind!r}", where=image.name, hint=hint)
        with self._lock:
            worker = self._workers.get(image.name)
            if worker is not None and (worker.image is image or worker.image == image):
                return worker
            self._workers[image.name] = fresh = self._fresh(image)
        if worker is not None:
            worker.close()
        return fresh

    def _fresh(self, image: PluginImage) -> Worker:
        spare, self._spare = self._spare, None
        if self._forks is not None and self._reaper is None:
            self._reaper = Reaper(self._present, self._idle_seconds)
        return Worker(
            image,
            self._limits,
            self._sink,
            spare,
            interfaces=self._interfaces,
            trace=self._trace,
            start=self._started,
            cache=self._cache,
        )

    def _started(self, *, schemas: bool = False) -> AnyProcess:
        make = start if self._forks is None else self._forks.start
        return make(schemas=schemas)

    def _present(self) -> list[Worker]:
        with self._lock:
            return list(self._workers.values())
