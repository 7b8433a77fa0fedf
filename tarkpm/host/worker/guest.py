"""One component under wasmtime: compiled, checked, linked to doors that ask the parent, called."""

import math
from collections.abc import Callable
from typing import Any

from wasmtime import Config, Engine, ExitTrap, Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, Func, Linker

from tarkpm.host.worker.confine import Memory
from tarkpm.host.worker.interfaces import EXPORTS, IMPORTS, PACKAGE
from tarkpm.host.worker.signatures import Unfit, check
from tarkpm.host.worker.watch import Watch
from tarkpm.host.worker.wit import Meter, Mismatch, TooMuch

BIG_MODULE = 1 << 20
"""From here on compiling on several threads saves more than starting them costs."""
NEARLY = 0.9

Ask = Callable[[str, str, list[Any]], Any]
"""(interface, function, JSON arguments) to the parent's JSON answer."""


class Failure(Exception):
    """Why a call or a load failed. ``kind`` is one of the parent's `messages.Fail`."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class Guest:
    """One plugin's component. After any failure its store is gone, and the next call makes a new one."""

    def __init__(self, wasm: bytes, load: dict[str, Any], ask: Ask, parent: int) -> None:
        self._ask = ask
        self._exports = EXPORTS[load["type"]]
        self._interface = f"{PACKAGE}{load['type']}-plugin"
        self._memory_limit: int = load["memory"]
        self._output: int = load["output"]
        self._engine = _engine(load["stack"], parallel=len(wasm) >= BIG_MODULE)
        self._watch = Watch(self._engine, parent)
        self._watch.arm(math.inf)  # compiling is not interrupted, but must not outlive the parent either
        self._component, imports = _compile(self._engine, wasm, load["type"])
        self._watch.disarm()
        self._wasi = any(name.startswith("wasi:") for name in self._component.type.imports(self._engine))
        self._fault: Failure | None = None
        self._linker = self._link(imports)
        self._store: Store | None = None
        self._functions: dict[str, Func] = {}
        self._memory = Memory()
        self._memory.settle(self._memory_limit, may_start_threads=self._wasi)

    def _link(self, imports: dict[str, list[str]]) -> Linker:
        linker = Linker(self._engine)
        if self._wasi:
            linker.add_wasip2()
        with linker.root() as root:
            for interface, functions in imports.items():
                with root.add_instance(PACKAGE + interface) as instance:
                    for function in functions:
                        instance.add_func(function, self._door(interface, function))
        return linker

    def _door(self, interface: str, name: str) -> Callable[..., Any]:
        function = IMPORTS[interface][name]

        def ask(_context: Any, *args: Any) -> Any:
            try:
                answer = self._ask(interface, name, function.lift(args, Meter(self._output)))
                return function.result.lower(answer) if function.result else None
            except BaseException as problem:  # noqa: BLE001  # only wasmtime's own may cross its frames
                self._fault = _failure(problem)
                raise WasmtimeError("the host call failed") from None

        return ask

    def call(self, name: str, args: list[Any], seconds: float) -> Any:
        """The JSON result of one exported function; raises `Failure`."""
        function = self._exports[name]
        self._watch.arm(seconds)
        try:
            store, found = self._function(name)
            value = found(store, *function.lower(args))
            return function.result.lift(value, Meter(self._output)) if function.result else None
        except Exception as problem:  # noqa: BLE001  # each kind is told apart in _failure
            failure = self._fault or self._explained(problem)
            self._drop()
            raise failure from None
        finally:
            self._watch.disarm()

    def _function(self, name: str) -> tuple[Store, Func]:
        store = self._store or self._instantiate()
        store.set_epoch_deadline(1)  # the watch moves the epoch once, when the time is up
        return store, self._functions[name]

    def _instantiate(self) -> Store:
        store = Store(self._engine)
        self._store = store  # so that a start function that traps is dropped like any other
        store.set_limits(
            memory_size=self._memory_limit, table_elements=100_000, instances=64, tables=16, memories=4
        )
        if self._wasi:
            store.set_wasi(WasiConfig())
        store.set_epoch_deadline(1)
        instance = self._linker.instantiate(store, self._component)
        interface = self._component.get_export_index(self._interface)
        for name in self._exports:
            index = self._component.get_export_index(name, interface)
            function = instance.get_func(store, index) if index is not None else None
            if function is None:
                raise Failure("invalid", f"does not export {name!r}")
            self._functions[name] = function
        return store

    def _drop(self) -> None:
        store, self._store, self._functions, self._fault = self._store, None, {}, None
        if store is not None:
            store.close()

    def _explained(self, problem: Exception) -> Failure:
        failure = _failure(problem)
        if failure.kind == "trap" and self._memory.grown() > NEARLY * self._memory_limit:
            return Failure("memory")
        return failure


def _engine(stack: int, *, parallel: bool) -> Engine:
    config = Config()
    config.epoch_interruption = True
    config.max_wasm_stack = stack
    config.wasm_threads = False  # shared memories escape the limits
    config.parallel_compilation = parallel
    config.memory_init_cow = False  # it keeps each memory's beginning in a memfd, and writing is limited to 0
    return Engine(config)


def _compile(engine: Engine, wasm: bytes, plugin_type: str) -> tuple[Component, dict[str, list[str]]]:
    try:
        compiled = Component(engine, wasm)
        return compiled, check(compiled, engine, plugin_type)
    except Unfit as problem:
        raise Failure("invalid", str(problem)) from None
    except (WasmtimeError, TypeError) as problem:  # TypeError: a kind of item wasmtime-py does not know
        raise Failure("invalid", f"does not compile: {_causes(problem)}") from None


def _failure(problem: BaseException) -> Failure:
    match problem:
        case Failure():
            return problem
        case TooMuch():
            return Failure("output")
        case Mismatch():
            return Failure("answer", str(problem))
        case MemoryError():
            return Failure("memory")
        case ExitTrap():
            return Failure("exit", str(problem.code))
        case WasmtimeError():
            return _trap(_causes(problem))
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


def _causes(problem: Exception) -> str:
    """What went wrong, without the backtrace: the last line, which is the innermost cause."""
    lines = [line.strip() for line in str(problem).strip().splitlines()]
    return lines[-1] if lines else "nothing said"
