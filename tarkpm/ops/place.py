"""Where a project is: its documents, its environment, its data."""

import os
import shlex
from pathlib import Path

import msgspec

from tarkpm.core.names import LOCK, PROJECT
from tarkpm.errors import ProjectError
from tarkpm.ops.settings import Settings
from tarkpm.store.environment import Environment


class Place(msgspec.Struct, frozen=True):
    """Where a project's documents, environment and data are.

    ``folder`` is what relative paths in tark.toml are relative to, and the name state knows the project by.
    """

    folder: Path
    project_file: Path
    lock_file: Path
    environment: Environment


def locate(settings: Settings) -> Place:
    """The project to work on: --project, else the nearest tark.toml above, else the user's own."""
    if not settings.user:
        start = settings.project or settings.cwd
        folders = [start] if settings.project else [start, *start.parents]
        for folder in folders:
            if settings.project or os.path.lexists(folder / PROJECT):
                return project_place(folder)
    config = settings.paths.config
    project_file = (config / PROJECT).resolve()  # people keep their own configuration behind links
    environment = Environment(settings.paths.data, in_project=False)
    return Place(config, project_file, config / LOCK, environment)


def project_place(folder: Path) -> Place:
    """The place of a project in ``folder``; links to the folder are resolved, so that it has one name.

    A linked tark.toml is not followed: it would make another project's decisions this one's.
    """
    real = folder.resolve()
    if not str(real).isprintable():
        raise ProjectError("expected a folder with a printable name in UTF-8", where=str(real))
    return Place(real, real / PROJECT, real / LOCK, Environment(real / ".tark", in_project=True))


def checked_place(settings: Settings, *, create: bool) -> Place:
    """The project to work on, seen to be there (unless ``create``) and to be this user's own.

    Raises `ProjectError`, and `StoreError` for an environment that is linked or somebody else's.
    """
    place = locate(settings)
    if settings.project and not os.path.lexists(place.project_file):
        hint = f"tarkpm init --project {shlex.quote(str(settings.project))}"
        raise ProjectError(f"there is no {PROJECT} here", where=str(settings.project), hint=hint)
    if not create and not os.path.lexists(place.project_file):
        raise ProjectError(
            f"there is no {PROJECT} here or above", where=str(settings.cwd), hint="tarkpm init"
        )
    place.environment.check_ours()
    return place
