"""A tark.lock in which git left conflicts of a merge."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tarkpm.core.binding import Origin
from tarkpm.core.lock_merge import agreed, compared, read_conflict

if TYPE_CHECKING:
    from tarkpm.core.lockfile import LockEntry
    from tarkpm.core.verification import VerifiedRelease
    from tarkpm.ops.project.workspace import Workspace


def settle_conflict(workspace: "Workspace") -> None:
    """Take what both sides of a conflict in tark.lock agree on; whatever else is needed must be resolved.

    Neither side is taken: both were resolved without the other's requirements.
    """
    sides = read_conflict(workspace.lock_bytes or b"")
    if sides is not None:
        workspace.lock, workspace.sides = agreed(*sides), sides


def former(workspace: "Workspace", release: "VerifiedRelease") -> "LockEntry | None":
    """Return the locked entry that a release is compared with, or None.

    Where a merge left two of them, nobody's is taken, and yet the release replaces both.
    """
    name = release.manifest.name
    if (entry := workspace.followed.get(name)) or not workspace.sides:
        return entry
    entries = [entry for side in workspace.sides if (entry := side.get(name))]
    accepted = workspace.record.accepted.plugins.get(name)
    same = accepted is not None and accepted.publisher.origin == Origin.of(release.source)
    return compared(entries, release.entry(), accepted.releases if accepted and same else ())


def lock_hint(data: bytes, file: Path) -> str:
    """Return the way out for a tark.lock that is not readable."""
    if read_conflict(data):
        return "tarkpm lock"
    return f"restore it from version control, or: rm {shlex.quote(str(file))} && tarkpm lock"
