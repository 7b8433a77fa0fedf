"""Find what makes the next command fail outside of tarkpm's folders: variables, and the configuration."""

import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tarkpm.core.text import without_login
from tarkpm.errors import Refused, TarkError
from tarkpm.io import netrc
from tarkpm.io.proxies import malformed_bypass, split_proxy, variables_of
from tarkpm.io.tls import trusted
from tarkpm.ops.audit.leftovers import Trouble
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.user_config import compiled_by, config_file

PROXY_SECONDS: Final = 3.0
"""Seconds that a proxy may take to accept a connection."""
_XDG: Final = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
_FOLDERS: Final = frozenset({"SSL_CERT_DIR", "GIT_SSL_CAPATH"})


def check_variables(settings: Settings) -> Iterator[Trouble]:
    """Yield a trouble for each variable that is unusable; a proxy is connected to unless offline."""
    environment = settings.environment
    for name in _XDG:
        if (value := environment.get(name, "")) and not Path(value).is_absolute():
            text = f"expected an absolute path, found '{value[:200]}': the variable is ignored"
            yield Trouble("Variable", text, name, f"unset {name}", note=True)
    for name in _CERTIFICATES:
        if authorities := environment.get(name):
            yield from _certificates(name, authorities)
    yield from _netrc(environment)
    yield from _proxies(settings)


def check_configuration(settings: Settings) -> Iterator[Trouble]:
    """Yield whose compiled code may run here, and what is wrong with the user's own configuration."""
    where = str(config_file(settings))
    try:
        for maker in sorted(compiled_by(settings)):
            text = f"native code that {maker} compiled may run here, if a bundle brings it"
            yield Trouble("Configuration", text, where, note=True)
    except TarkError as problem:
        yield Trouble.of(problem)


def _netrc(environment: Mapping[str, str]) -> Iterator[Trouble]:
    named = environment.get("NETRC", "")
    try:
        # Any host does: what is wrong with the file is found before its entries are compared.
        netrc.find(environment, "localhost")
    except TarkError as problem:
        place, hint = (f"NETRC={problem.where}", "unset NETRC") if named else (problem.where, "")
        yield Trouble("Variable", problem.message, place, hint)
    if named and not Path(named).exists():
        yield Trouble("Variable", "the file does not exist", f"NETRC={named}", "unset NETRC", note=True)


def _certificates(name: str, value: str) -> Iterator[Trouble]:
    try:
        # OpenSSL itself ignores what does not exist, and then trusts no server.
        trusted(*(("", value) if name in _FOLDERS else (value, "")))
    except TarkError as problem:
        yield Trouble("Variable", problem.message, f"{name}={problem.where}", f"unset {name}")


def _proxies(settings: Settings) -> Iterator[Trouble]:
    environment = settings.environment
    for name in variables_of(environment):
        value = environment[name]
        try:
            proxy = split_proxy(value)
        except Refused as problem:
            yield Trouble("Proxy", problem.message, name, f"unset {name}")
            continue
        if not settings.offline and (reason := _unanswered(proxy.url)):
            yield Trouble(
                "Proxy", f"the proxy does not answer: {reason}", _value(settings, name), f"unset {name}"
            )
    for name, entry in malformed_bypass(environment):
        text = f"expected a host, an address or a network like 10.0.0.0/8, found '{entry[:80]}'"
        yield Trouble("Proxy", f"{text}: the entry is ignored", name, f"echo ${name}")


def _value(settings: Settings, name: str) -> str:
    return f"{name}={without_login(settings.environment[name])[:200]}"


def _unanswered(url: str) -> str:
    """Return why no connection to a proxy can be made; "" if one can. Nothing is sent."""
    from urllib.parse import urlsplit

    from tarkpm.io.http import lookup

    parts = urlsplit(url)
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    end = time.monotonic() + PROXY_SECONDS
    try:
        address = lookup(parts.hostname or "", port, end)[0]
        socket.create_connection((address, port), timeout=max(0.1, end - time.monotonic())).close()
    except TarkError as problem:
        return problem.message
    except OSError as problem:
        return (problem.strerror or str(problem)).lower()
    return ""
