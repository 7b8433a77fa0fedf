"""The barest host: a component, and whatever functions a test gives it.

It has none of what tarkpm.host is for (no process, no gate, no limits but a deadline), which is the
point: a fixture is checked here without the code that the fixture is there to check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import wasmtime
from wasmtime import component

Imports = Mapping[str, Mapping[str, Callable[..., Any]]]
NO_DEADLINE = 1 << 40


def record(**fields: object) -> component.Record:
    """A WIT record; `tool_name=` becomes the field tool-name."""
    made = component.Record()
    for name, value in fields.items():
        setattr(made, name.replace("_", "-"), value)
    return made


class Guest:
    """One instance of a component; `call` calls a function of its one exported interface.

    `imports` maps an interface of tark:plugin ("log") to its functions, called without the store. What
    the component imports and the map does not have, traps when called.
    """

    def __init__(
        self, wasm: bytes, interface: str, imports: Imports | None = None, *, memory: int = 64 << 20
    ) -> None:
        config = wasmtime.Config()
        config.epoch_interruption = True
        self.engine = wasmtime.Engine(config)
        self.component = component.Component(self.engine, wasm)
        linker = component.Linker(self.engine)
        linker.allow_shadowing = True
        linker.define_unknown_imports_as_traps(self.component)
        with linker.root() as root:
            for name, functions in (imports or {}).items():
                with root.add_instance(f"tark:plugin/{name}") as instance:
                    for function, implementation in functions.items():
                        instance.add_func(function, _without_store(implementation))
        self.store = wasmtime.Store(self.engine)
        self.store.set_limits(memory_size=memory)
        self.store.set_epoch_deadline(NO_DEADLINE)
        self.instance = linker.instantiate(self.store, self.component)
        self.index = self.component.get_export_index(f"tark:plugin/{interface}")
        assert self.index is not None, f"no export tark:plugin/{interface}"

    def call(self, function: str, *arguments: object) -> Any:
        """Call it; a trap is a WasmtimeError, and after one the guest is of no more use."""
        index = self.component.get_export_index(function, self.index)
        assert index is not None, f"no export {function}"
        found = self.instance.get_func(self.store, index)
        assert found is not None
        return found(self.store, *arguments)

    def interrupt_at_once(self) -> None:
        """Let the next loop or call of the guest meet its deadline."""
        self.store.set_epoch_deadline(1)
        self.engine.increment_epoch()


def _without_store(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _store, *arguments: function(*arguments)
