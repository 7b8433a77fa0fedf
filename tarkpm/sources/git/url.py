"""The URLs tarkpm fetches from: a small grammar, and everything outside it is refused.

A text outside it never reaches a library that guesses: dulwich, like git, takes ``ext::…``, ``C:\\…`` and
``foo:bar`` for programs or ssh hosts. Pure: nothing is resolved or opened.
"""

import ipaddress
import re
import unicodedata
from typing import Final, NoReturn
from urllib.parse import unquote, urljoin

import msgspec

from tarkpm.core.release import folder_path
from tarkpm.errors import Refused
from tarkpm.io.login import Login, is_sendable
from tarkpm.io.proxies import is_loopback

MAX_URL: Final = 2048
"""Characters."""

DEFAULT_PORTS: Final = {"https": 443, "http": 80, "ssh": 22, "git": 9418, "file": 0}
"""The schemes there are, and the port of each that need not be written."""

PLAIN: Final = {"http": "http", "git": "git://"}
"""Schemes that are neither encrypted nor authenticated, and what to call them."""

_SYNONYMS = {"git+ssh": "ssh", "ssh+git": "ssh"}
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#\\]*)(?P<rest>.*)")
_USER = r"[A-Za-z0-9._][A-Za-z0-9._+-]{0,63}"
_SCP = re.compile(
    rf"(?P<user>{_USER})@(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*):(?P<path>[^:\\]+)"
)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})+)+")
_HOME_PATH = re.compile(r"[A-Za-z0-9._~][A-Za-z0-9._~!$&'()*+,;=-]*(?:/[A-Za-z0-9._~!$&'()*+,;=-]+)*")
_FILE = re.compile(r"(?:/(?:[^/%\\?#]|%[0-9A-Fa-f]{2})+)+")
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_REPO = re.compile(r"[A-Za-z0-9._-]{1,100}")


class GitUrl(msgspec.Struct, frozen=True):
    """Where a repository is. ``host`` is lower case, ``port`` 0 means the scheme's own, ``path`` is as
    written, without a slash at its end; without one at its beginning it is relative to an ssh user's home.

    No field holds a secret: ``user`` is ssh's, where it is part of the address.
    """

    scheme: str
    host: str
    path: str
    port: int = 0
    user: str = ""

    @property
    def origin(self) -> str:
        """Scheme, user, host and port: what a redirect may change only with a note."""
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{self._bracketed}" + (f":{self.port}" if self.port else "")

    @property
    def public(self) -> str:
        """The text that goes into tark.toml, tark.lock and errors."""
        if self.scheme == "ssh" and not self.path.startswith("/"):
            return f"{self.user}@{self._bracketed}:{self.path}"
        return self.origin + self.path

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def label(self) -> str:
        """A short name for people: ``github.com/owner/repo``, or a local path."""
        return self.host + unquote(self.path.removesuffix(".git"))

    @property
    def local_path(self) -> str:
        """The folder on this machine that a ``file`` URL names."""
        return unquote(self.path)

    def __str__(self) -> str:
        return self.public


def parse(text: str, *, allow_http: bool = False) -> GitUrl:
    """Read the URL of a repository; raises `Refused`, whose text never holds a password.

    ``https``, ``ssh``, ``user@host:path``, ``file:///absolute/path``, and ``http`` and ``git`` to this
    machine or anywhere with ``allow_http``.
    """
    url, login = parse_typed(text, allow_http=allow_http)
    if login is not None:
        _refuse(
            "a URL with a user name or password is not accepted", text, "leave out everything up to the '@'"
        )
    return url


def parse_typed(text: str, *, allow_http: bool = False) -> tuple[GitUrl, Login | None]:
    """Read a URL from the user's own hand, in which a login may stand; the login is not part of the `GitUrl`.

    Raises `Refused`, whose text never holds a password.
    """
    _check_text(text)
    if found := _SCP.fullmatch(text):
        return _scp(found["user"], found["host"], found["path"], text), None
    found = _URL.fullmatch(text)
    if found is None:
        _refuse("expected a URL such as https://host/owner/repository", text)
    scheme, authority, rest = found["scheme"].lower(), found["authority"], found["rest"]
    scheme = _SYNONYMS.get(scheme, scheme)
    if scheme not in DEFAULT_PORTS:
        _refuse(f"unknown scheme '{scheme}'", text)
    if "@" in rest and scheme != "file":
        _refuse(
            "a URL with '@' in its path is not accepted", text, "write '/' and '@' of a password as %2F, %40"
        )
    if "?" in rest or "#" in rest:
        _refuse("a URL with '?' or '#' is not accepted", text)
    if scheme == "file":
        return _file(authority, rest, text), None
    user, at, authority = authority.rpartition("@")
    url = _networked(scheme, authority, rest, text, allow_http)
    if not at:
        return url, None
    if scheme == "ssh":
        return msgspec.structs.replace(url, user=_ssh_user(user, text)), None
    return url, _login(scheme, user, text)


def expand(text: str) -> tuple[str, str]:
    """Spell out ``github:owner/repo[/folder]`` as (URL, folder); any other text comes back with no folder.

    Raises `Refused` for a ``github:`` that names no repository.
    """
    if not text.lower().startswith("github:"):
        return text, ""
    owner, _, rest = text[len("github:") :].partition("/")
    repo, _, folder = rest.partition("/")
    if not _OWNER.fullmatch(owner) or not _REPO.fullmatch(repo) or repo.strip(".") == "":
        _refuse("expected github:owner/repository, or with a folder behind it", text)
    try:
        return f"https://github.com/{owner}/{repo}", folder_path(folder)
    except ValueError as problem:
        _refuse(str(problem), text)


def redirected(current: GitUrl, location: str, tail: str, *, allow_http: bool = False) -> GitUrl:
    """The repository that ``location``, a redirect of ``current`` with ``tail`` behind it, leads to.

    Raises `Refused` for anything that is not the same request elsewhere, and for leaving https.
    """
    where = current.public
    try:
        full = urljoin(current.public + tail, location)
        target = parse(full.removesuffix(tail), allow_http=allow_http)
    except ValueError:
        raise Refused("redirected to something that is not a URL", where=where) from None
    except Refused as problem:
        raise Refused(f"redirected to '{problem.where}': {problem.message}", where=where) from None
    if not full.endswith(tail):
        raise Refused(f"redirected to '{shown(full)}', which is not a git repository", where=where)
    if target.scheme not in ("https", "http") or (current.scheme == "https" and target.scheme == "http"):
        raise Refused(f"redirected from {current.scheme} to '{target}'", where=where)
    return target


def shown(text: str) -> str:
    """``text`` as an error may quote it: no user, password or query, no control character, not too long.

    All up to the last ``@`` may be a secret, a token as user name too; only ssh's ``git@`` is none.
    """
    if "@" in text and not re.fullmatch(r"(?:(?:git\+)?ssh://)?git@[^@]*", text):
        text = "…@" + text.rpartition("@")[2]
    kept = re.split(r"[?#]", text, maxsplit=1)[0][:200]
    return "".join("?" if _is_hidden(char) else char for char in kept) + (
        "…" if len(kept) < len(text) else ""
    )


def _check_text(text: str) -> None:
    if not text:
        _refuse("expected a URL, found nothing", text)
    if len(text) > MAX_URL:
        _refuse(f"the URL has {len(text)} characters, the limit is {MAX_URL}", text)
    if any(char.isspace() or _is_hidden(char) for char in text):
        _refuse("a URL with a space or an invisible character is not accepted", text)
    if text.startswith("-"):
        _refuse("a URL that begins with '-' is not accepted", text)


def _is_hidden(char: str) -> bool:
    """Control, format (zero width, right-to-left), surrogate and private characters, odd line ends."""
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _networked(scheme: str, authority: str, path: str, text: str, allow_http: bool) -> GitUrl:
    host, port = _host_and_port(authority, text)
    if scheme in PLAIN and not (allow_http or is_loopback(host)):
        hint = f"use https://{host}{path}, or --allow-http"
        _refuse(f"{PLAIN[scheme]} is neither encrypted nor authenticated", text, hint)
    path = path.rstrip("/")
    if not _PATH.fullmatch(path) or _is_devious(unquote(path)):
        _refuse("expected the path of a repository behind the host", text)
    return GitUrl(scheme, host, path, 0 if port == DEFAULT_PORTS[scheme] else port)


def _scp(user: str, authority: str, path: str, text: str) -> GitUrl:
    host, _ = _host_and_port(authority, text)
    path = path.rstrip("/")
    pattern = _PATH if path.startswith("/") else _HOME_PATH
    if not pattern.fullmatch(path) or "%" in path or _is_devious(path):
        _refuse("expected the path of a repository behind the host", text)
    return GitUrl("ssh", host, path, user=user)


def _ssh_user(user: str, text: str) -> str:
    if ":" in user:
        _refuse("ssh takes no password from a URL", text, "leave it out: ssh asks your agent for a key")
    if not re.fullmatch(_USER, user):
        _refuse("expected a user name of letters and digits before the '@'", text)
    return user


def _login(scheme: str, user: str, text: str) -> Login:
    if scheme == "git":
        _refuse("git:// takes no user name or password", text, "leave out everything up to the '@'")
    name, _, password = (unquote(part) for part in user.partition(":"))
    if "@" in user or not (name or password) or not (is_sendable(name) and is_sendable(password)):
        _refuse("expected a user name and perhaps a password before the '@'", text)
    return Login(name, password)


def _is_devious(path: str) -> bool:
    """Whether a path, percent signs resolved, leads up or hides something."""
    return any(part in (".", "..") or any(map(_is_hidden, part)) for part in path.split("/"))


def _file(authority: str, path: str, text: str) -> GitUrl:
    path = path.rstrip("/")
    if authority or not _FILE.fullmatch(path) or _is_devious(unquote(path)):
        _refuse("expected file:// and the absolute path of a repository", text)
    return GitUrl("file", "", path)


def _host_and_port(authority: str, text: str) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        _refuse("expected a host, perhaps with a port", text)
    host, port = found["host"].lower(), int(found["port"] or 0)
    if found["port"] and not 0 < port < 65536:
        _refuse(f"expected a port from 1 to 65535, found {found['port']}", text)
    bracketed, host = host.startswith("["), host.strip("[]")
    if not _is_host(host) or bracketed != (":" in host):
        _refuse("expected a host name in plain ASCII, or an IP address", text)
    return host, port


def _is_host(host: str) -> bool:
    """A DNS name or an address in its usual spelling; ``127.1`` and ``0x7f.1`` are neither."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        number = re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2])
        return number is None and len(host) <= 253 and _HOST.fullmatch(host) is not None
    return True


def _refuse(message: str, text: str, hint: str = "") -> NoReturn:
    raise Refused(message, where=shown(text), hint=hint)
