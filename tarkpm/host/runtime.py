"""Host: what plugins can do for the rest of tarkpm, as typed calls.

>>> with Host() as host:                                              # doctest: +SKIP
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
    """Runs plugins, each in a process of its own that is started when it is first needed.

    Every call ends within its deadline in a value or in one `HostError`; a plugin that failed can be called
    again. Safe for several threads; calls of one plugin take turns. Besides what each method says, a call
    raises `ModuleInvalid` for a plugin that does not fit, `HostError` for one of another type,
    `LimitReached`, `PluginCrashed` and `PluginFailed` for one that does not answer.
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
        """``log`` is called with each `LogLine`, ``trace`` with each `TracedCall`, on the calling thread.

        ``spare`` is a worker process started ahead (`process.Process`), which the first plugin gets.
        ``interfaces`` makes what serves a plugin's host calls. Without a ``cache`` each worker compiles.
        A ``long_lived`` host forks its workers from a server, which costs one start more and then 6 ms
        instead of 90 each, and ends those that were not used for ``idle_seconds``; the next call brings
        them back.
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
        """The tools of a tool plugin, in its order, within one deadline."""
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
        """Execute a tool with JSON text as its arguments, which are checked against the tool's schema.

        A tool that says it failed is a result, not an error. Arguments that do not fit are a `HostError`.
        """
        return self._ask(image, "tool", "execute", [tool, arguments], ToolResult)

    # Authentication

    def display_name(self, image: PluginImage) -> str:
        """What an auth plugin calls itself, in one line; its name if it does not say."""
        return results.label(self._ask(image, "auth", "display-name", [], str)) or image.name

    def auth_status(self, image: PluginImage) -> AuthStatus:
        """Whether an auth plugin has a token."""
        return self._ask(image, "auth", "status", [], AuthStatus)  # type: ignore[arg-type]

    def start_device_flow(self, image: PluginImage) -> DeviceCode:
        """Begin a device flow; `PluginFailed` if the plugin cannot."""
        shape = results.WireResult[results.WireDeviceCode]
        found = self._ask(image, "auth", "start-device-flow", [], shape)
        code = results.succeeded(found, "start the device flow", image.name)
        return results.device_code(code, image.name)

    def poll(self, image: PluginImage, device_code: str) -> Poll:
        """How a device flow stands. An error is a state, not an exception."""
        return results.poll(self._ask(image, "auth", "poll", [device_code], results.WirePoll), image.name)

    def get_token(self, image: PluginImage) -> str:
        """The access token: a secret. `PluginFailed` if there is none."""
        found = self._ask(image, "auth", "get-token", [], results.WireResult[str])
        return results.token(results.succeeded(found, "get a token", image.name), image.name)

    def logout(self, image: PluginImage) -> None:
        """Have an auth plugin forget its token; `PluginFailed` if it cannot."""
        found = self._ask(image, "auth", "logout", [], results.WireResult[None])
        results.succeeded(found, "log out", image.name)

    # The same in the older ABI, where providers and channels sign in, too, and the host does OAuth

    def auth_init(self, image: PluginImage, credentials: str) -> None:
        """Hand a plugin the credentials it is to use, as JSON text; `PluginFailed` if it takes none."""
        found = self._ask_older(image, "init", [credentials], results.WireResult[None])
        results.succeeded(found, "take the credentials", image.name)

    def process_tokens(self, image: PluginImage, tokens: str) -> str | None:
        """What a plugin makes of an OAuth answer, JSON text both; None if it leaves it as it is."""
        found = self._ask_older(image, "process-tokens", [tokens], results.WireResult[str | None])
        return results.succeeded(found, "process the tokens", image.name)

    def credentials(self, image: PluginImage) -> Credentials:
        """What tark's own provider needs to act for one that only signs in; `PluginFailed` if none."""
        found = self._ask_older(image, "credentials", [], results.WireResult[results.WireCredentials])
        return results.credentials(results.succeeded(found, "give credentials", image.name), image.name)

    def channel(self, image: PluginImage) -> ChannelPlugin:
        """The calls of a channel plugin."""
        return ChannelPlugin(image, self._ask)

    # Providers

    def provider_name(self, image: PluginImage) -> str:
        """What a provider calls itself, in one line."""
        return results.label(self._ask(image, "provider", "name", [], str))

    def models(self, image: PluginImage) -> list[str]:
        """The models of a provider, in its order."""
        found = self._ask(image, "provider", "models", [], list[str])
        results.checked_names(found, "model", image.name, limit=results.MAX_MODELS)
        return found

    def chat(self, image: PluginImage, messages: Sequence[Message], model: str) -> ChatResponse:
        """One completion; `PluginFailed` if the provider cannot."""
        turns = [results.wire_message(message) for message in messages]
        found = self._ask(image, "provider", "chat", [turns, model], results.WireResult[results.WireChat])
        return results.chat_response(results.succeeded(found, "answer", image.name))

    # Hooks

    def hook_events(self, image: PluginImage) -> list[str]:
        """The events a hook plugin wants to see."""
        found = self._ask(image, "hook", "events", [], list[str])
        results.checked_names(found, "event", image.name)
        return found

    def hook_handle(self, image: PluginImage, event: str, payload: str) -> HookOutcome:
        """Hand an event with its JSON payload to a hook plugin."""
        return results.outcome(self._ask(image, "hook", "handle", [event, payload], results.WireOutcome))

    # Workers

    def load(self, image: PluginImage) -> None:
        """Have a plugin ready, so that its first call does not wait."""
        self._worker(image).load()

    def load_all(self, images: Iterable[PluginImage]) -> dict[str, HostError]:
        """Have these ready, all that can be; what is wrong with each that cannot, by name."""
        failed = {}
        for image in images:
            try:
                self.load(image)
            except HostError as problem:
                failed[image.name] = problem
        return failed

    def counted(self, name: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """What the plugin of this name used and what it was refused since it was loaded, by function."""
        with self._lock:
            worker = self._workers.get(name)
        return ({}, {}) if worker is None else (dict(worker.gate.uses), dict(worker.gate.refusals))

    def unload(self, name: str) -> None:
        """End the worker of the plugin of this name, if it has one."""
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
        """The worker that holds exactly this image; one that holds another of its name is ended."""
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
