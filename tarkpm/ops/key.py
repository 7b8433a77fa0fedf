"""``tarkpm key``: a publisher's signing keys."""

import msgspec

from tarkpm.ops.project.settings import Settings
from tarkpm.store.keys import KeyStore


class KeyReport(msgspec.Struct, frozen=True):
    """A key by name: its public half, and where its private half is."""

    name: str
    public_key: str
    path: str


def generate_key(settings: Settings, name: str, passphrase: bytes) -> KeyReport:
    """Make a private key, encrypted if ``passphrase`` is not empty; never replaces one."""
    keys = KeyStore.in_state(settings.paths.state)
    public = keys.generate(name, passphrase)
    return KeyReport(name, public, str(keys.path(name)))
