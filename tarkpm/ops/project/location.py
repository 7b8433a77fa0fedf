"""Where a project is: its documents, its environment, its data, and whether it is this user's own.

A tark.toml decides which code runs, so a project counts only if its folder and files belong to this user, as
with git's ``safe.directory``: another user who may write to a shared folder decides nothing for those who
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
    """Where a project's documents, environment and data are.

    ``folder`` is what relative paths in tark.toml are relative to, and the name state knows the project by.
    """

    folder: Path
    project_file: Path
    lock_file: Path
    environment: Environment


def locate(settings: Settings) -> Location:
    """The project to work on: --project, else the nearest tark.toml above, else the user's own."""
    if not settings.user:
        folders = [settings.project] if settings.project else _upwards(settings.cwd, settings.home)
        for folder in folders:
            if settings.project or os.path.lexists(folder / PROJECT):
                return project_place(folder)
    config = settings.paths.config
    project_file = (config / PROJECT).resolve()  # people keep their own configuration behind links
    environment = Environment(settings.paths.data, in_project=False)
    return Location(config, project_file, config / LOCK, environment)


def _upwards(start: Path, home: Path) -> Iterator[Path]:
    """``start`` and the folders above it: as far as ``home``, which is the last, and on one file system."""
    begin, end = start.stat(), _status(home)
    for folder in (start, *start.parents):
        status = _status(folder)
        if status is None or status.st_dev != begin.st_dev:
            return
        yield folder
        if end is not None and os.path.samestat(status, end):
            return


def _status(folder: Path) -> os.stat_result | None:
    """None where this user may not look."""
    try:
        return folder.stat()
    except OSError:
        return None


def project_place(folder: Path) -> Location:
    """The place of a project in ``folder``; links to the folder are resolved, so that it has one name.

    A linked tark.toml is not followed: it would make another project's decisions this one's.
    """
    real = folder.resolve()
    if not str(real).isprintable():
        raise ProjectError("expected a folder with a printable name in UTF-8", where=str(real))
    return Location(real, real / PROJECT, real / LOCK, Environment(real / ".tark", in_project=True))


def checked_place(settings: Settings, *, create: bool) -> Location:
    """The project to work on, seen to be there (unless ``create``) and to be this user's own.

    Raises `ProjectError`, and `ProjectNotAccepted` for a project, or an environment, of another user.
    """
    place = locate(settings)
    check_owned(place, hint=_way_out(place, settings))
    if settings.project and not os.path.lexists(place.project_file):
        hint = f"tarkpm init --project {shlex.quote(str(settings.project))}"
        raise ProjectError(f"there is no {PROJECT} here", where=str(settings.project), hint=hint)
    if not create and not os.path.lexists(place.project_file):
        raise ProjectError(
            f"there is no {PROJECT} here or above", where=str(settings.cwd), hint="tarkpm init"
        )
    place.environment.check_ours()
    return place


def check_owned(place: Location, *, hint: str) -> None:
    """Raise `ProjectNotAccepted` unless a project's folder and documents belong to this user, if they exist.

    Links are not followed: what counts is who made the link. The user's own tark.toml is not checked: it is
    where the environment says, which nobody else decides. `Environment.check_ours` checks ``.tark``.
    """
    if not place.environment.in_project:
        return
    for path in (place.folder, place.project_file, place.lock_file):
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


def _way_out(place: Location, settings: Settings) -> str:
    """Without the project where it was only found; typed, it was meant: then it can be taken over."""
    if settings.project is None:
        return f"{settings.command} --user"
    return f"if you trust what is in it: sudo chown -R {os.geteuid()} {shlex.quote(str(place.folder))}"


def _user(number: int) -> str:
    try:
        return f"'{pwd.getpwuid(number).pw_name}'"
    except KeyError:
        return f"user {number}"
