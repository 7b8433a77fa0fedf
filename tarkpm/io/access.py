"""Who may use a file that replaces another one: those who could use the other one, and nobody else."""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

PERMISSIONS: Final = 0o777
"""The bits that are kept. Set-user-id and set-group-id bits have no meaning for documents."""

_ACCESS_LIST: Final = "system.posix_acl_access"
_NO_ACCESS_LIST: Final = (errno.ENODATA, errno.ENOTSUP)


def keep_access(descriptor: int, path: Path) -> None:
    """Give an open file the owner, group, permissions and access list of the regular file ``path``.

    The open file must be private (0600) until now, and is renamed to ``path`` afterwards: then at no moment
    can anybody open it who could not open ``path``. What this user may not give (only root gives files away,
    and a group must be one's own) is left out, and then nobody gets more. Without a regular file at ``path``
    nothing changes. Links are not followed.
    """
    try:
        old = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(old.st_mode):
        return
    mode = old.st_mode & PERMISSIONS
    same_group = _give(descriptor, old)
    if not (_keep_access_list(descriptor, path) and same_group):
        # The bits of the group were meant for another one, or are the mask of a list: see acl(5).
        mode = mode & ~0o070 | (mode & 0o007) << 3
    os.fchmod(descriptor, mode)


def _give(descriptor: int, old: os.stat_result) -> bool:
    """Change owner and group, as far as this user may; returns whether the group is the old one."""
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, old.st_uid, old.st_gid)
        return True
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, -1, old.st_gid)
        return True
    return False


def _keep_access_list(descriptor: int, path: Path) -> bool:
    """Copy the access list; False if there is one that cannot be kept.

    Without one, the list that a new file inherits from its folder is removed: it names other users.
    """
    if not hasattr(os, "getxattr"):  # macOS
        return True
    try:
        found = os.getxattr(path, _ACCESS_LIST, follow_symlinks=False)
    except OSError as problem:
        if problem.errno not in _NO_ACCESS_LIST:
            return False
        with contextlib.suppress(OSError):
            os.removexattr(descriptor, _ACCESS_LIST)
        return True
    try:
        os.setxattr(descriptor, _ACCESS_LIST, found)
    except OSError:
        return False
    return True
