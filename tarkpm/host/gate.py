"""The one door every host call passes.

What a plugin may do is decided when its gate is built, from what it declares and was granted; a call is then
looked up, counted and answered. A worker cannot get past: its frames are decoded here, against the
parameters each function has, before anything else sees them.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import LimitReached
from tarkpm.host.imports import Interface

_Headers = list[tuple[str, str]]

PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "storage": {"get": tuple[str], "set": tuple[str, str], "delete": tuple[str], "list-keys": tuple[()]},
    "http": {"get": tuple[str, _Headers], "post": tuple[str, str, _Headers]},
    "env": {"get": tuple[str]},
    "log": dict.fromkeys(("debug", "info", "warn", "error"), tuple[str]),
}
"""What tark:plugin's host functions take."""

ALWAYS: Final = frozenset({"log"})
"""Interfaces that need no grant."""


class Nonsense(ValueError):
    """A host call no plugin can have made: the worker is not what it should be."""


class Gate:
    """One plugin's door. Not for several threads at once."""

    def __init__(
        self,
        granted: CapabilitySet,
        interfaces: Mapping[str, Interface],
        report: Callable[[str], None],
        *,
        calls: int,
    ) -> None:
        """``granted`` is already cut down to what the plugin declares; ``calls`` are allowed in one go."""
        self._open = {name: interfaces.get(name) for name in PARAMETERS if name in ALWAYS or name in granted}
        self._report = report
        self._limit = calls
        self._left = calls
        self.uses: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()

    def begin(self) -> None:
        """A call into the plugin begins: its host calls are counted anew."""
        self._left = self._limit

    def answer(self, interface: str, function: str, args: msgspec.Raw, deadline: float) -> Any:
        """The JSON value a host call is answered with.

        Raises `Nonsense`, and `LimitReached` when the plugin has made too many calls.
        """
        typed = _decoded(interface, function, args)
        self._left -= 1
        if self._left < 0:
            raise LimitReached(f"made more than {self._limit:,} host calls in one call")
        name = f"{interface}.{function}"
        if interface not in self._open:
            return self._refuse(interface, name, "is not granted to this plugin")
        served = self._open[interface]
        if served is None:
            return self._refuse(interface, name, "is not available in this version of tarkpm")
        self.uses[name] += 1
        return served.call(function, typed, deadline)

    def _refuse(self, interface: str, name: str, why: str) -> Any:
        if not any(refused.startswith(f"{interface}.") for refused in self.refusals):
            self._report(f"asked for {interface}, which {why}")
        self.refusals[name] += 1
        return _refusal(name, f"{interface} {why}")


def _decoded(interface: str, function: str, args: msgspec.Raw) -> tuple[Any, ...]:
    parameters = PARAMETERS.get(interface, {}).get(function)
    if parameters is None:
        raise Nonsense("a call of a host function that does not exist")
    try:
        decoded: tuple[Any, ...] = msgspec.json.decode(args, type=parameters)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Nonsense(f"arguments that {interface}.{function} does not take") from None
    return decoded


def _refusal(name: str, why: str) -> Any:
    """A function's own way to say no, or nothing where it has none."""
    match name:
        case "storage.set" | "storage.delete":
            return {"err": why}
        case "http.get" | "http.post":
            return {"err": {"message": why, "status": None}}
        case "storage.list-keys":
            return []
    return None
