"""`index accept --identity`: a release is listed with the workflow that proved to have made it."""

from pathlib import Path

import pytest
from support.ci_runs import IDENTITY, IDS, faked_proofs, proof_of, run_of
from support.community import Community
from support.sandbox import Result, Sandbox

from tarkpm.core.ci_identity import CiClaims

__all__ = ["faked_proofs"]
pytestmark = pytest.mark.usefixtures("faked_proofs")


@pytest.fixture
def community(sandbox: Sandbox) -> Community:
    """An index that claimed text-tools for pat."""
    made = Community(sandbox)
    made.claim()
    return made


def accept(community: Community, version: str, run: CiClaims | None, *words: str) -> Result:
    """Accept a release with the proof of a run."""
    folder: Path = community.release(version)
    (folder / "plugin.sigstore.json").unlink(missing_ok=True)
    if run is not None:
        (folder / "plugin.sigstore.json").write_text(proof_of(folder, run))
    return community.run("accept", folder, *words)


def test_an_identity_is_listed_and_asked_for_from_then_on(community: Community, sandbox: Sandbox) -> None:
    said = accept(community, "1.0.0", run_of(), "--identity", IDENTITY).ok().out
    assert f"  identity   {IDENTITY}{IDS}\n" in said
    accept(community, "1.1.0", run_of(ref="refs/tags/v1.1.0")).ok()
    accept(community, "1.0.1", run_of(ref="refs/tags/v1.0.1")).ok()
    community.run("check", "--deep").ok()
    root = community.folder / "metadata" / "1.root.json"
    sandbox.init()
    sandbox.run("index", "add", "community", community.folder, "--root", root).ok()
    shown = sandbox.run("info", "text-tools")
    assert f"Identity:     {IDENTITY}{IDS} (proved to the index)\n" in shown.ok().out
    assert sandbox.run("info", "text-tools", "--json").ok().json["identity"] == IDENTITY + IDS
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()


def test_an_identity_is_not_dropped_by_a_thief_of_the_publisher_s_key(community: Community) -> None:
    accept(community, "1.0.0", run_of(), "--identity", IDENTITY).ok()
    for run, why in (
        (None, "it has no proof"),
        (run_of(repository="evil/repo"), "its repository is evil/repo"),
        (run_of(repository_id="12"), "another one has the name now"),
        (run_of(ref="refs/pull/7/merge"), "its ref is refs/pull/7/merge"),
    ):
        accept(community, "1.1.0", run).failed(3, "'text-tools' must be released by", why)
        community.sandbox.run("index", "check", cwd=community.folder).ok()
    # Whoever has the name of the repository now is another one, also where only the name is typed.
    taken_over = run_of(repository_id="12")
    accept(community, "1.1.0", taken_over, "--identity", IDENTITY).failed(3, "another one has the name now")
    other = IDENTITY.replace("release.yml", "publish.yml")
    run = run_of(workflow=".github/workflows/publish.yml")
    accept(community, "1.1.0", run, "--identity", other).ok()
    accept(community, "1.2.0", None, "--drop-identity").ok()
    accept(community, "1.3.0", None).ok()


def test_a_proof_that_nobody_asked_for_is_said(community: Community) -> None:
    done = accept(community, "1.0.0", run_of()).ok()
    assert "plugin.sigstore.json was not verified: name the workflow with --identity" in done.err
    assert "identity" not in done.out
    accept(community, "1.1.0", run_of(), "--identity", "x").failed(2, "--identity")
    accept(community, "1.1.0", run_of(), "--identity", IDENTITY, "--drop-identity").failed(2, "not both")
