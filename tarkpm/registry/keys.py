"""Convert keys and signatures between tarkpm and TUF. A key is identified by its bytes, not by its keyid."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import msgspec
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature, SSlibKey
from tuf.api.metadata import Role

from tarkpm.core.key import PublicKey, from_bytes, to_bytes
from tarkpm.errors import IndexUntrusted


class Signer(msgspec.Struct, frozen=True):
    """A usable private key: its public half, and a function that signs (message -> 64 bytes)."""

    key: PublicKey
    sign: Callable[[bytes], bytes]


class Quorum(msgspec.Struct, frozen=True):
    """A set of keys and how many of them must sign."""

    keys: frozenset[PublicKey]
    threshold: int

    def missing(self, signed: Iterable[PublicKey]) -> int:
        """Return how many more of the keys must sign."""
        return max(0, self.threshold - len(self.keys & frozenset(signed)))


@cache
def tuf_key(key: PublicKey) -> SSlibKey:
    """Return a key as TUF metadata lists it, with the keyid that TUF's own tools compute."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(to_bytes(key)))


def plain_key(key: Key, *, where: str) -> PublicKey:
    """Convert a key of TUF metadata; raises `IndexUntrusted` unless it is a strong ed25519 key.

    Its keyid must be the computed one: under a second keyid, one key would count twice.
    """
    if not isinstance(key, SSlibKey) or (key.keytype, key.scheme) != ("ed25519", "ed25519"):
        raise IndexUntrusted(f"expected an ed25519 key, found {key.keytype!r:.40}", where=where)
    try:
        plain = from_bytes(bytes.fromhex(str(key.keyval["public"])))
    except (ValueError, KeyError) as problem:
        raise IndexUntrusted(f"key {key.keyid[:12]}: {problem}", where=where) from None
    # TUF lets metadata choose keyids; thresholds would count one key as often as it is listed.
    if tuf_key(plain).keyid != key.keyid:
        raise IndexUntrusted(f"{plain} is listed under the keyid of another key", where=where)
    return plain


def quorum_of(role: Role, keys: Mapping[str, Key], *, where: str) -> Quorum:
    """Return the quorum of a role; raises `IndexUntrusted` if a key could count twice, or for too few."""
    plain = [plain_key(keys[keyid], where=where) for keyid in role.keyids if keyid in keys]
    if len(plain) != len(role.keyids):
        raise IndexUntrusted("a role names a key that is not listed", where=where)
    if len(set(plain)) != len(plain):
        raise IndexUntrusted("a role lists the same key twice", where=where)
    if not 1 <= role.threshold <= len(plain):
        raise IndexUntrusted(
            f"expected a threshold of 1 to {len(plain)}, found {role.threshold}", where=where
        )
    return Quorum(frozenset(plain), role.threshold)


def signature(signer: Signer, payload: bytes) -> Signature:
    """Sign ``payload``; returns the signature as TUF metadata contains it."""
    return Signature(tuf_key(signer.key).keyid, signer.sign(payload).hex())


def valid_signers(
    keys: Iterable[PublicKey], payload: bytes, signatures: Mapping[str, Signature]
) -> frozenset[PublicKey]:
    """Return which of these distinct keys have a valid signature over ``payload``."""
    # A set of keys, so that no key counts twice, however often the metadata lists its signature.
    return frozenset(key for key in keys if _holds(tuf_key(key), payload, signatures))


def _holds(key: SSlibKey, payload: bytes, signatures: Mapping[str, Signature]) -> bool:
    if key.keyid not in signatures:
        return False
    try:
        key.verify_signature(signatures[key.keyid], payload)
    except UnverifiedSignatureError:
        return False
    return True


def check_quorum(quorum: Quorum, payload: bytes, signatures: Mapping[str, Signature], *, where: str) -> None:
    """Raise `IndexUntrusted` unless enough distinct keys signed ``payload``."""
    signed = valid_signers(quorum.keys, payload, signatures)
    if len(signed) < quorum.threshold:
        raise IndexUntrusted(
            f"valid signatures: expected {quorum.threshold}, found {len(signed)}",
            where=where,
        )
