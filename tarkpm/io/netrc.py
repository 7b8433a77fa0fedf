"""Read logins from ``~/.netrc``, as curl and git do (lib/netrc.c of curl).

``NETRC`` names another file. Hosts are compared without case. A host may have several logins: the one of the
URL's user is taken, or else the first. Like curl, tarkpm ignores ``account``, ``port``, ``protocol``,
``method`` and words it does not know; a ``macdef`` ends at an empty line or with the file.

The ``default`` entry is for a host without an entry of its own, and only where the caller allows it: a
dependency can name any host (docs/decisions/0096-netrc-as-curl-reads-it.md).
"""

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.errors import Refused
from tarkpm.io.hosts import is_same
from tarkpm.io.login import MAX_SECRET, Login, is_sendable

MAX_NETRC: Final = 256 << 10
"""Size limit of the file, in bytes."""

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]\S*|"')
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_IGNORED = ("account", "port", "protocol", "method")
"""Words with a value. The value is skipped: it may be any word, also ``login``."""


class _Entry(msgspec.Struct):
    """``host`` None is the default entry."""

    host: str | None
    username: str = ""
    password: str = ""


def find(
    environment: Mapping[str, str], host: str, username: str = "", *, default: bool = False
) -> Login | None:
    """Return the login for ``host``, and for ``username`` if given; None if there is none.

    ``default`` allows the default entry. Raises `Refused` for a file that exists but cannot be used. No error
    quotes its contents.
    """
    path = _path(environment)
    if path is None:
        return None
    entries = [entry for entry in _parse(_read(path), str(path)) if entry.username or entry.password]
    own = [entry for entry in entries if entry.host is not None and is_same(entry.host, host)]
    general = [entry for entry in entries if entry.host is None] if default and not own else []
    # A password first: an entry that only names a user may stand before the one that is complete.
    for entry in sorted(own or general, key=lambda entry: not entry.password):
        if username and entry.username and username != entry.username:
            continue
        for text in (entry.username, entry.password):
            _check(text, host, path)
        return Login(username or entry.username, entry.password)
    return None


def _check(text: str, host: str, path: Path) -> None:
    if len(text) > MAX_SECRET:
        message = f"the login for '{host}' has more than {MAX_SECRET:,} characters"
        raise Refused(message, where=str(path))
    if not is_sendable(text):
        raise Refused(f"the login for '{host}' contains an unprintable character", where=str(path))


def _path(environment: Mapping[str, str]) -> Path | None:
    """Return the path of the file, if it exists."""
    if named := environment.get("NETRC"):
        path = Path(named)
    elif home := environment.get("HOME"):
        path = Path(home) / ".netrc"
    else:
        return None
    return path if path.exists() else None


def _read(path: Path) -> str:
    try:
        # Before it is opened: opening a FIFO would wait for a writer. The file may be a link (dotfiles).
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refused("expected a file", where=str(path))
        with path.open("rb") as file:
            data = file.read(MAX_NETRC + 1)
        if len(data) > MAX_NETRC:
            raise Refused(f"the file has more than {MAX_NETRC:,} bytes", where=str(path))
        return data.decode("utf-8-sig")
    except (OSError, UnicodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not text"
        raise Refused(f"the file cannot be read: {(reason or '').lower()}", where=str(path)) from None


def _parse(text: str, where: str) -> list[_Entry]:
    entries: list[_Entry] = []
    expected = ""
    for word in _words(text, where):
        entry = entries[-1] if entries else None
        if expected == "machine":
            entries.append(_Entry(word))
        elif expected and entry:
            _set(entries, entry, expected, word)
        expected = "" if expected else word
        if expected == "default":
            entries.append(_Entry(None))
        if expected not in ("machine", "login", "password", *_IGNORED):
            expected = ""
    return entries


def _set(entries: list[_Entry], entry: _Entry, key: str, word: str) -> None:
    if key == "login":
        if entry.username and entry.password:  # a second login of the same host
            entry = _Entry(entry.host)
            entries.append(entry)
        entry.username = word
    elif key == "password":
        entry.password = word


def _words(text: str, where: str) -> Iterator[str]:
    """Yield the words outside comments and macros. Raises `Refused` for a quotation without an end."""
    in_macro = False
    for number, line in enumerate(text.split("\n"), 1):
        if in_macro or line.lstrip().startswith("#"):
            in_macro = in_macro and bool(line.strip())
            continue
        for word in _WORD.findall(line):
            if word == '"':
                # not the line itself: it may hold a password
                raise Refused(f"expected a netrc file, found an open quotation in line {number}", where=where)
            if word == "macdef":
                in_macro = True
                break
            yield _unquoted(word)


def _unquoted(word: str) -> str:
    if not word.startswith('"'):
        return word
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), word[1:-1])
