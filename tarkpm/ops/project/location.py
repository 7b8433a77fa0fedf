"""Locate a project and check that it belongs to this user.

A tark.toml decides which code runs, so a project counts only if its folder and files belong to this user, as
with git's ``safe.directory``: another user with write access to a shared folder decides nothing for those who
work below it (docs/decisions/0081).
"""

import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tarkpm.core.names import LOCK, PROJECT
from tarkpm.errors import ProjectError, ProjectNotAccepted
from tarkpm.ops.project.settings import Settings
from tarkpm.store.environment import Environment


class Location(msgspec.Struct, frozen=True):
    """The paths of a project's documents and environment.

    Relative paths in tark.toml start at ``folder``, which is also the project's name in state.
    """

    folder: Path
    project_file: Path
    lock_file: Path
    environment: Environment


def locate(settings: Settings) -> Location:
    """Return the project to work on: --project, else the nearest tark.toml above, else the user's own."""
    if not settings.user:
        folders = [settings.project] if settings.project else _upwards(settings.cwd, settings.home)
        for folder in folders:
            if settings.project or os.path.lexists(folder / PROJECT):
                return project_place(folder)
    config = settings.paths.config
    project_file = (config / PROJECT).resolve()  # users link their configuration from elsewhere
    environment = Environment(settings.paths.data, in_project=False)
    return Location(config, project_file, config / LOCK, environment)


def _upwards(start: Path, home: Path) -> Iterator[Path]:
    """Yield ``start`` and the folders above it, up to ``home`` and on one file system."""
    begin, end = start.stat(), _status(home)
    for folder in (start, *start.parents):
        status = _status(folder)
        # Like git, the search ends where another file system begins (decision 0081).
        if status is None or status.st_dev != begin.st_dev:
            return
        yield folder
        if end is not None and os.path.samestat(status, end):
            return


def _status(folder: Path) -> os.stat_result | None:
    """Return the status of a folder; None if this user may not read it."""
    try:
        return folder.stat()
    except OSError:
        return None


def project_place(folder: Path) -> Location:
    """Return the location of a project in ``folder``; links are resolved, so that it has one name.

    A linked tark.toml is not followed: it would apply another project's decisions to this one.
    """
    real = folder.resolve()
    if not str(real).isprintable():
        raise ProjectError("expected a folder with a printable name in UTF-8", where=str(real))
    return Location(real, real / PROJECT, real / LOCK, Environment(real / ".tark", in_project=True))


def checked_place(settings: Settings, *, create: bool) -> Location:
    """Return the project to work on, checked to exist (unless ``create``) and to belong to this user.

    Raises `ProjectError`, and `ProjectNotAccepted` for a project, or an environment, of another user.
    """
    location = locate(settings)
    check_owned(location, hint=_way_out(location, settings))
    if settings.project and not os.path.lexists(location.project_file):
        hint = f"tarkpm init --project {shlex.quote(str(settings.project))}"
        raise ProjectError(f"there is no {PROJECT} here", where=str(settings.project), hint=hint)
    if not create and not os.path.lexists(location.project_file):
        raise ProjectError(
            f"there is no {PROJECT} here or above", where=str(settings.cwd), hint="tarkpm init"
        )
    location.environment.check_ours()
    return location


def check_owned(location: Location, *, hint: str) -> None:
    """Raise `ProjectNotAccepted` unless a project's folder and documents belong to this user, if they exist.

    Links are not followed: the owner of the link counts. The user's own tark.toml is not checked: only this
    user's environment variables say where it is. `Environment.check_ours` checks ``.tark``.
    """
    if not location.environment.in_project:
        return
    for path in (location.folder, location.project_file, location.lock_file):
        try:
            owner = path.lstat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            continue
        if owner != os.geteuid():
            raise ProjectNotAccepted(
                f"this project is not yours: {path.name or path} belongs to {_user(owner)}, and you are "
                f"{_user(os.geteuid())}",
                where=str(path),
                hint=hint,
            )


def _way_out(location: Location, settings: Settings) -> str:
    """Return a hint: do without a project that was only found, take over one given by --project."""
    if settings.project is None:
        return f"{settings.command} --user"
    return f"if you trust its contents: sudo chown -R {os.geteuid()} {shlex.quote(str(location.folder))}"


def _user(number: int) -> str:
    try:
        return f"'{pwd.getpwuid(number).pw_name}'"
    except KeyError:
        return f"user {number}"
