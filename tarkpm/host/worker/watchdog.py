"""The guest's own deadline, and an end to a worker whose parent is gone."""

import os
import threading
import time

from wasmtime import Engine

TICK = 0.01
IDLE_AFTER = 1.0


def die_with(parent: int) -> None:
    """End this process once ``parent`` is gone, whatever it does meanwhile."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(10 * TICK)
        os._exit(0)

    threading.Thread(target=look, daemon=True).start()


class Watch:
    """Interrupts the guest when its time is up, to the nearest 10 ms.

    The store's deadline is one epoch away and this thread increments the epoch once, so an idle worker has
    nothing that ticks. It outlives a burst of calls by a second, because waking it costs more than a tick.
    """

    def __init__(self, engine: Engine, parent: int) -> None:
        self._engine = engine
        self._parent = parent
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._deadline: float | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def arm(self, seconds: float) -> None:
        """Interrupt whatever runs ``seconds`` from now."""
        with self._lock:
            self._deadline = time.monotonic() + seconds
        if not self._wanted.is_set():
            self._wanted.set()

    def disarm(self) -> None:
        with self._lock:
            self._deadline = None

    def _run(self) -> None:
        idle_since = time.monotonic()
        while True:
            time.sleep(TICK)
            # A guest that spins never reads the socket's end. PR_SET_PDEATHSIG is no help: it follows
            # the thread that started this process, which may end long before the parent does.
            if os.getppid() != self._parent:
                os._exit(0)
            now = time.monotonic()
            if self._running(now):
                idle_since = now
            elif now - idle_since > IDLE_AFTER:
                self._sleep()
                idle_since = time.monotonic()

    def _running(self, now: float) -> bool:
        with self._lock:
            if self._deadline is None:
                return False
            if now >= self._deadline:  # and again with every tick, should the guest only now be starting
                self._engine.increment_epoch()
            return True

    def _sleep(self) -> None:
        self._wanted.clear()
        with self._lock:
            armed_meanwhile = self._deadline is not None
        if not armed_meanwhile:
            self._wanted.wait()
