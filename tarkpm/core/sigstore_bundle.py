"""Write a release statement as a Sigstore bundle v0.3, which foreign tools verify with a public key.

The bundle has the payload and the signature of ``plugin.dsse.json``, so whoever verifies it verifies the same
release (https://github.com/sigstore/protobuf-specs, sigstore_bundle.proto). It is an export: tarkpm never
reads it back.
"""

import base64
import hashlib
import json
from typing import Any, Final

from tarkpm.core.key import PublicKey, to_bytes
from tarkpm.core.statement import PAYLOAD_TYPE, Envelope

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
"""What precedes the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, sections 4 and 10.1)."""


def render_bundle(envelope: Envelope) -> bytes:
    """Return the bundle of a signed statement, ending in a newline. Equal statements have equal bytes."""
    bundle: dict[str, Any] = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            # The verifier has the key: the hint only helps to find it. This is the form that cosign writes.
            "publicKey": {"hint": base64.b64encode(hashlib.sha256(_der(envelope.key)).digest()).decode()},
            # The key vouches, no log does. cosign and npm want to be told so: see `cosign_command`.
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            # Without the keyid: cosign skips signatures whose keyid is not its own spelling of the key. A
            # keyid is outside of what is signed (DSSE protocol), so nothing is lost.
            "signatures": [{"sig": base64.b64encode(envelope.signature).decode()}],
        },
    }
    return json.dumps(bundle, indent=2).encode() + b"\n"


def pem(key: PublicKey) -> bytes:
    """Return a public key as PEM (RFC 7468, section 13), which openssl and cosign read."""
    body = base64.b64encode(_der(key)).decode()  # 60 characters: one line
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()


def _der(key: PublicKey) -> bytes:
    return _SPKI + to_bytes(key)
