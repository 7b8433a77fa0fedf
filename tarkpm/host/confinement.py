"""What a worker gives up on this machine, for ``tarkpm doctor``: asked of a worker, not guessed."""

import os
import sys

import msgspec

from tarkpm.errors import PluginCrashed
from tarkpm.host import failures
from tarkpm.host.ipc.conversation import Conversation, until
from tarkpm.host.ipc.decoding import ProtocolError
from tarkpm.host.ipc.frames import FrameError
from tarkpm.host.limits import Limits
from tarkpm.host.process import start


class Confinement(msgspec.Struct, frozen=True):
    """Beside what every worker is held by: a process of its own that was given nothing, and limits."""

    landlock: int
    """The version of the kernel's Landlock interface that closes files and TCP; 0: none."""
    seccomp: bool
    """Whether system calls beyond a few are closed."""
    sealed_memory: bool
    """Whether compiled code travels in sealed memory; else it is sent."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What this machine does not have, by name."""
        parts = {"Landlock": self.landlock, "seccomp": self.seccomp, "sealed memory": self.sealed_memory}
        return tuple(name for name, there in parts.items() if not there)


def confinement() -> Confinement:
    """Start a worker, have it confine itself, and ask how far that went. Raises `HostError`."""
    limits = Limits()
    process = start()
    try:
        found = Conversation(process, limits).probe(until(limits.load_seconds))
    except (TimeoutError, EOFError, ProtocolError, FrameError):
        raise PluginCrashed("its worker did not report its confinement", where=sys.executable) from None
    finally:
        how, said = process.kill()
    if said:
        raise failures.post_mortem(how, said, limits)
    return Confinement(found.landlock, found.seccomp, hasattr(os, "memfd_create"))
