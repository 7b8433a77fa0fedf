"""``tarkpm secret``: the user's secrets, which tarkpm adds to requests of plugins that they are bound to."""

from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.secret import GUESSABLE, SIGN_IN, is_guessable
from tarkpm.errors import NotFound
from tarkpm.ops.project.settings import Settings
from tarkpm.store.secrets import SecretStore
from tarkpm.store.state import State

_REFUSED: Final = "the system's keyring did not take the value, so it is in a file"
_GUESSABLE: Final = (
    f"the value has fewer than {GUESSABLE} characters: a plugin that it is bound to may be able to guess it"
)


class BoundPlugin(msgspec.Struct, frozen=True):
    """A plugin of an accepted project that a secret is bound to: by its name for it, sent to this host."""

    project: str
    plugin: str
    secret: str
    host: str


class SecretRow(msgspec.Struct, frozen=True):
    """A secret, without its value. ``kept`` is "keyring" or "file", or "missing" if it is not set.

    "sign-in" stands for the tokens that `tarkpm auth login` keeps.
    """

    name: str
    kept: str
    bound: tuple[BoundPlugin, ...] = ()


class SecretList(msgspec.Struct, frozen=True):
    """Every secret of this user, sorted by name."""

    secrets: tuple[SecretRow, ...]


class SecretSet(msgspec.Struct, frozen=True):
    """A secret that was set: where it is kept, whether it replaced another value, and what is to be noted."""

    name: str
    kept: str
    replaced: bool
    notes: tuple[str, ...] = ()


def set_secret(settings: Settings, name: str, value: str) -> SecretSet:
    """Keep a checked value under a checked name. Raises `StoreError`."""
    store = SecretStore(settings.paths.state)
    replaced = name in store.names()
    kept = store.set(name, value)
    notes = [_REFUSED] if store.is_refused(kept) else []
    notes += [_GUESSABLE] if is_guessable(value) else []
    return SecretSet(name, kept, replaced, tuple(notes))


def list_secrets(settings: Settings) -> SecretList:
    """Return the user's secrets and what they are bound to. Raises `StoreError`."""
    store, bound = SecretStore(settings.paths.state), _bound(settings)
    names = sorted({*store.names(), *bound})
    return SecretList(
        tuple(SecretRow(name, _kept(store, name), tuple(bound.get(name, ()))) for name in names)
    )


def _kept(store: SecretStore, name: str) -> str:
    return "sign-in" if name.startswith(SIGN_IN) else store.kept(name) or "missing"


def remove_secret(settings: Settings, name: str) -> SecretRow:
    """Delete a secret; plugins that it is bound to are refused the requests that need it.

    Raises `NotFound` and `StoreError`.
    """
    store = SecretStore(settings.paths.state)
    if name not in store.names():
        near = did_you_mean(name, store.names())
        raise NotFound(f"there is no secret named '{name}'{near}", hint="tarkpm secret list")
    store.remove(name)
    return SecretRow(name, "missing", tuple(_bound(settings).get(name, ())))


def _bound(settings: Settings) -> dict[str, list[BoundPlugin]]:
    """Return the plugins of accepted projects that still exist, by the name of the secret."""
    state = State(settings.paths.state)
    found: dict[str, list[BoundPlugin]] = {}
    for record in filter(None, map(state.read_record, state.record_files())):
        if not Path(record.path).is_dir():
            continue
        for plugin, binding in sorted(record.accepted.plugins.items()):
            for secret in binding.granted.secrets():
                one = BoundPlugin(record.path, plugin, secret.id, secret.host)
                found.setdefault(secret.name, []).append(one)
    return found
