"""What this machine knows of a release's entry in the log of its index."""

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.release_age import moment_text
from tarkpm.core.verification import VerifiedRelease
from tarkpm.core.version import Version
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.workspace import Workspace


class LogEntry(msgspec.Struct, frozen=True):
    """The number of an entry, from 0, since when the index lists it, and the witnesses that saw it, by name.

    ``since`` is in UTC, like 2026-11-28T10:00:00Z; "" if it is not known.
    """

    entry: int
    since: str
    seen_by: tuple[str, ...]


def log_entry(
    workspace: Workspace, source: object, name: PluginName, version: Version, statement: Digest
) -> LogEntry | None:
    """Return the verified entry of a release; None if its index has no log, or no proof is here.

    Raises `IndexUntrusted` for a proof in state that does not hold.
    """
    if not isinstance(source, IndexSource):
        return None
    seen = workspace.resource(KnownLogs).seen(source)
    kept = seen.releases.get(statement) if seen else None
    if seen is None or kept is None:
        return None
    # The quorum was met when the release was taken, and maintainers may raise it.
    keys, where = seen.keys.without_quorum(), f"the log of {source}"
    proof = keys.check_release(kept.proof, name, version, statement, where=where)
    names = tuple(one.witness.name for one in keys.seen_by(proof.checkpoint, where=where))
    since = "" if kept.published is None else moment_text(kept.published)
    return LogEntry(proof.index, since, names)


def offered_log_entry(workspace: Workspace, candidate: VerifiedRelease) -> LogEntry | None:
    """Return the entry of a release that is offered. Raises like `log_entry`."""
    if candidate.statement is None:
        return None
    manifest, statement = candidate.manifest, candidate.statement.sha256
    return log_entry(workspace, candidate.source, manifest.name, manifest.version, statement)


def locked_log_entry(workspace: Workspace, entry: LockEntry | None) -> LogEntry | None:
    """Return the entry of a locked release. Raises like `log_entry`."""
    if entry is None or entry.statement is None:
        return None
    return log_entry(workspace, entry.source, entry.name, entry.version, entry.statement.sha256)
