"""Signatures against openssl, another implementation of DSSE, and the kinds of forgery that verifiers let pass.

The kinds are those of Wycheproof's vectors for Ed25519 (https://github.com/C2SP/wycheproof), made here for our
own key: the reference arithmetic of RFC 8032, appendix A, is enough to make them.
"""

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.guests import npm_package

from tarkpm.core import statement
from tarkpm.core.digest import FileEntry
from tarkpm.core.key import check_signature, from_bytes
from tarkpm.core.release import PluginName
from tarkpm.core.version import Version
from tarkpm.errors import SignatureInvalid

SEED = bytes(range(32))
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
RAW = PRIVATE.public_key().public_bytes_raw()
KEY = from_bytes(RAW)
MESSAGE = b"a message"
SIGNATURE = PRIVATE.sign(MESSAGE)
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
BASE: Point = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
R, S = SIGNATURE[:32], int.from_bytes(SIGNATURE[32:], "little")


def add(a: Point, b: Point) -> Point:
    k = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, P)
    return x % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P) % P


def times(count: int, point: Point) -> Point:
    result: Point = (0, 1)
    while count:
        if count & 1:
            result = add(result, point)
        point, count = add(point, point), count >> 1
    return result


def encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def le(number: int) -> bytes:
    return number.to_bytes(32, "little")


def signed(nonce_point: bytes, nonce: int) -> bytes:
    """A signature by our key whose R is spelled in this way: S follows from what is hashed."""
    hashed = hashlib.sha512(SEED).digest()
    secret = int.from_bytes(hashed[:32], "little") & ((1 << 254) - 8) | 1 << 254
    challenge = int.from_bytes(hashlib.sha512(nonce_point + RAW + MESSAGE).digest(), "little")
    return nonce_point + le((nonce + challenge * secret) % L)


def test_the_arithmetic_here_makes_valid_signatures() -> None:
    check_signature(KEY, signed(encoded(times(5, BASE)), 5), MESSAGE, where="x")


ODD = {
    "S + L": R + le(S + L),
    "S + 2 L": R + le(S + 2 * L),
    "S with its highest bit": R + le(S | 1 << 255),
    "S of nothing": R + le(0),
    "S = L": R + le(L),
    "S = L - 1": R + le(L - 1),
    "S = -S": R + le(-S % L),
    "all zero": bytes(64),
    "R of nothing": bytes(32) + SIGNATURE[32:],
    "R is the neutral point, S = 0": encoded((0, 1)) + bytes(32),
    "R is the neutral point with a sign": le(1 | 1 << 255) + le(S),
    "R as p + 1, which is not canonical": signed(le(P + 1), 0),
    "R with a sign where x is 0": signed(le(1 | 1 << 255), 0),
    "R with another sign": bytes([*R[:31], R[31] ^ 0x80]) + SIGNATURE[32:],
    "R is no point": le(2) + SIGNATURE[32:],
    "R of small order": signed(encoded((0, P - 1)), 0),
    "R and S swapped": SIGNATURE[32:] + R,
    "empty": b"",
    "one byte short": SIGNATURE[:-1],
    "without S": R,
    "a zero cut from its end": signed(encoded(times(7, BASE)), 7)[:-1],
    "one byte more": SIGNATURE + b"\0",
    "twice": SIGNATURE * 2,
    "in hexadecimal": SIGNATURE.hex().encode(),
    "in DER": b"\x30\x44\x02\x20" + R + b"\x02\x20" + SIGNATURE[32:],
    "of another message": PRIVATE.sign(b"another"),
    "by another key": Ed25519PrivateKey.from_private_bytes(bytes(32)).sign(MESSAGE),
    "Ed25519ph of the message": PRIVATE.sign(hashlib.sha512(MESSAGE).digest()),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_signature_is_refused(kind: str) -> None:
    check_signature(KEY, SIGNATURE, MESSAGE, where="x")
    with pytest.raises(SignatureInvalid, match="is not valid"):
        check_signature(KEY, ODD[kind], MESSAGE, where="x")


def test_every_flipped_bit_of_a_signature_is_refused() -> None:
    for bit in range(512):
        data = bytearray(SIGNATURE)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureInvalid):
            check_signature(KEY, bytes(data), MESSAGE, where="x")


# -- statements, read by others


FILES = [FileEntry.of("plugin.toml", b"[plugin]\n"), FileEntry.of("plugin.wasm", b"\0asm")]
ENVELOPE = statement.sign(PluginName("demo"), Version.parse("1.0.0"), FILES, key=KEY, signer=PRIVATE.sign)
PEM = PRIVATE.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
Change = Callable[[dict[str, object]], None]


def pae(kind: str, payload: bytes) -> bytes:
    """DSSE protocol.md, "Signature Definition", written once more."""
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("flipped", [None, "payload", "signature"])
def test_openssl_finds_what_we_find(tmp_path: Path, flipped: str | None) -> None:
    table = json.loads(ENVELOPE)
    payload, signature = map(base64.b64decode, (table["payload"], table["signatures"][0]["sig"]))
    if flipped == "payload":
        payload = payload.replace(b"demo", b"demp")
    if flipped == "signature":
        signature = bytes([signature[0] ^ 1]) + signature[1:]
    for name, data in (("key.pem", PEM), ("message", pae(table["payloadType"], payload)), ("sig", signature)):
        (tmp_path / name).write_bytes(data)
    words = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pem",
        "-rawin",
        "-in",
        "message",
        "-sigfile",
        "sig",
    ]
    theirs = subprocess.run(words, cwd=tmp_path, capture_output=True).returncode == 0
    ours = statement.render_envelope(statement.Envelope(payload, signature, KEY))
    assert theirs == _is_ours(ours) == (flipped is None)


def _is_ours(envelope: bytes) -> bool:
    try:
        statement.verify(envelope)
    except SignatureInvalid:
        return False
    return True


VERIFY = "@sigstore/verify@4.1.3"
SCRIPT = """
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');
const { bundleFromJSON } = require('@sigstore/bundle');
const { createPublicKey } = require('crypto');
const [pem, ...envelopes] = JSON.parse(require('fs').readFileSync(0));
const publicKey = createPublicKey(pem);
const keys = () => ({ publicKey, validFor: () => true });
const material = toTrustMaterial({ certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [],
  mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1' }, keys);
const verifier = new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
console.log(JSON.stringify(envelopes.map((dsseEnvelope) => {
  try {
    verifier.verify(toSignedEntity(bundleFromJSON({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', dsseEnvelope,
      verificationMaterial: { publicKey: { hint: 'ours' }, tlogEntries: [] } })));
    return 'verified';
  } catch (error) { return error.code ?? String(error); }
})));
"""


@pytest.mark.slow
def test_sigstore_finds_what_we_find() -> None:
    """The envelope of a release is one for npm's verifier, too: with our key, and no transparency log."""
    whole = json.loads(ENVELOPE)
    other = json.loads(ENVELOPE)
    other["payload"] = base64.b64encode(base64.b64decode(whole["payload"]).replace(b"demo", b"demp")).decode()
    typed = json.loads(ENVELOPE)
    typed["payloadType"] = "application/vnd.in-toto+jsom"
    odd = json.loads(ENVELOPE)
    raw = base64.b64decode(whole["signatures"][0]["sig"])
    odd["signatures"][0]["sig"] = base64.b64encode(
        raw[:32] + le(int.from_bytes(raw[32:], "little") + L)
    ).decode()
    folder = npm_package(VERIFY)
    given = json.dumps([PEM.decode(), whole, other, typed, odd])
    done = subprocess.run(
        ["node", "-e", SCRIPT], cwd=folder, input=given, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["verified"] + ["SIGNATURE_ERROR"] * 3
    compact = [json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in (whole, other, typed, odd)]
    assert list(map(_is_ours, compact)) == [True, False, False, False]
