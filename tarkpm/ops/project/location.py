"""Locate a project and check that it belongs to this user.

A tark.toml decides which code runs, so a project counts only if its folder and files belong to this user, as
with git's ``safe.directory``: another user with write access to a shared folder decides nothing for those who
work below it (docs/decisions/0081).
"""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.names import LOCK, PROJECT
from tarkpm.errors import ProjectError
from tarkpm.io.paths import resolved
from tarkpm.ops.project.links import check_links, followed
from tarkpm.ops.project.ownership import check_home, check_owner
from tarkpm.ops.project.settings import STATE_DIR, Settings
from tarkpm.store.environment import Environment

VARIABLE: Final = "TARKPM_PROJECT"


class Location(msgspec.Struct, frozen=True):
    """The paths of a project's documents and environment.

    Relative paths in tark.toml start at ``folder``, which is also the project's name in state. If a document
    is a link that may be followed, its path is the file it leads to (docs/decisions/0106).
    """

    folder: Path
    project_file: Path
    lock_file: Path
    environment: Environment


def locate(settings: Settings) -> Location:
    """Return the project to work on: --project, else the nearest above, else the user's own.

    A folder with a tark.lock alone is a project too, of which tark.toml is missing: `checked_place` says so.
    """
    if not settings.user:
        folders = [settings.project] if settings.project else _upwards(settings.cwd, settings.home)
        for folder in folders:
            if settings.project or any(os.path.lexists(folder / name) for name in (PROJECT, LOCK)):
                return project_place(folder)
    config = settings.paths.config
    project_file, lock_file = (followed(config / name) for name in (PROJECT, LOCK))
    environment = Environment(settings.paths.data, in_project=False)
    return Location(config, project_file, lock_file, environment)


def without_project(settings: Settings, doing: str) -> str:
    """Return the note that the user's own plugins are meant, which was not asked for; "" if it was."""
    if settings.user or locate(settings).environment.in_project:
        return ""
    return f"no {PROJECT} here or above: {doing} your own plugins (--user)"


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

    Raises `ProjectError` for a path that cannot be printed, and `OSError` for links in a circle.
    """
    real = resolved(folder)
    if not str(real).isprintable():
        text = "expected a folder with a printable name in UTF-8"
        raise ProjectError(text, where=str(real), hint="rename the folder, then run the command again")
    project_file, lock_file = (followed(real / name, within=real) for name in (PROJECT, LOCK))
    return Location(real, project_file, lock_file, Environment(real / ".tark", in_project=True))


def checked_place(settings: Settings, *, create: bool) -> Location:
    """Return the project to work on, checked to exist (unless ``create``) and to belong to this user.

    Raises `ProjectError`, and `ProjectNotAccepted` for a project, or an environment, of another user.
    """
    check_home(settings)
    location = locate(settings)
    _check_state_outside(settings, location)
    check_owned(location, hint=_way_out(location, settings))
    check_links(location)
    if location.environment.in_project and not os.path.lexists(location.project_file):
        raise _without_project_file(location, settings)
    if not create and not os.path.lexists(location.project_file):
        raise ProjectError(
            f"there is no {PROJECT} here or above", where=str(settings.cwd), hint="tarkpm init"
        )
    location.environment.check_ours()
    return location


def _check_state_outside(settings: Settings, location: Location) -> None:
    """Raise `ProjectError` if ``TARKPM_STATE_DIR`` lies inside the project.

    State says what was accepted. A pull request could bring it along (docs/trust-rules.md, rule 0).
    """
    typed = settings.environment.get(STATE_DIR)
    if typed and location.environment.in_project and resolved(Path(typed)).is_relative_to(location.folder):
        text = "the state folder is inside the project, where a pull request could change it"
        raise ProjectError(text, where=f"{STATE_DIR}={typed}", hint=f"unset {STATE_DIR}")


def check_owned(location: Location, *, hint: str) -> None:
    """Raise `ProjectNotAccepted` unless a project's folder and documents belong to this user, if they exist.

    Links are not followed here: `check_links` follows them. The user's own tark.toml is not checked: only
    this user's environment variables say where it is. `Environment.check_ours` checks ``.tark``.
    """
    if location.environment.in_project:
        for path in (location.folder, location.folder / PROJECT, location.folder / LOCK):
            check_owner(path, "this project is not yours", hint=hint)


def _without_project_file(location: Location, settings: Settings) -> ProjectError:
    """Return the error for a project without tark.toml: a lock alone says nothing that could be checked."""
    folder = settings.project or location.folder
    again = f"tarkpm init --project {shlex.quote(str(folder))}"
    if settings.project and settings.environment.get(VARIABLE) == str(settings.project):
        text = f"there is no {PROJECT} in the folder that {VARIABLE} names"
        return ProjectError(text, where=f"{VARIABLE}={folder}", hint=f"unset {VARIABLE}")
    if not os.path.lexists(location.lock_file):
        return ProjectError(f"there is no {PROJECT} here", where=str(folder), hint=again)
    return ProjectError(
        f"there is a {LOCK} here, but no {PROJECT}",
        where=str(location.folder),
        hint=f"restore {PROJECT} from version control, or: {again}",
    )


def _way_out(location: Location, settings: Settings) -> str:
    """Return a hint: do without a project that was only found, take over one given by --project."""
    if settings.project is None:
        return f"{settings.command} --user"
    return f"if you trust its contents: sudo chown -R {os.geteuid()} {shlex.quote(str(location.folder))}"
