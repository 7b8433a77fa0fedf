"""The interfaces that plugins import. They run in the parent, behind the gate.

Each is an `Interface`: `call` takes the function's name as the WIT spells it, arguments the gate has
already typed, and the moment the call must be over; it answers with the function's JSON value.
"""

from typing import Any, Protocol


class Interface(Protocol):
    """One WIT interface, served to one plugin."""

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Answer one host call; ``deadline`` is on `time.monotonic`. Raises nothing a plugin can cause."""

    def close(self) -> None:
        """Let go of files; a later call opens them again."""
