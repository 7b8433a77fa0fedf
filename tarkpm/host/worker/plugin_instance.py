"""A plugin in a worker, whatever its ABI: an engine, a deadline, and a store while it lasts."""

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

AskParent = Callable[[str, str, list[Any], Texts], Any]
"""(interface, function, JSON arguments, their long texts) to the parent's JSON answer."""


class PluginInstance(ABC):
    """One plugin. After any failure its store is gone, and the next call makes a new one."""

    def __init__(self, code: bytes | int, load: dict[str, Any], parent: int, memory: Memory) -> None:
        """``code`` is the module, or compiled code, as ``load`` says. `_settle` must follow."""
        self._memory_limit: int = load["memory"]
        self._output: int = load["output"]
        self._memory = memory
        is_big = isinstance(code, bytes) and len(code) >= BIG_MODULE
        self._engine = make_engine(
            load["stack"], parallel=load["code"] == "wasm" and is_big, mapped=isinstance(code, int)
        )
        self._watch = Watch(self._engine, parent)
        self._watch.arm(math.inf)  # compiling is not interrupted, but must not outlive the parent either
        self._fault: Failure | None = None
        self._store: Store | None = None

    def call(self, name: str, args: list[Any], seconds: float) -> tuple[Any, Texts]:
        """The JSON result of one exported function, and its long texts; raises `Failure`."""
        self._watch.arm(seconds)
        try:
            return self._answer(name, args)
        except Exception as problem:  # noqa: BLE001  # each kind is told apart in `failure`
            found = self._fault or self._explained(problem)
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
        """`call`, with any exception."""

    @abstractmethod
    def _instantiate(self, store: Store) -> None:
        """Bring the plugin to life in a store that is new."""

    def _settle(self, *, may_start_threads: bool) -> None:
        """The code is there and checked: give up what compiling took."""
        self._watch.disarm()
        self._memory.settle(self._memory_limit, may_start_threads=may_start_threads)

    def _entered(self) -> Store:
        """The store, its deadline set."""
        store = self._store
        if store is None:
            store = self._store = Store(self._engine)  # kept now: a start function that traps drops it, too
            store.set_limits(
                memory_size=self._memory_limit, table_elements=100_000, instances=64, tables=16, memories=4
            )
            store.set_epoch_deadline(1)
            self._instantiate(store)
        store.set_epoch_deadline(1)  # the watch moves the epoch once, when the time is up
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
