"""tark:plugin/http: requests to granted hosts, one connection each.

Each hop of a call passes the same steps: the URL is normalised, the grant and the addresses are checked, the
request is sent, and a bounded response is read. A redirect is a new request that passes all steps again. The
plugin's headers go to the host it named; another host gets only headers that cannot be credentials. Nothing
is kept between calls.

Secrets of the user are added here, after these checks, and masked in what comes back (`imports.secrets`).

Behind a proxy only the URL is checked, because the proxy resolves the names.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from tarkpm.core import urls
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import SourceError, TooLarge
from tarkpm.host.imports import headers as rules
from tarkpm.host.imports.hosts import Hosts, NotGranted
from tarkpm.host.imports.secrets import NO_SECRETS, Secrets
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
        self.crossed = False

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
            self.crossed = True
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
        secrets: Secrets = NO_SECRETS,
        client: HttpClient | None = None,
    ) -> None:
        """Create a client. ``authorities`` is a file of certificates to trust instead of the system's.

        ``client`` sends the requests instead; the checks before and after it are the same. With ``denials``
        an error says whether it is a refusal, for the older ABI (docs/decisions/0050).
        """
        self._denials = denials
        self._hosts = Hosts(granted, report)
        self._limits = limits
        self._secrets = secrets
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

    @property
    def lacked(self) -> Counter[Capability]:
        """Return how often a grant was missing, by that grant."""
        return self._hosts.lacked + self._secrets.lacked

    @property
    def used(self) -> Counter[Capability]:
        """How often each granted capability was used: at every hop, since a redirect may need another one."""
        return self._hosts.used

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _error(self, message: str, status: int | None, *, denied: bool) -> Any:
        extra = {"denied": denied} if self._denials else {}
        return {"err": {"message": self._secrets.mask.text(message), "status": status, **extra}}

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
                request.method,
                request.target.url,
                [*request.headers, *self._added(request)],
                request.body,
                deadline=deadline,
            ) as answer:
                status = answer.status
                location = answer.header("location")
                if status in _REDIRECTS and location:
                    self._check_location(location)
                    request.redirect(status, location)
                    return None
                self._secrets.answered(request.target, status)
                return self._shaped(answer)
        except SourceError as problem:
            where = problem.where or request.target.origin
            denied = isinstance(problem, NotGranted)
            raise _Failed(f"{where}: {self._secrets.message(problem)}", status, denied=denied) from None
        except ValueError as problem:
            raise _Failed(str(problem), status) from None

    def _added(self, request: _Request) -> list[tuple[str, str]]:
        """Return the user's secrets for this hop."""
        # Another host that redirects here would choose what is done in the user's name.
        return [] if request.crossed else self._secrets.headers(request.target, request.headers)

    def _check_location(self, location: str) -> None:
        # Following it would send the secret to the server that it names, or write it to that server's log.
        if self._secrets.mask.text(location) != location:
            raise ValueError("a redirect must not repeat a secret")

    def _shaped(self, answer: Response) -> Any:
        mask = self._secrets.mask
        headers = [[mask.text(name), mask.header(value)] for name, value in rules.answered(answer.headers)]
        # Before decoding, because a charset may show the bytes of a secret as other characters; and after it,
        # because a charset may spell a secret in other bytes.
        data = b"".join(mask.stream(answer.chunks()))
        body = mask.text(rules.text(data, answer.header("content-type")))
        # Once more, as UTF-8: each invalid byte has become a character of three bytes.
        if len(body.encode()) > self._limits.body:
            raise TooLarge(f"the response is larger than {self._limits.body:,} bytes as text")
        return {"status": answer.status, "headers": headers, "body": body}
