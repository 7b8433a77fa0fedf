"""What one HTTP request may still use, in time and in bytes on the wire."""

import time

import httpcore2

from tarkpm.errors import TooLarge
from tarkpm.io.http_request import RequestLimits


class RequestBudget:
    """The time and the bytes on the wire that one request may still use.

    ``connected`` and ``answered`` say whether a new connection was opened, and whether a byte was received.
    """

    def __init__(self, deadline: float, limits: RequestLimits) -> None:
        self.deadline = deadline
        self.limits = limits
        self.connected = self.answered = False
        # Chunk headers, 1xx responses and trailers count as well. Compression hardly makes data larger.
        self._bytes = 2 * limits.body + 4 * limits.headers

    def left(self, seconds: float) -> float:
        """Return at most ``seconds``, but not more than are left; raises if none are."""
        # An expired budget raises httpcore2's own exception, so that the pool discards the connection.
        left = min(seconds, self.deadline - time.monotonic())
        if left <= 0:
            raise httpcore2.ReadTimeout
        return left

    def received(self, count: int) -> None:
        """Count bytes that arrived. Raises `TooLarge`."""
        self.answered = self.answered or count > 0
        self._bytes -= count
        if self._bytes < 0:
            raise TooLarge("the server sends endless data")
