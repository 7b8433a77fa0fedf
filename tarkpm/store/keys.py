"""Private signing keys: PKCS#8 PEM files (RFC 5208) that only their owner can read."""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from tarkpm.core.key import PublicKey, from_bytes, public_key
from tarkpm.errors import StoreError
from tarkpm.io.files import atomic_write, make_private, open_new, read_file, read_optional

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_BYTES: Final = 16 * 1024

Passphrase = Callable[[], bytes]


class KeyStore:
    """The keys under ``folder``, one PEM file each."""

    @classmethod
    def in_state(cls, state: Path) -> "KeyStore":
        """The keys of the user whose state folder is ``state``."""
        return cls(state / "keys")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the file of a key; raises `StoreError` for a name with other characters."""
        if not _NAME.fullmatch(name):
            raise StoreError(f"expected a key name of letters, digits, '.', '_' and '-', found {name[:80]!r}")
        return self.folder / f"{name}.pem"

    def names(self) -> list[str]:
        """Return the names of all keys, sorted."""
        return sorted(file.stem for file in self.folder.glob("*.pem"))

    def generate(self, name: str, passphrase: bytes = b"") -> PublicKey:
        """Generate a key; an existing one is never replaced. Raises `StoreError` if the name is taken."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        path = self.path(name)
        make_private(self.folder)
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
        )
        # Written and synced under a temporary name: a crash must not leave half a key under its name.
        temporary = self.folder / f".{os.urandom(8).hex()}.tmp"
        try:
            with open_new(temporary, 0o600) as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(temporary)  # unlike a rename, this never replaces a key
            public = from_bytes(key.public_key().public_bytes_raw())
            atomic_write(self.folder / f"{name}.pub", f"{public}\n".encode(), mode=0o600)
        except FileExistsError:
            raise StoreError(
                f"a key named '{name}' already exists", where=str(path), hint="choose another --name"
            ) from None
        finally:
            temporary.unlink(missing_ok=True)
        return public

    def names_of(self, keys: Collection[PublicKey]) -> dict[PublicKey, str]:
        """Return the names of those of these public keys whose private half is here. Never prompts.

        The ``.pub`` file beside a key is used as a hint; an encrypted key without one is not found.
        """
        found: dict[PublicKey, str] = {}
        for name in self.names():
            public = self._public(name)
            if public is not None and public in keys:
                found.setdefault(public, name)
        return found

    def _public(self, name: str) -> PublicKey | None:
        data = read_optional(self.folder / f"{name}.pub", MAX_BYTES)
        try:
            if data is not None:
                return public_key(data.decode().strip())
            return self.load(name, bytes)[0]
        except (ValueError, StoreError):
            return None

    def load(self, name: str, passphrase: Passphrase) -> tuple[PublicKey, Callable[[bytes], bytes]]:
        """Return the public key and a signer (message -> 64 bytes). Calls ``passphrase`` only if needed.

        Raises `StoreError` if the key does not exist or the passphrase is wrong.
        """
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = self.path(name)
        try:
            pem = read_file(path, MAX_BYTES)
        except FileNotFoundError:
            hint = f"tarkpm key generate --name {name}"
            raise StoreError(f"there is no key named '{name}'", where=str(path), hint=hint) from None
        try:
            try:
                key = load_pem_private_key(pem, None)
            except TypeError:  # the key is encrypted
                key = load_pem_private_key(pem, passphrase())
        except ValueError:
            raise StoreError(
                "the key cannot be read: wrong passphrase or damaged file", where=str(path)
            ) from None
        return _signer(key, path)


def _signer(key: object, path: Path) -> tuple[PublicKey, Callable[[bytes], bytes]]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    # Another tool may have put its PEM file there.
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError("expected an ed25519 key", where=str(path))
    return from_bytes(key.public_key().public_bytes_raw()), key.sign
