"""tark:plugin/clock: the time, for what expires."""

import time
from collections.abc import Callable
from typing import Any

_MILLISECOND = 1_000_000


class Clock:
    """Both clocks in milliseconds. The second is the machine's uptime or the like: its zero means nothing."""

    def __init__(
        self, now: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._clocks = {"now": now, "monotonic": monotonic}

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> int:  # noqa: ARG002  # no waiting
        """`now` or `monotonic`. A machine whose clock stands before 1970 is at 0."""
        return max(0, self._clocks[function]() // _MILLISECOND)

    def close(self) -> None:
        """Nothing is held."""
