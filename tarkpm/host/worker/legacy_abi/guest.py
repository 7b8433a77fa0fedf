"""A plugin that is a core module: its checks, its host functions, which ask the parent, and its calls."""

from typing import Any

from wasmtime import Func, Instance, Linker, Memory, Module, Store

from tarkpm.host.ipc.frames import Texts
from tarkpm.host.worker import confine
from tarkpm.host.worker.engine import Failure, failure, made
from tarkpm.host.worker.legacy_abi import abi
from tarkpm.host.worker.legacy_abi.answers import answering
from tarkpm.host.worker.legacy_abi.exports import FUNCTIONS
from tarkpm.host.worker.legacy_abi.ffi import CoreHostFunction, Export
from tarkpm.host.worker.legacy_abi.fitting import check
from tarkpm.host.worker.legacy_abi.plugin import Plugin
from tarkpm.host.worker.legacy_abi.wasi import Exited, Wasi
from tarkpm.host.worker.plugin_instance import AskParent, PluginInstance


class OlderGuest(PluginInstance):
    """One plugin's core module."""

    def __init__(
        self, code: bytes | int, load: dict[str, Any], ask: AskParent, parent: int, memory: confine.Memory
    ) -> None:
        """Load ``code``, a module or compiled code as ``load`` says. Raises `Failure`."""
        super().__init__(code, load, parent, memory)
        self._ask = ask
        self._functions = FUNCTIONS[load["type"]]
        self._module = made(self._engine, code, load["code"], Module)
        self._linear: Memory | None = None
        self._plugin: Plugin | None = None
        self._wasi = Wasi(ask, self._memory_now)
        self._doors: list[CoreHostFunction] = []
        self._linker = self._link(self._checked(load["type"]))
        self._settle(may_start_threads=False)

    def _checked(self, plugin_type: str) -> list[tuple[str, str]]:
        try:
            return check(self._module, plugin_type)
        except ValueError as problem:
            raise failure(problem) from None

    def _link(self, imports: list[tuple[str, str]]) -> Linker:
        linker = Linker(self._engine)
        signatures = abi.known_imports()
        for module, name in imports:
            if module == abi.WASI_MODULE:
                answer = self._wasi.answering(name)
            else:
                interface = module.removeprefix(abi.MODULE)
                answer = answering(interface, name, self._ask, self._output, self._memory_now)
            door = CoreHostFunction(signatures[module, name], answer, self._failed)
            door.add_to(linker, module, name)
            self._doors.append(door)
        return linker

    def _failed(self, problem: BaseException) -> None:
        exited = isinstance(problem, Exited)
        self._fault = Failure("exit", str(problem)) if exited else failure(problem)

    def _memory_now(self) -> Memory:
        if self._linear is None:
            raise Failure("trap", "it called the host before its instance was ready")
        return self._linear

    def _answer(self, name: str, args: list[Any]) -> tuple[Any, Texts]:
        run = self._functions.get(name)
        if run is None:
            raise Failure("absent", name.replace("-", "_"))
        self._entered()
        assert self._plugin is not None
        try:
            value = run(self._plugin, *args)
        finally:
            self._wasi.flush()
        texts = Texts()
        return texts.hoisted(value), texts

    def _instantiate(self, store: Store) -> None:
        instance = self._linker.instantiate(store, self._module)
        exports = instance.exports(store)
        memory = exports[abi.MEMORY]
        assert isinstance(memory, Memory)
        self._linear = memory
        functions = _functions(store, instance)
        if "_initialize" in functions:  # WASI application ABI: a reactor needs this before any other call
            functions["_initialize"].call(store)
        self._plugin = Plugin(store, functions, memory)

    def _drop(self) -> None:
        # They belong to the closed store; using them would read freed memory.
        self._linear = self._plugin = None
        super()._drop()


def _functions(store: Store, instance: Instance) -> dict[str, Export]:
    exports = instance.exports(store)
    found = {}
    for name, signature in abi.EXPORTS.items():
        item = exports.get(name)
        if isinstance(item, Func):
            found[name] = Export(item, signature)
    return found
