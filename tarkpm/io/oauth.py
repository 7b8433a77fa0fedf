"""An OAuth 2.0 client: requests to an authorization server and its responses.

Authlib builds the requests (RFC 6749, 7636, 8628); `io.http` sends them, only to the URLs of one `OAuth`: a
redirect is an error. Responses are bounded and validated, and no error text contains a secret that was sent
(docs/trust-rules.md, rule 11).
"""

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.client import OAuth2Client

from tarkpm.core.oauth import OAuth
from tarkpm.core.retry_after import TOO_MANY, is_overloaded, overloaded
from tarkpm.core.shapes import from_value
from tarkpm.core.text import neutral
from tarkpm.errors import Refused, Unreachable
from tarkpm.io.http import HttpClient
from tarkpm.io.http_request import RequestLimits

LIMITS: Final = RequestLimits(body=256 << 10, total=30.0)
MAX_SAID: Final = 500
MIN_SECRET: Final = 8
"""Characters. Shorter secrets are not masked: they protect nothing, and occur in ordinary words."""
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_MASK: Final = "‹masked›"


class Rejected(Exception):
    """The server rejected the request. ``error`` is a code of RFC 6749, 5.2, or RFC 8628, 3.5."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """The response of a token endpoint (RFC 6749, 5.1). ``expires_at`` is in Unix seconds."""

    access_token: str
    refresh_token: str | None = None
    id_token: str | None = None
    expires_in: int | None = None
    token_type: str | None = None
    scope: str | None = None
    expires_at: int | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must not appear in any output."""
        return tuple(filter(None, (self.access_token, self.refresh_token, self.id_token)))


class DeviceGrant(msgspec.Struct, frozen=True):
    """A started device flow (RFC 8628, 3.2). ``expires_in`` and ``interval`` are in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int = 5


class Authorization(msgspec.Struct, frozen=True):
    """The URL for the browser, the expected ``state``, and the PKCE verifier."""

    url: str
    state: str
    verifier: str


class AuthorizationServer:
    """The authorization server of one ``[oauth]`` table, reached through ``client``."""

    def __init__(self, oauth: OAuth, client: HttpClient) -> None:
        self._oauth = oauth
        self._client = client
        self._confidential = {oauth.client_secret}

    def authorization(self, redirect_uri: str) -> Authorization:
        """Return a new authorization request, with a state and an S256 challenge (RFC 7636, 4.2)."""
        # 43 and 64 characters have more than 256 bits each; a verifier has 43 to 128 (RFC 7636, 4.1).
        state, verifier = generate_token(43), generate_token(64)
        self._confidential.add(verifier)
        url, _ = self._authlib(redirect_uri).create_authorization_url(
            self._oauth.auth_url, state=state, code_verifier=verifier
        )
        return Authorization(add_params_to_uri(url, list(self._oauth.extra)), state, verifier)

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """Exchange a code for tokens (RFC 6749, 4.1.3). Raises `Rejected` and `SourceError`."""
        self._confidential.add(code)
        return self._fetch(redirect_uri, grant_type="authorization_code", code=code, code_verifier=verifier)

    def refresh(self, refresh_token: str) -> Tokens:
        """Return new tokens for a refresh token (RFC 6749, 6). Raises `Rejected` and `SourceError`."""
        self._confidential.add(refresh_token)
        return self._fetch(None, grant_type="refresh_token", refresh_token=refresh_token)

    def start_device_flow(self) -> DeviceGrant:
        """Request a code to enter elsewhere (RFC 8628, 3.1). Raises `Rejected` and `SourceError`."""
        asked = {"client_id": self._oauth.client_id}
        if self._oauth.scopes:
            asked["scope"] = " ".join(self._oauth.scopes)
        answer = self._post(self._oauth.device_auth_url, urlencode(asked), {})
        grant: DeviceGrant = _believed(answer.json(), DeviceGrant, self._oauth.device_auth_url)
        self._confidential.add(grant.device_code)
        return grant

    def poll(self, device_code: str) -> Tokens:
        """Return the tokens once the user is done (RFC 8628, 3.4).

        Raises `Rejected`, with ``authorization_pending`` until then, and `SourceError`.
        """
        return self._fetch(None, grant_type=_DEVICE_GRANT, device_code=device_code)

    def rejected(self, error: object, description: object) -> Rejected:
        """Return the server's error with texts that are safe to show."""
        # The server's words may repeat what was sent, so secrets are masked in them.
        return Rejected(self._said(error) or "unnamed error", self._said(description))

    def masked(self, text: str) -> str:
        """Return ``text`` with the secrets of this sign-in masked."""
        for secret in self._confidential:
            if len(secret) >= MIN_SECRET:
                text = text.replace(secret, _MASK)
        return text

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> "_Answer":
        """Send a form: the session interface that Authlib expects."""
        url, sent, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return self._post(url, body, sent)

    def _authlib(self, redirect_uri: str | None) -> OAuth2Client:
        oauth = self._oauth
        return OAuth2Client(
            self,
            client_id=oauth.client_id,
            client_secret=oauth.client_secret or None,
            token_endpoint_auth_method="client_secret_post" if oauth.client_secret else "none",
            scope=" ".join(oauth.scopes) or None,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _fetch(self, redirect_uri: str | None, **asked: str) -> Tokens:
        if redirect_uri is not None:
            asked["redirect_uri"] = redirect_uri
        try:
            found = self._authlib(redirect_uri).fetch_token(self._oauth.token_url, **asked)
        except (ValueError, TypeError, AttributeError):
            raise _nonsense(self._oauth.token_url) from None
        tokens: Tokens = _believed(dict(found), Tokens, self._oauth.token_url)
        return _dated(tokens)

    def _post(self, url: str, body: str, headers: Mapping[str, str]) -> "_Answer":
        kind = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        sent = kind | {name.lower(): value for name, value in headers.items()}
        deadline = time.monotonic() + LIMITS.total
        with self._client.open("POST", url, list(sent.items()), body.encode(), deadline=deadline) as answer:
            # A redirect would send the code, or the client secret, to another server.
            if 300 <= answer.status < 400:
                raise Refused("the server redirects, which a sign-in does not follow", where=url)
            later = answer.header("retry-after")
            if answer.status == TOO_MANY or (later and is_overloaded(answer.status)):
                text, hint = overloaded(answer.status, later)
                raise Unreachable(text, where=url, hint=hint)
            found = _document(url, answer.status, answer.read())
        if "error" in found:
            raise self.rejected(found["error"], found.get("error_description"))
        return _Answer(found)

    def _said(self, text: object) -> str:
        return neutral(self.masked(text), limit=MAX_SAID) if isinstance(text, str) else ""


class _Answer:
    """A response with the interface that Authlib expects."""

    status_code = 200

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def json(self) -> dict[str, Any]:
        return self._document


def _document(url: str, status: int, body: bytes) -> dict[str, Any]:
    """Parse the JSON object of a response. Error responses have one as well (RFC 6749, 5.2)."""
    if status < 500:
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(body)
            if isinstance(found, dict) and (status < 400 or "error" in found):
                return found
    if status >= 400:
        raise Unreachable(f"the server responded with status {status}", where=url)
    raise _nonsense(url)


def _believed(found: dict[str, Any], shape: type[Any], url: str) -> Any:
    """Validate ``found`` as a ``shape`` whose texts can be sent in a header."""
    try:
        value = from_value(found, shape, strict=False)
    except msgspec.ValidationError:
        raise _nonsense(url) from None
    # A line break in a token could forge a header.
    texts = [text for text in msgspec.structs.astuple(value) if isinstance(text, str)]
    if not all(text.isascii() and text.isprintable() for text in texts) or not texts[0]:
        raise _nonsense(url)
    return value


def _dated(tokens: Tokens) -> Tokens:
    if tokens.expires_in is None or not 0 <= tokens.expires_in < 1 << 40:
        return msgspec.structs.replace(tokens, expires_in=None, expires_at=None)
    return msgspec.structs.replace(tokens, expires_at=int(time.time()) + tokens.expires_in)


def _nonsense(url: str) -> Refused:
    return Refused("the response is not valid OAuth 2.0", where=url)
