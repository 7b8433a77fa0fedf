"""Read the ``[oauth]`` table of a plugin.toml: where the user signs in, and for what. No I/O.

The keys are those of tark (`docs/decisions/0060`). Nothing is expanded here. A ``${VARIABLE}`` has a meaning
only in ``credentials_path``, where `home_path.filled` replaces it at sign-in; in a URL it is refused.
"""

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tarkpm.core import home_path, urls
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.document import Text
from tarkpm.core.patterns import lazy_pattern

MAX_SCOPES: Final = 64
MAX_EXTRA: Final = 32
MAX_ENDPOINT: Final = 512
MAX_SCOPES_TEXT: Final = 2_000
"""In characters. URLs and scopes are shown in full for consent, so they must be readable."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CALLBACK: Final = "http://127.0.0.1/callback"
"""The default redirect URI, at any free port."""

OURS: Final = frozenset(
    [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    ]
)
"""Parameters that tarkpm sets in an authorization request. None may occur twice (RFC 6749, section 3.1)."""

_TOKEN = lazy_pattern(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_CLIENT = lazy_pattern(r"[\x20-\x7e]{1,512}")
_NAME = lazy_pattern(r"[A-Za-z0-9._-]{1,64}")
_VALUE = lazy_pattern(r"[\x20-\x7e]{0,512}")

_Extra = dict[str, str]


class Table(msgspec.Struct):
    """The table as written. Unknown keys are ignored."""

    flow: Text = "pkce"
    client_id: Text = ""
    client_secret: Text = ""
    auth_url: Text = ""
    token_url: Text = ""
    device_auth_url: Text = ""
    scopes: Annotated[list[Text], msgspec.Meta(max_length=MAX_SCOPES)] = []
    redirect_uri: Text = ""
    credentials_path: Text = ""
    process_tokens_callback: Text = ""
    extra_params: _Extra = {}
    use_state: bool = True


class OAuthDocument(msgspec.Struct):
    """The part of a plugin.toml that is read here."""

    oauth: Table


class OAuth(msgspec.Struct, frozen=True):
    """The checked parameters of a sign-in.

    ``redirect`` has port 0 if any port may be used. ``redirect_uri`` is as written, because servers compare
    it character by character (RFC 6749, section 3.1.2.3). ``client_secret`` is published with the plugin
    and protects nothing (RFC 8252, section 8.5); it is still not shown.
    """

    flow: Literal["pkce", "device"]
    client_id: str
    token_url: str
    auth_url: str = ""
    device_auth_url: str = ""
    client_secret: str = ""
    scopes: tuple[str, ...] = ()
    redirect: urls.RequestTarget = urls.RequestTarget("http", "127.0.0.1", 0, "/callback")
    redirect_uri: str = ""
    credentials_path: str = ""
    processes_tokens: bool = False
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def described(self) -> tuple[str, ...]:
        """How sign-in works, for people: the flow, its addresses and its scopes."""
        scopes = (f"scopes {' '.join(self.scopes)}",) if self.scopes else ()
        return (self.flow, *self.endpoints, *scopes)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs that a sign-in requests or opens in a browser."""
        return tuple(filter(None, (self.auth_url, self.device_auth_url, self.token_url)))

    def capabilities(self) -> CapabilitySet:
        """Return the capabilities that this sign-in uses, which the user must have granted."""
        needed = [Capability("oauth", urls.parse(url).scope) for url in self.endpoints]
        if self.credentials_path:
            needed.append(Capability("credentials", self.credentials_path))
        return CapabilitySet.of(needed)

    def without_file(self) -> CapabilitySet:
        """Return the capabilities that a sign-in cannot do without: its hosts."""
        return CapabilitySet(tuple(c for c in self.capabilities() if c.kind == "oauth"))


class OAuthError(ValueError):
    """A key of the table is invalid."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def read(table: Table, plugin: str) -> OAuth:
    """Check the table of the plugin ``plugin``. Raises `OAuthError`."""
    flow = _flow(table.flow)
    wanted = "auth_url" if flow == "pkce" else "device_auth_url"
    for key in ("client_id", "token_url", wanted):
        if not getattr(table, key):
            raise OAuthError(key, f"'{key}' is required for the flow '{table.flow}'")
    return OAuth(
        flow=flow,
        client_id=_matching("client_id", _CLIENT, table.client_id),
        client_secret=_matching("client_secret", _CLIENT, table.client_secret) if table.client_secret else "",
        token_url=_endpoint("token_url", table.token_url),
        auth_url=_authorization(table.auth_url) if flow == "pkce" else "",
        device_auth_url=_endpoint("device_auth_url", table.device_auth_url) if flow == "device" else "",
        scopes=_scopes(table.scopes),
        redirect=_redirect(table.redirect_uri),
        redirect_uri=table.redirect_uri,
        credentials_path=_credentials(table.credentials_path, plugin),
        processes_tokens=bool(table.process_tokens_callback),
        extra=_extra(table.extra_params),
    )


def _scopes(texts: list[str]) -> tuple[str, ...]:
    if (characters := sum(map(len, texts))) > MAX_SCOPES_TEXT:
        raise OAuthError("scopes", f"expected at most {MAX_SCOPES_TEXT:,} characters, found {characters:,}")
    return tuple(_matching("scopes", _TOKEN, text) for text in texts)


def _flow(text: str) -> Literal["pkce", "device"]:
    if text == "pkce":
        return "pkce"
    if text in ("device_flow", "device"):
        return "device"
    raise OAuthError("flow", f"expected 'pkce' or 'device_flow', found {text[:40]!r}")


def _endpoint(key: str, text: str) -> str:
    if len(text) > MAX_ENDPOINT:
        raise OAuthError(key, f"expected at most {MAX_ENDPOINT} characters, found {len(text):,}")
    try:
        target = urls.parse(text)
    except ValueError as problem:
        raise OAuthError(key, str(problem)) from None
    # Codes and tokens need TLS (RFC 6749, sections 3.1 and 3.2); a loopback address stays on this machine.
    if target.scheme != "https" and target.host not in LOOPBACK:
        raise OAuthError(key, f"expected an https URL, found {text[:80]!a}")
    return target.url


def _authorization(text: str) -> str:
    url = _endpoint("auth_url", text)
    said = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    # RFC 6749, section 3.1: no parameter may occur twice, and servers differ in which one they use.
    if said & OURS:
        raise OAuthError("auth_url", f"'{min(said & OURS)}' is set by tarkpm")
    return url


def _redirect(text: str) -> urls.RequestTarget:
    """Read a loopback redirect URI: http, at the declared port or any (RFC 8252, section 7.3)."""
    try:
        target = urls.parse(text or CALLBACK)
    except ValueError as problem:
        raise OAuthError("redirect_uri", str(problem)) from None
    if target.scheme != "http" or target.host not in LOOPBACK or set(target.path) & set("?%"):
        raise OAuthError(
            "redirect_uri", f"expected a URL like http://localhost:8888/callback, found {text[:80]!a}"
        )
    # Not `target.port`: it is 80 if no port is written, and then any free port may be used.
    has_port = ":" in (text or CALLBACK).partition("://")[2].partition("/")[0].rpartition("]")[2]
    return target if has_port else msgspec.structs.replace(target, port=0)


def _credentials(text: str, plugin: str) -> str:
    if not text:
        return ""
    try:
        path = home_path.normalize_credentials(text)
    except ValueError as problem:
        raise OAuthError("credentials_path", str(problem)) from None
    if not home_path.is_own(path, plugin):
        raise OAuthError("credentials_path", f"'{path}' holds another plugin's credentials")
    return path


def _extra(table: _Extra) -> tuple[tuple[str, str], ...]:
    if len(table) > MAX_EXTRA:
        raise OAuthError("extra_params", f"expected at most {MAX_EXTRA} entries, found {len(table)}")
    for name in table:
        if name in OURS:
            raise OAuthError(f"extra_params.{name}", f"'{name}' is set by tarkpm")
        _matching("extra_params", _NAME, name)
        _matching(f"extra_params.{name}", _VALUE, table[name])
    return tuple(sorted(table.items()))


def _matching(key: str, pattern: re.Pattern[str], value: Any) -> str:
    """Return ``value`` if it matches the pattern: printable ASCII, which hides nothing on a card."""
    if not pattern.fullmatch(value):
        raise OAuthError(key, f"expected printable ASCII of an allowed length, found {ascii(value)[:80]}")
    return str(value)
