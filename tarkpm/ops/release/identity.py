"""Verify the CI identity of a release where a decision asks for one, and remember what was verified."""

from tarkpm.core.ci_identity import CiClaims, CiIdentity
from tarkpm.core.ci_policy import Judged, check_keyless_answer, judge_identity, wanted_identity
from tarkpm.core.consent import Answers
from tarkpm.core.digest import FileEntry
from tarkpm.core.names import CI_PROOF, STATEMENT
from tarkpm.core.release import IndexSource, PathSource, Requirement
from tarkpm.ops.project.proofs import remembered
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release, acquire


def judged_identity(
    workspace: Workspace, requirement: Requirement | None, release: Release, answers: Answers
) -> Judged:
    """Return what a release's proof means; nothing is verified if no identity is asked for.

    Raises `SignatureInvalid` for a proof that is not valid, and what `check_keyless_answer`,
    `judge_identity` and fetching raise.
    """
    candidate = release.candidate
    name, source = candidate.manifest.name, candidate.source
    check_keyless_answer(name, source, requirement, workspace.project, answers)
    accepted = workspace.record.accepted.plugins.get(name)
    wanted = wanted_identity(name, source, requirement, workspace.project, accepted, answers)
    if wanted is None:
        return judge_identity(name, source, None, None, answers)
    known = remembered(workspace, candidate.statement, wanted)
    if known is None and release.is_stored:
        release = _fetched(workspace, release)
    run = known.run if known else verified_run(release)
    judged = judge_identity(name, source, wanted, run, answers)
    if run and not known and judged.identity and judged.is_proved:
        remember(workspace, release, judged.identity, run)
    return judged


def verified_run(release: Release) -> CiClaims | None:
    """Return the run that a release's proof certifies; None without a proof.

    Raises `SignatureInvalid`, and `TarkError` if the extra is not installed.
    """
    # Without a statement there is nothing that the proof could be of.
    if release.ci_proof is None or release.candidate.statement is None:
        return None
    from tarkpm.io import ci_proof

    where = f"{release.candidate.source}: {CI_PROOF}"
    return ci_proof.verify_proof(release.contents[STATEMENT], release.ci_proof, where=where)


def remember(workspace: Workspace, release: Release, identity: CiIdentity, run: CiClaims) -> None:
    """Keep in state that a proof was verified just now, and the proof itself in the store."""
    from tarkpm.store.proofs import Proved, ProvedReleases

    statement, proof = release.candidate.statement, release.ci_proof
    assert statement is not None  # only what was verified is remembered
    assert proof is not None
    file = FileEntry.of(CI_PROOF, proof)
    workspace.store.put(file, proof)
    ProvedReleases(workspace.state.root).remember(Proved(statement.sha256, str(identity), run, file))


def _fetched(workspace: Workspace, release: Release) -> Release:
    """Return a release from the store as its source has it, because only that has the proof."""
    source = release.candidate.source
    if isinstance(source, IndexSource | PathSource):
        return release
    (found,) = acquire(workspace, [source], {source: release.candidate.manifest.name})
    return found if found.candidate.statement == release.candidate.statement else release
