"""What this machine knows of a release's entry in the log of its index."""

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.release import IndexSource, OciSource, PluginName
from tarkpm.core.release_age import moment_text
from tarkpm.core.tlog.proof import LogProof, parse_proof
from tarkpm.core.verification import VerifiedRelease
from tarkpm.core.version import Version
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.workspace import Workspace


class LogEntry(msgspec.Struct, frozen=True):
    """The number of an entry, from 0, since when the index lists it, and the witnesses that saw it, by name.

    ``since`` is in UTC, like 2026-11-28T10:00:00Z; "" if it is not known. ``index`` is the name of the index
    whose log it is; "" for a release of that index itself.
    """

    entry: int
    since: str
    seen_by: tuple[str, ...]
    index: str = ""


def log_entry(
    workspace: Workspace, source: object, name: PluginName, version: Version, statement: Digest
) -> LogEntry | None:
    """Return the verified entry of a release; None if its index has no log, or no proof is here.

    A release from a registry may be in the log of any index of the project. Raises `IndexUntrusted` for a
    proof in state that does not hold.
    """
    if isinstance(source, IndexSource):
        return _entry(workspace, source, name, version, statement)
    indexes = workspace.project.indexes.values() if isinstance(source, OciSource) else ()
    for index in indexes:
        if found := _entry(workspace, index.source, name, version, statement):
            return msgspec.structs.replace(found, index=index.name)
    return None


def _entry(
    workspace: Workspace, source: IndexSource, name: PluginName, version: Version, statement: Digest
) -> LogEntry | None:
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


def locked_log_proof(workspace: Workspace, entry: LockEntry) -> LogProof | None:
    """Return the proof to copy with a locked release of a registry. Raises like `log_entry`."""
    found = locked_log_entry(workspace, entry) if isinstance(entry.source, OciSource) else None
    if found is None or entry.statement is None:
        return None
    source = workspace.project.indexes[PluginName(found.index)].source
    seen = workspace.resource(KnownLogs).seen(source)
    return parse_proof(seen.releases[entry.statement.sha256].proof) if seen else None


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


def installed_log_entry(workspace: Workspace, entry: LockEntry | None) -> LogEntry | None:
    """Return the entry of an installed release. Raises like `log_entry`.

    None if the lock names another one: nothing verified that yet, and a lock that was edited is no fault of
    the index.
    """
    installed = workspace.record.installed.get(entry.name) if entry else None
    if entry is None or installed is None or installed.fingerprint != fingerprint(entry):
        return None
    return locked_log_entry(workspace, entry)
