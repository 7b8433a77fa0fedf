"""Verify the CI identity of a release where a decision asks for one."""

from tarkpm.core.ci_identity import CiClaims
from tarkpm.core.ci_policy import Judged, judge_identity, wanted_identity
from tarkpm.core.consent import Answers
from tarkpm.core.names import CI_PROOF, STATEMENT
from tarkpm.core.release import Requirement
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release


def judged_identity(
    workspace: Workspace, requirement: Requirement | None, release: Release, answers: Answers
) -> Judged:
    """Return what a release's proof means; nothing is verified if no identity is asked for.

    Raises `SignatureInvalid` for a proof that is not valid, and what `judge_identity` raises.
    """
    candidate = release.candidate
    name, source = candidate.manifest.name, candidate.source
    accepted = workspace.record.accepted.plugins.get(name)
    wanted = wanted_identity(name, source, requirement, workspace.project, accepted, answers)
    claims = _claims(release) if wanted else None
    return judge_identity(name, source, wanted, claims, answers)


def _claims(release: Release) -> CiClaims | None:
    # Without a statement there is nothing that the proof could be of.
    if release.ci_proof is None or release.candidate.statement is None:
        return None
    from tarkpm.io.ci_proof import verify_proof

    where = f"{release.candidate.source}: {CI_PROOF}"
    return verify_proof(release.contents[STATEMENT], release.ci_proof, where=where)
