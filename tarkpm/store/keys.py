"""Signing keys by name: private keys that only their owner can read, and public keys of other people.

``NAME.pem`` is a private key, ``NAME.pub`` beside it its public half. A ``NAME.pub`` alone is somebody else's
key, saved under a name to recognize it by.
"""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.errors import StoreError
from tarkpm.io.files import atomic_write, make_private, open_new, read_file, read_optional
from tarkpm.store import key_file
from tarkpm.store.key_file import Passphrase, is_encrypted, public_half

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_BYTES: Final = 16 * 1024

PRIVATE, ENCRYPTED, PUBLIC = "private", "encrypted", "public"


class KeyEntry(msgspec.Struct, frozen=True):
    """A key as it is kept. ``kind`` is private, encrypted (with a passphrase) or public (another person's).

    ``public`` is None for an encrypted key whose ``.pub`` file is missing, and for a damaged file.
    """

    name: str
    kind: str
    public: PublicKey | None
    path: Path


class KeyStore:
    """The keys under ``folder``."""

    @classmethod
    def in_state(cls, state: Path) -> "KeyStore":
        """The keys of the user whose state folder is ``state``."""
        return cls(state / "keys")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the file of a private key; raises `StoreError` for a name with other characters."""
        if not _NAME.fullmatch(name):
            raise StoreError(f"expected a key name of letters, digits, '.', '_' and '-', found {name[:80]!r}")
        return self.folder / f"{name}.pem"

    def names(self) -> list[str]:
        """Return the names of all private keys, sorted."""
        return sorted(file.stem for file in self.folder.glob("*.pem"))

    def entries(self) -> list[KeyEntry]:
        """Return all keys, sorted by name. Never prompts."""
        names = {file.stem for file in self.folder.glob("*.p[eu][mb]") if _NAME.fullmatch(file.stem)}
        return [self.entry(name) for name in sorted(names)]

    def entry(self, name: str) -> KeyEntry:
        """Return one key. Never prompts. Raises `StoreError` if there is no key of this name."""
        path, public = self.path(name), self.folder / f"{name}.pub"
        pem = read_optional(path, MAX_BYTES)
        if pem is not None:
            kind = ENCRYPTED if is_encrypted(pem) else PRIVATE
            return KeyEntry(name, kind, self._public(name), path)
        if not public.exists():
            raise self._missing(name)
        return KeyEntry(name, PUBLIC, self._public(name), public)

    def labels(self) -> dict[PublicKey, str]:
        """Return the names of all known public keys, one's own first. Never prompts."""
        entries = sorted(self.entries(), key=lambda entry: (entry.kind == PUBLIC, entry.name))
        return {entry.public: entry.name for entry in reversed(entries) if entry.public}

    def generate(self, name: str, passphrase: bytes = b"") -> PublicKey:
        """Generate a key; an existing one is never replaced. Raises `StoreError` if the name is taken."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return self._add(name, Ed25519PrivateKey.generate(), passphrase)

    def add_private(
        self, name: str, pem: bytes, ask: Passphrase, new: Passphrase | None, *, where: str
    ) -> PublicKey:
        """Keep a private key from a file's bytes; it keeps its passphrase, which ``ask`` returns.

        With ``new``, a key that has none gets the passphrase that it returns. Raises `StoreError`.
        """
        self._check_free(name)  # before anybody types a passphrase
        secret = b""

        def remember() -> bytes:
            nonlocal secret
            secret = ask()
            return secret

        key = key_file.load(pem, remember, where=where)
        if new and is_encrypted(pem):
            raise StoreError("the key has a passphrase already", where=where, hint="omit --passphrase")
        return self._add(name, key, new() if new else secret)

    def add_public(self, name: str, key: PublicKey) -> None:
        """Keep another person's public key under a name. Raises `StoreError` if the name is taken."""
        self._check_free(name)
        make_private(self.folder)
        atomic_write(self.folder / f"{name}.pub", f"{key}\n".encode(), mode=0o600)

    def export(self, name: str, to: Path, new: Passphrase | None) -> None:
        """Write a private key to the new file ``to``, which only this user can read.

        The file is protected as the key is. With ``new``, a key without a passphrase gets one. Raises
        `StoreError`, also if ``to`` exists.
        """
        path = self.path(name)
        pem = self._read(name)
        if new and is_encrypted(pem):
            raise StoreError("the key has a passphrase already", where=str(path), hint="omit --passphrase")
        if new or not is_encrypted(pem):
            key = key_file.load(pem, bytes, where=str(path))  # a damaged backup is worse than none
            pem = key_file.render(key, new() if new else b"")
        try:
            _write_new(to, pem)
        except FileExistsError:
            raise StoreError(
                "the file exists already", where=str(to), hint="name a new file with --to"
            ) from None
        except FileNotFoundError:
            raise StoreError("the folder does not exist", where=str(to.parent)) from None

    def _add(self, name: str, key: "Ed25519PrivateKey", passphrase: bytes) -> PublicKey:
        path = self.path(name)
        self._check_free(name)
        make_private(self.folder)
        pem, public = key_file.render(key, passphrase), public_half(key)
        # Written and synced under a temporary name: a crash must not leave half a key under its name.
        temporary = self.folder / f".{os.urandom(8).hex()}.tmp"
        try:
            _write_new(temporary, pem)
            path.hardlink_to(temporary)  # unlike a rename, this never replaces a key
            atomic_write(self.folder / f"{name}.pub", f"{public}\n".encode(), mode=0o600)
        except FileExistsError:
            raise self._taken(name) from None
        finally:
            temporary.unlink(missing_ok=True)
        return public

    def _check_free(self, name: str) -> None:
        """Raise `StoreError` if the name is taken, by a private key or by another person's public one."""
        if os.path.lexists(self.path(name)) or os.path.lexists(self.folder / f"{name}.pub"):
            raise self._taken(name)

    def _taken(self, name: str) -> StoreError:
        where = next(
            (p for p in (self.path(name), self.folder / f"{name}.pub") if p.exists()), self.path(name)
        )
        return StoreError(
            f"a key named '{name}' already exists", where=str(where), hint="choose another --name"
        )

    def _missing(self, name: str) -> StoreError:
        known = [entry.name for entry in self.entries()]
        near = did_you_mean(name, known)
        # Where there are keys, another one is meant; a new key would not be the one that others trust.
        hint = "tarkpm key list" if known else f"tarkpm key generate --name {name}"
        return StoreError(f"there is no key named '{name}'{near}", where=str(self.path(name)), hint=hint)

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
        try:
            data = read_optional(self.folder / f"{name}.pub", MAX_BYTES)
            if data is not None:
                return public_key(data.decode().strip())
            return self.load(name, bytes)[0]
        except (ValueError, StoreError):
            return None

    def load(self, name: str, passphrase: Passphrase) -> tuple[PublicKey, Callable[[bytes], bytes]]:
        """Return the public key and a signer (message -> 64 bytes). Calls ``passphrase`` only if needed.

        Raises `StoreError` if the key does not exist or the passphrase is wrong.
        """
        key = key_file.load(self._read(name), passphrase, where=str(self.path(name)))
        return public_half(key), key.sign

    def _read(self, name: str) -> bytes:
        """Return the file of a private key; raises `StoreError`."""
        path = self.path(name)
        try:
            return read_file(path, MAX_BYTES)
        except FileNotFoundError:
            if (self.folder / f"{name}.pub").exists():
                text = f"'{name}' is a public key: its private half is not on this machine"
                raise StoreError(text, where=str(path.with_suffix(".pub")), hint="tarkpm key list") from None
            raise self._missing(name) from None


def _write_new(path: Path, data: bytes) -> None:
    """Write a new file that only this user can read, and have it on disk; raises `FileExistsError`."""
    with open_new(path, 0o600) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
