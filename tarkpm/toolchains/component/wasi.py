"""What a module gets for WASI preview 1: a machine without files, arguments, variables and network.

tark has no WASI preview 1. The adapter answers as an operating system that grants nothing: no descriptor is
open (EBADF), nothing else is implemented (ENOSYS). That is sound, because a program sees an error and no
invented data. Time and randomness are real: they come from tark:plugin/clock and tark:plugin/random, which
are always granted. What is printed is accepted and lost.

Errors and signatures: `preview1/docs.md` of the WASI repository.
"""

from collections.abc import Sequence
from typing import Final

from tarkpm.toolchains.component.binary import CORE, leb, name, section, signed
from tarkpm.toolchains.component.core_modules import code, encoded_type, parts

MODULE: Final = "wasi_snapshot_preview1"
_BADF, _INVAL, _NOSYS, _OK = 8, 28, 52, 0
_I32 = "i32"

_GET0, _GET1, _GET2, _GET3 = (b"\x20" + leb(i) for i in range(4))


def _const(number: int) -> bytes:
    return b"\x41" + signed(number)


def _store(address: bytes, value: bytes, *, bits: int = 32) -> bytes:
    return address + value + {32: b"\x36\x02", 64: b"\x37\x03"}[bits] + b"\x00"


def _step(local: int, by: int) -> bytes:
    """local = local + by"""
    operator = b"\x6a" if by > 0 else b"\x6b"
    return b"\x20" + leb(local) + _const(abs(by)) + operator + b"\x21" + leb(local)


_NO_STRINGS = _store(_GET0, _const(0)) + _store(_GET1, _const(0)) + _const(_OK)
_MILLION = b"\x42" + bytes([0xC0, 0x84, 0x3D])  # i64.const 1_000_000
_CALL_NOW, _CALL_MONOTONIC, _CALL_NUMBER = (b"\x10" + leb(i) for i in range(3))
_TO_NS = _MILLION + b"\x7e"
# Clocks 0 and 1 are real time and monotonic; the others measure CPU time.
_TIME = (
    _GET0 + _const(1) + b"\x4b\x04\x40" + _const(_INVAL) + b"\x0f\x0b"  # if id > 1: return EINVAL
    + _store(_GET2, _GET0 + b"\x04\x7e" + _CALL_MONOTONIC + b"\x05" + _CALL_NOW + b"\x0b" + _TO_NS, bits=64)
    + _const(_OK)
)  # fmt: skip
_RESOLUTION = _store(_GET1, _MILLION, bits=64) + _const(_OK)
# Locals: 2 counts the bytes left of the number in 3. (buf, len): while len: buf++ = next byte
_RANDOM = (
    b"\x02\x40\x03\x40"  # block, loop
    + _GET1 + b"\x45\x0d\x01"  # br_if 1 unless len
    + _GET2 + b"\x45\x04\x40" + _CALL_NUMBER + b"\x21\x03" + _const(8) + b"\x21\x02\x0b"
    + _GET0 + _GET3 + b"\x3c\x00\x00"  # i64.store8
    + _GET3 + b"\x42\x08\x88\x21\x03"  # i64.shr_u
    + _step(2, -1) + _step(0, 1) + _step(1, -1)
    + b"\x0c\x00\x0b\x0b" + _const(_OK)
)  # fmt: skip
# (fd, iovs, n, ret), local 4 is the sum of the lengths
_SUM = b"\x20\x04"
_WRITE = (
    _GET0 + _const(1) + b"\x6b" + _const(1) + b"\x4b\x04\x40" + _const(_BADF) + b"\x0f\x0b"  # only 1 and 2
    + b"\x02\x40\x03\x40" + _GET2 + b"\x45\x0d\x01"
    + _SUM + _GET1 + b"\x28\x02\x04" + b"\x6a\x21\x04"  # sum += iovs.length
    + _step(1, 8) + _step(2, -1)
    + b"\x0c\x00\x0b\x0b" + _store(_GET3, _SUM) + _const(_OK)
)  # fmt: skip
_READ = (
    _GET0 + b"\x04\x40" + _const(_BADF) + b"\x0f\x0b"  # only 0, which is at its end
    + _store(_GET3, _const(0)) + _const(_OK)
)  # fmt: skip

_BODIES: Final = {
    ("args_sizes_get", "(i32, i32) -> i32"): (_NO_STRINGS, b"\x00"),
    ("environ_sizes_get", "(i32, i32) -> i32"): (_NO_STRINGS, b"\x00"),
    ("args_get", "(i32, i32) -> i32"): (_const(_OK), b"\x00"),
    ("environ_get", "(i32, i32) -> i32"): (_const(_OK), b"\x00"),
    ("clock_time_get", "(i32, i64, i32) -> i32"): (_TIME, b"\x00"),
    ("clock_res_get", "(i32, i32) -> i32"): (_RESOLUTION, b"\x00"),
    ("random_get", "(i32, i32) -> i32"): (_RANDOM, b"\x02\x01\x7f\x01\x7e"),
    ("fd_write", "(i32, i32, i32, i32) -> i32"): (_WRITE, b"\x01\x01\x7f"),
    ("fd_read", "(i32, i32, i32, i32) -> i32"): (_READ, b"\x00"),
    ("sched_yield", "() -> i32"): (_const(_OK), b"\x00"),
}
NEEDS: Final = ("clock_time_get", "random_get")
"""The functions whose answers come from tark."""
HOST: Final = (("clock", "now"), ("clock", "monotonic"), ("random", "number"))
"""What the adapter imports, in the order of the indices that its bodies call."""


def adapter(functions: Sequence[tuple[str, str]], *, with_host: bool) -> bytes:
    """Return a core module that exports these functions of preview 1, given as name and type.

    It imports ``memory`` of module ``m`` and, if any is in `NEEDS`, the functions of `HOST` from modules
    of their interfaces' names.
    """
    host = [name(where) + name(function) + b"\x00\x00" for where, function in HOST if with_host]
    memory = name("m") + name("memory") + b"\x02\x00\x00"
    first = len(host)
    return (
        CORE
        + section(1, encoded_type("() -> i64"), *(encoded_type(text) for _, text in functions))
        + section(2, *host, memory)
        + section(3, *(leb(i + 1) for i in range(len(functions))))
        + section(7, *(name(key) + b"\x00" + leb(first + i) for i, (key, _) in enumerate(functions)))
        + section(10, *(code(*_answer(key, text)) for key, text in functions))
    )


def _answer(function: str, text: str) -> tuple[bytes, bytes]:
    if found := _BODIES.get((function, text)):
        return found
    if parts(text)[1] != [_I32]:
        return b"\x00", b"\x00"  # unreachable: proc_exit, or a type that no version of preview 1 has
    return _const(_BADF if function.startswith(("fd_", "path_")) else _NOSYS), b"\x00"
