"""A plugin that is a component: its checks, its host functions, which ask the parent, and its calls."""

from collections.abc import Sequence
from typing import Any

from wasmtime import Module, Store, WasiConfig
from wasmtime.component import Component, Func, Linker

from tarkpm.host.ipc.frames import Texts
from tarkpm.host.worker import ffi
from tarkpm.host.worker.confine import Memory
from tarkpm.host.worker.engine import Failure, failure, made
from tarkpm.host.worker.interfaces import EXPORTS, IMPORTS, PACKAGE
from tarkpm.host.worker.plugin_instance import AskParent, PluginInstance
from tarkpm.host.worker.schemas import Schemas
from tarkpm.host.worker.settings import part_name
from tarkpm.host.worker.signatures import check
from tarkpm.host.worker.stdio import Stdio
from tarkpm.host.worker.wit import Meter, Mismatch


class Guest(PluginInstance):
    """One plugin's component."""

    def __init__(
        self,
        code: bytes | int,
        parts: Sequence[bytes | int],
        load: dict[str, Any],
        ask: AskParent,
        parent: int,
        schemas: Schemas,
        memory: Memory,
        printed: Stdio,
    ) -> None:
        """Load ``code``, a module or compiled code as ``load`` says, and the ``parts`` it imports.

        Raises `Failure`.

        ``printed`` gets what the plugin writes to its standard streams.
        """
        super().__init__(code, load, parent, memory)
        self._ask = ask
        self._printed = printed
        self._exports = EXPORTS[load["type"]]
        self._interface = f"{PACKAGE}{load['type']}-plugin"
        self._schemas = schemas
        self._component = made(self._engine, code, load["code"], Component)
        self._parts = [made(self._engine, part, load["code"], Module) for part in parts]
        imports = self._checked(load["type"])
        # WASI is linked only for components that import it: its runtime starts threads.
        self._wasi = any(name.startswith("wasi:") for name in self._component.type.imports(self._engine))
        self._doors: list[ffi.HostFunction] = []
        self._linker = self._link(imports)
        self._functions: dict[str, Func] = {}
        self._settle(may_start_threads=self._wasi)

    def _checked(self, plugin_type: str) -> dict[str, list[str]]:
        try:
            return check(self._component, self._engine, plugin_type, len(self._parts))
        except ValueError as problem:
            raise failure(problem) from None
        except TypeError as problem:  # raised by wasmtime-py for a kind of item it does not know
            raise Failure("invalid", f"has a type that tark does not know: {problem}") from None

    def _link(self, imports: dict[str, list[str]]) -> Linker:
        linker = Linker(self._engine)
        if self._wasi:  # never `add_wasi_http`: it has no allow-list of hosts
            linker.add_wasip2()
        with linker.root() as root:
            for number, part in enumerate(self._parts):
                root.add_module(part_name(number), part)
            for interface, functions in imports.items():
                with root.add_instance(PACKAGE + interface) as instance:
                    for function in functions:
                        door = self._door(interface, function)
                        door.add_to(instance, function)
                        self._doors.append(door)
        return linker

    def _door(self, interface: str, name: str) -> ffi.HostFunction:
        def ask(args: list[Any], texts: Texts) -> Any:
            return self._ask(interface, name, args, texts)

        return ffi.HostFunction(IMPORTS[interface][name], ask, self._output, self._failed)

    def _failed(self, problem: BaseException) -> None:
        if isinstance(problem, Mismatch):  # the parent's answer has the wrong type: not a fault of the plugin
            self._fault = Failure("worker", f"the host returned an invalid value: {problem}")
        else:
            self._fault = failure(problem)

    def _answer(self, name: str, args: list[Any]) -> tuple[Any, Texts]:
        if name == "execute":
            self._check_arguments(*args)
        return self._enter(name, args)

    def _enter(self, name: str, args: list[Any]) -> tuple[Any, Texts]:
        store = self._entered()
        found = self._functions[name]
        meter = Meter(self._output)
        answer = ffi.call(self._exports[name], found, store, args, meter)
        if name == "get-tools":
            self._schemas.learn(Texts(meter.texts.lengths, meter.texts.tail).lowered(answer))
        return answer, meter.texts

    def _check_arguments(self, tool: str, arguments: str) -> None:
        # Asked for at the first `execute`; each later `get-tools` updates the schemas.
        if not self._schemas.known:
            self._enter("get-tools", [])
        self._schemas.check(tool, arguments)

    def _instantiate(self, store: Store) -> None:
        if self._wasi:  # no files, environment or network. Without it `add_wasip2` aborts the process.
            wasi = WasiConfig()
            self._printed.connect(wasi)
            store.set_wasi(wasi)
        instance = self._linker.instantiate(store, self._component)
        interface = self._component.get_export_index(self._interface)
        for name in self._exports:
            # Looked up once: `check` has compared the types, so calls need no further lookup.
            index = self._component.get_export_index(name, interface)
            function = instance.get_func(store, index) if index is not None else None
            if function is None:
                raise Failure("invalid", f"does not export {name!r}")
            self._functions[name] = function
