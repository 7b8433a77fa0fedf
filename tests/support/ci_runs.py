"""Runs of a CI that sign releases: proofs as `tarkpm.io.ci_proof` reads them, without a certificate authority.

The real ones, and forged ones, are in tests/io/test_ci_proof.py. This stands for that module only.
"""

import json
from pathlib import Path

import msgspec
import pytest
from conftest import Publisher

from tarkpm.core.ci_identity import GITHUB, CiClaims
from tarkpm.core.digest import sha256
from tarkpm.core.names import CI_PROOF, STATEMENT
from tarkpm.errors import SignatureInvalid
from tarkpm.io import ci_proof

IDENTITY = "github:owner/repo/.github/workflows/release.yml@refs/tags/*"
IDS = "?repository_id=11&owner_id=22"
RUN = CiClaims(
    issuer=GITHUB,
    repository="owner/repo",
    repository_id="11",
    owner_id="22",
    workflow=".github/workflows/release.yml",
    ref="refs/tags/v1.0.0",
    signer="",
)


def run_of(**change: str) -> CiClaims:
    """A run of the workflow, which signs itself."""
    run = msgspec.structs.replace(RUN, **change)
    return run if run.signer else msgspec.structs.replace(run, signer=run.uri)


def fake_verify_proof(statement: bytes, bundle: bytes, *, where: str) -> CiClaims:
    """Read what `release` wrote, with the errors of the real one."""
    said = json.loads(bundle)
    if said.pop("sha256") != sha256(statement):
        raise SignatureInvalid("the proof of the CI identity is not valid: another file", where=where)
    return CiClaims(**said)


def proof_of(folder: Path, run: CiClaims) -> str:
    """The file that a run writes beside the statement of a folder."""
    said = msgspec.to_builtins(run) | {"sha256": sha256((folder / STATEMENT).read_bytes())}
    return json.dumps(said)


def release(publisher: Publisher, version: str, run: CiClaims | None, **more: str) -> None:
    """Publish a release that a run proves, or none."""
    publisher.release(version, **more)
    proof = publisher.folder / CI_PROOF
    proof.unlink(missing_ok=True)
    if run is not None:
        proof.write_text(proof_of(publisher.folder, run))
    publisher.repo.git("add", "--all")
    publisher.repo.commit("proof")
    publisher.publish()


real_verify_proof = ci_proof.verify_proof


@pytest.fixture
def faked_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify proofs of this module."""
    monkeypatch.setattr("tarkpm.io.ci_proof.verify_proof", fake_verify_proof)
