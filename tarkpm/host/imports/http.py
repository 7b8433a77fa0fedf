"""tark:plugin/http: requests to granted hosts, one connection each.

Each hop of a call passes the same steps: the URL is normalised, the grant and the addresses are checked, the
request is sent, and a bounded response is read. A redirect is a new request that passes all steps again. The
plugin's headers go to the host it named; another host gets only headers that cannot be credentials. Nothing
is kept between calls.

Behind a proxy only the URL is checked, because the proxy resolves the names.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from tarkpm.core import urls
from tarkpm.core.capability import CapabilitySet
from tarkpm.errors import SourceError, TooLarge
from tarkpm.host.imports import headers as rules
from tarkpm.host.imports.hosts import Hosts, NotGranted
from tarkpm.io.http import HttpClient, Response
from tarkpm.io.http_request import USUAL, RequestLimits
from tarkpm.io.proxies import DIRECT, Proxies

MAX_REDIRECTS: Final = 5
_KEEPS_POST: Final = frozenset({307, 308})
_REDIRECTS: Final = frozenset({301, 302, 303}) | _KEEPS_POST


class _Failed(Exception):
    """A request failed: the status, if there was one, and whether the request was refused here."""

    def __init__(self, message: str, status: int | None = None, *, denied: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.denied = denied


class _Request:
    """The request to send next; redirects change it."""

    def __init__(self, target: urls.RequestTarget, headers: rules.Pairs, body: bytes | None) -> None:
        self.target = target
        self.headers = list(headers)
        self.body = body

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    def redirect(self, status: int, location: str) -> None:
        """Follow a redirect to ``location``. Raises `ValueError`."""
        target = urls.redirected(self.target, location)
        # RFC 9110, 15.4: 301, 302 and 303 turn a POST into a GET, as browsers do; 307 and 308 do not.
        if status not in _KEEPS_POST and self.body is not None:
            self.body = None
            self.headers = rules.without_body(self.headers)
        # Origins, not hosts: another port or scheme is another server, too.
        if target.origin != self.target.origin:
            self.headers = rules.crossing(self.headers)
        self.target = target


class Http:
    """One plugin's requests. ``report`` is called with what was refused."""

    def __init__(
        self,
        granted: CapabilitySet,
        report: Callable[[str], None],
        *,
        proxies: Proxies = DIRECT,
        authorities: str = "",
        limits: RequestLimits = USUAL,
        denials: bool = False,
        client: HttpClient | None = None,
    ) -> None:
        """Create a client. ``authorities`` is a file of certificates to trust instead of the system's.

        ``client`` sends the requests instead; the checks before and after it are the same. With ``denials``
        an error says whether it is a refusal, for the older ABI (docs/decisions/0050).
        """
        self._denials = denials
        self._hosts = Hosts(granted, report)
        self._limits = limits
        self._client = client or HttpClient(
            proxies=proxies, authorities=authorities, limits=limits, resolve=self._hosts.resolve
        )

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        """Return the JSON value of `get` or `post`."""
        url, *body, headers = args
        # A request ends before the plugin's own deadline, even if its limits allow more.
        until = min(deadline, time.monotonic() + self._limits.total)
        try:
            target, sent = urls.parse(url), rules.checked(headers)
            request = _Request(target, sent, body[0].encode() if function == "post" else None)
            return {"ok": self._follow(request, until)}
        except _Failed as problem:
            return self._error(str(problem), problem.status, denied=problem.denied)
        except ValueError as problem:
            return self._error(str(problem), None, denied=False)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _error(self, message: str, status: int | None, *, denied: bool) -> Any:
        told = {"denied": denied} if self._denials else {}
        return {"err": {"message": message, "status": status, **told}}

    def _follow(self, request: _Request, deadline: float) -> Any:
        for _ in range(MAX_REDIRECTS + 1):
            answered = self._send(request, deadline)
            if answered is not None:
                return answered
        raise _Failed(f"redirected more than {MAX_REDIRECTS} times")

    def _send(self, request: _Request, deadline: float) -> Any:
        """Return the response, or None after a redirect, whose target ``request`` then holds."""
        status: int | None = None
        try:
            # At every hop: a granted host may redirect to one that is not granted.
            self._hosts.check(request.target)
            with self._client.open(
                request.method, request.target.url, request.headers, request.body, deadline=deadline
            ) as answer:
                status = answer.status
                location = answer.header("location")
                if status in _REDIRECTS and location:
                    request.redirect(status, location)
                    return None
                return self._shaped(answer)
        except SourceError as problem:
            where = problem.where or request.target.origin
            denied = isinstance(problem, NotGranted)
            raise _Failed(f"{where}: {problem.message}", status, denied=denied) from None
        except ValueError as problem:
            raise _Failed(str(problem), status) from None

    def _shaped(self, answer: Response) -> Any:
        headers = rules.answered(answer.headers)
        body = rules.text(answer.read(), answer.header("content-type"))
        # Once more, as UTF-8: each invalid byte has become a character of three bytes.
        if len(body.encode()) > self._limits.body:
            raise TooLarge(f"the response is larger than {self._limits.body:,} bytes as text")
        return {"status": answer.status, "headers": [list(pair) for pair in headers], "body": body}
