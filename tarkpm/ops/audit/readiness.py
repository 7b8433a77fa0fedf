"""Find what would make the next command fail: folders that cannot be written, and a project out of step."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from tarkpm.core.text import some
from tarkpm.errors import TarkError, Unreachable
from tarkpm.io.paths import expanded
from tarkpm.ops.audit.leftovers import Trouble
from tarkpm.ops.project.location import Location
from tarkpm.ops.project.settings import Settings

if TYPE_CHECKING:
    from tarkpm.ops.project.workspace import Workspace

VARIABLES: Final = (
    "TARKPM_CACHE_DIR",
    "XDG_CACHE_HOME",
    "TARKPM_STATE_DIR",
    "XDG_STATE_HOME",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "HOME",
)
"""The environment variables that place the user's folders, most specific first."""


def check_folders(settings: Settings, location: Location) -> Iterator[Trouble]:
    """Yield a trouble for each folder that tarkpm writes to and cannot."""
    home = settings.home
    if not home.is_dir():
        # Everything else is below it. root could create it, and would then hide the mistake.
        yield Trouble("Folder", "the home folder does not exist", str(home), _set("HOME", settings))
        return
    paths = settings.paths
    own = (location.folder, location.environment.plugins)
    for folder in dict.fromkeys((paths.state, paths.cache, paths.data, paths.config, *own)):
        nearest = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
        variable = variable_of(folder, settings.environment) if folder not in own else ""
        hint = _set(variable, settings)
        if not nearest.is_dir():
            yield Trouble("Folder", "expected a folder, found something else", str(nearest), hint)
        elif not os.access(nearest, os.W_OK | os.X_OK):
            # access(2) answers EROFS for a read-only file system, to root as well.
            yield Trouble("Folder", "the folder cannot be written", str(nearest), hint)
        elif folder not in own and (reason := _unwritable(nearest)):
            yield Trouble("Folder", f"the folder cannot be written: {reason}", str(nearest), hint)


def _unwritable(folder: Path) -> str:
    """Return why nothing can be created in a folder of the user's; "" if it can.

    A folder is created and deleted: access(2) allows root everything, also in /proc and on a full disk.
    """
    try:
        Path(tempfile.mkdtemp(prefix=".tarkpm-doctor-", dir=folder)).rmdir()
    except OSError as problem:
        return (problem.strerror or str(problem)).lower()
    return ""


def variable_of(path: PurePath, environment: Mapping[str, str]) -> str:
    """Return the environment variable that placed ``path``; "" if none did."""
    values = ((name, environment.get(name, "")) for name in VARIABLES)
    return next((name for name, value in values if value and path.is_relative_to(value)), "")


def _set(variable: str, settings: Settings) -> str:
    value = settings.environment.get(variable)
    return f"set {variable} to a folder you can write, not {value}" if value else ""


def check_project(workspace: "Workspace") -> Iterator[Trouble]:
    """Yield what stands between the project's documents and its installed plugins; raises `LockError`."""
    from tarkpm.core.lock_check import stale_entries
    from tarkpm.core.release import IndexSource
    from tarkpm.ops.project.acceptance import not_accepted
    from tarkpm.ops.project.agent_rules import hint, idle_rules
    from tarkpm.ops.project.proofs import check_signer

    location = workspace.location
    new = not_accepted(workspace)
    if new:
        subjects = some([*dict.fromkeys(one.subject for one in new)])
        message = f"you have not accepted what this project decides about {subjects}"
        yield Trouble("ProjectNotAccepted", message, str(location.project_file), "tarkpm accept")
    for problem in stale_entries(workspace.project, workspace.lock):
        yield Trouble.of(problem)
    for entry in workspace.followed.entries:
        if entry.name not in workspace.project.requirements and not isinstance(entry.source, IndexSource):
            continue
        try:
            check_signer(workspace, workspace.project, entry)
        except Unreachable:
            pass  # nothing is known of its publisher yet: the next sync asks the index
        except TarkError as problem:
            yield Trouble.of(problem)
    yield from _unproved(workspace)
    for rule in idle_rules(workspace):
        yield Trouble("IdleRule", str(rule), str(location.project_file), hint(rule), note=rule.key == "allow")
    yield from _forbidden(workspace)
    for name, folder in _unreadable(workspace):
        yield Trouble("Folder", f"the folder of '{name}' cannot be read", str(folder))
    yield from _changed(workspace)
    missing = [
        entry.name
        for entry in workspace.lock.entries
        if entry.name not in workspace.record.installed
        or not workspace.environment.folder(entry.name).is_dir()
    ]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        message = f"{some(missing)} {verb} locked but not installed"
        yield Trouble("NotInstalled", message, str(location.environment.plugins), "tarkpm sync")


def _unproved(workspace: "Workspace") -> Iterator[Trouble]:
    """Note that new releases of plugins without a lasting key could not be verified on this machine."""
    names = [name for name in workspace.project.trust if workspace.project.keyless(name)]
    if names:
        from tarkpm.io.ci_proof import missing_extra

        if problem := missing_extra(str(workspace.location.project_file)):
            text = f"{problem.message}, so no new release can be installed of {some(names)}"
            yield Trouble("ExtraMissing", text, problem.where, problem.hint, note=True)


def _forbidden(workspace: "Workspace") -> Iterator[Trouble]:
    """Yield what team policies forbid, or why one of them cannot be used."""
    from tarkpm.ops.release.team_check import entry_violations

    try:
        found = entry_violations(workspace, workspace.project, workspace.followed.entries)
    except TarkError as problem:
        yield Trouble.of(problem)
        return
    yield from (Trouble.of(one.error()) for one in found)


def _changed(workspace: "Workspace") -> "Iterator[Trouble]":
    """Yield a trouble for each installed plugin with a file that is missing or has another size.

    Times and inodes are not compared: a restored backup has others, and its plugins run.
    """
    for name, installed in workspace.record.installed.items():
        folder = workspace.environment.folder(name)
        if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
            bad = [file.name for file in installed.files if _size(folder / file.name) != file.size]
            if bad:
                message = f"files of '{name}' are missing or have another size: {some(bad)}"
                yield Trouble("Changed", message, str(folder), "tarkpm verify")


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _unreadable(workspace: "Workspace") -> "Iterator[tuple[str, Path]]":
    """Yield the folders of installed plugins, and of working copies, that are gone or cannot be opened."""
    from tarkpm.core.release import PathSource

    for name in workspace.record.installed:
        folder = workspace.environment.folder(name)
        if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
            yield name, folder
    for name, requirement in workspace.project.requirements.items():
        if isinstance(requirement.source, PathSource):
            folder = workspace.location.folder / expanded(requirement.source.path)
            if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
                yield name, folder
