"""The ``[oauth]`` table of a plugin.toml: where a person signs in, and what for. Pure.

Names are tark's own (`docs/decisions/0060`). Nothing here is expanded: a ``${VARIABLE}`` means something in
``credentials_path`` alone, once a person signs in (`homepath.filled`); in an address it is refused, and a
``client_id`` that is one is no client.
"""

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tarkpm.core import home_path, urls
from tarkpm.core.capability import Capability, CapabilitySet

MAX_SCOPES: Final = 64
MAX_EXTRA: Final = 32
MAX_ENDPOINT: Final = 512
MAX_SCOPES_TEXT: Final = 2_000
"""Characters: addresses and scopes are shown in full before anybody agrees to them."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CALLBACK: Final = "http://127.0.0.1/callback"
"""The default redirect address: any free port."""

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
"""The parameters that tarkpm sets in an authorization request. None may occur twice (RFC 6749, 3.1)."""

_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_CLIENT = re.compile(r"[\x20-\x7e]{1,512}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]{0,512}")

_Extra = dict[str, str]


class Table(msgspec.Struct):
    """The table as it is written; keys that tark does not know are ignored."""

    flow: str = "pkce"
    client_id: str = ""
    client_secret: str = ""
    auth_url: str = ""
    token_url: str = ""
    device_auth_url: str = ""
    scopes: Annotated[list[str], msgspec.Meta(max_length=MAX_SCOPES)] = []
    redirect_uri: str = ""
    credentials_path: str = ""
    process_tokens_callback: str = ""
    extra_params: _Extra = {}
    use_state: bool = True


class OAuthDocument(msgspec.Struct):
    """As much of a plugin.toml as is read here."""

    oauth: Table


class OAuth(msgspec.Struct, frozen=True):
    """The sign-in of a plugin. Addresses are checked; ``redirect`` has port 0 where any port will do;
    ``redirect_uri`` is as it is written, because servers compare it letter by letter.

    ``client_secret`` is published with the plugin, so it protects nothing; it is not shown all the same.
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
    def endpoints(self) -> tuple[str, ...]:
        """The addresses a login asks, or sends a browser to."""
        return tuple(filter(None, (self.auth_url, self.device_auth_url, self.token_url)))

    def capabilities(self) -> CapabilitySet:
        """The capabilities that this sign-in needs, and so what the user must have granted."""
        needed = [Capability("oauth", urls.parse(url).scope) for url in self.endpoints]
        if self.credentials_path:
            needed.append(Capability("credentials", self.credentials_path))
        return CapabilitySet.of(needed)

    def without_file(self) -> CapabilitySet:
        """The hosts that a sign-in needs."""
        return CapabilitySet(tuple(c for c in self.capabilities() if c.kind == "oauth"))


class OAuthError(ValueError):
    """Make the error about one key of the table."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def read(table: Table, plugin: str) -> OAuth:
    """Check the table of the plugin of this name; raises `OAuthError`."""
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
        raise OAuthError("scopes", f"expected {MAX_SCOPES_TEXT:,} characters at most, found {characters:,}")
    return tuple(_matching("scopes", _TOKEN, text) for text in texts)


def _flow(text: str) -> Literal["pkce", "device"]:
    if text == "pkce":
        return "pkce"
    if text in ("device_flow", "device"):
        return "device"
    raise OAuthError("flow", f"expected 'pkce' or 'device_flow', found {text[:40]!r}")


def _endpoint(key: str, text: str) -> str:
    if len(text) > MAX_ENDPOINT:
        raise OAuthError(key, f"expected {MAX_ENDPOINT} characters at most, found {len(text):,}")
    try:
        target = urls.parse(text)
    except ValueError as problem:
        raise OAuthError(key, str(problem)) from None
    if target.scheme != "https" and target.host not in LOOPBACK:
        raise OAuthError(key, f"expected an https URL, found {text[:80]!a}")
    return target.url


def _authorization(text: str) -> str:
    url = _endpoint("auth_url", text)
    said = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    if said & OURS:
        raise OAuthError("auth_url", f"'{min(said & OURS)}' is for tarkpm to say")
    return url


def _redirect(text: str) -> urls.RequestTarget:
    """RFC 8252, 7.3: this machine, without TLS, at the declared port or any."""
    try:
        target = urls.parse(text or CALLBACK)
    except ValueError as problem:
        raise OAuthError("redirect_uri", str(problem)) from None
    if target.scheme != "http" or target.host not in LOOPBACK or set(target.path) & set("?%"):
        raise OAuthError(
            "redirect_uri", f"expected one like http://localhost:8888/callback, found {text[:80]!a}"
        )
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
        raise OAuthError("extra_params", f"expected {MAX_EXTRA} entries at most, found {len(table)}")
    for name in table:
        if name in OURS:
            raise OAuthError(f"extra_params.{name}", f"'{name}' is for tarkpm to say")
        _matching("extra_params", _NAME, name)
        _matching(f"extra_params.{name}", _VALUE, table[name])
    return tuple(sorted(table.items()))


def _matching(key: str, pattern: re.Pattern[str], value: Any) -> str:
    """``value`` if it has the pattern's characters only: printable ASCII, with which nothing is hidden."""
    if not pattern.fullmatch(value):
        raise OAuthError(key, f"expected printable ASCII of a fitting length, found {ascii(value)[:80]}")
    return str(value)
