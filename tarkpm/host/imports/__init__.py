"""The implementations of host calls. They run in the parent, behind the gate.

Each is an `Interface`: `call` takes the function's name as the WIT spells it, arguments that the gate has
decoded, and the deadline; it returns the JSON form of the function's result.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from tarkpm.core.capability import Capability


class Interface(Protocol):
    """One WIT interface, for one plugin."""

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Answer one host call; ``deadline`` is on the clock of `time.monotonic`.

        A failure is a result. Only a function without an error case raises a `HostError`.
        """

    def close(self) -> None:
        """Close all files. A later call opens them again."""


@runtime_checkable
class Lacking(Interface, Protocol):
    """An interface that decides by more than the gate sees: a server may redirect, or refuse."""

    @property
    def lacked(self) -> Mapping[Capability, int]:
        """Return how often a grant was missing, by that grant."""


@runtime_checkable
class Counting(Interface, Protocol):
    """An interface that counts the uses of grants by itself, where they are more than the gate sees."""

    @property
    def used(self) -> Counter[Capability]:
        """Return how often each granted capability was used. The gate clears what it has read."""
