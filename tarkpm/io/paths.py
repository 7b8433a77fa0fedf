"""Paths without links."""

import errno
import os
from pathlib import Path


def resolved(path: Path) -> Path:
    """Return ``path`` absolute and without links; it need not exist. Raises `OSError` for links in a circle.

    `Path.resolve` of Python 3.11 and 3.12 raises RuntimeError for these, which would be reported as a fault
    of tarkpm; later ones return a path that still has the link.
    """
    try:
        found = path.resolve()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
    try:
        found.stat()
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise
    return found


def expanded(path: str | Path) -> Path:
    """Return ``path`` with a home folder instead of a leading ``~`` or ``~user``.

    That of an unknown user stays as it is, as in a shell; `Path.expanduser` would raise RuntimeError.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111
