"""Signing in for a plugin that says how in its ``[oauth]`` table, as plugins of the older tark ABI do.

tarkpm is the OAuth client, because a module has no browser and no port. It asks the hosts that the user
granted and nobody else, hands the tokens to the plugin, which keeps them in its storage, and writes them to a
file only where one was granted. Nobody else is shown them: not the log, not an error.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from tarkpm.core import urls
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.oauth import OAuth
from tarkpm.errors import CapabilityDenied, HostError, PluginFailed, TarkError, Unreachable
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
from tarkpm.ops.run.sign_in import MAX_EXPIRY, Person, pause

BROWSER_SECONDS: Final = 300.0
MAX_INTERVAL: Final = 60
_SLOWER: Final = 5
_PROVIDER: Final = frozenset({"provider_auth_init", "init_with_credentials"})
_TAKES: Final = {"auth": _PROVIDER, "provider": _PROVIDER, "channel": frozenset({"channel_auth_init"})}
"""What hands a plugin of a type its credentials; one of them is enough."""


class Confidence:
    """What must not be seen, and a log that does not show it."""

    def __init__(self, sink: LogSink) -> None:
        self._secrets: list[str] = []
        self._sink = sink

    def keep(self, secrets: Iterable[str]) -> None:
        """From now on these are not shown."""
        self._secrets.extend(secret for secret in secrets if len(secret) >= MIN_SECRET)

    def log(self, line: LogLine) -> None:
        """A log sink."""
        self._sink(msgspec.structs.replace(line, message=self.masked(line.message)))

    def masked(self, text: str) -> str:
        """``text`` without what must not be seen."""
        for secret in self._secrets:
            text = text.replace(secret, "‹masked›")
        return text

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever is raised within has no secret in it: a plugin's own words may."""
        try:
            yield
        except TarkError as problem:
            problem.message = self.masked(problem.message)
            problem.args = (problem.message,)
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

    ``credentials`` is a file that the user typed for the tokens, "" for what was granted.
    Raises `CapabilityDenied` for a host that was not granted, `PluginFailed` when the server or the plugin
    says no, `SourceError` when a server cannot be asked, and `HostError`.
    """
    oauth = _client_of(image, client_id)
    hosts = _checked_hosts(oauth, image)
    file = typed_file(settings, image, credentials) if credentials else credentials_file(settings, image)
    if file is not None:
        file.check()
    takes = bool(_TAKES.get(image.type, _PROVIDER) & set(inspect(image.wasm, where=image.name).exports))
    if not takes and file is None:
        raise HostError("takes no credentials, so signing in would be for nothing", where=image.name)
    tokens = _tokens(settings, oauth, hosts, person)
    confidence.keep(tokens.secrets)
    with confidence.kept():
        made = flat(_processed(host, image, oauth, tokens), image.name)
        if takes:
            host.auth_init(image, made)
    if file is not None:
        file.write(made)
    if credentials:
        remember(settings, image, file)


def _tokens(settings: Settings, oauth: OAuth, hosts: Hosts, person: Person) -> Tokens:
    """What the person and the server agree on."""
    origin = urls.parse(oauth.token_url).origin
    if settings.offline:
        raise Unreachable("--offline allows no network", where=origin)
    proxies = Proxies.read(settings.environment)
    client = HttpClient(proxies=proxies, limits=LIMITS, resolve=hosts.resolve)
    ask = _by_browser if oauth.flow == "pkce" else _by_device
    try:
        return ask(oauth, AuthorizationServer(oauth, client), person)
    except Rejected as problem:
        said = f": {problem.description}" if problem.description else ""
        raise PluginFailed(f"sign-in failed: {problem.error}{said}", where=origin) from None
    finally:
        client.close()


def _client_of(image: PluginImage, client_id: str) -> OAuth:
    oauth = image.oauth
    assert oauth is not None
    if client_id:
        return msgspec.structs.replace(oauth, client_id=client_id, client_secret="")
    if "${" in oauth.client_id + oauth.client_secret:
        raise HostError(
            f"has no client of its own: its client_id is '{oauth.client_id}', and variables fill paths alone",
            where=image.name,
            hint=f"tarkpm auth login {image.name} --client-id ID",
        )
    return oauth


def _checked_hosts(oauth: OAuth, image: PluginImage) -> Hosts:
    """The hosts a login may talk to; raises `CapabilityDenied` unless all were granted."""
    needed = oauth.without_file()
    if missing := needed.beyond(image.granted):
        asks = " ".join(map(str, missing))
        raise CapabilityDenied(
            f"signing in takes {asks.replace(' ', ', ')}, which is not granted",
            where=image.name,
            hint=f"tarkpm grant {image.name} {asks}",
        )
    table = {"http": [capability.scope for capability in needed]}
    hosts = Hosts(CapabilitySet.from_table(table), lambda _: None)
    for url in oauth.endpoints:
        hosts.check(urls.parse(url))
    return hosts


def _by_browser(oauth: OAuth, server: AuthorizationServer, person: Person) -> Tokens:
    """The authorization code flow with PKCE (RFC 7636) and a redirect to this machine (RFC 8252)."""
    with Listener(oauth.redirect) as listener:
        redirect_uri = oauth.redirect_uri if oauth.redirect.port else listener.uri
        asked = server.authorization(redirect_uri)
        person.page(asked.url)
        answer = listener.wait(asked.state, time.monotonic() + BROWSER_SECONDS, person.waiting)
    if answer.error:
        raise server.rejected(answer.error, answer.description)
    return server.exchange(answer.code, redirect_uri, asked.verifier)


def _by_device(oauth: OAuth, server: AuthorizationServer, person: Person) -> Tokens:
    """The device flow (RFC 8628)."""
    grant = server.start_device_flow()
    person.code(_shown(grant, oauth))
    end = time.monotonic() + min(grant.expires_in, MAX_EXPIRY)
    interval = min(max(grant.interval, 1), MAX_INTERVAL)
    while True:
        pause(interval, end, person)
        if time.monotonic() >= end:
            raise Rejected("expired_token", "the code expired before it was used")
        try:
            return server.poll(grant.device_code)
        except Unreachable:  # 3.5: a client backs off and goes on
            interval = min(interval * 2, MAX_INTERVAL)
        except Rejected as problem:
            if problem.error == "slow_down":
                interval = min(interval + _SLOWER, MAX_INTERVAL)
            elif problem.error != "authorization_pending":
                raise


def _shown(grant: DeviceGrant, oauth: OAuth) -> DeviceCode:
    """What a person is told of a grant; raises `PluginFailed` for what nobody can open or type."""
    wire = WireDeviceCode("", grant.user_code, grant.verification_uri, grant.expires_in, grant.interval)
    return device_code(wire, oauth.device_auth_url)


def _processed(host: PluginHost, image: PluginImage, oauth: OAuth, tokens: Tokens) -> str:
    text = msgspec.json.encode(tokens).decode()
    if not oauth.processes_tokens:
        return text
    made = host.process_tokens(image, text)
    return text if made is None else made
