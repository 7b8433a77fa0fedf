"""The confinement of workers on this machine, as a worker reports it, for ``tarkpm doctor``."""

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
    """Kernel confinement, in addition to what every worker has: a process without authority, and limits."""

    landlock: int
    """Version of the kernel's Landlock ABI, which closes files and TCP; 0 if there is none."""
    seccomp: bool
    """True if a seccomp filter allows only a few system calls."""
    sealed_memory: bool
    """True if compiled code is passed in sealed memory; otherwise it is copied over the socket."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of the mechanisms this machine does not have."""
        parts = {"Landlock": self.landlock, "seccomp": self.seccomp, "sealed memory": self.sealed_memory}
        return tuple(name for name, there in parts.items() if not there)


def confinement() -> Confinement:
    """Start a worker, let it confine itself, and return what worked. Raises `HostError`."""
    limits = Limits()
    process = start()
    try:
        found = Conversation(process, limits).probe(until(limits.load_seconds))
    except (TimeoutError, EOFError, ProtocolError, FrameError):
        raise PluginCrashed(
            "the plugin's worker did not report its confinement", where=sys.executable
        ) from None
    finally:
        how, said = process.kill()
    if said:
        raise failures.post_mortem(how, said, limits)
    return Confinement(found.landlock, found.seccomp, hasattr(os, "memfd_create"))
