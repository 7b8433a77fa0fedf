"""A worker process that starts while this program is still being imported, which takes about as long.

This module imports nothing until it is called. The caller of `take` owns the worker; `drop` ends one that was
not taken.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tarkpm.host.process import Process

_started: list["Process"] = []


def start(arguments: list[str]) -> None:
    """Start a worker if the command needs one."""
    if arguments[:1] != ["call"] or {"-h", "--help"} & set(arguments):
        return
    from tarkpm.errors import HostError
    from tarkpm.host.process import Process

    with suppress(HostError):  # `take` reports the problem to the command that needs a worker
        _started.append(Process())


def take() -> "Process":
    """Return the worker that was started, or a new one. Raises `HostError`."""
    from tarkpm.host.process import Process

    return _started.pop() if _started else Process()


def drop() -> None:
    """End workers that were started and not taken."""
    while _started:
        _started.pop().kill()
