"""Logins from ``~/.netrc``, as curl and git have them.

``NETRC`` names another file. Hosts are compared without regard to case, ports are not part of an entry. A
``default`` entry is not used: it would go to any host that asks for a login, and here strangers' hosts ask.
"""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tarkpm.errors import Refused
from tarkpm.io.login import Login, is_sendable

if TYPE_CHECKING:
    import netrc

MAX_NETRC: Final = 256 << 10
"""Bytes the file may have."""


def find(environment: Mapping[str, str], host: str, username: str = "") -> Login | None:
    """The login for ``host``, and for ``username`` if one is given; None if there is none.

    Raises `Refused` for a file that is there and cannot be used. No error quotes what is in it.
    """
    path = _path(environment)
    if path is None:
        return None
    entries = _read(path)
    for name, (user, _account, password) in entries.hosts.items():
        login = Login(user or "", password or "")
        if name == "default" or name.lower() != host.lower() or not (login.username or login.password):
            continue
        if username and login.username and username != login.username:
            continue
        if not is_sendable(login.username) or not is_sendable(login.password):
            raise Refused(f"the login for '{host}' holds an invisible character", where=str(path))
        return Login(username or login.username, login.password)
    return None


def _path(environment: Mapping[str, str]) -> Path | None:
    """The file, if it is there."""
    if named := environment.get("NETRC"):
        path = Path(named)
    elif home := environment.get("HOME"):
        path = Path(home) / ".netrc"
    else:
        return None
    return path if path.exists() else None


def _read(path: Path) -> "netrc.netrc":
    import netrc

    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Refused("expected a file", where=str(path))
        if status.st_size > MAX_NETRC:
            raise Refused(f"the file has more than {MAX_NETRC:,} bytes", where=str(path))
        return netrc.netrc(path)
    except netrc.NetrcParseError as problem:
        # its message quotes a word of the file, which may be a password
        at = f", at line {problem.lineno} or before" if problem.lineno else ""
        raise Refused(f"expected a netrc file{at}", where=str(path)) from None
    except (OSError, UnicodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not text"
        raise Refused(f"cannot be read: {(reason or '').lower()}", where=str(path)) from None
