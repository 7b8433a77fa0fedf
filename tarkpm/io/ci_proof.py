"""Verify the CI identity that released a plugin: a Sigstore bundle, by PyPI ``sigstore``, offline.

No other module imports ``sigstore``: it is the extra ``tarkpm[sigstore]`` (docs/decisions/0227). The trusted
root is the one that the package ships. Its own offline mode reads a copy in the user's home folder without
verifying it.
"""

import importlib.resources
import importlib.util
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tarkpm.core.ci_identity import GITHUB, CiClaims
from tarkpm.core.digest import sha256
from tarkpm.core.document import strict_json
from tarkpm.core.names import MAX_CI_PROOF
from tarkpm.core.text import short
from tarkpm.errors import SignatureInvalid, TarkError
from tarkpm.io.extras import install_command

if TYPE_CHECKING:
    from sigstore.models import Bundle, TrustedRoot

REQUIREMENT: Final = "sigstore>=4.5,<5"
"""The extra ``sigstore`` of pyproject.toml."""
_ROOT: Final = ("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json")
_PAYLOAD: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PROVENANCE: Final = "https://slsa.dev/provenance/v1"
"""What `actions/attest-build-provenance` states. Other statements of a workflow do not say that it built."""
_OIDS: Final = {
    "issuer": "1.3.6.1.4.1.57264.1.8",
    "signer": "1.3.6.1.4.1.57264.1.9",
    "repository": "1.3.6.1.4.1.57264.1.12",
    "repository_id": "1.3.6.1.4.1.57264.1.15",
    "owner_id": "1.3.6.1.4.1.57264.1.17",
    "config": "1.3.6.1.4.1.57264.1.18",
}
"""Fulcio's extensions (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md)."""
_CONFIG: Final = re.compile(
    r"https://github\.com/(?P<repository>[^/@]+/[^/@]+)/(?P<workflow>[^@]+)@(?P<ref>.+)"
)


def verify_proof(statement: bytes, bundle: bytes, *, where: str) -> CiClaims:
    """Return who signed a release's statement, from a Sigstore bundle over its bytes.

    The bundle is a signature of plugin.dsse.json, or a build provenance that names it. Raises
    `SignatureInvalid`, and `TarkError` if ``sigstore`` is not installed.
    """
    if problem := missing_extra(where):
        raise problem
    if len(bundle) > MAX_CI_PROOF:
        raise _bad(f"{len(bundle):,} bytes, the limit is {MAX_CI_PROOF:,}", where)
    # Its notes are for people who run `sigstore`.
    logging.getLogger("sigstore").setLevel(logging.ERROR)
    from sigstore.errors import Error
    from sigstore.models import Bundle

    try:
        is_message = "messageSignature" in strict_json(bundle)
        parsed = Bundle.from_json(bundle)
    except (Error, ValueError, TypeError, KeyError, RecursionError):
        raise _bad("it is not a Sigstore bundle with a certificate", where) from None
    try:
        _verify(parsed, statement, where, is_message=is_message)
        return _claims(parsed, where)
    # pydantic's errors are ValueErrors; other kinds are sigstore's, and cryptography's of a certificate.
    except (Error, ValueError, TypeError, KeyError) as problem:
        raise _bad(short(str(problem)), where) from None


def _verify(bundle: "Bundle", statement: bytes, where: str, *, is_message: bool) -> None:
    """Verify certificate, log entry and signature, and that they are about this statement."""
    from sigstore.verify import Verifier
    from sigstore.verify.policy import OIDCIssuerV2

    verifier = Verifier(trusted_root=_trusted_root())
    # The issuer here, and all else in `CiIdentity.mismatch`: only GitHub's ids mean what they say there.
    issuer = OIDCIssuerV2(GITHUB)
    if is_message:
        verifier.verify_artifact(statement, bundle, issuer)
        return
    kind, payload = verifier.verify_dsse(bundle, issuer)
    if kind != _PAYLOAD or not _names(strict_json(payload), sha256(statement)):
        raise _bad("it does not name this release's statement as built", where)


def _names(said: Any, digest: str) -> bool:
    """Return whether an in-toto statement is a build provenance of the file with this digest."""
    try:
        if (said["_type"], said["predicateType"]) != (_STATEMENT, _PROVENANCE):
            return False
        return any(one["digest"].get("sha256") == digest for one in said["subject"])
    except (KeyError, TypeError, AttributeError):
        return False


def _trusted_root() -> "TrustedRoot":
    from sigstore.models import TrustedRoot

    with importlib.resources.as_file(importlib.resources.files("sigstore").joinpath(*_ROOT)) as path:
        return TrustedRoot.from_file(str(path))


def _claims(bundle: "Bundle", where: str) -> CiClaims:
    from cryptography.x509 import ExtensionNotFound, ObjectIdentifier, UnrecognizedExtension

    found = {}
    for name, oid in _OIDS.items():
        try:
            value = bundle.signing_certificate.extensions.get_extension_for_oid(ObjectIdentifier(oid)).value
        except ExtensionNotFound:
            raise _bad(f"the certificate does not name its {name}", where) from None
        assert isinstance(value, UnrecognizedExtension)
        found[name] = _utf8_string(value.value)
    config = _CONFIG.fullmatch(found["config"])
    if config is None or found["repository"] != f"https://github.com/{config['repository']}":
        raise _bad("the certificate is not that of a workflow of GitHub", where)
    return CiClaims(
        issuer=found["issuer"],
        repository=config["repository"],
        repository_id=found["repository_id"],
        owner_id=found["owner_id"],
        workflow=config["workflow"],
        ref=config["ref"],
        signer=found["signer"],
    )


def _utf8_string(data: bytes) -> str:
    """Decode a DER UTF8String (X.690, 8.1.3 and 8.23). Raises `ValueError`."""
    if len(data) < 2 or data[0] != 0x0C:
        raise ValueError("expected a UTF8String")
    start, length = 2, data[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) != start + length:
        raise ValueError("expected a UTF8String of another length")
    return data[start:].decode("utf-8")


def missing_extra(where: str) -> TarkError | None:
    """Return the error that no proof can be verified here, with the command that helps; None if it can."""
    if importlib.util.find_spec("sigstore") is not None:
        return None
    text = "CI identities are verified by 'sigstore', which is not installed"
    return TarkError(text, where=where, hint=install_command(Path(sys.prefix), REQUIREMENT))


def _bad(problem: str, where: str) -> SignatureInvalid:
    return SignatureInvalid(f"the proof of the CI identity is not valid: {problem}", where=where)
