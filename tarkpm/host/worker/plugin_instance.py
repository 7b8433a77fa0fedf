"""The common base of components and core modules in a worker: an engine, a deadline and a store."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from wasmtime import Store

from tarkpm.host.ipc.frames import HARMLESS, Texts
from tarkpm.host.worker.confine import Memory
from tarkpm.host.worker.engine import Failure, failure, make_engine
from tarkpm.host.worker.settings import BIG_MODULE
from tarkpm.host.worker.watchdog import Watch

NEARLY: Final = 0.9
"""Share of the memory limit above which a trap means out of memory: guests abort when alloc fails."""

AskParent = Callable[[str, str, list[Any], Texts], Any]
"""(interface, function, JSON arguments, their long texts) -> the parent's JSON answer."""


class PluginInstance(ABC):
    """One plugin. A failed call leaves its store unusable; the next call creates another one."""

    def __init__(self, code: bytes | int, load: dict[str, Any], parent: int, memory: Memory) -> None:
        """Create an engine for ``code``, a module or compiled code as ``load`` says. Call `_settle` after."""
        self._memory_limit: int = load["memory"]
        self._output: int = load["output"]
        self._memory = memory
        is_big = isinstance(code, bytes) and len(code) >= BIG_MODULE
        self._engine = make_engine(
            load["stack"], parallel=load["code"] == "wasm" and is_big, mapped=isinstance(code, int)
        )
        self._watch = Watch(self._engine, parent)
        self._watch.arm(math.inf)  # no deadline, but the watchdog ends the process if the parent is gone
        self._fault: Failure | None = None
        self._store: Store | None = None

    def call(self, name: str, args: list[Any], seconds: float) -> tuple[Any, Texts]:
        """Call an exported function. Returns its JSON result and the long texts in it. Raises `Failure`."""
        self._watch.arm(seconds)
        try:
            return self._answer(name, args)
        except Exception as problem:  # noqa: BLE001  # `failure` translates every kind
            found = self._fault or self._explained(problem)
            # A trapped component must not be entered again (component model, Canonical ABI), and the memory
            # of a core module may be inconsistent.
            if found.kind not in HARMLESS:
                self._drop()
            raise found from None
        finally:
            self._watch.disarm()

    @property
    def output(self) -> int:
        """Bytes of text one answer may have."""
        return self._output

    def reset(self) -> None:
        """Have the next call make a new store."""
        self._drop()

    @abstractmethod
    def _answer(self, name: str, args: list[Any]) -> tuple[Any, Texts]:
        """Call a function, as `call` does, with any exception."""

    @abstractmethod
    def _instantiate(self, store: Store) -> None:
        """Instantiate the plugin in a new store."""

    def _settle(self, *, may_start_threads: bool) -> None:
        """Reduce the limits from those of compiling to those of a guest. The code is loaded and checked."""
        self._watch.disarm()
        self._memory.settle(self._memory_limit, may_start_threads=may_start_threads)

    def _entered(self) -> Store:
        """Return the store, creating it if needed, with its deadline set."""
        store = self._store
        if store is None:
            store = self._store = Store(self._engine)  # set now: `_drop` must find it if the start traps
            # `memory_size` is per memory, so their number is limited too. A Python guest needs one memory,
            # over 10 instances and over 5,682 table elements.
            store.set_limits(
                memory_size=self._memory_limit, table_elements=100_000, instances=64, tables=16, memories=4
            )
            store.set_epoch_deadline(1)  # the default is 0, at which every guest traps at once
            self._instantiate(store)
        store.set_epoch_deadline(1)  # the watchdog increments the epoch once, at the deadline
        return store

    def _drop(self) -> None:
        store, self._store, self._fault = self._store, None, None
        if store is not None:
            store.close()

    def _explained(self, problem: Exception) -> Failure:
        found = failure(problem)
        if found.kind == "trap" and self._memory.grown() > NEARLY * self._memory_limit:
            return Failure("memory")
        return found
