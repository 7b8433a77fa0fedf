"""Code for a guest: compiled here, or compiled before and loaded."""

import os
from collections.abc import Callable
from typing import Any

from wasmtime import Config, Engine, ExitTrap, WasmtimeError
from wasmtime.component import Component

from tarkpm.host.worker.schemas import BadArguments, BadSchema, Unready
from tarkpm.host.worker.settings import BIG_MODULE, ENGINE
from tarkpm.host.worker.signatures import Unfit
from tarkpm.host.worker.wit import Mismatch, TooMuch


class Failure(Exception):
    """Why a call or a load failed. ``kind`` is one of the parent's `messages.Fail`."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


def make_engine(stack: int, *, parallel: bool = False) -> Engine:
    """An engine as `settings` says, with so many bytes of stack for a guest."""
    config = Config()
    for name, value in ENGINE.items():
        setattr(config, name, value)
    config.max_wasm_stack = stack
    config.parallel_compilation = parallel
    return Engine(config)


def compile_module(engine: Engine, wasm: bytes) -> Component:
    """Raises `Failure` for what does not compile."""
    return _made(lambda: Component(engine, wasm))


def compiled_image(wasm: bytes, stack: int) -> bytearray:
    """What `load_image` takes, under an engine with the same stack."""
    engine = make_engine(stack, parallel=len(wasm) >= BIG_MODULE)
    return compile_module(engine, wasm).serialize()


def load_image(engine: Engine, image: bytes | int) -> Component:
    """Compiled code that the parent has checked, as bytes or in a descriptor, which is closed."""
    if isinstance(image, bytes):
        return _made(lambda: Component.deserialize(engine, image))
    try:  # mapped, not copied: an image of 60 MB is there in 2 ms
        return _made(lambda: Component.deserialize_file(engine, f"/proc/self/fd/{image}"))
    finally:
        os.close(image)


def _made(make: Callable[[], Component]) -> Component:
    try:
        return make()
    except WasmtimeError as problem:
        raise Failure("invalid", f"does not compile: {causes(problem)}") from None


def failure(problem: BaseException) -> Failure:
    """What went wrong, of its kind."""
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
    return Failure("worker", f"{type(problem).__name__}: {problem}")


def _trap(message: str) -> Failure:
    """wasmtime-py has no codes for a component's traps, only words."""
    if message.endswith("wasm trap: interrupt"):
        return Failure("time")
    if message.endswith("call stack exhausted"):
        return Failure("stack")
    if "exceeds memory limit" in message:
        return Failure("memory")
    return Failure("trap", message.removeprefix("wasm trap: "))


def causes(problem: Any) -> str:
    """What went wrong, without the backtrace: the last line, which is the innermost cause."""
    lines = [line.strip() for line in str(problem).strip().splitlines()]
    return lines[-1] if lines else "nothing said"
