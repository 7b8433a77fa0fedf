"""Worker processes that start ahead of their plugin, while the command that needs them does something else.

This module imports nothing until it is called. A `WorkerPool` that does not fork takes them for its first
worker, and for the compiler of its module; the command line ends those that were not taken.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tarkpm.host.process import AnyProcess

_started: list["AnyProcess"] = []


def start(count: int = 1) -> None:
    """Start workers until so many wait. The first is taken first, and is ready to check arguments."""
    if len(_started) >= count:
        return
    from tarkpm.errors import HostError
    from tarkpm.host.process import WITH_SCHEMAS, WORKER, Process

    with suppress(HostError):  # the pool reports the problem when it starts one itself
        while len(_started) < count:
            # A second one is for the compiler, which checks none.
            _started.append(Process(WORKER if _started else WITH_SCHEMAS))


def take() -> "AnyProcess | None":
    """Return a worker that was started, if one still runs. The caller then owns it."""
    with suppress(IndexError):  # another thread may take the last one
        while _started:
            process = _started.pop(0)
            if not process.ended:
                return process
            process.kill()
    return None


def drop() -> None:
    """End the workers that were not taken."""
    while process := take():
        process.kill()
