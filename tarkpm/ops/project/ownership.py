"""Whose files are used: a project and a home folder must be this user's (docs/decisions/0081, 0107)."""

import os
import pwd
import shlex
from pathlib import Path

from tarkpm.errors import ProjectNotAccepted, StoreError
from tarkpm.ops.project.settings import Settings

ROOT = 0


def check_owner(path: Path, sentence: str, *, hint: str, or_root: bool = False) -> None:
    """Raise `ProjectNotAccepted` with ``sentence`` if ``path`` exists and belongs to another user.

    A link is not followed: its own owner counts. ``or_root`` also accepts root, who may do anything anyway.
    """
    try:
        owner = path.lstat().st_uid
    except (FileNotFoundError, NotADirectoryError):
        return
    if owner == os.geteuid() or (or_root and owner == ROOT):
        return
    raise ProjectNotAccepted(
        f"{sentence}: {path.name or path} belongs to {_user(owner)}, and you are {_user(os.geteuid())}",
        where=str(path),
        hint=hint,
    )


def check_new_folder(folder: Path, *, hint: str) -> None:
    """Raise `ProjectNotAccepted` if root would create ``folder`` in another user's.

    Its owner could not remove what root puts into it.
    """
    if os.geteuid() == ROOT:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        check_owner(there, "this folder is not yours", hint=hint)


def check_home(settings: Settings) -> None:
    """Raise `StoreError` if HOME is no folder, or root would work in another user's.

    Nothing is created in its place. sudo may keep HOME: what root creates there its owner cannot remove, and
    what the owner put into state would decide for root. A HOME that nothing is read from is not checked.
    """
    home, paths = settings.home, settings.paths
    if not any(path.is_relative_to(home) for path in (paths.config, paths.data, paths.state, paths.cache)):
        return
    if not home.is_dir():
        raise StoreError("HOME does not name an existing folder", where=str(home), hint=_other_home(settings))
    owner = home.stat().st_uid
    if os.geteuid() == ROOT and owner != ROOT:
        raise StoreError(
            f"HOME is not yours: it belongs to {_user(owner)}, and you are {_user(ROOT)}",
            where=str(home),
            hint=_other_home(settings),
        )


def _other_home(settings: Settings) -> str:
    """Return the command with the home folder of the user database, or with an empty one if that has none."""
    try:
        known = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        known = settings.home
    usable = known != settings.home and known.is_dir()
    return f"HOME={shlex.quote(str(known)) if usable else '$(mktemp -d)'} {settings.command}"


def login_name() -> str:
    """Return the login name of this user as the system has it: an environment variable could say anything."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _user(number: int) -> str:
    try:
        return f"'{pwd.getpwuid(number).pw_name}'"
    except KeyError:
        return f"user {number}"
