"""Where the bytes of an index come from: a web server, or a folder. Bounded; nothing is verified here."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from tarkpm.core import urls
from tarkpm.errors import Refused, StoreError, TarkError, TooLarge, Unreachable
from tarkpm.io.files import read_file
from tarkpm.io.http import HttpClient, Response
from tarkpm.io.http_request import RequestLimits
from tarkpm.io.login import Login, is_sendable
from tarkpm.io.parallel import run_parallel
from tarkpm.io.proxies import Proxies, is_loopback

GONE: Final = (403, 404, 410)
"""Statuses that say a file is not there; object stores without listing answer 403."""
MAX_REDIRECTS: Final = 3
T = TypeVar("T")
R = TypeVar("R")
AT_ONCE: Final = 0.002
"""Seconds to an answer's beginning, of which most is Python's own work."""


class Patience(msgspec.Struct, frozen=True):
    """Seconds an index may take, however slowly its answers drip."""

    file: float = 30.0
    """For one file of metadata, or one claim or listing."""
    question: float = 300.0
    """For all files one question needs."""
    release: float = 600.0
    """For the largest release."""
    pace: int = 64 * 1024
    """Bytes a second that a release must come with, on top of the time one file has."""

    def for_release(self, size: int) -> float:
        """For one release of ``size`` bytes: a small one that drips is given up soon."""
        return min(self.release, self.file + size / self.pace)


USUAL: Final = Patience()


class Missing(Exception):
    """The place answered that it has no such file."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class IndexLocation(Protocol):
    """An index's files by their paths (`tarkpm.core.layout`)."""

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        """All bytes of one file, ``limit`` at most, by ``deadline`` (of `time.monotonic`).

        Safe for several threads. Raises `Missing`, `Unreachable`, `TooLarge` and `Refused`.
        """

    def is_prompt(self) -> bool:
        """Whether it answers so fast that to ask for several files at once gains nothing."""

    def close(self) -> None:
        """Let go of connections."""


class Web:
    """An index behind a URL. A redirect is followed only where it stays with the same server."""

    def __init__(
        self,
        url: str,
        *,
        proxies: Proxies,
        authorities: str,
        token: str,
        login: Login | None,
        allow_http: bool,
        threads: int,
        body: int,
    ) -> None:
        """``token``, else ``login``, is sent to this server alone, and never over an open line."""
        parts = urlsplit(url)
        self._url = url
        open_line = parts.scheme == "http" and not is_loopback(parts.hostname or "")
        if open_line and not allow_http:
            raise Refused("plain http can be read and changed on its way", where=url, hint="use https")
        if not token.isascii() or not is_sendable(token):
            raise Refused("the token for this index holds a character that cannot be sent", where=url)
        authorization = f"Bearer {token}" if token else login.header if login else ""
        self._headers = [("authorization", authorization)] if authorization and not open_line else []
        limits = RequestLimits(total=600.0, body=body)
        self._client = HttpClient(proxies=proxies, authorities=authorities, limits=limits, keep=threads)
        self._waits: deque[float] = deque(maxlen=8)

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        """See `IndexLocation`."""
        url = f"{self._url}/{path}"
        try:
            for _ in range(MAX_REDIRECTS + 1):
                asked = time.monotonic()
                with self._client.open("GET", url, self._headers, deadline=deadline) as answer:
                    self._waits.append(time.monotonic() - asked)
                    if answer.status == 200:
                        return _bounded(answer, limit)
                    url = self._redirected(url, answer)
            raise Unreachable(f"it redirects more than {MAX_REDIRECTS} times")
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
        """Where an answer other than 200 points; raises if that is nowhere."""
        if answer.status in GONE:
            raise Missing(answer.status)
        if answer.status == 401:
            name = "TARKPM_INDEX_<NAME>_TOKEN"
            raise Unreachable("it asks for a login", hint=f"set {name} to a token it accepts")
        if answer.status not in (301, 302, 303, 307, 308):
            raise Unreachable(f"it answers HTTP {answer.status}")
        try:
            here = urls.parse(url)
            target = urls.redirected(here, answer.header("location"))
        except ValueError:
            target = None
        if target is None or target.origin != here.origin:
            raise Unreachable("it redirects to another server", hint="use the URL it is really at")
        return target.url


def _bounded(answer: Response, limit: int) -> bytes:
    parts, size = [], 0
    for chunk in answer.chunks():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"more than the {limit:,} bytes it may have")
        parts.append(chunk)
    return b"".join(parts)


class Folder:
    """An index in a folder of this machine. No link leads out of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def get(self, path: str, limit: int, deadline: float) -> bytes:  # noqa: ARG002  # a disk has none
        """See `IndexLocation`."""
        file = (self._folder / path).resolve()
        if not file.is_relative_to(self._folder):
            raise Refused("a link leads out of the index", where=str(self._folder / path))
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
    """``function`` of every item, in order, which gets a file from the place: several at once if that helps.

    Threads wait for a server together; for one that need not be waited for, they wait for each other.
    """
    done: list[R] = []
    while len(done) < len(items) and place.is_prompt():
        done.append(function(items[len(done)]))
    return done + run_parallel(function, items[len(done) :], threads=threads)


def unreachable(reason: str, *, where: str, hint: str = "") -> Unreachable:
    """Nothing is known, and nothing wrong was found: one sentence for every such case."""
    return Unreachable(f"could not check the index: {reason}", where=where, hint=hint)


def within(seconds: float) -> float:
    """The moment so many seconds from now, as `IndexLocation.get` wants it."""
    return time.monotonic() + seconds
