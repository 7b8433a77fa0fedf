"""Keys and signatures, between tarkpm's spelling and TUF's. A key counts by its bytes, not by its name."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import msgspec
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature, SSlibKey
from tuf.api.metadata import Role

from tarkpm.core.key import PublicKey, from_bytes, to_bytes
from tarkpm.errors import IndexUntrusted


class Signer(msgspec.Struct, frozen=True):
    """A private key that may be used: its public half, and what signs (message -> 64 bytes)."""

    key: PublicKey
    sign: Callable[[bytes], bytes]


class Quorum(msgspec.Struct, frozen=True):
    """How many of which keys must sign."""

    keys: frozenset[PublicKey]
    threshold: int

    def missing(self, signed: Iterable[PublicKey]) -> int:
        """How many more of the keys must sign."""
        return max(0, self.threshold - len(self.keys & frozenset(signed)))


@cache
def tuf_key(key: PublicKey) -> SSlibKey:
    """A key as TUF metadata lists it; its keyid is a digest of it, as TUF's own tools make it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(to_bytes(key)))


def plain_key(key: Key, *, where: str) -> PublicKey:
    """A key of TUF metadata in tarkpm's spelling; raises `IndexUntrusted` for any other kind, and a weak one.

    Its keyid must be its own: under a second keyid one key would count twice.
    """
    if not isinstance(key, SSlibKey) or (key.keytype, key.scheme) != ("ed25519", "ed25519"):
        raise IndexUntrusted(f"expected an ed25519 key, found {key.keytype!r:.40}", where=where)
    try:
        plain = from_bytes(bytes.fromhex(str(key.keyval["public"])))
    except (ValueError, KeyError) as problem:
        raise IndexUntrusted(f"key {key.keyid[:12]}: {problem}", where=where) from None
    if tuf_key(plain).keyid != key.keyid:
        raise IndexUntrusted(f"{plain} is listed under a keyid that is not its own", where=where)
    return plain


def quorum_of(role: Role, keys: Mapping[str, Key], *, where: str) -> Quorum:
    """Who signs for a role; raises `IndexUntrusted` if one key could count twice, or all are too few."""
    plain = [plain_key(keys[keyid], where=where) for keyid in role.keyids if keyid in keys]
    if len(plain) != len(role.keyids):
        raise IndexUntrusted("a role names a key that is not listed", where=where)
    if len(set(plain)) != len(plain):
        raise IndexUntrusted("one key is listed twice for a role", where=where)
    if not 1 <= role.threshold <= len(plain):
        raise IndexUntrusted(f"a threshold of {role.threshold} for {len(plain)} keys", where=where)
    return Quorum(frozenset(plain), role.threshold)


def signature(signer: Signer, payload: bytes) -> Signature:
    """A signature as TUF metadata holds it."""
    return Signature(tuf_key(signer.key).keyid, signer.sign(payload).hex())


def valid_signers(
    keys: Iterable[PublicKey], payload: bytes, signatures: Mapping[str, Signature]
) -> frozenset[PublicKey]:
    """Which of these distinct keys really signed ``payload``."""
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
        raise IndexUntrusted(f"signed by {len(signed)} of the {quorum.threshold} keys it needs", where=where)
