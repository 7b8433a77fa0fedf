"""A worker process that starts ahead of its plugin, while the command that needs it does something else.

This module imports nothing until it is called. A `WorkerPool` that does not fork takes the process for its
first worker; the command line ends one that was not taken.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tarkpm.host.process import AnyProcess

_started: list["AnyProcess"] = []


def start() -> None:
    """Start a worker, unless one waits already."""
    if _started:
        return
    from tarkpm.errors import HostError
    from tarkpm.host.process import Process

    with suppress(HostError):  # the pool reports the problem when it starts one itself
        _started.append(Process())


def take() -> "AnyProcess | None":
    """Return the worker that was started, if it still runs. The caller then owns it."""
    with suppress(IndexError):  # another thread may take the last one
        while _started:
            process = _started.pop()
            if not process.ended:
                return process
            process.kill()
    return None


def drop() -> None:
    """End the worker that was not taken."""
    process = take()
    if process is not None:
        process.kill()
