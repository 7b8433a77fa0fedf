"""Host: what plugins can do for the rest of tarkpm, as typed calls.

>>> with Host() as host:                                              # doctest: +SKIP
...     result = host.call(image, "text-stats", '{"text": "one two"}')
"""

import threading
import time
from types import TracebackType
from typing import Literal

import msgspec

from tarkpm.core.text import neutral
from tarkpm.errors import HostError, LimitReached, PluginFailed
from tarkpm.host.handle import PluginImage, Worker
from tarkpm.host.imports.log import LogLine, LogSink
from tarkpm.host.limits import Limits, size
from tarkpm.host.process import Process

__all__ = ["Host", "Limits", "LogLine", "PluginImage", "Risk", "ToolDef", "ToolResult", "Worker"]

Risk = Literal["read-only", "write", "risky", "dangerous"]

MAX_TOOLS = 256
MAX_TOOL_NAME = 128


class ToolDef(msgspec.Struct, frozen=True):
    """A tool as its plugin describes it: all of this is the plugin's claim.

    ``name`` is printable; ``description`` may have line breaks and tabs and is otherwise printable;
    ``parameters_schema`` is the plugin's text, meant to be a JSON schema and not checked here.
    """

    name: str
    description: str
    parameters_schema: str
    risk: Risk


class ToolResult(msgspec.Struct, frozen=True):
    """What a tool answered. ``output`` and ``error`` are the plugin's own text, unchanged."""

    success: bool
    output: str
    error: str | None


class _ToolDef(msgspec.Struct, rename="kebab"):
    name: str
    description: str
    parameters_schema: str


class Host:
    """Runs plugins, each in a process of its own that is started when it is first needed.

    Every call ends within its deadline in a value or in one `HostError`; a plugin that failed can be called
    again. Safe for several threads; calls of one plugin take turns.
    """

    def __init__(
        self, limits: Limits | None = None, log: LogSink | None = None, *, spare: Process | None = None
    ) -> None:
        """``log`` is called with each `LogLine`, on the calling thread.

        ``spare`` is a worker process started ahead (`process.Process`), which the first plugin gets.
        """
        self._limits = limits or Limits()
        self._sink = log or _nowhere
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._spare = spare

    def __enter__(self) -> "Host":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def tools(self, image: PluginImage) -> list[ToolDef]:
        """The tools of a tool plugin, in its order, within one deadline."""
        worker = self._worker(image)
        worker.load()
        deadline = time.monotonic() + self._limits.seconds
        found = worker.call("get-tools", [], list[_ToolDef], deadline)
        _check_tools(found, image.name)
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
        """Execute a tool with JSON text as its arguments.

        A tool that says it failed is a result, not an error. Raises `ModuleInvalid` for a plugin that does
        not fit, `LimitReached`, `PluginCrashed` and `PluginFailed` for one that does not answer.
        """
        for text in (tool, arguments):
            self._check_text(text, image.name)
        return self._worker(image).call("execute", [tool, arguments], ToolResult)

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
        if spare is not None:
            spare.kill()
        for worker in workers:
            worker.close()

    def _check_text(self, text: str, where: str) -> None:
        limit = self._limits.arguments
        try:
            is_long = len(text) > limit or len(text.encode()) > limit
        except UnicodeEncodeError:
            raise HostError("the arguments are not valid Unicode", where=where) from None
        if is_long:
            raise LimitReached(f"the arguments are longer than {size(limit)}", where=where)

    def _worker(self, image: PluginImage) -> Worker:
        """The worker that holds exactly this image; one that holds another of its name is ended."""
        with self._lock:
            worker = self._workers.get(image.name)
            if worker is not None and (worker.image is image or worker.image == image):
                return worker
            spare, self._spare = self._spare, None
            self._workers[image.name] = fresh = Worker(image, self._limits, self._sink, spare)
        if worker is not None:
            worker.close()
        return fresh


def _check_tools(tools: list[_ToolDef], where: str) -> None:
    if len(tools) > MAX_TOOLS:
        raise PluginFailed(f"has {len(tools):,} tools, the limit is {MAX_TOOLS}", where=where)
    names = [tool.name for tool in tools]
    for name in names:
        if not name or not name.isprintable() or len(name) > MAX_TOOL_NAME:
            shown = neutral(name, limit=MAX_TOOL_NAME)
            raise PluginFailed(f"has a tool that cannot be named: {shown!r}", where=where)
    if len(set(names)) < len(names):
        raise PluginFailed("has two tools of one name", where=where)


def _nowhere(_line: LogLine) -> None:
    pass
