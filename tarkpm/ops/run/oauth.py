"""Sign in for a plugin by the ``[oauth]`` table of its manifest.

tarkpm is the OAuth client, because a module has no browser and no port. It contacts only hosts that the user
granted, gives the tokens to the plugin, which keeps them in its storage, and writes them to a file only if
one was granted. No log and no error shows them (docs/trust-rules.md, rule 11).
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from tarkpm.core import urls
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.oauth import OAuth
from tarkpm.errors import (
    CapabilityDenied,
    HostError,
    PluginFailed,
    PluginRaised,
    TarkError,
    Unreachable,
)
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.hosts import Hosts
from tarkpm.host.imports.log import LogLine, LogSink
from tarkpm.host.module.inspect import inspect
from tarkpm.host.results import DeviceCode, WireDeviceCode, device_code
from tarkpm.host.runtime import PluginHost
from tarkpm.io.http import HttpClient
from tarkpm.io.loopback import Listener
from tarkpm.io.oauth import LIMITS, MIN_SECRET, AuthorizationServer, DeviceGrant, Rejected, Tokens
from tarkpm.io.proxies import Proxies
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.run.credentials import credentials_file, flat, remember, typed_file
from tarkpm.ops.run.hints import helping
from tarkpm.ops.run.kept_tokens import keep, keeps_tokens
from tarkpm.ops.run.sign_in import MAX_EXPIRY, Person, pause
from tarkpm.ops.run.signed_in import record_sign_in

BROWSER_SECONDS: Final = 300.0
MAX_INTERVAL: Final = 60
_SLOWER: Final = 5
_PROVIDER: Final = frozenset({"provider_auth_init", "init_with_credentials"})
_TAKES: Final = {"auth": _PROVIDER, "provider": _PROVIDER, "channel": frozenset({"channel_auth_init"})}
"""Exports that receive credentials, by plugin type; one of them is enough."""


class Confidence:
    """Secrets, and a log that masks them."""

    def __init__(self, sink: LogSink) -> None:
        self._secrets: list[str] = []
        self._sink = sink

    def keep(self, secrets: Iterable[str]) -> None:
        """Mask these secrets from now on."""
        self._secrets.extend(secret for secret in secrets if len(secret) >= MIN_SECRET)

    def log(self, line: LogLine) -> None:
        """Log a line, with secrets masked."""
        self._sink(msgspec.structs.replace(line, message=self.masked(line.message)))

    def masked(self, text: str) -> str:
        """Return ``text`` with secrets masked."""
        for secret in self._secrets:
            text = text.replace(secret, "‹masked›")
        return text

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Mask secrets in errors raised within: a plugin's own message may contain them."""
        try:
            yield
        except TarkError as problem:
            problem.message = self.masked(problem.message)
            problem.args = (problem.message,)
            if isinstance(problem, PluginRaised):
                problem.exception = self.masked(problem.exception)
                problem.traceback = self.masked(problem.traceback)
            raise


def sign_in(
    settings: Settings,
    host: PluginHost,
    image: PluginImage,
    person: Person,
    confidence: Confidence,
    client_id: str,
    credentials: str,
) -> None:
    """Sign in for ``image``, with another ``client_id`` than the manifest's if one is given.

    ``credentials`` is a file that the user typed for the tokens, "" for the granted one. A plugin with a
    secret that is bound to its sign-in receives no tokens: tarkpm keeps them.
    Raises `CapabilityDenied` for a host that was not granted, `PluginFailed` if the server or the plugin
    refuses, `SourceError` if a server cannot be reached, and `HostError`.
    """
    oauth = _client_of(image, client_id)
    hosts = _checked_hosts(oauth, image)
    if keeps_tokens(image):
        if credentials:
            message = "tarkpm keeps the tokens of this plugin itself, so --credentials does not apply"
            raise HostError(message, where=image.name)
        tokens = _tokens(settings, oauth, hosts, person)
        confidence.keep(tokens.secrets)
        keep(settings, image, client_id, tokens)
        return
    file = typed_file(settings, image, credentials) if credentials else credentials_file(settings, image)
    if file is not None:
        # 1. Before the user signs in: a file that cannot be written would waste the sign-in.
        file.check()
    takes = bool(_TAKES.get(image.type, _PROVIDER) & set(inspect(image.wasm, where=image.name).exports))
    if not takes and file is None:
        raise HostError("the plugin takes no credentials, so signing in has no effect", where=image.name)
    # 2. Only hosts that were granted are contacted.
    tokens = _tokens(settings, oauth, hosts, person)
    # 3. Mask the tokens before the plugin sees them: it may log or return them.
    confidence.keep(tokens.secrets)
    with confidence.kept():
        made = flat(_processed(host, image, oauth, tokens), image.name)
        if takes:
            host.auth_init(image, made)
    if file is not None:
        file.write(made)
        record_sign_in(settings, image, file.shown)
    if credentials:
        remember(settings, image, file)


def refresh(settings: Settings, image: PluginImage, client_id: str, refresh_token: str) -> Tokens:
    """Return new tokens for a refresh token, from a host that is granted. Raises what `sign_in` raises."""
    oauth = _client_of(image, client_id)
    hosts = _checked_hosts(oauth, image)
    with helping(f"tarkpm auth login {image.name}"):
        return _asked(settings, oauth, hosts, lambda server: server.refresh(refresh_token))


def _tokens(settings: Settings, oauth: OAuth, hosts: Hosts, person: Person) -> Tokens:
    """Return the tokens that the server issues to the user."""
    ask = _by_browser if oauth.flow == "pkce" else _by_device
    return _asked(settings, oauth, hosts, lambda server: ask(oauth, server, person))


def _asked(
    settings: Settings, oauth: OAuth, hosts: Hosts, ask: Callable[[AuthorizationServer], Tokens]
) -> Tokens:
    origin = urls.parse(oauth.token_url).origin
    if settings.offline:
        raise settings.unreachable(origin)
    proxies = Proxies.read(settings.environment)
    client = HttpClient(proxies=proxies, limits=LIMITS, resolve=hosts.resolve)
    try:
        return ask(AuthorizationServer(oauth, client))
    except Rejected as problem:
        said = f": {problem.description}" if problem.description else ""
        raise PluginFailed(f"sign-in failed: {problem.error}{said}", where=origin) from None
    finally:
        client.close()


def _client_of(image: PluginImage, client_id: str) -> OAuth:
    oauth = image.oauth
    assert oauth is not None
    if client_id:
        # The manifest's secret belongs to the manifest's client (decision 0060).
        return msgspec.structs.replace(oauth, client_id=client_id, client_secret="")
    if "${" in oauth.client_id + oauth.client_secret:
        raise HostError(
            f"the plugin has no OAuth client: its client_id '{oauth.client_id}' contains a variable",
            where=image.name,
            hint=f"tarkpm auth login {image.name} --client-id ID",
        )
    return oauth


def _checked_hosts(oauth: OAuth, image: PluginImage) -> Hosts:
    """Return the hosts a login may contact. Raises `CapabilityDenied` unless all were granted."""
    needed = oauth.without_file()
    if missing := needed.beyond(image.granted):
        asks = " ".join(map(str, missing))
        raise CapabilityDenied(
            f"signing in needs {asks.replace(' ', ', ')}, which is not granted",
            where=image.name,
            hint=f"tarkpm grant {image.name} {asks}",
        )
    # A client of its own for the sign-in: the plugin's `http` hosts are not those of `oauth` (decision 0061).
    table = {"http": [capability.scope for capability in needed]}
    hosts = Hosts(CapabilitySet.from_table(table), lambda _: None)
    for url in oauth.endpoints:
        hosts.check(urls.parse(url))
    return hosts


def _by_browser(oauth: OAuth, server: AuthorizationServer, person: Person) -> Tokens:
    """Run the authorization code flow with PKCE (RFC 7636) and a loopback redirect (RFC 8252, 7.3)."""
    with Listener(oauth.redirect) as listener:
        # A declared redirect is sent letter by letter, because servers compare it so (RFC 6749, 3.1.2.3).
        redirect_uri = oauth.redirect_uri if oauth.redirect.port else listener.uri
        asked = server.authorization(redirect_uri)
        person.page(asked.url)
        answer = listener.wait(asked.state, time.monotonic() + BROWSER_SECONDS, person.waiting)
    # The listener has closed by now: a second answer cannot arrive.
    if answer.error:
        raise server.rejected(answer.error, answer.description)
    return server.exchange(answer.code, redirect_uri, asked.verifier)


def _by_device(oauth: OAuth, server: AuthorizationServer, person: Person) -> Tokens:
    """Run the device flow (RFC 8628)."""
    grant = server.start_device_flow()
    person.code(_shown(grant, oauth))
    end = time.monotonic() + min(grant.expires_in, MAX_EXPIRY)
    # Bounded on both sides: the server chooses it, and the user waits for it.
    interval = min(max(grant.interval, 1), MAX_INTERVAL)
    while True:
        pause(interval, end, person)
        if time.monotonic() >= end:
            raise Rejected("expired_token", "the code expired before it was used")
        try:
            return server.poll(grant.device_code)
        except Unreachable:  # RFC 8628, section 3.5: back off and poll again
            interval = min(interval * 2, MAX_INTERVAL)
        except Rejected as problem:
            if problem.error == "slow_down":
                interval = min(interval + _SLOWER, MAX_INTERVAL)
            elif problem.error != "authorization_pending":
                raise


def _shown(grant: DeviceGrant, oauth: OAuth) -> DeviceCode:
    """Return the code to show to the user. Raises `PluginFailed` for an invalid address or code."""
    wire = WireDeviceCode("", grant.user_code, grant.verification_uri, grant.expires_in, grant.interval)
    return device_code(wire, oauth.device_auth_url)


def _processed(host: PluginHost, image: PluginImage, oauth: OAuth, tokens: Tokens) -> str:
    text = msgspec.json.encode(tokens).decode()
    if not oauth.processes_tokens:
        return text
    made = host.process_tokens(image, text)
    return text if made is None else made
