"""Determine how to reach a repository: address, proxy, certificate authorities and login.

One `Access` serves a whole command, and each session takes its `Route` from it. The command line passes the
environment in.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec

from tarkpm.core import variables
from tarkpm.errors import Refused, TarkError, Unreachable
from tarkpm.io.login import Login, is_sendable
from tarkpm.io.proxies import Proxies, is_loopback, split_proxy
from tarkpm.sources.git import gitconfig
from tarkpm.sources.git.url import DEFAULT_PORTS, GitUrl, parse_typed


class Access:
    """The user's environment and git settings. Safe for several threads.

    ``allow_http`` permits ``http`` and ``git`` to other machines.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, *, allow_http: bool = False) -> None:
        self.environment = environment or {}
        self.allow_http = allow_http

    @cached_property
    def _config(self) -> gitconfig.GitConfig:
        return gitconfig.read(self.environment)

    @cached_property
    def _proxies(self) -> Proxies:
        return Proxies.read(self.environment)

    def route(self, asked: GitUrl, login: Login | None = None) -> "Route":
        """Return the route to ``asked``, with the user's ``insteadOf`` applied.

        ``login`` was typed with the URL. Raises `Refused` if git's settings lead to a URL that tarkpm does
        not fetch from.
        """
        text = self._config.instead_of(asked.public)
        if text == asked.public:
            return self.straight(asked, asked, login)
        try:
            url, given = parse_typed(text, allow_http=self.allow_http)
        except Refused as problem:
            message = f"git's insteadOf leads to '{problem.where}': {problem.message}"
            raise Refused(message, where=asked.public) from None
        # A login typed for one origin is not sent to another: insteadOf may name a mirror.
        return self.straight(asked, url, given or (login if url.origin == asked.origin else None))

    def straight(self, asked: GitUrl, url: GitUrl, login: Login | None = None) -> "Route":
        """Return the route to ``url`` itself, without ``insteadOf``. ``asked`` is its name in messages."""
        if url.scheme not in ("https", "http"):
            return Route(self, asked, url)
        return Route(self, asked, url, login, self._proxy(url), *self._authorities(url))

    def _authorities(self, url: GitUrl) -> tuple[str, str]:
        """Return a file and a folder of certificates, "" for none."""
        # git's variables come before its settings (http.sslCAInfo in git-config(1)). A setting may be for one
        # URL, so it comes before the variables that OpenSSL reads for every program.
        found = {
            setting: self.environment.get(variable) or self._config.http(setting, url.public) or ""
            for setting, variable in (("sslcainfo", "GIT_SSL_CAINFO"), ("sslcapath", "GIT_SSL_CAPATH"))
        }
        if any(found.values()):
            return found["sslcainfo"], found["sslcapath"]
        return self.environment.get("SSL_CERT_FILE", ""), self.environment.get("SSL_CERT_DIR", "")

    def setting_of(self, place: str) -> str:
        """Return what named a file or folder of certificates: a variable, or git's configuration."""
        names = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
        by = next((name for name in names if self.environment.get(name) == place), "")
        return f"{by}={place}" if by else f"{place} (git's http.sslCAInfo or http.sslCAPath)"

    def _proxy(self, url: GitUrl) -> str:
        """Return git's own setting if there is one ("" turns proxies off), else the environment's."""
        found = self._config.http("proxy", url.public)
        proxies = self._proxies
        if found:
            _check_proxy(found)
        if found is not None:
            proxies = msgspec.structs.replace(proxies, https=found, http=found)
        return proxies.find(url.scheme, url.host, url.port or DEFAULT_PORTS[url.scheme])


def _check_proxy(text: str) -> None:
    try:
        split_proxy(text)
    except Refused as problem:
        problem.where, problem.hint = (
            "http.proxy in git's configuration",
            "git config --show-origin http.proxy",
        )
        raise


class Route(msgspec.Struct, frozen=True):
    """The way to one repository. ``asked`` is its name in messages; ``url`` is the address that is contacted.

    ``login`` was typed with the URL or is part of ``insteadOf``. ``proxy`` "" means a direct connection;
    ``authorities`` is a file of certificates, "" the system's, and ``authority_folder`` a folder of further
    ones.
    """

    access: Access
    asked: GitUrl
    url: GitUrl
    login: Login | None = None
    proxy: str = ""
    authorities: str = ""
    authority_folder: str = ""

    def __repr__(self) -> str:
        # Not msgspec's: the route holds a login, which must not reach a log (docs/trust-rules.md, rule 11).
        return f"Route({self.where!r})"

    @property
    def where(self) -> str:
        """The repository as messages name it."""
        by = "" if self.url == self.asked else f" (by git's insteadOf {self.url})"
        return f"{self.asked}{by}"

    def moved(self, target: GitUrl) -> "Route":
        """Return the route to the target of a redirect. No login is sent to another origin."""
        if target.origin == self.url.origin:
            return msgspec.structs.replace(self, url=target)
        return self.access.straight(self.asked, target)


def token_variable(url: GitUrl) -> str:
    """Return the environment variable that may hold a token for the host of ``url``; "" if none can.

    Dots become ``_`` and hyphens ``__``, so that no two hosts share a name: a token for ``git.example.com``
    is not sent to ``git-example.com``. A port other than the scheme's own is appended.
    """
    # A host name with an underscore would get the variable of another host; IPv6 addresses have no spelling.
    if "_" in url.host or ":" in url.host:
        return ""
    host = url.host.replace("-", "__").replace(".", "_")
    return f"TARKPM_GIT_TOKEN_{host}{f'_{url.port}' if url.port else ''}".upper()


class Logins:
    """The logins for one repository, best first. Each is tried once.

    The order is: the login typed with the URL, a token from the environment, ``~/.netrc``, git's credential
    helpers. The first two are sent with the first request, the others when the server responds with 401. None
    is sent unencrypted except to this machine, and none to another origin than the route's.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._looked: list[str] = []
        self._sent = False
        # Otherwise everyone on the way could read the login.
        self.usable = route.url.scheme == "https" or is_loopback(route.url.host)
        self._candidates = self._find()

    def first(self) -> Login | None:
        """Return a login that the user gave for this repository or host, to be sent without a challenge.

        None if there is no such login: netrc and helpers are consulted only if the server asks, because a
        public repository needs neither.
        """
        login = self._route.login
        return self.next() if self._token() or (login and login.password) else None

    def next(self) -> Login | None:
        """Return the next login to try; None if there are no more."""
        found = next(self._candidates, None) if self.usable else None
        self._sent = self._sent or found is not None
        return found

    def _find(self) -> Iterator[Login]:
        route, environment = self._route, self._route.access.environment
        given = route.login
        # 1. Typed for this very repository.
        if given and given.password:
            self._looked.append("the URL's")
            yield given
        # 2. Set for this host, by CI or the user.
        if token := self._token():
            self._looked.append(token_variable(route.url))
            yield _login_of(token, token_variable(route.url))
        from tarkpm.io import netrc
        from tarkpm.sources.git import helper

        # 3. netrc, which curl and git read for every program (netrc(5)).
        user = given.username if given else ""
        self._looked.append("netrc")
        if login := netrc.find(environment, route.url.host, user, default=True):
            yield login
        # 4. git's helpers last, because they start programs and may take long.
        if helper.find_git(environment):
            self._looked.append("the credential helper")
            if login := helper.fill(environment, route.url, user):
                yield login
        if given and not given.password:  # some servers take a token in place of the user's name
            self._looked.append("the URL's")
            yield given

    def _token(self) -> str:
        """Return the environment's token for this host, or "". Raises `Refused` if the variable is empty."""
        try:
            return variables.text(self._route.access.environment, token_variable(self._route.url))
        except TarkError as problem:
            raise Refused(problem.message, where=problem.where, hint=problem.hint) from None

    def refusal(self, where: str) -> Unreachable:
        """Return the error for a server that accepted none of the logins: what was tried, and what to set."""
        if not self.usable:
            text = "the server requires authentication, and tarkpm sends logins only over https"
            return Unreachable(text, where=where, hint=f"use {self._route.url.secure}")
        tried = " and ".join(filter(None, [", ".join(self._looked[:-1]), *self._looked[-1:]]))
        verb = "refuses the login" if self._sent else "requires authentication"
        return Unreachable(f"the server {verb}; tried {tried}", where=where, hint=self.hint)

    @property
    def hint(self) -> str:
        """Return the command that sets a token for this server; "" if none would be sent."""
        variable = token_variable(self._route.url)
        return f"export {variable}=TOKEN" if variable and self.usable else ""


def _login_of(text: str, variable: str) -> Login:
    """Parse ``token`` or ``user:token``.

    Hosts that ignore the user name get ``x-access-token``, which GitHub documents.
    """
    user, colon, token = text.partition(":")
    login = Login(user, token) if colon else Login("x-access-token", text)
    if not is_sendable(text):
        raise Refused("expected a token without line breaks", where=variable)
    return login
