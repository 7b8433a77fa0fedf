"""Calls of plugins that can be cancelled: the calls of one plugin take turns."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tarkpm.errors import HostError
from tarkpm.host.runtime import PluginHost


class AgentCall:
    """One call, from when it is asked for until it ends. ``tell`` gets a line of progress, on any thread."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self.plugin = ""
        self.is_cancelled = False
        self.tell = tell

    def check(self) -> None:
        """Raise `HostError` if the call was cancelled."""
        if self.is_cancelled:
            raise HostError("the call was cancelled", where=self.plugin)


class _Queue:
    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.guard = threading.Lock()
        self.running: AgentCall | None = None


class Turns:
    """The turns of a host's plugins. Safe for several threads."""

    def __init__(self, host: PluginHost) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}

    @contextmanager
    def taking(self, call: AgentCall) -> Iterator[None]:
        """Wait for the turn of ``call``. Raises `HostError` if it was cancelled meanwhile."""
        queue = self._queue(call.plugin)
        with queue.turn:
            with queue.guard:
                call.check()
                queue.running = call
            try:
                yield
            finally:
                with queue.guard:
                    queue.running = None

    def cancel(self, call: AgentCall) -> None:
        """Cancel a call: one that runs ends with its worker process, one that waits does not begin.

        This can take as long as loading the plugin. Only this call is ended: the next one in the queue waits
        for the guard, and starts a process of its own.
        """
        call.is_cancelled = True
        if not call.plugin:
            return
        queue = self._queue(call.plugin)
        with queue.guard:
            if queue.running is call:
                self._host.unload(call.plugin)

    def running(self, plugin: str) -> AgentCall | None:
        """Return the call of a plugin that runs now."""
        return self._queue(plugin).running

    def _queue(self, plugin: str) -> _Queue:
        with self._lock:
            return self._queues.setdefault(plugin, _Queue())
