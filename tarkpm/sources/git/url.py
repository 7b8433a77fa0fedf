"""Parse URLs as users type them, and decide which may be fetched from. Pure.

The grammar is that of `tarkpm.core.git_url`.
"""

from typing import Final
from urllib.parse import unquote

from tarkpm.core import git_url
from tarkpm.core.file_names import folder_path
from tarkpm.core.git_url import DEFAULT_PORTS, GitUrl, refuse, shown
from tarkpm.core.patterns import lazy_pattern
from tarkpm.errors import Refused
from tarkpm.io.login import Login, is_sendable
from tarkpm.io.proxies import is_loopback

__all__ = ["DEFAULT_PORTS", "GitUrl", "expand", "parse", "parse_typed", "redirected", "shown"]

PLAIN: Final = {"http": "http", "git": "git://"}
"""Schemes that are neither encrypted nor authenticated, and their names in messages."""

_OWNER = lazy_pattern(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_REPO = lazy_pattern(r"[A-Za-z0-9._-]{1,100}")


def parse(text: str, *, allow_http: bool = False) -> GitUrl:
    """Parse the URL of a repository to fetch from.

    ``http`` and ``git`` are permitted for this machine, and for others with ``allow_http``. Raises `Refused`,
    whose text never contains a password (docs/trust-rules.md, rule 11).
    """
    return _fetchable(git_url.parse(text), text, allow_http=allow_http)


def parse_typed(text: str, *, allow_http: bool = False) -> tuple[GitUrl, Login | None]:
    """Parse a URL typed by the user, which may contain a login. The login is not part of the `GitUrl`.

    Raises `Refused`, whose text never contains a password.
    """
    parts = git_url.split(text)
    url = _fetchable(parts.url, text, allow_http=allow_http)
    return url, None if parts.userinfo is None else _login(url.scheme, parts.userinfo, text)


def redirected(current: GitUrl, location: str, tail: str, *, allow_http: bool = False) -> GitUrl:
    """Return the target of a redirect, as `git_url.redirected` does.

    Also raises `Refused` for an unencrypted scheme: a redirect must not downgrade what the user typed.
    """
    target = git_url.redirected(current, location, tail)
    try:
        return _fetchable(target, target.public, allow_http=allow_http)
    except Refused as problem:
        text = f"redirected to '{problem.where}': {problem.message}"
        raise Refused(text, where=current.public) from None


def _fetchable(url: GitUrl, text: str, *, allow_http: bool) -> GitUrl:
    if url.scheme in PLAIN and not (allow_http or is_loopback(url.host)):
        hint = f"use {url.secure}, or --allow-http"
        refuse(f"{PLAIN[url.scheme]} is neither encrypted nor authenticated", text, hint)
    return url


def expand(text: str) -> tuple[str, str]:
    """Expand ``github:owner/repo[/folder]`` to (URL, folder). Any other text is returned with folder "".

    Raises `Refused` for a ``github:`` that does not name a repository.
    """
    if not text.lower().startswith("github:"):
        return text, ""
    owner, _, rest = text[len("github:") :].partition("/")
    repo, _, folder = rest.partition("/")
    if not _OWNER.fullmatch(owner) or not _REPO.fullmatch(repo) or repo.strip(".") == "":
        refuse("expected github:owner/repository, optionally followed by /folder", text)
    try:
        return f"https://github.com/{owner}/{repo}", folder_path(folder)
    except ValueError as problem:
        refuse(str(problem), text)


def _login(scheme: str, user: str, text: str) -> Login:
    if scheme == "git":
        refuse("git:// takes no user name or password", text, "leave out everything up to the '@'")
    name, _, password = (unquote(part) for part in user.partition(":"))
    if "@" in user or not (name or password) or not (is_sendable(name) and is_sendable(password)):
        refuse("expected a user name, optionally with a password, before the '@'", text)
    return Login(name, password)
