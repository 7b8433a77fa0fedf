"""The guest's deadline, and the end of a worker whose parent is gone."""

import os
import threading
import time

from wasmtime import Engine

# The precision of deadlines, against the cost of waking up a hundred times a second.
TICK = 0.01
IDLE_AFTER = 1.0


def die_with(parent: int) -> None:
    """End this process when ``parent`` is gone, whatever it is doing."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(10 * TICK)
        # Not sys.exit, which would only end this thread.
        os._exit(0)

    threading.Thread(target=look, daemon=True).start()


class Watch:
    """Interrupts the guest at its deadline, to the nearest 10 ms.

    The store's deadline is one epoch away, and this thread increments the epoch at the deadline, so an idle
    worker needs no ticks. The thread keeps ticking for a second after a call, because waking it costs more
    than a tick. An epoch cannot interrupt a host call or a WASI sleep; then the parent kills the process.
    """

    def __init__(self, engine: Engine, parent: int) -> None:
        self._engine = engine
        self._parent = parent
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._deadline: float | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def arm(self, seconds: float) -> None:
        """Interrupt the guest ``seconds`` from now."""
        with self._lock:
            self._deadline = time.monotonic() + seconds
        if not self._wanted.is_set():
            self._wanted.set()

    def disarm(self) -> None:
        """Cancel the deadline: no guest is running."""
        with self._lock:
            self._deadline = None

    def _run(self) -> None:
        idle_since = time.monotonic()
        while True:
            time.sleep(TICK)
            # A guest in an endless loop never sees the socket close. PR_SET_PDEATHSIG does not help: it
            # follows the thread that started this process, which may end long before the parent does.
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
            if now >= self._deadline:  # at every tick: the guest may set its epoch deadline only now
                self._engine.increment_epoch()
            return True

    def _sleep(self) -> None:
        self._wanted.clear()
        with self._lock:
            armed_meanwhile = self._deadline is not None
        if not armed_meanwhile:
            self._wanted.wait()
