"""Ed25519 public keys, written as ``ed25519:`` and 44 characters of padded base64.

A key has one textual form: the text must re-encode to itself, because RFC 4648 (section 3.5) lets decoders
accept several. Points of small order are refused wherever a key is read, because a signature can be made for
them that is valid for any message; RFC 8032 (section 5.1.7) does not exclude them.
"""

import base64
import binascii
from typing import Final, NewType

from tarkpm.errors import SignatureInvalid

PublicKey = NewType("PublicKey", str)
"""A checked key in canonical form."""

PREFIX: Final = "ed25519:"
_P: Final = 2**255 - 19

_Y8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})
"""The y coordinates of the eight points whose order divides 8, in both signs of x."""


def public_key(text: str) -> PublicKey:
    """Check the text of a key. Raises `ValueError` with what was expected."""
    body = text.removeprefix(PREFIX)
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(PREFIX) or len(raw) != 32 or base64.b64encode(raw).decode() != body:
        raise ValueError(f"expected {PREFIX} and 44 characters of base64, found {text[:80]!r}")
    return from_bytes(raw)


def from_bytes(raw: bytes) -> PublicKey:
    """Return the key with these 32 bytes. Raises `ValueError` for a weak or non-canonical key."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P or y in SMALL_ORDER_Y:
        raise ValueError("expected a strong key, found one of small order or not in canonical form")
    return PublicKey(PREFIX + base64.b64encode(raw).decode())


def to_bytes(key: PublicKey) -> bytes:
    """Return the 32 bytes of a checked key."""
    return base64.b64decode(key.removeprefix(PREFIX))


def check_signature(key: PublicKey, signature: bytes, message: bytes, *, where: str) -> None:
    """Raise `SignatureInvalid` unless an Ed25519 signature is valid (RFC 8032). Takes about 120 µs."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(to_bytes(key)).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise SignatureInvalid(f"the signature by {key} is not valid", where=where) from None
