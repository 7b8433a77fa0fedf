"""tark:plugin/clock: the time, for example to check when a token expires."""

import time
from collections.abc import Callable
from typing import Any

_MILLISECOND = 1_000_000


class Clock:
    """Two clocks, in milliseconds. The zero of the monotonic one is arbitrary."""

    def __init__(
        self, now: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._clocks = {"now": now, "monotonic": monotonic}

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> int:  # noqa: ARG002  # no waiting
        """Return `now` or `monotonic`. A system clock before 1970 reads 0, because the result is unsigned."""
        return max(0, self._clocks[function]() // _MILLISECOND)

    def close(self) -> None:
        """Do nothing; no resource is held."""
