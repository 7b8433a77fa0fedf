"""dulwich's smart HTTP protocol over one guarded connection pool.

`HttpGitClient` is dulwich's client with its network part replaced. It contacts only the two URLs of the
repository, decides about redirects, never decompresses responses, counts every byte, and keeps connections.
The `Route` (`tarkpm.sources.git.access`) decides the destination and the login; a login is never sent to an
origin other than the first.
"""

import io
import logging
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from dulwich.client import AbstractHttpGitClient, default_user_agent_string
from urllib3.response import BaseHTTPResponse

import tarkpm
from tarkpm.core.retry_after import is_overloaded, overloaded
from tarkpm.errors import Garbled, NotFound, Refused, SourceError, Unreachable
from tarkpm.io.login import Login
from tarkpm.sources.git.access import Logins, Route
from tarkpm.sources.git.connection import PackResponse, open_pool
from tarkpm.sources.git.error_translation import PROXY_HINT, AccessDenied, clean, translate
from tarkpm.sources.git.limits import TransferBudget
from tarkpm.sources.git.url import redirected, shown

SERVICE: Final = "git-upload-pack"
REFS: Final = f"/info/refs?service={SERVICE}"
NO_REFS: Final = b"refs/tarkpm-none/"
"""A prefix that matches no ref: objects are requested by id, and no refs are needed."""

_ADVERTISEMENT = f"application/x-{SERVICE}-advertisement"
_RESULT = f"application/x-{SERVICE}-result"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Without a handler, Python prints dulwich's warnings to stderr, with unfiltered text of the server.
logging.getLogger("dulwich").addHandler(logging.NullHandler())


class HttpGitClient(AbstractHttpGitClient):
    """dulwich's client for one repository. Raises only `SourceError` for failures of the network.

    The server's capability advertisement is requested once (gitprotocol-v2(5)): it lists what the server can
    do, and objects that are known by id need nothing else before they are fetched.
    """

    def __init__(self, route: Route, budget: TransferBudget, notes: list[str]) -> None:
        # A thin pack leaves out bases of its deltas, and `PackFile` has no other objects.
        super().__init__(route.url.public, thin_packs=False, quiet=True)
        self._route = route
        self._budget = budget
        self._notes = notes
        self._pool = open_pool(route, budget)
        self._logins: Logins | None = Logins(route)
        self._login: Login | None = self._logins.first()
        self._advertised = b""
        self._answer: PackResponse | None = None

    @property
    def serves_any_commit(self) -> bool:
        """Return whether a commit the server refuses does not exist in the repository.

        Over HTTP, git's own server serves every commit that a ref reaches (upload-pack.c, check_non_tip), and
        in protocol 2 every object. Other implementations may serve only what refs name.
        """
        return b"agent=git/" in self._advertised

    @property
    def _public(self) -> str:
        return self._route.url.public

    def close(self) -> None:
        """Close every connection."""
        self._finish_answer()
        self._pool.close()

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: ARG002  always true for smart servers
    ) -> tuple[Any, Callable[[int], bytes]]:
        """Send a request for dulwich, which calls this for all its traffic."""
        if data is None and url == self._public + REFS:
            answer = self._advertisement(headers or {})
        elif isinstance(data, bytes) and url == f"{self._public}/{SERVICE}":
            answer = self._command(headers or {}, data)
        else:
            # packfile-uris (gitprotocol-v2(5)) would let the server choose what this machine contacts.
            raise self._refused(f"the server asks for a download from '{shown(url)}'")
        return answer, answer.read

    def _advertisement(self, headers: Mapping[str, str]) -> "PackResponse":
        before = self._route.url
        if not self._advertised:
            with self._ask_refs(headers) as answer:
                self._advertised = answer.read()
        moved = self._public + REFS if self._route.url != before else ""
        return PackResponse(io.BytesIO(self._advertised), _ADVERTISEMENT, redirect_location=moved)

    def _ask_refs(self, headers: Mapping[str, str]) -> "PackResponse":
        # Only this first request follows redirects, as git does (http.followRedirects=initial).
        for _ in range(self._budget.limits.redirects + 1):
            response = self._request("GET", REFS, headers)
            if response.status not in _REDIRECTS:
                return self._checked(response, _ADVERTISEMENT)
            PackResponse.streamed(response, "", self._budget).close()
            location = response.headers.get("Location", "")
            if not location:  # an empty one would name the same URL again (RFC 3986, 5.2.2)
                raise self._garbled(f"the server redirects (HTTP {response.status}) without a Location")
            self._move(location)
        raise self._refused(f"more than {self._budget.limits.redirects} redirects")

    def _move(self, location: str) -> None:
        url = self._route.url
        target = redirected(url, location, REFS, allow_http=self._route.access.allow_http)
        self._route = self._route.moved(target)
        if target.origin != url.origin:
            # A server must not be able to send the user's login to another one.
            self._logins = self._login = None
            self._notes.append(f"{url} redirects to {target}")
            self._pool.close()
            self._pool = open_pool(self._route, self._budget)
        # dulwich derives the URLs of its later requests from this attribute.
        self._base_url = f"{target}/"

    def _command(self, headers: Mapping[str, str], data: bytes) -> "PackResponse":
        # ls-refs with a prefix that matches nothing: answered here with a flush-pkt, without a round trip.
        if b"ref-prefix " + NO_REFS in data:
            return PackResponse(io.BytesIO(b"0000"), _RESULT)
        answer = self._checked(self._request("POST", f"/{SERVICE}", headers, data), _RESULT)
        head = answer.peek()
        # An empty answer is how some servers refuse a request; the caller falls back to a simpler one.
        if not head:
            answer.close()
            raise AccessDenied("the server sent an empty answer", where=self._budget.where)
        if head[4:8] == b"ERR ":
            answer.close()
            said = clean(head[8 : int(head[:4], 16)])
            raise AccessDenied(f"the server said '{said}'", where=self._budget.where)
        return answer

    def _request(
        self, method: str, tail: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> BaseHTTPResponse:
        """Send a request, and repeat it with the next login while the server responds with 401."""
        while True:
            response = self._send(method, tail, headers, body)
            # `_logins` is None after a redirect to another origin: no login is sent there.
            if response.status != 401 or self._logins is None or not _takes_password(response):
                return response
            try:
                login = self._logins.next()
            except BaseException:
                response.close()
                raise
            if login is None:
                return response
            self._login = login
            # The rejected response is drained, so that the connection can be used again.
            PackResponse.streamed(response, "", self._budget).close()

    def _send(
        self, method: str, tail: str, headers: Mapping[str, str], body: bytes | None
    ) -> BaseHTTPResponse:
        self._finish_answer()
        url = self._route.url
        # A proxy gets the absolute URL for http, and tunnels https (RFC 9112, section 3.2.2).
        target = url.public if self._route.proxy and url.scheme == "http" else url.path
        login = {"Authorization": self._login.header} if self._login else {}
        try:
            return self._pool.urlopen(
                method,
                target + tail,
                body=body,
                headers={**headers, **_HEADERS, **login},
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        except Exception as problem:
            raise translate(problem, self._budget) from problem

    def _checked(self, response: BaseHTTPResponse, content_type: str) -> "PackResponse":
        """Return the response if it has the type a git server sends, else raise its error."""
        problem = self._status_error(response)
        # A smart server's content type is exact (gitprotocol-http(5)); a login page has another one.
        found = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        # Compressed bodies would be counted before decompression, and could expand without limit.
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if problem is None and found != content_type:
            problem = self._garbled(
                f"expected a git server, found one that answers with '{clean(found, 60)}'"
            )
        elif problem is None and encoding != "identity":
            problem = self._garbled(
                f"the response is encoded as '{clean(encoding, 60)}', which was not requested"
            )
        if problem is not None:
            response.close()
            raise problem
        self._answer = PackResponse.streamed(response, content_type, self._budget)
        return self._answer

    def _status_error(self, response: BaseHTTPResponse) -> SourceError | None:
        where, status = self._budget.where, response.status
        match status:
            case 200:
                return None
            case 401:
                return self._login_error(response)
            case 403:
                who = "you" if self._login else "anonymous users"
                hint = self._logins.hint if self._logins else ""
                return Unreachable(f"the server does not let {who} read this", where=where, hint=hint)
            case 404 | 410:
                private = "you cannot access it" if self._login else "it is private"
                return NotFound(f"there is no such repository, or {private}", where=where)
            case 407:
                return Unreachable("the proxy requires authentication", where=where, hint=PROXY_HINT)
            case _ if is_overloaded(status):
                text, hint = overloaded(status, response.headers.get("Retry-After", ""))
                return Unreachable(text, where=where, hint=hint)
        return Unreachable(f"the server answered with HTTP status {status}", where=where)

    def _login_error(self, response: BaseHTTPResponse) -> SourceError:
        where = self._budget.where
        if self._logins is None:
            text = (
                f"the server redirects to {self._route.url}, which requires authentication: "
                "no login is sent there"
            )
            return Unreachable(text, where=where, hint=f"tarkpm add {shlex.quote(self._public)}")
        if not _takes_password(response):
            kind = clean(response.headers.get("WWW-Authenticate", "").partition(" ")[0], 40)
            text = f"the server requires authentication of kind '{kind}', expected Basic"
            return Unreachable(text, where=where)
        return self._logins.refusal(where)

    def _finish_answer(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _refused(self, what: str) -> Refused:
        return Refused(what, where=self._budget.where)

    def _garbled(self, what: str) -> Garbled:
        return Garbled(what, where=self._budget.where)

    @staticmethod
    def _warn_filter_objects() -> None:
        """Replace dulwich's warning on stderr: a server without filters only sends more than needed."""


def _takes_password(response: BaseHTTPResponse) -> bool:
    """Return whether a challenge permits Basic authentication; so does a missing challenge (RFC 7617)."""
    kinds = response.headers.get("WWW-Authenticate", "Basic")
    return re.search(r"(?:^|,)\s*basic\b", kinds, re.IGNORECASE) is not None


_HEADERS = {
    # The prefix "git/" matters: some hosts answer browsers differently.
    "User-Agent": f"{default_user_agent_string()} tarkpm/{tarkpm.__version__}",
    "Accept-Encoding": "identity",
    "Pragma": "no-cache",
}
