"""The proof of a log that comes with a release from a registry or a bundle.

It was made when the release was published, and is checked with what this machine knows of the log
(docs/decisions/0245-a-proof-of-a-log-in-an-artifact.md).
"""

from tarkpm.core.release import IndexSource
from tarkpm.core.tlog.log import LogKeys, seen_text
from tarkpm.core.tlog.note import Checkpoint
from tarkpm.core.tlog.proof import LogProof
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import IndexUntrusted
from tarkpm.ops.project.known_logs import REPORT, KnownLogs
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release
from tarkpm.store.logs import LoggedRelease, SeenLog, rank


def take_log_proof(workspace: Workspace, release: Release, *, where: str) -> None:
    """Check the proof that came with a release, and remember it. Safe in several threads.

    Its tree is compared with the index the next time that is asked. Raises like `check_log_proof`.
    """
    proof, statement, logs = release.log_proof, release.candidate.statement, workspace.resource(KnownLogs)
    if proof is None:
        return
    with logs.lock:
        for source, keys in check_log_proof(workspace, release.candidate, proof, where=where):
            assert statement is not None, "no log contains an unsigned release"
            seen = logs.seen(source)
            known = seen.releases.get(statement.sha256) if seen else None
            if known is None or rank(known.checkpoint) < rank(proof.checkpoint):
                logged = LoggedRelease(proof.text, known.published if known else None, pending=True)
                logs.remember(source, keys, proof.checkpoint, {statement.sha256: logged})


def check_log_proof(
    workspace: Workspace, candidate: VerifiedRelease, proof: LogProof, *, where: str
) -> list[tuple[IndexSource, LogKeys]]:
    """Return the indexes of this project whose log a proof shows to have a release; asks nobody.

    A proof counts if it is of the log of an index of the project, which this machine has seen. Any other is
    ignored: nobody here could check it. Raises `IndexUntrusted` for a proof that does not hold, or that
    contradicts the newest tree that was seen.
    """
    logs, found = workspace.resource(KnownLogs), []
    for index in workspace.project.indexes.values():
        keys = logs.keys(index.source)
        if keys is None or keys.origin != proof.checkpoint.origin:
            continue
        if ignored := _why_ignored(keys, candidate, proof, where):
            release = f"{candidate.manifest.name} {candidate.manifest.version}"
            text = f"the proof that {release} is in the log of {index.name} is ignored: {ignored}"
            workspace.ui.note(text)
            continue
        _check_one_tree(logs.seen(index.source), proof.checkpoint, where)
        found.append((index.source, keys))
    return found


def _why_ignored(keys: LogKeys, candidate: VerifiedRelease, proof: LogProof, where: str) -> str:
    """Return why a proof of a log does not count, "" if it does. Raises `IndexUntrusted` if it does not hold.

    What is ignored is no lie: a proof in a registry stays the same when the log gets another key or quorum.
    """
    manifest, statement = candidate.manifest, candidate.statement
    if not proof.checkpoint.names(keys.named):
        return "another key than the log's signed it"
    if statement is None:
        text = f"{manifest.name} {manifest.version} is not signed, so no log contains it"
        raise IndexUntrusted(text, where=where)
    any_seen = keys.without_quorum()
    any_seen.check_release(proof.text, manifest.name, manifest.version, statement.sha256, where=where)
    count = len(keys.seen_by(proof.checkpoint, where=where))
    return f"{seen_text(count)}, expected {keys.quorum}" if count < keys.quorum else ""


def _check_one_tree(before: SeenLog | None, found: Checkpoint, where: str) -> None:
    """Raise `IndexUntrusted` if a log signed two trees of one size: this one, and the newest that was seen.

    Trees of two sizes are only comparable with the tiles of the log.
    """
    if before and before.checkpoint.size == found.size and before.checkpoint.root != found.root:
        text = f"the log {found.origin} has two different trees of {found.size:,} entries"
        raise IndexUntrusted(text, where=where, hint=REPORT)
