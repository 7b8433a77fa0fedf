"""Ends workers that have been idle for a while."""

import threading
import time
from collections.abc import Callable, Iterable

from tarkpm.host.worker_handle import Worker


class Reaper:
    """A thread that ends a host's idle workers."""

    def __init__(self, workers: Callable[[], Iterable[Worker]], seconds: float) -> None:
        """Start the thread. It ends each of ``workers()`` that was last used ``seconds`` ago or longer."""
        self._workers = workers
        self._seconds = seconds
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="tarkpm idle workers", daemon=True).start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds / 4):
            for worker in self._workers():
                worker.rest(time.monotonic() - self._seconds)
