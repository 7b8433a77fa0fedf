"""One request to a registry or its token server: sent again while the server is busy, and bounded."""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from tarkpm.core import urls
from tarkpm.core.retry_after import is_overloaded, pause
from tarkpm.errors import Refused, TooLarge, Unreachable
from tarkpm.io.http import HttpClient, Response
from tarkpm.io.http_request import Headers
from tarkpm.io.proxies import is_loopback

ATTEMPTS: Final = 3
"""How often a request is sent while the server answers that it is busy."""
MAX_PAUSE: Final = 30.0
"""Seconds to wait at most. A registry that asks for more is reported, with the time it names."""
FIRST_PAUSE: Final = 0.5
"""Seconds to wait where the server names none; the next time is twice as long."""
MAX_ERROR: Final = 16 << 10
"""Bytes that are read of the body of a failure."""


class RegistryAnswer(msgspec.Struct, frozen=True):
    """A complete response. ``url`` is where it came from; header names are in lower case."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return all values of a header, joined with ", "; "" if there are none."""
        return ", ".join(value for key, value in self.headers if key == name)


class Sender:
    """Sends requests through one client. Safe for several threads."""

    def __init__(self, client: HttpClient, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep

    def send(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        limit: int,
        deadline: float,
        again: bool = True,
    ) -> RegistryAnswer:
        """Send a request and read its response, of at most ``limit`` bytes, by ``deadline``.

        With ``again``, a busy server is asked again, after the time it names. Raises `Unreachable`,
        `TooLarge` and `Refused`.
        """
        check_open_line(url)
        for number in range(ATTEMPTS):
            answer = self._sent(method, url, headers, body, limit, deadline, again=again)
            wait = pause(answer.header("retry-after"), time.time())
            wait = FIRST_PAUSE * 2**number if wait is None else wait
            is_last = number == ATTEMPTS - 1 or wait > min(MAX_PAUSE, deadline - time.monotonic())
            if not again or is_last or not is_overloaded(answer.status):
                return answer
            self._sleep(wait)
        raise AssertionError("the last attempt returns")

    def _sent(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        limit: int,
        deadline: float,
        *,
        again: bool,
    ) -> RegistryAnswer:
        # `HttpClient` itself repeats a GET whose kept connection was closed. All that is repeated here may
        # arrive twice without harm: an upload that is begun twice leaves an empty one, which registries drop.
        try:
            return self._once(method, url, headers, body, limit, deadline)
        except Unreachable:
            if not again or method == "GET":
                raise
            return self._once(method, url, headers, body, limit, deadline)

    def _once(
        self, method: str, url: str, headers: Headers, body: bytes | None, limit: int, deadline: float
    ) -> RegistryAnswer:
        # Blobs are compressed already, and a digest is over the bytes as they are stored.
        sent = [("accept-encoding", "identity"), *headers]
        with self._client.open(method, url, sent, body, deadline=deadline) as response:
            return RegistryAnswer(url, response.status, tuple(response.headers), _read(response, limit))


def check_open_line(url: str) -> None:
    """Raise `Refused` for a URL without encryption to another machine: anybody on the way could change it."""
    try:
        target = urls.parse(url)
    except ValueError as problem:
        raise Refused(str(problem)) from None
    if target.scheme != "https" and not is_loopback(target.host):
        raise Refused("plain http is only for a registry on this machine", hint="use a registry with https")


def at_origin(problem: Unreachable, target: urls.RequestTarget) -> Unreachable:
    """Return the error about a server that a registry named, with its origin as its place.

    The path and query of such a URL may be a permission, or name what a login is for.
    """
    problem.where = problem.where or target.origin
    problem.hint = problem.hint or f"see whether it answers: curl -I {target.origin}"
    return problem


def _read(response: Response, limit: int) -> bytes:
    failed = response.status >= 300
    limit = min(limit, MAX_ERROR) if failed else limit
    # Joined once: adding up bytes takes time with the square of their number.
    data = bytearray()
    for chunk in response.chunks():
        data += chunk
        if len(data) > limit:
            if failed:
                break
            raise TooLarge(f"the response has more than {limit:,} bytes")
    return bytes(data[:limit])
