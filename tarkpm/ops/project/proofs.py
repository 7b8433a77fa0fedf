"""Check the signers of locked releases with what this machine verified of their CI identities."""

from typing import TYPE_CHECKING

from tarkpm.core.claim import Vouched
from tarkpm.core.keyless import identity_of
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.names import MAX_CI_PROOF
from tarkpm.core.project import Project
from tarkpm.core.trust import check_trusted
from tarkpm.ops.project.workspace import Workspace

if TYPE_CHECKING:  # few projects ask for a CI identity
    from tarkpm.core.ci_identity import CiClaims, CiIdentity
    from tarkpm.store.proofs import Proved


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
    found = remembered(workspace, entry.statement, identity_of(project, entry))
    return found.run if found else None


def proved_identity(workspace: Workspace, entry: LockEntry) -> "CiIdentity | None":
    """Return the CI identity that vouches for a release's signer, if this machine verified that it does.

    A lock or a source may name any release: it is not the identity's because that is asked for.
    """
    identity, run = identity_of(workspace.project, entry), proved_run(workspace, workspace.project, entry)
    return identity if identity and run and not identity.mismatch(run) else None


def known_signer(workspace: Workspace, entry: LockEntry) -> str:
    """Return who signed a release, for display: its proved CI identity, or a key; "" for nobody."""
    return str(proved_identity(workspace, entry) or entry.signer or "")


def kept_proof(workspace: Workspace, entry: LockEntry) -> bytes | None:
    """Return the proof of a locked release that was verified here, as far as the cache still has it."""
    found = remembered(workspace, entry.statement, identity_of(workspace.project, entry))
    return workspace.store.find(found.proof.sha256, MAX_CI_PROOF) if found else None


def remembered(
    workspace: Workspace, statement: StatementEntry | None, identity: "CiIdentity | None"
) -> "Proved | None":
    """Return what this machine verified of the proof that a statement is by an identity; None for nothing."""
    if identity is None or statement is None:
        return None
    from tarkpm.store.proofs import ProvedReleases

    return ProvedReleases(workspace.state.root).find(statement.sha256, identity)
