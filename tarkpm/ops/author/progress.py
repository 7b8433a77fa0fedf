"""Show that something long is in progress."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tarkpm.ops.project.ui import Ui


@contextmanager
def counting(ui: Ui, text: str) -> Iterator[None]:
    """Show a text with the seconds that passed, at a terminal: a compiler of Python is silent for minutes."""
    start, done = time.monotonic(), threading.Event()

    def count() -> None:
        while not done.wait(1):
            ui.busy(f"{text} ({time.monotonic() - start:.0f} s)")

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
