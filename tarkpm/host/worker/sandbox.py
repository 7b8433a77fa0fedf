"""Kernel confinement of a process: files and TCP by Landlock, system calls by seccomp. It cannot be undone.

Linux only, with plain ctypes. A worker is safe without either: it has no authority, and a guest can leave its
sandbox only through a bug in wasmtime. This is for the day there is one. A mechanism that a kernel does not
have is skipped and reported as missing.

Landlock applies to the calling thread and the threads it starts, so it comes before any other thread exists.
seccomp can be applied to all threads, so it comes last, when the code is mapped and no file is opened any
more. Landlock does not cover UDP; the seccomp filter closes all sockets.
"""

import ctypes
import os
import struct
import sys
from typing import Final

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same on every architecture
_ACCESS_FS: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""Landlock's file access rights, by the ABI version that added them (landlock(7))."""
_ACCESS_NET: Final = 0b11  # bind and connect TCP, from version 4
_SCOPES: Final = 0b11  # abstract sockets and signals, from version 6

_SET_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _JUMP_EQ, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_CLONE_THREAD, _PROT_EXEC = 0x10000, 4
_SET_NAME, _SET_VMA = 15, 0x53564D41

# The calls of a worker once its code is mapped: it uses open descriptors, allocates, waits and ends. Threads
# and epoll are for wasmtime's WASI. Numbers for x86_64 and aarch64.
_ALLOWED: Final = {
    "futex": (202, 98), "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66),
    "clock_nanosleep": (230, 115), "getppid": (110, 173), "pread64": (17, 67), "munmap": (11, 215),
    "madvise": (28, 233), "mremap": (25, 216), "brk": (12, 214), "close": (3, 57), "fstat": (5, 80),
    "lseek": (8, 62), "poll": (7, None), "ppoll": (271, 73), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "sched_yield": (24, 124), "nanosleep": (35, 101), "getpid": (39, 172), "gettid": (186, 178),
    "exit": (60, 93), "exit_group": (231, 94), "restart_syscall": (219, 128), "fcntl": (72, 25),
    "gettimeofday": (96, 169), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "sched_getaffinity": (204, 123), "getcpu": (309, 168), "sysinfo": (99, 179), "uname": (63, 160),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None),
    "epoll_pwait": (281, 22), "eventfd2": (290, 19), "getrandom": (318, 278),
    "set_robust_list": (273, 99), "membarrier": (324, 283), "rseq": (334, 293),
}  # fmt: skip
_NUMBERS: Final = {  # audit architecture, seccomp, then those allowed for some arguments only
    "x86_64": (0xC000003E, 317, {"mmap": 9, "mprotect": 10, "clone": 56, "prctl": 157, "tgkill": 234}),
    "aarch64": (0xC00000B7, 277, {"mmap": 222, "mprotect": 226, "clone": 220, "prctl": 167, "tgkill": 131}),
}
_CLONE3: Final = 435


def no_files() -> int:
    """Give up all files and TCP, for this thread and the threads it will start. Open descriptors stay usable.

    Returns the version of the kernel's Landlock ABI; 0 if there is none.
    """
    if sys.platform != "linux":
        return 0
    # By number, because neither Python nor glibc wraps these calls.
    libc = ctypes.CDLL(None, use_errno=True)
    # 1. Ask for the ABI version: an unknown right would make the next call fail (landlock(7)).
    version: int = libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return 0
    # A rule set that handles all these rights and has no rule denies them everywhere.
    rights = sum(bits for since, bits in _ACCESS_FS if version >= since)
    fields = [rights, *([_ACCESS_NET] if version >= 4 else []), *([_SCOPES] if version >= 6 else [])]
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    # 2. Create the rule set, which has no effect yet.
    ruleset: int = libc.syscall(
        ctypes.c_long(_CREATE_RULESET), attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)
    )
    if ruleset < 0:
        return 0
    # 3. Apply it to this thread. It is inherited by new threads and cannot be removed.
    try:
        failed = libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)
    return 0 if failed else version


def few_calls() -> bool:
    """Give up all system calls but a few, for all threads of this process. Returns whether that worked."""
    numbers = _NUMBERS.get(os.uname().machine) if sys.platform == "linux" else None
    if numbers is None:
        return False
    program = _program(os.uname().machine, os.getpid())
    count = len(program) // 8
    header = struct.pack("@HP", count, ctypes.cast(ctypes.c_char_p(program), ctypes.c_void_p).value or 0)
    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.syscall(
        ctypes.c_long(numbers[1]), ctypes.c_uint(_SET_FILTER), ctypes.c_uint(_ALL_THREADS), header
    )
    return bool(failed == 0)


def _program(machine: str, pid: int) -> bytes:
    """Return the BPF filter of `struct seccomp_data` (number at 0, architecture at 4, arguments from 16)."""
    architecture, _, special = _NUMBERS[machine]
    column = list(_NUMBERS).index(machine)
    # The architecture first: the same number is another call on another one (seccomp(2)).
    steps = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQ, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    # `_ALLOWED` lists frequent calls first, because the filter runs from the top at every call.
    for number in (numbers[column] for numbers in _ALLOWED.values()):
        if number is not None:
            steps += [(_JUMP_EQ, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    # No new executable code, no new process, no signal to another process.
    for name in ("mmap", "mprotect"):
        steps += _when(special[name], 2, [(_JUMP_SET, 1, 0, _PROT_EXEC)])
    steps += _when(special["clone"], 0, [(_JUMP_SET, 0, 1, _CLONE_THREAD)])
    steps += _when(special["prctl"], 0, [(_JUMP_EQ, 1, 0, _SET_NAME), (_JUMP_EQ, 0, 1, _SET_VMA)])
    steps += _when(special["tgkill"], 0, [(_JUMP_EQ, 0, 1, pid)])
    # clone3 takes its flags by pointer, which a filter cannot read. On ENOSYS glibc falls back to clone.
    steps += [(_JUMP_EQ, 0, 1, _CLONE3), (_RETURN, 0, 0, _ERRNO | _ENOSYS), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _when(
    number: int, argument: int, tests: list[tuple[int, int, int, int]]
) -> list[tuple[int, int, int, int]]:
    """Return steps for one system call: test the lower half of an argument, then allow or refuse."""
    body = [
        (_LOAD, 0, 0, 16 + 8 * argument),
        *tests,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    return [(_JUMP_EQ, 0, len(body), number), *body]
