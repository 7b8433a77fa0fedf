"""Read an installed plugin, checked against what was verified when it was installed here."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Final

from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import PathSource, PluginName
from tarkpm.errors import LockStale, NotFound, StoreError, TarkError
from tarkpm.ops.project.workspace import Workspace

BIG = 1024 * 1024
"""Size of a module, in bytes, from which it is compiled at installation (docs/decisions/0005)."""


REPAIR: Final = "tarkpm sync --reinstall"


def repair(problem: OSError, folder: Path) -> str:
    """Return the command that makes an installed plugin readable again.

    A folder that its owner may not open cannot be replaced either: first its permissions must be given back.
    """
    if isinstance(problem, PermissionError):
        return f"chmod -R u+rwX {shlex.quote(str(folder))}"
    return REPAIR


def installed_files(workspace: Workspace, entry: LockEntry) -> dict[str, FileEntry]:
    """Return the expected files of an installed plugin, by name.

    State records that exactly this lock entry was verified when it was installed here. Raises `NotFound`, or
    `LockStale` if the lock has changed since.
    """
    installed = workspace.record.installed.get(entry.name)
    if installed is None:
        where = str(workspace.environment.plugins)
        raise NotFound(f"'{entry.name}' is locked but not installed here", where=where, hint="tarkpm sync")
    if installed.fingerprint != fingerprint(entry):
        raise LockStale(
            f"tark.lock changed since '{entry.name}' was installed",
            where=str(workspace.location.lock_file),
            hint="tarkpm sync",
        )
    return {file.name: FileEntry(file.name, file.sha256, file.size) for file in installed.files}


def read_installed(workspace: Workspace, name: PluginName, file: FileEntry) -> bytes:
    """Return the checked contents of an installed file. Raises `NotFound`, `DigestMismatch`, `StoreError`."""
    folder = workspace.environment.folder(name)
    where, hint = str(folder / file.name), REPAIR
    try:
        data = workspace.environment.read(name, file.name)
        file.check(data, where=where)
    except FileNotFoundError:
        raise NotFound(f"'{file.name}' of '{name}' is missing", where=where, hint=hint) from None
    except OSError as problem:
        raise StoreError(
            f"'{file.name}' of '{name}' cannot be read: {problem.strerror}",
            where=where,
            hint=repair(problem, folder),
        ) from None
    except TarkError as problem:
        problem.hint = problem.hint or hint
        raise
    return data


def installed_version(workspace: Workspace, name: PluginName) -> str:
    """Return the version of the plugin that is installed now; "" if there is none that can be read."""
    installed = workspace.record.installed.get(name)
    known = [file for file in installed.files if file.name == MANIFEST] if installed else []
    for file in known:
        with suppress(TarkError):
            data = read_installed(workspace, name, FileEntry(file.name, file.sha256, file.size))
            return str(Manifest.parse(data, where=MANIFEST).version)
    return ""


def is_current_copy(workspace: Workspace, entry: LockEntry) -> bool:
    """Return whether a working copy still has the files that were installed of it; True for other entries.

    Its lock entry has no digests, so only the record says what was installed (docs/decisions/0140). Raises
    `NotFound` and what else `sources.folder.collect` raises if the folder holds no release.
    """
    installed = workspace.record.installed.get(entry.name)
    if not isinstance(entry.source, PathSource) or installed is None:
        return True
    from tarkpm.ops.release.fetch import read_folder

    now = read_folder(workspace.location.folder, entry.source).files
    return {name: sha256(data) for name, data in now.items()} == {
        file.name: file.sha256 for file in installed.files
    }


def installed_manifest(workspace: Workspace, entry: LockEntry) -> Manifest:
    """Return the checked plugin.toml of an installed plugin; raises what `read_installed` raises."""
    file = installed_files(workspace, entry)[MANIFEST]
    return Manifest.parse(read_installed(workspace, entry.name, file), where=f"{entry.name}: {MANIFEST}")
