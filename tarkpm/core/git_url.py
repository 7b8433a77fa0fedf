"""The URLs tarkpm fetches from: a small grammar, and everything outside it refused, at every door alike.

tark.toml, tark.lock, the command line, the results of git's insteadOf and redirects are all read here.
Nothing is passed on to a library that guesses: dulwich, like git, takes ``ext::…``, ``C:\\…`` and
``foo:bar`` for programs or ssh hosts. Pure: nothing is resolved or opened.
"""

import re
import unicodedata
from typing import Final, NoReturn
from urllib.parse import unquote, urljoin

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.errors import Refused

MAX_URL: Final = 2048
"""Characters."""

DEFAULT_PORTS: Final = {"https": 443, "http": 80, "ssh": 22, "git": 9418, "file": 0}
"""The schemes there are, and the port of each that need not be written."""

_SYNONYMS = {"git+ssh": "ssh", "ssh+git": "ssh"}
_URL = lazy_pattern(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#\\]*)(?P<rest>.*)")
_USER = r"[A-Za-z0-9._][A-Za-z0-9._+-]{0,63}"
_SCP = lazy_pattern(
    rf"(?P<user>{_USER})@(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*):(?P<path>[^:\\]+)"
)
_AUTHORITY = lazy_pattern(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = lazy_pattern(rf"{_LABEL}(?:\.{_LABEL})*")
_PATH = lazy_pattern(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})+)+")
_HOME_PATH = lazy_pattern(r"[A-Za-z0-9._~][A-Za-z0-9._~!$&'()*+,;=-]*(?:/[A-Za-z0-9._~!$&'()*+,;=-]+)*")
_ODD_LOCATION = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//)|///")
"""Relative to one parser, absolute to another."""
_FILE = lazy_pattern(r"(?:/(?:[^/%\\?#]|%[0-9A-Fa-f]{2})+)+")


class GitUrl(msgspec.Struct, frozen=True):
    """The location of a repository, parsed.

    ``host`` is lower case. ``port`` 0 means the scheme's own. ``path`` is as written, without a slash at its
    end; without one at its beginning it is relative to the home folder of an ssh user. No field contains a
    secret: ``user`` is ssh's, where it is part of the address.
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
    def secure(self) -> str:
        """The https URL of the same repository; a port is kept, except that of a protocol other than http."""
        port = f":{self.port}" if self.port and self.scheme in ("http", "https") else ""
        return f"https://{self._bracketed}{port}{self.path}"

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


class Parts(msgspec.Struct, frozen=True):
    """A URL as it was written: the address, and what stands before an ``@`` that is not part of it.

    ``userinfo`` is None without an ``@``. It may hold a password.
    """

    url: GitUrl
    userinfo: str | None = None

    def __repr__(self) -> str:
        return f"Parts({self.url!r}, …)"


def parse(text: str) -> GitUrl:
    """Read the URL of a repository; raises `Refused`, whose text never holds a password.

    ``https``, ``http``, ``git``, ``ssh``, ``user@host:path`` and ``file:///absolute/path``. Whether a scheme
    that is not encrypted may be used is decided where something is fetched.
    """
    parts = split(text)
    if parts.userinfo is not None:
        refuse(
            "a URL with a user name or password is not accepted", text, "leave out everything up to the '@'"
        )
    return parts.url


def split(text: str) -> Parts:
    """Read a URL in which a login may stand. Raises `Refused`, whose text never holds a password."""
    _check_text(text)
    if found := _SCP.fullmatch(text):
        return Parts(_scp(found["user"], found["host"], found["path"], text))
    found = _URL.fullmatch(text)
    if found is None:
        refuse("expected a URL such as https://host/owner/repository", text)
    scheme, authority, rest = found["scheme"].lower(), found["authority"], found["rest"]
    scheme = _SYNONYMS.get(scheme, scheme)
    _check_rest(scheme, rest, text)
    if scheme == "file":
        return Parts(_file(authority, rest, text))
    user, at, authority = authority.rpartition("@")
    url = _networked(scheme, authority, rest, text)
    if at and scheme == "ssh":
        return Parts(msgspec.structs.replace(url, user=_ssh_user(user, text)))
    return Parts(url, user if at else None)


def _check_rest(scheme: str, rest: str, text: str) -> None:
    if scheme not in DEFAULT_PORTS:
        refuse(f"unknown scheme '{scheme}'", text)
    if "@" in rest and scheme != "file":
        refuse(
            "a URL with '@' in its path is not accepted", text, "write '/' and '@' of a password as %2F, %40"
        )
    if "?" in rest or "#" in rest:
        refuse("a URL with '?' or '#' is not accepted", text)


def redirected(current: GitUrl, location: str, tail: str) -> GitUrl:
    """The repository that ``location``, a redirect of ``current`` with ``tail`` behind it, leads to.

    Raises `Refused` for anything that is not the same request elsewhere, and for leaving https.
    """
    where = current.public
    try:
        _check_text(location.removesuffix(tail))  # urljoin drops line breaks and tabs, and would hide them
        if _ODD_LOCATION.match(location):
            raise Refused("expected a URL or a path", where=shown(location))
        full = urljoin(current.public + tail, location)
        target = parse(full.removesuffix(tail))
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
        refuse("expected a URL, found nothing", text)
    if len(text) > MAX_URL:
        refuse(f"the URL has {len(text)} characters, the limit is {MAX_URL}", text)
    if text.split() != [text] or _hides(text):
        refuse("a URL with a space or an invisible character is not accepted", text)
    if text.startswith("-"):
        refuse("a URL that begins with '-' is not accepted", text)


def _hides(text: str) -> bool:
    """Return whether a text holds a hidden character."""
    if text.isascii():  # nearly every text: a call for each character took a tenth of reading a lock
        return not text.isprintable()
    return any(map(_is_hidden, text))


def _is_hidden(char: str) -> bool:
    """Control, format (zero width, right-to-left), surrogate and private characters, odd line ends."""
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _networked(scheme: str, authority: str, path: str, text: str) -> GitUrl:
    host, port = _host_and_port(authority, text)
    path = path.rstrip("/")
    if not _PATH.fullmatch(path) or _is_devious(unquote(path)):
        refuse("expected the path of a repository behind the host", text)
    return GitUrl(scheme, host, path, 0 if port == DEFAULT_PORTS[scheme] else port)


def _scp(user: str, authority: str, path: str, text: str) -> GitUrl:
    host, _ = _host_and_port(authority, text)
    path = path.rstrip("/")
    pattern = _PATH if path.startswith("/") else _HOME_PATH
    if not pattern.fullmatch(path) or "%" in path or _is_devious(path):
        refuse("expected the path of a repository behind the host", text)
    return GitUrl("ssh", host, path, user=user)


def _ssh_user(user: str, text: str) -> str:
    if ":" in user:
        refuse("ssh takes no password from a URL", text, "leave it out: ssh asks your agent for a key")
    if not re.fullmatch(_USER, user):
        refuse("expected a user name of letters and digits before the '@'", text)
    return user


def _is_devious(path: str) -> bool:
    """Return whether a path, with percent signs resolved, contains ``.``, ``..`` or hidden characters."""
    return not {".", ".."}.isdisjoint(path.split("/")) or _hides(path)


def _file(authority: str, path: str, text: str) -> GitUrl:
    path = path.rstrip("/")
    if authority or not _FILE.fullmatch(path) or _is_devious(unquote(path)):
        refuse("expected file:// and the absolute path of a repository", text)
    return GitUrl("file", "", path)


def _host_and_port(authority: str, text: str) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        refuse("expected a host, optionally with a port", text)
    host, port = found["host"].lower(), int(found["port"] or 0)
    if found["port"] and not 0 < port < 65536:
        refuse(f"expected a port from 1 to 65535, found {found['port']}", text)
    bracketed, host = host.startswith("["), host.strip("[]")
    if not _is_host(host) or bracketed != (":" in host):
        refuse("expected a host name in plain ASCII, or an IP address", text)
    return host, port


def _is_host(host: str) -> bool:
    """A DNS name or an address in its usual spelling; ``127.1`` and ``0x7f.1`` are neither."""
    if ":" not in host and not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]):
        return len(host) <= 253 and _HOST.fullmatch(host) is not None
    import ipaddress  # most hosts are names

    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def refuse(message: str, text: str, hint: str = "") -> NoReturn:
    """Raise `Refused` about a URL, which is quoted without what may be a secret."""
    raise Refused(message, where=shown(text), hint=hint)
