"""Read logins from ``~/.netrc``, as curl and git do.

``NETRC`` names another file. Hosts are compared without case, and entries have no port. A ``default`` entry
is ignored: it would be sent to any host that requires authentication, and a dependency can name any host.
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
"""Size limit of the file, in bytes."""


def find(environment: Mapping[str, str], host: str, username: str = "") -> Login | None:
    """Return the login for ``host``, and for ``username`` if given; None if there is none.

    Raises `Refused` for a file that exists but cannot be used. No error quotes its contents.
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
            raise Refused(f"the login for '{host}' contains an unprintable character", where=str(path))
        return Login(username or login.username, login.password)
    return None


def _path(environment: Mapping[str, str]) -> Path | None:
    """Return the path of the file, if it exists."""
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
        # not its message: that quotes a word of the file, which may be a password
        at = f", at line {problem.lineno} or before" if problem.lineno else ""
        raise Refused(f"expected a netrc file{at}", where=str(path)) from None
    except (OSError, UnicodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not text"
        raise Refused(f"the file cannot be read: {(reason or '').lower()}", where=str(path)) from None
