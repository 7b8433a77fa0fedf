"""The capability check of every host call (docs/trust-rules.md, rule 6).

A gate is built from the capabilities that a plugin declares and was granted. It then decodes, counts, checks,
answers and traces each host call. A compromised worker cannot bypass it: the gate runs in the parent, and it
decodes the worker's arguments against the function's own parameter types.
"""

import enum
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from tarkpm.core.asked import asked, serving
from tarkpm.core.capability import PLAIN, Capability, CapabilitySet
from tarkpm.errors import CapabilityDenied, HostError, LimitReached
from tarkpm.host import trace
from tarkpm.host.imports import Counting, Interface, Lacking
from tarkpm.host.ipc.decoding import Arguments, ProtocolError, valued
from tarkpm.host.module.legacy_abi import GRANTED_BY

_Headers = list[tuple[str, str]]
_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_U63 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]

PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "storage": {"get": tuple[str], "set": tuple[str, str], "delete": tuple[str], "list-keys": tuple[()]},
    "http": {"get": tuple[str, _Headers], "post": tuple[str, str, _Headers]},
    "env": {"get": tuple[str]},
    "log": dict.fromkeys(("debug", "info", "warn", "error"), tuple[str]),
    "shell": {"run": tuple[list[str], str | None, str | None, _U32 | None]},
    "filesystem": {
        "read": tuple[str],
        "write": tuple[str, str],
        "list": tuple[str],
        "stat": tuple[str],
        "remove": tuple[str],
    },
    "clock": {"now": tuple[()], "monotonic": tuple[()]},
    "random": {"bytes": tuple[_U32], "number": tuple[()]},
    # Only the older ABI has these: docs/decisions/0050.
    "fs": {"read": tuple[str]},
    "ws": {
        "connect": tuple[str, _Headers],
        "send": tuple[_U63, str],
        "recv": tuple[_U63, _U63, _U63],
        "close": tuple[_U63],
    },
}
"""The parameter types of each host function, by interface."""

ALWAYS: Final = frozenset({"log", "clock", "random"})
"""Interfaces that need no grant: they give access to nothing of the user's."""

_PLAIN: Final = {kind: Capability(kind) for kind in PLAIN}
_MOST_LACKED: Final = 20


class Refusal(enum.Enum):
    """The reason for refusing a host call; the value completes a sentence about the interface."""

    NOT_GRANTED = "is not granted to this plugin"
    UNAVAILABLE = "is not available here"


class Gate:
    """The gate of one plugin. Not thread-safe."""

    def __init__(
        self,
        granted: CapabilitySet,
        interfaces: Mapping[str, Interface],
        report: Callable[[str], None],
        *,
        calls: int,
        plugin: str = "",
        tell: trace.Trace | None = None,
        older: bool = False,
    ) -> None:
        """Create a gate.

        Args:
            granted: capabilities that are both granted and declared.
            interfaces: the implementations, by interface name. A granted interface without one is answered
                as unavailable.
            report: called with a note for the user, once for each refused interface.
            calls: how many host calls one call into the plugin may make.
            plugin: the plugin's name, for the trace.
            tell: called with each answered call, secrets masked.
            older: the plugin's ABI distinguishes a refusal from a failure (docs/decisions/0050).
        """
        self._granted = granted
        self._used: Counter[Capability] = Counter()
        self._open = {name: interfaces.get(name) for name in PARAMETERS if _is_open(name, granted)}
        self._counting = {name: one for name, one in self._open.items() if isinstance(one, Counting)}
        self._report = report
        self._limit = calls
        self._left = calls
        self._plugin = plugin
        self._tell = tell
        self._older = older
        self.uses: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self._lacked: Counter[Capability] = Counter()
        self._reported: set[str] = set()

    def begin(self) -> None:
        """Start a call into the plugin: reset the count of host calls."""
        self._left = self._limit

    def take_used(self) -> Counter[Capability]:
        """Return how often each granted capability was used since this was last asked."""
        found, self._used = self._used, Counter()
        for served in self._counting.values():
            found.update(served.used)
            served.used.clear()
        return found

    def lacked(self) -> Counter[Capability]:
        """Return how often a grant was missing since the plugin was loaded, by that grant."""
        found = Counter(self._lacked)
        for served in self._open.values():
            if isinstance(served, Lacking):
                found.update(served.lacked)
        return found

    def answer(self, interface: str, function: str, args: Arguments, deadline: float) -> Any:
        """Return the JSON value that answers a host call.

        Raises:
            ProtocolError: the function does not exist, or the arguments do not match it.
            LimitReached: the plugin made too many host calls.
            CapabilityDenied: the call is refused, and its result type cannot express a refusal.
        """
        # Refused calls count too: otherwise a plugin could keep the parent busy with them for the whole call.
        typed = _decoded(interface, function, args)
        self._left -= 1
        if self._left < 0:
            raise LimitReached(f"the plugin made more than {self._limit:,} host calls in one call")
        if self._tell is None:
            return self._answer(interface, function, typed, deadline)[1]
        start = time.perf_counter()
        outcome: Literal["answered", "refused", "unavailable"] = "answered"
        value: Any = None
        try:
            outcome, value = self._answer(interface, function, typed, deadline)
        except HostError as problem:
            value = {"err": problem.message}
            raise
        finally:
            took = (time.perf_counter() - start) * 1000
            self._told(interface, function, typed, outcome, value, took)
        return value

    def _answer(
        self, interface: str, function: str, args: tuple[Any, ...], deadline: float
    ) -> tuple[Literal["answered", "refused", "unavailable"], Any]:
        # Before the implementation is looked up: what is not granted must not even show whether it exists.
        if interface not in self._open:
            self._lack(asked(interface, function, args))
            return "refused", self._refuse(interface, function, Refusal.NOT_GRANTED)
        served = self._open[interface]
        if served is None:
            return "unavailable", self._refuse(interface, function, Refusal.UNAVAILABLE)
        self.uses[f"{interface}.{function}"] += 1
        # The others count by themselves: a redirect may need another grant than the call did.
        if interface not in ALWAYS and interface not in self._counting:
            self._count(interface, function, args)
        return "answered", served.call(function, args, deadline)

    def _count(self, interface: str, function: str, args: tuple[Any, ...]) -> None:
        # Without a scope there is one capability, and storage is used a thousand times in a call.
        allowed = _PLAIN.get(interface)
        if allowed is None and (wanted := asked(interface, function, args)):
            allowed = serving(self._granted, wanted)
        if allowed is not None:
            self._used[allowed] += 1

    def _told(
        self, interface: str, function: str, args: tuple[Any, ...], outcome: Any, value: Any, took: float
    ) -> None:
        assert self._tell is not None
        # A WIT result with `err`: the call was answered, but with a failure.
        if outcome == "answered" and isinstance(value, dict) and "err" in value:
            outcome = "failed"
        self._tell(
            trace.TracedCall(
                self._plugin,
                interface,
                function,
                trace.masked_args(interface, function, args),
                outcome,
                trace.masked_answer(interface, function, value, args),
                round(took, 3),
            )
        )

    def _lack(self, wanted: Capability | None) -> None:
        # A plugin could ask for ever new hosts.
        if wanted is not None and (wanted in self._lacked or len(self._lacked) < _MOST_LACKED):
            self._lacked[wanted] += 1

    def _refuse(self, interface: str, function: str, why: Refusal) -> Any:
        self.refusals[f"{interface}.{function}"] += 1
        if interface not in self._reported:  # once: a plugin could flood the log with refusals
            self._reported.add(interface)
            self._report(f"asked for {interface}, which {why.value}")
        return refusal(interface, function, why, older=self._older)


def _is_open(interface: str, granted: CapabilitySet) -> bool:
    return interface in ALWAYS or GRANTED_BY.get(interface, interface) in granted


def _decoded(interface: str, function: str, args: Arguments) -> tuple[Any, ...]:
    parameters = PARAMETERS.get(interface, {}).get(function)
    if parameters is None:
        raise ProtocolError("a call to an unknown host function")
    try:
        typed: tuple[Any, ...] = valued(*args, shape=parameters)
    except ProtocolError:
        raise ProtocolError(f"arguments that do not match {interface}.{function}") from None
    return typed


def refusal(interface: str, function: str, why: Refusal, *, older: bool) -> Any:
    """Return a refusal in the function's own result type, or an empty value where it has no error.

    ``older`` is that of `Gate`.
    """
    said = f"{interface} {why.value}"
    if older:
        return {"err": {"message": said, "denied": True}}
    match interface, function:
        case "storage", "get":
            return None
        case "storage", "list-keys":
            return []
        case "storage" | "shell" | "filesystem", _:
            return {"err": said}
        case "http", _:
            return {"err": {"message": said, "status": None}}
        case "clock" | "random", _:
            # These have no error case. A plugin would take an invented number for a real time or secret.
            raise CapabilityDenied(f"the plugin asked for {interface}, which {why.value}")
    return None
