"""The worker gives up what it does not need: once before it imports anything big, and again once its module
is compiled and before any code of the plugin runs.

What the kernel refuses or does not have is skipped: the worker's safety rests on having been given nothing,
and these are belt and braces, as are Landlock and seccomp in `sandbox`.
"""

import contextlib
import os
import resource
import signal
import sys

MIB = 1 << 20
ADDRESS_SPACE = 64 << 30
"""wasmtime reserves about 4 GiB for each memory, without using it; 4 memories are allowed."""
COMPILING = 2048 * MIB
"""Compiling an 18 MB component took 390 MB."""
SLACK = 192 * MIB
"""For the interpreter to hold an answer of 8 MiB as the guest's text, Python's and JSON, beside the guest."""
OPEN_FILES = 16
"""Five are in use; WASI's runtime opens a few."""
_NO_NEW_PRIVS = 38


def enter() -> None:
    """Signals, folder, descriptors and environment; 0, 1, 2 and the socket at 3 stay."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an exception inside a host function crashes wasmtime
    os.chdir("/")
    os.closerange(4, 1 << 16)
    os.environ.clear()  # Python's own locale coercion adds LC_CTYPE


def limit() -> None:
    """No core files, no writing, few files, no privileges by exec, no more address space than it takes."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, ADDRESS_SPACE)
        import ctypes  # wasmtime needs it anyway

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def limit_memory() -> None:
    """Memory enough to compile, or to load what was compiled."""
    if sys.platform == "linux":
        _lower(resource.RLIMIT_DATA, COMPILING)


def _lower(which: int, value: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


class Memory:
    """Return how much private memory this process gained since `settle`, bytes; 0 where that is unknown."""

    def __init__(self) -> None:
        self._fd = -1
        self._base = 0
        with contextlib.suppress(OSError):
            self._fd = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def settle(self, memory: int, *, may_start_threads: bool) -> None:
        """Before the guest runs: ``memory`` more bytes and some slack, no new process."""
        self._base = self._now()
        if self._base:
            _lower(resource.RLIMIT_DATA, self._base + memory + SLACK)
        if sys.platform == "linux" and not may_start_threads:
            _lower(resource.RLIMIT_NPROC, 0)

    def grown(self) -> int:
        """Bytes of writable private memory mapped since; what a guest grew but never touched counts."""
        return max(0, self._now() - self._base)

    def _now(self) -> int:
        if self._fd < 0:
            return 0
        # proc(5): the sixth field is data and stack, in pages
        return int(os.pread(self._fd, 256, 0).split()[5]) * resource.getpagesize()
