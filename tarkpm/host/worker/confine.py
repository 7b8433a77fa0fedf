"""Reduction of a worker's resources, before it imports anything big and again before the plugin's code runs.

A limit that the kernel refuses or does not have is skipped. The worker is safe because it was given no
authority; these limits, and Landlock and seccomp in `sandbox`, are a second line of defence.
"""

import contextlib
import os
import resource
import signal
import sys

MIB = 1 << 20
ADDRESS_SPACE = 64 << 30
"""wasmtime reserves about 4 GiB of address space for each memory, and 4 memories are allowed."""
COMPILING = 2048 * MIB
"""Maximum memory while compiling. An 18 MB component needs 390 MB."""
SLACK = 192 * MIB
"""Memory of the interpreter beside the guest: an 8 MiB answer exists as C, Python and JSON text."""
OPEN_FILES = 24
"""Maximum open files. Five are in use, each part of the code takes two, and the WASI runtime opens a few."""
_NO_NEW_PRIVS = 38


def enter() -> None:
    """Ignore SIGINT; give up the working folder, the environment and descriptors above the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # KeyboardInterrupt in a host function segfaults wasmtime-py
    os.chdir("/")
    os.closerange(4, 1 << 16)
    os.environ.clear()  # Python's locale coercion has added LC_CTYPE


def limit() -> None:
    """Forbid core dumps, file writes and new privileges by exec; limit open files and address space."""
    # A core dump would write the plugin's memory, with its secrets, to disk.
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, ADDRESS_SPACE)
        import ctypes  # wasmtime imports it anyway

        # Without it, an unprivileged process may install neither Landlock rules nor a seccomp filter.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def limit_memory() -> None:
    """Limit the memory to what compiling, or loading compiled code, needs."""
    if sys.platform == "linux":
        _lower(resource.RLIMIT_DATA, COMPILING)


def _lower(which: int, value: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


class Memory:
    """The growth of this process's private memory since `settle`; 0 where it cannot be measured."""

    def __init__(self) -> None:
        self._fd = -1
        self._base = 0
        # Opened now and kept: Landlock will forbid to open it later.
        with contextlib.suppress(OSError):
            self._fd = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def settle(self, memory: int, *, may_start_threads: bool) -> None:
        """Allow ``memory`` more bytes and some slack, and no new process. To be called before the guest runs.

        RLIMIT_NPROC counts threads too, so it is not set for a guest whose WASI runtime starts some.
        """
        self._base = self._now()
        if self._base:
            _lower(resource.RLIMIT_DATA, self._base + memory + SLACK)
        if sys.platform == "linux" and not may_start_threads:
            _lower(resource.RLIMIT_NPROC, 0)

    def grown(self) -> int:
        """Return the bytes of private memory mapped since `settle`, even if they were never touched."""
        return max(0, self._now() - self._base)

    def _now(self) -> int:
        if self._fd < 0:
            return 0
        # proc(5): the sixth field is data and stack, in pages
        return int(os.pread(self._fd, 256, 0).split()[5]) * resource.getpagesize()
