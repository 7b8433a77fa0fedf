"""Sign in to one registry: Basic, or Bearer with tokens of its token server, with a login or anonymously.

A registry is asked without a login first, and says what it wants. What is learned is used for the next
requests, so a repository costs one request for its token, and the first one of a registry two.
"""

import threading
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from tarkpm.core import urls
from tarkpm.core.oci.challenge import Challenge, read_challenge, token_server
from tarkpm.core.shapes import from_json
from tarkpm.errors import Refused, TarkError, Unreachable
from tarkpm.io.proxies import is_loopback
from tarkpm.sources.oci.credentials import FoundLogin, find
from tarkpm.sources.oci.exchange import RegistryAnswer, Sender, at_origin

MAX_ANSWER: Final = 64 << 10
"""Bytes of a token server's answer."""
MAX_TOKEN: Final = 32 << 10
"""Characters of a token, which becomes a header."""
SECONDS: Final = 30.0
"""Seconds for a token server's answer."""


class TokenScope(msgspec.Struct, frozen=True):
    """What a token is for: one repository, to be read, or also written."""

    repository: str
    push: bool = False

    def __str__(self) -> str:
        return f"repository:{self.repository}:{'pull,push' if self.push else 'pull'}"


class _Token(msgspec.Struct):
    token: str | None = ""
    access_token: str | None = ""


class RegistryLogins:
    """The logins and tokens of one registry. Safe for several threads.

    ``registry`` is its host as it is in references, and ``origin`` where it answers.
    """

    def __init__(self, environment: Mapping[str, str], registry: str, sender: Sender) -> None:
        self._environment = environment
        self._registry = registry
        self._sender = sender
        self._challenge: Challenge | None = None
        self._origin: urls.RequestTarget | None = None
        self._headers: dict[TokenScope, str] = {}
        self._found: dict[str, FoundLogin] = {}
        self._lock = threading.Lock()

    def header(self, scope: TokenScope) -> str:
        """Return the value of ``Authorization`` for the first try; "" before the registry asked for one."""
        with self._lock:
            known, challenge, origin = self._headers.get(scope), self._challenge, self._origin
        if known is not None or challenge is None or origin is None:
            return known or ""
        return self._sign_in(challenge, origin, scope)

    def renew(self, refusal: RegistryAnswer, scope: TokenScope, sent: str) -> str:
        """Return the value for a second try after a 401; "" if there is none. ``sent`` was refused.

        Raises `Unreachable` if the token server cannot be asked, and `Refused` for one that must not be.
        """
        challenge = read_challenge(refusal.header("www-authenticate"))
        if challenge is None:
            return ""
        origin = urls.parse(refusal.url)
        with self._lock:
            known = self._headers.get(scope, "")
            self._challenge, self._origin = challenge, origin
        # Another thread signed in meanwhile.
        if known and known != sent:
            return known
        header = self._sign_in(challenge, origin, scope)
        # The same login again would be refused again. A token may have expired; the new one is another.
        return "" if header == sent else header

    def refusal(self, scope: TokenScope, status: int) -> Unreachable:
        """Return the error for a registry that does not permit a request, whatever was tried."""
        found = self._find(scope.repository)
        verb = "push to" if scope.push else "read"
        if found.credential:
            text = f"the registry does not permit this login to {verb} the repository (HTTP {status})"
        else:
            text = (
                f"the registry requires a login to {verb} the repository, or does not have it (HTTP {status})"
            )
        if found.problem:
            text += f"; {found.problem}, which {found.where} names"
        return Unreachable(text, hint=f"docker login {self._registry}")

    def _sign_in(self, challenge: Challenge, origin: urls.RequestTarget, scope: TokenScope) -> str:
        found = self._find(scope.repository)
        if challenge.scheme == "bearer":
            header = f"Bearer {self._token(challenge, origin, scope, found)}"
        else:
            login = found.credential.login if found.credential else None
            header = login.header if login else ""
        with self._lock:
            self._headers[scope] = header
        return header

    def _find(self, repository: str) -> FoundLogin:
        # Helpers start programs and take long, so each repository is looked up once.
        with self._lock:
            if repository not in self._found:
                self._found[repository] = find(self._environment, self._registry, repository)
            return self._found[repository]

    def _token(
        self, challenge: Challenge, origin: urls.RequestTarget, scope: TokenScope, found: FoundLogin
    ) -> str:
        try:
            host = urls.parse(challenge.realm).host
            realm = token_server(challenge, origin, is_loopback=is_loopback(host))
        except ValueError as problem:
            raise Refused(str(problem)) from None
        answer = self._ask(realm, challenge.service, scope, found)
        if answer.status in (400, 401, 403):
            raise self.refusal(scope, answer.status)
        if answer.status != 200:
            raise Unreachable(f"the token server responds with HTTP {answer.status}")
        try:
            document = from_json(answer.body, _Token)
        except msgspec.DecodeError:
            raise Unreachable("the token server's response is not a token") from None
        token = document.token or document.access_token or ""
        # A line break in a token could forge a header (RFC 6750, 2.1, has fewer characters still).
        if not token or len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable():
            raise Unreachable("the token server's response is not a token")
        return token

    def _ask(
        self, realm: urls.RequestTarget, service: str, scope: TokenScope, found: FoundLogin
    ) -> RegistryAnswer:
        # The scope is ours, never the challenge's: a registry must not choose what a token is good for.
        asked = {"scope": str(scope)} | ({"service": service} if service else {})
        credential, deadline = found.credential, time.monotonic() + SECONDS
        try:
            if credential and credential.identity_token:
                form = asked | {"grant_type": "refresh_token", "refresh_token": credential.identity_token}
                return self._sender.send(
                    "POST",
                    realm.url,
                    [("content-type", "application/x-www-form-urlencoded")],
                    urlencode(form | {"client_id": "tarkpm"}).encode(),
                    limit=MAX_ANSWER,
                    deadline=deadline,
                )
            login = credential.login if credential else None
            headers = [("authorization", login.header)] if login else []
            url = f"{realm.url}{'&' if '?' in realm.path else '?'}{urlencode(asked)}"
            # A redirect is not followed: it would send the login to yet another server.
            return self._sender.send("GET", url, headers, limit=MAX_ANSWER, deadline=deadline)
        except Unreachable as problem:
            raise at_origin(problem, realm) from None
        except TarkError as problem:
            problem.where = problem.where or realm.origin
            raise
