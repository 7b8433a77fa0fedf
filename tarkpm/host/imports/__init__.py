"""The implementations of host calls. They run in the parent, behind the gate.

Each is an `Interface`: `call` takes the function's name as the WIT spells it, arguments that the gate has
decoded, and the deadline; it returns the JSON form of the function's result.
"""

from typing import Any, Protocol


class Interface(Protocol):
    """One WIT interface, for one plugin."""

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Answer one host call; ``deadline`` is on the clock of `time.monotonic`.

        A failure is a result. Only a function without an error case raises a `HostError`.
        """

    def close(self) -> None:
        """Close all files. A later call opens them again."""
