"""Fetch the bytes of an index from a web server or a folder: bounded, but not verified."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from tarkpm.core import urls
from tarkpm.core.retry_after import is_overloaded, overloaded
from tarkpm.errors import Refused, StoreError, TarkError, TooLarge, Unreachable
from tarkpm.io.files import read_file
from tarkpm.io.http import HttpClient, Response
from tarkpm.io.http_request import RequestLimits
from tarkpm.io.login import Login, is_sendable
from tarkpm.io.parallel import run_parallel
from tarkpm.io.paths import resolved
from tarkpm.io.proxies import Proxies, is_loopback

GONE: Final = (403, 404, 410)
"""Statuses for a missing file. Object stores that do not permit listing respond with 403."""
MAX_REDIRECTS: Final = 3
T = TypeVar("T")
R = TypeVar("R")
AT_ONCE: Final = 0.002
"""Seconds until a response begins, below which threads cost more than they save."""


class Patience(msgspec.Struct, frozen=True):
    """Time limits of an index in seconds, which hold however slowly bytes arrive."""

    file: float = 30.0
    """For one file: metadata, a claim or a listing."""
    question: float = 300.0
    """For all files of one query."""
    release: float = 600.0
    """For the largest release."""
    pace: int = 64 * 1024
    """Minimum rate of a release in bytes per second, after the time for one file."""

    def for_release(self, size: int) -> float:
        """Return the limit for a release of ``size`` bytes: shorter for small ones."""
        return min(self.release, self.file + size / self.pace)


USUAL: Final = Patience()


class Missing(Exception):
    """The location does not have the file. ``hint`` helps where it only may not be read."""

    def __init__(self, status: int, hint: str = "") -> None:
        super().__init__(status)
        self.status, self.hint = status, hint


class IndexLocation(Protocol):
    """The files of an index by path (`tarkpm.core.layout`)."""

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        """Return all bytes of one file, ``limit`` at most, by ``deadline`` (of `time.monotonic`).

        Safe for several threads. Raises `Missing`, `Unreachable`, `TooLarge` and `Refused`.
        """

    def is_prompt(self) -> bool:
        """Return whether responses are so fast that parallel requests gain nothing."""

    def close(self) -> None:
        """Close connections."""


class Frozen(IndexLocation, Protocol):
    """An index as it was kept at some moment, which cannot be asked for what is newer."""

    def dated(self) -> dict[str, bytes]:
        """Return the kept timestamp and snapshot, unchecked, by role."""


class Web:
    """An index behind a URL. Redirects are followed only to the same server."""

    def __init__(
        self,
        url: str,
        *,
        proxies: Proxies,
        authorities: str,
        token: str,
        token_variable: str,
        login: Login | None,
        allow_http: bool,
        threads: int,
        body: int,
    ) -> None:
        """Set up the location. ``token``, or else ``login``, goes only to this server, never unencrypted.

        ``token_variable`` holds the token, and is named where the server asks for one.
        """
        parts = urlsplit(url)
        self._url = url
        self._hint = f"export {token_variable}=TOKEN"
        open_line = parts.scheme == "http" and not is_loopback(parts.hostname or "")
        if open_line and not allow_http:
            raise Refused("http is neither encrypted nor authenticated", where=url, hint="use https")
        if not token.isascii() or not is_sendable(token):
            raise Refused("the token for this index contains a character that cannot be sent", where=url)
        authorization = f"Bearer {token}" if token else login.header if login else ""
        self._headers = [("authorization", authorization)] if authorization and not open_line else []
        limits = RequestLimits(total=600.0, body=body)
        self._client = HttpClient(proxies=proxies, authorities=authorities, limits=limits, keep=threads)
        self._waits: deque[float] = deque(maxlen=8)

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        """See `IndexLocation`."""
        url = f"{self._url}/{path}"
        try:
            # Redirects are followed here, because each target must be checked before it is contacted.
            for _ in range(MAX_REDIRECTS + 1):
                asked = time.monotonic()
                with self._client.open("GET", url, self._headers, deadline=deadline) as answer:
                    self._waits.append(time.monotonic() - asked)
                    if answer.status == 200:
                        return _bounded(answer, limit)
                    url = self._redirected(url, answer)
            raise Unreachable(f"the index redirects more than {MAX_REDIRECTS} times")
        except Unreachable as problem:
            raise unreachable(problem.message, where=f"{self._url}/{path}", hint=problem.hint) from None
        except TarkError as problem:
            problem.where = problem.where or f"{self._url}/{path}"
            raise

    def is_prompt(self) -> bool:
        """See `IndexLocation`."""
        return min(self._waits, default=math.inf) < AT_ONCE

    def close(self) -> None:
        """See `IndexLocation`."""
        self._client.close()

    def _redirected(self, url: str, answer: Response) -> str:
        """Return the URL to which a response other than 200 redirects; raises if it is not a redirect."""
        if answer.status in GONE:
            raise Missing(answer.status, self._hint if answer.status == 403 else "")
        if answer.status == 401:
            text = "the index refuses the login" if self._headers else "the index requires authentication"
            raise Unreachable(text, hint=self._hint)
        if is_overloaded(answer.status):
            text, hint = overloaded(answer.status, answer.header("retry-after"))
            raise Unreachable(text, hint=hint)
        if answer.status not in (301, 302, 303, 307, 308):
            raise Unreachable(f"the index responds with HTTP {answer.status}")
        if not answer.header("location"):
            raise Unreachable(f"the server redirects (HTTP {answer.status}) without a Location")
        try:
            here = urls.parse(url)
            target = urls.redirected(here, answer.header("location"))
        except ValueError:
            target = None
        # The token would go to another server.
        if target is None or target.origin != here.origin:
            raise Unreachable("the index redirects to another server", hint="use the URL of that server")
        return target.url


def _bounded(answer: Response, limit: int) -> bytes:
    parts, size = [], 0
    for chunk in answer.chunks():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the file has more than {limit:,} bytes")
        parts.append(chunk)
    return b"".join(parts)


class Folder:
    """An index in a folder on this machine. Links out of the folder are refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = resolved(folder)

    def get(self, path: str, limit: int, deadline: float) -> bytes:  # noqa: ARG002  # a disk has none
        """See `IndexLocation`."""
        # The folder may come from elsewhere: a link in it must not make tarkpm read other files.
        file = resolved(self._folder / path)
        if not file.is_relative_to(self._folder):
            raise Refused("a link leads out of the index folder", where=str(self._folder / path))
        try:
            return read_file(file, limit)
        except FileNotFoundError:
            raise Missing(404) from None
        except StoreError as problem:
            raise Refused(problem.message, where=str(file)) from None
        except OSError as problem:
            raise unreachable((problem.strerror or "").lower(), where=str(file)) from None

    def is_prompt(self) -> bool:
        """See `IndexLocation`."""
        return True

    def close(self) -> None:
        """See `IndexLocation`."""


def gather(place: IndexLocation, function: Callable[[T], R], items: Sequence[T], *, threads: int) -> list[R]:
    """Return ``function`` of every item, in order; it fetches a file, in parallel if that is faster.

    Threads save the time of waiting for a server. If it responds at once, they only wait for each other.
    """
    done: list[R] = []
    # One by one until a response was slow: only then do threads pay.
    while len(done) < len(items) and place.is_prompt():
        done.append(function(items[len(done)]))
    return done + run_parallel(function, items[len(done) :], threads=threads)


def unreachable(reason: str, *, where: str, hint: str = "") -> Unreachable:
    """Return the error for an index that could not be checked, which is not an error of the index.

    See docs/trust-rules.md, rule 10.
    """
    return Unreachable(f"could not check the index: {reason}", where=where, hint=hint)


def within(seconds: float) -> float:
    """Return the deadline that many seconds from now, for `IndexLocation.get`."""
    return time.monotonic() + seconds
