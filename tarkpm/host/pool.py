"""The workers of a host: one process for each plugin, started at its first call."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from tarkpm.core.capability import Capability
from tarkpm.errors import HostError
from tarkpm.host import prestart
from tarkpm.host.forkserver import ForkServer
from tarkpm.host.image import Interfaces, PluginImage, Used
from tarkpm.host.imports.log import LogSink
from tarkpm.host.limits import Limits
from tarkpm.host.pinned import PinnedTools, Withheld
from tarkpm.host.process import AnyProcess, start
from tarkpm.host.reaper import Reaper
from tarkpm.host.trace import Trace
from tarkpm.host.worker_handle import Worker

if TYPE_CHECKING:
    from typing import Self

    from tarkpm.host.compile.cache import CompileCache


class WorkerPool:
    """The workers of plugins, by name; a name has one worker, of the image that was called last.

    The pool is safe for several threads.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        log: LogSink | None = None,
        *,
        interfaces: Interfaces | None = None,
        cache: "CompileCache | None" = None,
        trace: Trace | None = None,
        long_lived: bool = False,
        idle_seconds: float = 300.0,
        withheld: Withheld | None = None,
        used: Used | None = None,
    ) -> None:
        """Create a host. No process is started yet.

        Args:
            limits: limits of each plugin.
            log: called with each `LogLine`, on the thread that calls the plugin.
            interfaces: creates the implementations of a plugin's host calls.
            cache: compiled code. Without it each worker compiles its module.
            trace: called with each `TracedCall`, on the thread that calls the plugin.
            long_lived: fork workers from a server process (one extra start, then 6 ms instead of 90 ms
                each) and end idle ones; the next call starts them again.
            idle_seconds: how long a worker of a ``long_lived`` host may stay unused.
            withheld: called with a plugin and the names of its tools that differ from their pins.
            used: called with a plugin and how often it used what it was granted.
        """
        self._limits = limits or Limits()
        self._sink = log
        self._interfaces = interfaces
        self._cache = cache
        self._trace = trace
        self._forks = ForkServer() if long_lived else None
        self._idle_seconds = idle_seconds
        self._pinned = PinnedTools(withheld)
        self._used = used
        self._reaper: Reaper | None = None
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._is_shut = False

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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

    def lacked(self, name: str) -> Counter[Capability]:
        """Return how often a grant was missing since a plugin was loaded, by that grant."""
        with self._lock:
            worker = self._workers.get(name)
        return Counter() if worker is None else worker.gate.lacked()

    def unload(self, name: str) -> None:
        """End the worker of a plugin, if it has one."""
        with self._lock:
            worker = self._workers.pop(name, None)
        if worker is not None:
            worker.retire()

    def close(self) -> None:
        """End every worker. The host can be used again afterwards."""
        with self._lock:
            workers, self._workers = list(self._workers.values()), {}
            reaper, self._reaper = self._reaper, None
        if reaper is not None:
            reaper.stop()
        for worker in workers:
            worker.retire()
        if self._forks is not None:
            self._forks.close(for_good=self._is_shut)

    def shut(self) -> None:
        """End every worker for good: each later call of a plugin raises `HostError`."""
        with self._lock:  # a call in another thread must not start a worker after the last one ended
            self._is_shut = True
        self.close()

    def _worker(self, image: PluginImage, kind: str = "") -> Worker:
        """Return the worker of exactly this image; end the one of another image of the same name."""
        if kind and image.type != kind and not (kind == "auth" and image.is_older):
            hint = f"tarkpm list --type {kind}"
            message = f"'{image.name}' is of type '{image.type}', expected '{kind}'"
            raise HostError(message, where=image.name, hint=hint)
        with self._lock:
            if self._is_shut:
                raise HostError("the host is closed", where=image.name)
            worker = self._workers.get(image.name)
            if worker is not None and (worker.image is image or worker.image == image):
                return worker
            self._workers[image.name] = fresh = self._fresh(image)
        # Outside the lock: closing waits for a running call, and other plugins must not.
        if worker is not None:
            worker.retire()
        return fresh

    def _fresh(self, image: PluginImage) -> Worker:
        if self._forks is not None and self._reaper is None:
            self._reaper = Reaper(self._present, self._idle_seconds)
        return Worker(
            image,
            self._limits.of(image.type),
            self._sink,
            interfaces=self._interfaces,
            trace=self._trace,
            start=self._started,
            cache=self._cache,
            used=self._used,
        )

    def _started(self, *, schemas: bool = False) -> AnyProcess:
        if self._forks is not None:
            return self._forks.start(schemas=schemas)
        return prestart.take() or start(schemas=schemas)

    def _present(self) -> list[Worker]:
        with self._lock:
            return list(self._workers.values())
