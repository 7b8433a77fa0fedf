"""Check the signers of locked releases with what this machine verified of their CI identities."""

from typing import TYPE_CHECKING

from tarkpm.core.claim import Vouched
from tarkpm.core.keyless import identity_of
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import MAX_CI_PROOF
from tarkpm.core.project import Project
from tarkpm.core.trust import check_trusted
from tarkpm.ops.project.workspace import Workspace

if TYPE_CHECKING:  # few projects ask for a CI identity
    from tarkpm.core.ci_identity import CiClaims


def check_signer(
    workspace: Workspace, project: Project, entry: LockEntry, vouched: Vouched | None = None
) -> None:
    """Do what `check_trusted` does, with what this machine knows of indexes and of CI identities.

    ``vouched`` takes the place of what state has of indexes. Raises what `check_trusted` raises.
    """
    known = workspace.vouched if vouched is None else vouched
    check_trusted(project, entry, known, proved_run(workspace, project, entry))


def proved_run(workspace: Workspace, project: Project, entry: LockEntry) -> "CiClaims | None":
    """Return the run that a locked release was proved to be by; None if none was, or none must be."""
    identity = identity_of(project, entry)
    if identity is None or entry.statement is None:
        return None
    from tarkpm.store.proofs import ProvedReleases

    found = ProvedReleases(workspace.state.root).find(entry.statement.sha256, identity)
    return found.run if found else None


def kept_proof(workspace: Workspace, entry: LockEntry) -> bytes | None:
    """Return the proof of a locked release that was verified here, as far as the cache still has it."""
    identity = identity_of(workspace.project, entry)
    if identity is None or entry.statement is None:
        return None
    from tarkpm.store.proofs import ProvedReleases

    found = ProvedReleases(workspace.state.root).find(entry.statement.sha256, identity)
    return workspace.store.find(found.proof.sha256, MAX_CI_PROOF) if found else None
