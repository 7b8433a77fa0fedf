"""A worker that starts while this program is still being imported, which takes about as long.

Imports nothing before it is asked to. Whoever takes the worker owns it; `drop` ends one that nobody took.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tarkpm.host.process import Process

_started: list["Process"] = []


def start(arguments: list[str]) -> None:
    """Start a worker if these arguments are going to need one."""
    if arguments[:1] != ["call"] or {"-h", "--help"} & set(arguments):
        return
    from tarkpm.errors import HostError
    from tarkpm.host.process import Process

    with suppress(HostError):  # whoever needs one will say what is wrong
        _started.append(Process())


def take() -> "Process":
    """The worker that was started, or one started now. Raises `HostError`."""
    from tarkpm.host.process import Process

    return _started.pop() if _started else Process()


def drop() -> None:
    """End what was started and not taken."""
    while _started:
        _started.pop().kill()
