"""One component under wasmtime: checked, linked to doors that ask the parent, called."""

import math
from collections.abc import Callable
from typing import Any

from wasmtime import Store, WasiConfig
from wasmtime.component import Component, Func, Linker

from tarkpm.host.worker import crossing
from tarkpm.host.worker.confine import Memory
from tarkpm.host.worker.engine import Failure, compile_module, failure, load_image, make_engine
from tarkpm.host.worker.frames import Texts
from tarkpm.host.worker.interfaces import EXPORTS, IMPORTS, PACKAGE
from tarkpm.host.worker.schemas import Schemas
from tarkpm.host.worker.settings import BIG_MODULE
from tarkpm.host.worker.signatures import check
from tarkpm.host.worker.watch import Watch
from tarkpm.host.worker.wit import Meter, Mismatch

NEARLY = 0.9

Ask = Callable[[str, str, list[Any], Texts], Any]
"""(interface, function, JSON arguments, their long texts) to the parent's JSON answer."""


class Guest:
    """One plugin's component. After any failure its store is gone, and the next call makes a new one."""

    def __init__(
        self,
        code: bytes | int,
        load: dict[str, Any],
        ask: Ask,
        parent: int,
        schemas: Schemas,
        memory: Memory,
    ) -> None:
        """``code`` is the module, or compiled code, as ``load`` says; raises `Failure`."""
        self._ask = ask
        self._exports = EXPORTS[load["type"]]
        self._interface = f"{PACKAGE}{load['type']}-plugin"
        self._memory_limit: int = load["memory"]
        self._output: int = load["output"]
        self._schemas = schemas
        self._memory = memory
        is_big = isinstance(code, bytes) and len(code) >= BIG_MODULE
        self._engine = make_engine(load["stack"], parallel=load["code"] == "wasm" and is_big)
        self._watch = Watch(self._engine, parent)
        self._watch.arm(math.inf)  # compiling is not interrupted, but must not outlive the parent either
        self._component = self._made(code, load["code"])
        imports = self._checked(load["type"])
        self._watch.disarm()
        self._wasi = any(name.startswith("wasi:") for name in self._component.type.imports(self._engine))
        self._fault: Failure | None = None
        self._doors: list[crossing.Door] = []
        self._linker = self._link(imports)
        self._store: Store | None = None
        self._functions: dict[str, Func] = {}
        self._memory.settle(self._memory_limit, may_start_threads=self._wasi)

    def _made(self, code: bytes | int, form: str) -> Component:
        if form == "wasm":
            assert isinstance(code, bytes)
            return compile_module(self._engine, code)
        return load_image(self._engine, code)

    def _checked(self, plugin_type: str) -> dict[str, list[str]]:
        try:
            return check(self._component, self._engine, plugin_type)
        except ValueError as problem:
            raise failure(problem) from None
        except TypeError as problem:  # a kind of item wasmtime-py does not know
            raise Failure("invalid", f"has a type that tark does not know: {problem}") from None

    def _link(self, imports: dict[str, list[str]]) -> Linker:
        linker = Linker(self._engine)
        if self._wasi:
            linker.add_wasip2()
        with linker.root() as root:
            for interface, functions in imports.items():
                with root.add_instance(PACKAGE + interface) as instance:
                    for function in functions:
                        door = self._door(interface, function)
                        door.add_to(instance, function)
                        self._doors.append(door)
        return linker

    def _door(self, interface: str, name: str) -> crossing.Door:
        def ask(args: list[Any], texts: Texts) -> Any:
            return self._ask(interface, name, args, texts)

        return crossing.Door(IMPORTS[interface][name], ask, self._output, self._failed)

    def _failed(self, problem: BaseException) -> None:
        if isinstance(problem, Mismatch):  # what the parent answered: no fault of the plugin's
            self._fault = Failure("worker", f"the host answered wrongly: {problem}")
        else:
            self._fault = failure(problem)

    def call(self, name: str, args: list[Any], seconds: float) -> tuple[Any, Texts]:
        """The JSON result of one exported function, and its long texts; raises `Failure`."""
        self._watch.arm(seconds)
        try:
            if name == "execute":
                self._check_arguments(*args)
            return self._enter(name, args)
        except Exception as problem:  # noqa: BLE001  # each kind is told apart in `failure`
            found = self._fault or self._explained(problem)
            if found.kind not in ("arguments", "schema", "unready"):  # there the guest is as it was
                self._drop()
            raise found from None
        finally:
            self._watch.disarm()

    def _enter(self, name: str, args: list[Any]) -> tuple[Any, Texts]:
        store = self._store or self._instantiate()
        store.set_epoch_deadline(1)  # the watch moves the epoch once, when the time is up
        found = self._functions[name]
        meter = Meter(self._output)
        answer = crossing.call(self._exports[name], found, store, args, meter)
        if name == "get-tools":
            self._schemas.learn(Texts(meter.texts.lengths, meter.texts.tail).lowered(answer))
        return answer, meter.texts

    def _check_arguments(self, tool: str, arguments: str) -> None:
        if not self._schemas.known:
            self._enter("get-tools", [])
        self._schemas.check(tool, arguments)

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
        found = failure(problem)
        if found.kind == "trap" and self._memory.grown() > NEARLY * self._memory_limit:
            return Failure("memory")
        return found
