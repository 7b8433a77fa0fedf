"""The file of a private signing key: PKCS#8 PEM (RFC 5958, RFC 7468), with or without a passphrase."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tarkpm.core.key import PublicKey, from_bytes
from tarkpm.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Passphrase = Callable[[], bytes]

_PEM: Final = re.compile(
    rb"^-----BEGIN ([A-Z0-9 ]{1,60})-----\s*?$(.*?)^-----END \1-----", re.MULTILINE | re.DOTALL
)
_RETRY: Final = "run the command again with this key's passphrase: at the prompt, or in TARKPM_KEY_PASSPHRASE"
_PLAIN: Final = b"PRIVATE KEY"
_ENCRYPTED: Final = b"ENCRYPTED PRIVATE KEY"


def is_encrypted(pem: bytes) -> bool:
    """Return whether the file says that it needs a passphrase."""
    found = _PEM.search(pem)
    return bool(found and found[1] == _ENCRYPTED)


def load(pem: bytes, passphrase: Passphrase, *, where: str) -> "Ed25519PrivateKey":
    """Return the key of a file. Calls ``passphrase`` only if the key is encrypted.

    Raises `StoreError` that names the cause: another format, a damaged file, a missing or wrong passphrase,
    another kind of key.
    """
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    _check_format(pem, where)
    encrypted, secret = is_encrypted(pem), b""
    if encrypted:
        secret = passphrase()
        if not secret:
            raise StoreError("the key has a passphrase, and none was given", where=where, hint=_RETRY)
    try:
        key = load_pem_private_key(pem, secret or None)
    # OpenSSL also fails in ways that `cryptography` calls internal, as for 32 bytes said to be an X448 key.
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        cause = "the passphrase is wrong, or the file is damaged" if encrypted else "the file is damaged"
        hint = _RETRY if encrypted else ""
        raise StoreError(f"the key cannot be read: {cause}", where=where, hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.removesuffix("PrivateKey").lstrip("_")
        raise StoreError(f"expected an ed25519 key, found {kind}", where=where)
    return key


def _check_format(pem: bytes, where: str) -> None:
    expected = "the key cannot be read: expected PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)"
    found = _PEM.search(pem)
    if found is None:
        what = "no PEM block" if pem.strip() else "an empty file"
        raise StoreError(f"{expected}, found {what}", where=where)
    if found[1] not in (_PLAIN, _ENCRYPTED):
        raise StoreError(f"{expected}, found -----BEGIN {found[1].decode()}-----", where=where)
    try:
        # Checked here, because a wrong passphrase and a cut file otherwise end in the same exception.
        b64decode(b"".join(found[2].split()), validate=True)
    except binascii.Error:
        raise StoreError("the key cannot be read: the file is damaged", where=where) from None


def render(key: "Ed25519PrivateKey", passphrase: bytes) -> bytes:
    """Return the file of a key, encrypted if ``passphrase`` is not empty."""
    from cryptography.hazmat.primitives import serialization

    protection = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def public_half(key: "Ed25519PrivateKey") -> PublicKey:
    """Return the public key of a private one."""
    return from_bytes(key.public_key().public_bytes_raw())
