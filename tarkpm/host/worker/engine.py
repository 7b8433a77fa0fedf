"""Compilation and loading of a guest's code, and the translation of wasmtime's errors."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from wasmtime import Config, Engine, ExitTrap, Module, Trap, WasmtimeError
from wasmtime.component import Component

from tarkpm.host.worker.legacy_abi.abi import is_core
from tarkpm.host.worker.schemas import BadArguments, BadSchema, Unready
from tarkpm.host.worker.settings import BIG_MODULE, ENGINE
from tarkpm.host.worker.signatures import Unfit
from tarkpm.host.worker.wit import Mismatch, TooMuch

_Code = TypeVar("_Code", Component, Module)


class Failure(Exception):
    """A call or a load failed. ``kind`` is one of those of `messages.Fail`."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


def make_engine(stack: int, *, parallel: bool = False, mapped: bool, target: str = "") -> Engine:
    """Return an engine with the configuration of `settings` and ``stack`` bytes of stack for a guest.

    ``mapped`` says that the code is, or will be, in a file. A memory's initial contents are then mapped from
    that file (copy-on-write) instead of copied. Without a file wasmtime would have to write them to one,
    which a worker may not. wasmtime refuses code that was compiled with the other setting. With a ``target``,
    code uses what all processors of that triple have, instead of what this one has.
    """
    config = Config()
    for name, value in ENGINE.items():
        setattr(config, name, value)
    config.memory_init_cow = mapped and ENGINE["memory_init_cow"]
    config.max_wasm_stack = stack
    config.parallel_compilation = parallel
    if target:
        config.target = target
    return Engine(config)


def compiled_image(wasm: bytes, stack: int, *, mapped: bool, target: str = "") -> bytearray:
    """Return compiled code, for `made` with an engine of the same settings. Raises `Failure`."""
    engine = make_engine(stack, parallel=len(wasm) >= BIG_MODULE, mapped=mapped, target=target)
    if is_core(wasm):
        return made(engine, wasm, "wasm", Module).serialize()
    return made(engine, wasm, "wasm", Component).serialize()


def made(engine: Engine, code: bytes | int, form: str, kind: type[_Code]) -> _Code:
    """Return code that can be run, from a module (``form`` "wasm") or from compiled code.

    Deserialising runs native code, and wasmtime does not check its integrity: the parent has verified it.
    Compiled code is bytes or a descriptor, which this closes. Raises `Failure` for a module that does not
    compile, and for compiled code of the other ``kind``.
    """
    if isinstance(code, int):
        try:  # mapped, not copied: an image of 60 MB loads in 2 ms
            return _guarded(lambda: kind.deserialize_file(engine, f"/proc/self/fd/{code}"))
        finally:
            os.close(code)
    return _guarded(lambda: kind(engine, code) if form == "wasm" else kind.deserialize(engine, code))


def _guarded(make: Callable[[], _Code]) -> _Code:
    try:
        return make()
    except WasmtimeError as problem:
        raise Failure("invalid", f"does not compile: {causes(problem)}") from None


def failure(problem: BaseException) -> Failure:
    """Return an exception of a call or a load as a `Failure` of its kind."""
    match problem:
        case Failure():
            return problem
        case TooMuch():
            return Failure("output")
        case Mismatch():
            return Failure("answer", str(problem))
        case Unfit():
            return Failure("invalid", str(problem))
        case BadArguments():
            return Failure("arguments", str(problem))
        case BadSchema():
            return Failure("schema", str(problem))
        case Unready():
            return Failure("unready")
        case _:
            return _of_the_machine(problem)


def _of_the_machine(problem: BaseException) -> Failure:
    match problem:
        case MemoryError():
            return Failure("memory")
        case ExitTrap():
            return Failure("exit", str(problem.code))
        case WasmtimeError():
            return _trap(causes(problem))
        case Trap():  # core modules trap with this class, components with WasmtimeError
            return _trap(causes(problem.message))
    return Failure("worker", f"{type(problem).__name__}: {problem}")


def _trap(message: str) -> Failure:
    """Return the failure for a trap.

    wasmtime-py gives no trap codes for components, so the end of the message decides.
    """
    if message.endswith("wasm trap: interrupt"):
        return Failure("time")
    if message.endswith("call stack exhausted"):
        return Failure("stack")
    if "exceeds memory limit" in message:
        return Failure("memory")
    return Failure("trap", message.removeprefix("wasm trap: "))


def causes(problem: Any) -> str:
    """Return the innermost cause of an error: its last line, without the backtrace and the line's number."""
    lines = [line.strip() for line in str(problem).strip().splitlines()]
    return lines[-1].lstrip("0123456789").removeprefix(": ") if lines else "no message"
