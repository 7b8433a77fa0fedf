"""``tarkpm key``: a publisher's signing keys, and the public keys of others. No private key is printed."""

from pathlib import Path

import msgspec

from tarkpm.core.key import public_key
from tarkpm.errors import TarkError
from tarkpm.ops.project.ownership import check_home
from tarkpm.ops.project.settings import Settings
from tarkpm.store.key_file import Passphrase
from tarkpm.store.keys import KeyEntry, KeyStore


class KeyReport(msgspec.Struct, frozen=True):
    """A key: its name, its public key, and the path of its private key."""

    name: str
    public_key: str
    path: str


class KeyRow(msgspec.Struct, frozen=True):
    """A key that is kept. ``kind`` is private, encrypted or public; ``public_key`` is "" if it is unknown."""

    name: str
    kind: str
    public_key: str
    path: str

    @classmethod
    def of(cls, entry: KeyEntry) -> "KeyRow":
        """Return the row of a kept key."""
        return cls(entry.name, entry.kind, entry.public or "", str(entry.path))


class KeyList(msgspec.Struct, frozen=True):
    """All kept keys, sorted by name."""

    keys: tuple[KeyRow, ...]


def generate_key(settings: Settings, name: str, passphrase: bytes) -> KeyReport:
    """Generate a private key, encrypted if ``passphrase`` is not empty. Raises `StoreError` if it exists."""
    check_home(settings)
    keys = KeyStore.in_state(settings.paths.state)
    public = keys.generate(name, passphrase)
    return KeyReport(name, public, str(keys.path(name)))


def list_keys(settings: Settings) -> KeyList:
    """Return all keys of the user."""
    return KeyList(tuple(map(KeyRow.of, KeyStore.in_state(settings.paths.state).entries())))


def show_key(settings: Settings, name: str, ask: Passphrase) -> KeyRow:
    """Return one key; ``ask`` returns the passphrase of one whose public half is not kept beside it.

    Raises `StoreError`.
    """
    keys = KeyStore.in_state(settings.paths.state)
    row = KeyRow.of(keys.entry(name))
    return row if row.public_key else msgspec.structs.replace(row, public_key=keys.load(name, ask)[0])


def export_key(settings: Settings, name: str, to: Path, new: Passphrase | None) -> KeyRow:
    """Write a private key to a new file, protected as it is, or with a ``new`` passphrase.

    Returns the key, with the path of the new file. Raises `StoreError`.
    """
    keys = KeyStore.in_state(settings.paths.state)
    target = settings.cwd / to
    keys.export(name, target, new)
    return msgspec.structs.replace(KeyRow.of(keys.entry(name)), path=str(target))


def import_public(settings: Settings, name: str, text: str) -> KeyRow:
    """Keep another person's public key under a name. Raises `TarkError`, also for a taken name."""
    keys = KeyStore.in_state(settings.paths.state)
    try:
        public = public_key(text)
    except ValueError as problem:
        raise TarkError(str(problem), where=text[:80]) from None
    keys.add_public(name, public)
    return KeyRow.of(keys.entry(name))


def import_private(
    settings: Settings, name: str, pem: bytes, ask: Passphrase, new: Passphrase | None, *, where: str
) -> KeyRow:
    """Keep the private key in these bytes of a file under a name; ``new`` protects one without a passphrase.

    Raises `StoreError` that names what is wrong with the key or its passphrase, or for a taken name.
    """
    keys = KeyStore.in_state(settings.paths.state)
    keys.add_private(name, pem, ask, new, where=where)
    return KeyRow.of(keys.entry(name))
