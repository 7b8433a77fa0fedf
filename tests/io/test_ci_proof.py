"""Proofs of CI identities: real bundles of a GitHub workflow, and what is made of them (tests/support/sigstore)."""

import base64
import copy
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tarkpm.core.ci_identity import GITHUB, CiIdentity
from tarkpm.core.sigstore_bundle import render_bundle
from tarkpm.core.statement import parse_envelope
from tarkpm.errors import SignatureInvalid, TarkError
from tarkpm.io.ci_proof import _names, verify_proof

FOLDER = Path(__file__).parents[1] / "support" / "sigstore"
FILE = (FOLDER / "a.txt").read_bytes()
"""What both bundles are about, as if it were a release's statement."""
REPOSITORY = "sigstore-conformance/extremely-dangerous-public-oidc-beacon"
IDENTITY = CiIdentity.parse(
    f"github:{REPOSITORY}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
BUNDLES = {name: json.loads((FOLDER / f"{name}.json").read_bytes()) for name in ("message", "provenance")}

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("sigstore") is None, reason="the extra 'sigstore' is not installed"
)


def verify(bundle: dict[str, Any], data: bytes = FILE) -> Any:
    return verify_proof(data, json.dumps(bundle).encode(), where="x")


@pytest.mark.parametrize("name", BUNDLES)
def test_a_real_bundle_says_which_workflow_signed(name: str) -> None:
    claims = verify(BUNDLES[name])
    assert (claims.issuer, claims.repository) == (GITHUB, REPOSITORY)
    assert (claims.repository_id, claims.owner_id) == ("632596897", "131804563")
    assert IDENTITY.mismatch(claims) == ""
    assert str(IDENTITY.bound_to(claims)).endswith("?repository_id=632596897&owner_id=131804563")


def test_what_a_provenance_says_of_its_repository_does_not_count() -> None:
    """This one names another repository in its payload: only the certificate is certified."""
    payload = base64.b64decode(BUNDLES["provenance"]["dsseEnvelope"]["payload"])
    assert b"https://github.com/loosebazooka/aa-test" in payload
    assert verify(BUNDLES["provenance"]).repository == REPOSITORY


def _flip(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(data).decode()


def _entry(bundle: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = bundle["verificationMaterial"]["tlogEntries"][0]
    return entry


def _certificate(bundle: dict[str, Any]) -> None:
    material = bundle["verificationMaterial"]
    other = BUNDLES["provenance" if "messageSignature" in bundle else "message"]
    material["certificate"] = other["verificationMaterial"]["certificate"]


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another signature": lambda b: (
        b["messageSignature"].update(signature=_flip(b["messageSignature"]["signature"]))
        if "messageSignature" in b
        else b["dsseEnvelope"]["signatures"][0].update(sig=_flip(b["dsseEnvelope"]["signatures"][0]["sig"]))
    ),
    "another certificate of the same workflow": _certificate,
    "a changed certificate": lambda b: b["verificationMaterial"]["certificate"].update(
        rawBytes=_flip(b["verificationMaterial"]["certificate"]["rawBytes"])
    ),
    "no log entry": lambda b: b["verificationMaterial"].update(tlogEntries=[]),
    "another time": lambda b: _entry(b).update(integratedTime="1900000000"),
    "no promise and no proof": lambda b: (
        _entry(b).pop("inclusionPromise", None),
        _entry(b).pop("inclusionProof"),
    ),
    "another entry": lambda b: _entry(b).update(canonicalizedBody=_flip(_entry(b)["canonicalizedBody"])),
    "another root of the log": lambda b: _entry(b)["inclusionProof"].update(
        rootHash=_flip(_entry(b)["inclusionProof"]["rootHash"])
    ),
    "a key instead of a certificate": lambda b: (
        b["verificationMaterial"].pop("certificate"),
        b["verificationMaterial"].update(publicKey={"hint": "x"}),
    ),
    "another kind": lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v9+json"),
}


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_bundle_is_refused(name: str, forgery: str) -> None:
    bundle = copy.deepcopy(BUNDLES[name])
    FORGERIES[forgery](bundle)
    assert bundle != BUNDLES[name]
    with pytest.raises(SignatureInvalid, match="the proof of the CI identity is not valid"):
        verify(bundle)


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_of_another_release_is_refused(name: str) -> None:
    """Replayed: the proof of one release is put beside another one of the same workflow."""
    with pytest.raises(SignatureInvalid):
        verify(BUNDLES[name], FILE + b"x")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"{" * 10_000, b'{"mediaType":1}', b"\xff", b"x" * 300_000]
)
def test_what_is_no_bundle(data: bytes) -> None:
    with pytest.raises(SignatureInvalid, match="the proof of the CI identity is not valid"):
        verify_proof(FILE, data, where="x")


def test_a_bundle_of_a_key_is_no_proof() -> None:
    """What `tarkpm export sigstore` writes: whoever has the key could write it beside any release."""
    from support.releases import make_release

    from tarkpm.core.names import STATEMENT

    envelope = make_release().contents[STATEMENT]
    bundle = render_bundle(parse_envelope(envelope, where="x"))
    with pytest.raises(SignatureInvalid):
        verify_proof(envelope, bundle, where="x")


def test_only_a_build_provenance_names_the_statement() -> None:
    said = json.loads(base64.b64decode(BUNDLES["provenance"]["dsseEnvelope"]["payload"]))
    digest = said["subject"][0]["digest"]["sha256"]
    assert _names(said, digest)
    assert not _names(said, "0" * 64)
    assert not _names(said | {"predicateType": "https://in-toto.io/attestation/test-result/v0.1"}, digest)
    assert not _names(said | {"_type": "https://in-toto.io/Statement/v0.1"}, digest)
    assert not _names(said | {"subject": [{"name": "a.txt", "digest": {"sha1": digest}}]}, digest)
    broken: Any
    for broken in (None, [], {}, said | {"subject": [1]}, said | {"subject": None}):
        assert not _names(broken, digest)


def test_without_the_extra_the_error_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sigstore" else object())
    with pytest.raises(TarkError, match="'sigstore', which is not installed") as caught:
        verify(BUNDLES["message"])
    assert caught.value.hint == f"{sys.executable} -m pip install 'sigstore>=4.5,<5'"


def test_the_root_is_the_package_s_and_no_file_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sigstore's own offline mode takes an unverified root from the home folder."""
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    verify(BUNDLES["message"])
    assert list(tmp_path.iterdir()) == []
