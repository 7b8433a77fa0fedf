"""``tarkpm key``: a publisher's signing keys."""

import msgspec

from tarkpm.ops.project.ownership import check_home
from tarkpm.ops.project.settings import Settings
from tarkpm.store.keys import KeyStore


class KeyReport(msgspec.Struct, frozen=True):
    """A key: its name, its public key, and the path of its private key."""

    name: str
    public_key: str
    path: str


def generate_key(settings: Settings, name: str, passphrase: bytes) -> KeyReport:
    """Generate a private key, encrypted if ``passphrase`` is not empty. Raises `StoreError` if it exists."""
    check_home(settings)
    keys = KeyStore.in_state(settings.paths.state)
    public = keys.generate(name, passphrase)
    return KeyReport(name, public, str(keys.path(name)))
