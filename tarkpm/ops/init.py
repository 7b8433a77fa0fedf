"""``tarkpm init``: create a project."""

import os
from typing import Final

import msgspec

from tarkpm.core.project_edit import new
from tarkpm.core.version import Version
from tarkpm.errors import ProjectError
from tarkpm.io.files import atomic_write
from tarkpm.ops.project.location import check_owned, locate, project_place
from tarkpm.ops.project.ownership import check_new_folder
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.tark_version import tark_version

ELSEWHERE: Final = "tarkpm init --project ~/my-plugins"
"""A hint that works for everybody, root included: one's home folder is one's own."""


class InitReport(msgspec.Struct, frozen=True):
    """The path of the new tark.toml, and its tark version ("" if none was given or found)."""

    path: str
    tark_version: str


def init(settings: Settings, version: Version | None) -> InitReport:
    """Write a tark.toml into the project folder, creating the folder if necessary.

    With ``settings.user`` that is the folder of the user's own tark.toml. Without ``version``, the installed
    tark is asked for its own. Raises `ProjectError` if there is one already, and `ProjectNotAccepted` in a
    folder of another user.
    """
    place = locate(settings) if settings.user else project_place(settings.project or settings.cwd)
    check_owned(place, hint=ELSEWHERE)
    check_new_folder(place.folder, hint=ELSEWHERE)
    if os.path.lexists(place.project_file):
        hint = "tarkpm list --user" if settings.user else "tarkpm list"
        raise ProjectError("there is already a project here", where=str(place.project_file), hint=hint)
    found = version or tark_version(settings.search_path)
    if not settings.dry_run:
        place.project_file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(place.project_file, new(found))
    return InitReport(str(place.project_file), str(found or ""))
