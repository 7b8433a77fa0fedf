"""Sign and verify a project's policy.toml (``policy.dsse.json``).

The signature is a DSSE envelope as a release's is, over an in-toto statement with a type of its own: neither
passes for the other. The statement holds the digest of policy.toml with line feeds as line ends: git may
write others into a checkout, and TOML reads both alike.
"""

import json
from collections.abc import Callable
from typing import Final

from tarkpm.core.digest import sha256
from tarkpm.core.key import PublicKey, check_signature
from tarkpm.core.names import POLICY, POLICY_STATEMENT
from tarkpm.core.statement import STATEMENT_TYPE, Envelope, pae, parse_envelope, render_envelope
from tarkpm.errors import SignatureInvalid

PREDICATE_TYPE: Final = "urn:tarkpm:team-policy:1"


def sign_policy(policy: bytes, *, key: PublicKey, signer: Callable[[bytes], bytes]) -> bytes:
    """Return the envelope of a policy.toml. ``signer`` signs a message with the private key of ``key``."""
    payload = _payload(policy)
    return render_envelope(Envelope(payload, signer(pae(payload)), key))


def verify_policy(policy: bytes, data: bytes, key: str, *, where: str = POLICY_STATEMENT) -> None:
    """Raise `SignatureInvalid` unless ``data`` is the envelope of this policy.toml by ``key``."""
    envelope = parse_envelope(data, where=where)
    if envelope.key != key:
        raise SignatureInvalid(f"{POLICY} is signed by {envelope.key}, expected {key}", where=where)
    check_signature(envelope.key, envelope.signature, pae(envelope.payload), where=where)
    # Compared as bytes: there is one encoding, so the payload needs no parser.
    if envelope.payload != _payload(policy):
        raise SignatureInvalid(f"the signature is not that of this {POLICY}", where=where)


def _payload(policy: bytes) -> bytes:
    digest = sha256(policy.replace(b"\r\n", b"\n"))
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": POLICY, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {},
    }
    return json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
