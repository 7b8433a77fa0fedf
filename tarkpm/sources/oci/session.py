"""The requests to one registry: where it answers, logins, redirects, and what a failure means."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tarkpm.core import urls
from tarkpm.core.retry_after import is_overloaded, overloaded
from tarkpm.core.shapes import from_json
from tarkpm.errors import NotFound, Refused, TarkError, Unreachable
from tarkpm.io.http import HttpClient
from tarkpm.io.http_request import Headers, RequestLimits
from tarkpm.io.proxies import Proxies, is_loopback
from tarkpm.io.tls import speaks_tls
from tarkpm.sources.oci.authorization import RegistryLogins, TokenScope
from tarkpm.sources.oci.exchange import RegistryAnswer, Sender, at_origin

MAX_REDIRECTS: Final = 3
MAX_SMALL: Final = 64 << 10
"""Bytes of a response whose body does not matter."""
SECONDS: Final = 30.0
"""Seconds for a small request."""
PACE: Final = 64 << 10
"""Minimum rate of a large one, in bytes per second, after the time for a small one."""

_REDIRECTS = (301, 302, 303, 307, 308)
_API_HOSTS: Final = {"docker.io": "registry-1.docker.io"}
_CODE = re.compile(r"[A-Z][A-Z_]{1,40}")


class _Error(msgspec.Struct):
    code: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Error] | None = None


class RegistrySession:
    """Requests to one registry, by its host as references spell it. Safe for several threads."""

    def __init__(
        self,
        registry: str,
        environment: Mapping[str, str],
        *,
        threads: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.registry = registry
        limits = RequestLimits(total=600.0, body=64 << 20)
        self._client = HttpClient(
            proxies=Proxies.read(environment),
            authorities=environment.get("SSL_CERT_FILE", ""),
            limits=limits,
            keep=threads,
        )
        self._sender = Sender(self._client, sleep)
        self._authorization = RegistryLogins(environment, registry, self._sender)
        self._origin = ""
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        place: str,
        scope: TokenScope,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        limit: int = MAX_SMALL,
        again: bool = True,
    ) -> RegistryAnswer:
        """Send a request to ``place``, a path of the registry or a URL that it named.

        Signs in where the registry asks for it, and follows redirects of GET and HEAD. A login is sent to the
        registry and its token server only. Raises `Unreachable`, `TooLarge` and `Refused`.
        """
        try:
            target = urls.parse(place if "://" in place else self.origin + place)
            deadline = time.monotonic() + SECONDS + max(limit, len(body or b"")) / PACE

            def send(url: str, header: str) -> RegistryAnswer:
                sent = [*headers, ("authorization", header)] if header else headers
                return self._sender.send(method, url, sent, body, limit=limit, deadline=deadline, again=again)

            if target.origin != self.origin:
                return send(target.url, "")
            header = self._authorization.header(scope)
            answer = send(target.url, header)
            if answer.status == 401 and (fresh := self._authorization.renew(answer, scope, header)):
                header = fresh
                answer = send(target.url, header)
            if method in ("GET", "HEAD"):
                return self._followed(answer, lambda url: send(url, header if self._is_own(url) else ""))
            return answer
        except TarkError as problem:
            problem.where = problem.where or f"oci://{self.registry}/{scope.repository}"
            raise
        except ValueError as problem:
            raise Refused(str(problem), where=f"oci://{self.registry}/{scope.repository}") from None

    @property
    def origin(self) -> str:
        """Where the registry answers. One on this machine is asked once whether it speaks TLS."""
        with self._lock:
            if not self._origin:
                target = urls.parse(f"https://{_API_HOSTS.get(self.registry, self.registry)}")
                plain = is_loopback(target.host) and not speaks_tls(target.host, target.port)
                # The port stays in the text: without one, a reference means 443 in both.
                port = f":{target.port}" if plain else ""
                host = target.authority.removesuffix(f":{target.port}")
                self._origin = urls.parse(f"http://{host}{port}").origin if plain else target.origin
            return self._origin

    def named(self, answer: RegistryAnswer) -> str:
        """Return the URL in the ``Location`` of a response.

        Raises `Refused` for an ambiguous one, and `Unreachable` without one.
        """
        if not answer.header("location"):
            text = f"the registry's response (HTTP {answer.status}) has no Location"
            raise Unreachable(text, where=f"oci://{self.registry}")
        try:
            return urls.redirected(urls.parse(answer.url), answer.header("location")).url
        except ValueError as problem:
            raise Refused(str(problem), where=f"oci://{self.registry}") from None

    def failure(self, answer: RegistryAnswer, scope: TokenScope, what: str) -> TarkError:
        """Return the error for a response that is not the expected one; ``what`` was asked for.

        No text of the response is in it except its error code: a registry may repeat what it was sent.
        """
        where = f"oci://{self.registry}/{scope.repository}"
        code = _code(answer.body)
        if answer.status in (401, 403):
            problem = self._authorization.refusal(scope, answer.status)
            problem.where = where
            return problem
        if answer.status == 404:
            return NotFound(f"the registry does not have {what}", where=where)
        if is_overloaded(answer.status):
            text, hint = overloaded(answer.status, answer.header("retry-after"))
            return Unreachable(text, where=where, hint=hint)
        said = f"{code}, HTTP {answer.status}" if code else f"HTTP {answer.status}"
        if scope.push:
            return Refused(f"the registry refuses {what} ({said})", where=where)
        return Unreachable(f"the registry's response to the request for {what} is {said}", where=where)

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()

    def _is_own(self, url: str) -> bool:
        return urls.parse(url).origin == self.origin

    def _followed(self, answer: RegistryAnswer, send: Callable[[str], RegistryAnswer]) -> RegistryAnswer:
        # Registries redirect blobs to an object store, whose URL carries its own permission.
        for _ in range(MAX_REDIRECTS):
            if answer.status not in _REDIRECTS or not answer.header("location"):
                return answer
            target = self.named(answer)
            try:
                answer = send(target)
            except Unreachable as problem:
                # The registry answers and its object store does not: say which of them, without the
                # permission that is in the URL.
                raise at_origin(problem, urls.parse(target)) from None
        if answer.status in _REDIRECTS:
            raise Unreachable(f"the registry redirects more than {MAX_REDIRECTS} times")
        return answer


def _code(body: bytes) -> str:
    """Return the first error code of a response (OCI Distribution Specification 1.1, "Error Codes")."""
    try:
        errors = from_json(body, _Errors).errors
    except msgspec.DecodeError:
        return ""
    return errors[0].code if errors and _CODE.fullmatch(errors[0].code) else ""
