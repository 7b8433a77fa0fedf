"""Where secrets are kept: a file of the user's own, or a keyring (the real library, with a backend in memory)."""

import json
import stat
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from tarkpm.errors import NotFound, StoreError
from tarkpm.store.secrets import SERVICE, SecretStore

VALUE = "ghp_0123456789"


class InMemory(KeyringBackend):
    """A keyring that can be locked."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False

    def _open(self) -> dict[tuple[str, str], str]:
        if self.locked:
            raise KeyringLocked(f"locked, and these words repeat {VALUE}")
        return self.held

    def get_password(self, service: str, username: str) -> str | None:
        return self._open().get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self._open().pop((service, username), None) is None:
            raise PasswordDeleteError


class Plaintext(InMemory):
    """As keyrings.alt has them: it encrypts nothing, and says so by its priority."""

    priority = 0.5  # type: ignore[assignment]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> InMemory:
    made = InMemory()
    monkeypatch.setattr(keyring.core, "_keyring_backend", made)
    return made


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path / "state")


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring.backends.fail import Keyring

    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring())  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("no_keyring")
def test_in_a_file(store: SecretStore) -> None:
    assert (store.names(), store.kept("github")) == ([], None)
    assert store.set("github", VALUE) == "file"
    assert (store.get("github"), store.names(), store.kept("github")) == (VALUE, ["github"], "file")
    (file,) = store.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    store.set("github", "another-value")
    assert (store.get("github"), len(list(store.folder.iterdir()))) == ("another-value", 1)
    store.remove("github")
    assert list(store.folder.iterdir()) == []
    with pytest.raises(NotFound, match="there is no secret named 'github'") as caught:
        store.get("github")
    assert caught.value.hint == "tarkpm secret set github"


@pytest.mark.usefixtures("no_keyring")
def test_a_link_is_not_followed_and_damage_repeats_nothing(store: SecretStore, tmp_path: Path) -> None:
    store.set("github", VALUE)
    file = store.folder / "github.json"
    outside = tmp_path / "outside.json"
    file.rename(outside)
    file.symlink_to(outside)
    with pytest.raises(StoreError, match="symbolic link"):
        store.get("github")
    file.unlink()
    file.write_text(f'{{"version": 1, "kept": "file", "value": ["{VALUE}"]}}')
    with pytest.raises(StoreError, match="damaged") as caught:
        store.get("github")
    assert VALUE not in caught.value.message
    assert store.set("github", VALUE) == "file"


def test_in_a_keyring(store: SecretStore, backend: InMemory) -> None:
    assert store.set("github", VALUE) == "keyring"
    assert (store.get("github"), store.kept("github")) == (VALUE, "keyring")
    assert VALUE not in (store.folder / "github.json").read_text()
    ((service, entry),) = backend.held
    assert (service, entry.partition("/")[0]) == (SERVICE, "github")
    store.set("github", "another-value")
    assert list(backend.held.values()) == ["another-value"]
    store.remove("github")
    assert (backend.held, store.names()) == ({}, [])


def test_two_state_folders_share_no_entry(store: SecretStore, backend: InMemory, tmp_path: Path) -> None:
    other = SecretStore(tmp_path / "other")
    store.set("github", VALUE)
    other.set("github", "another-value")
    assert (store.get("github"), other.get("github")) == (VALUE, "another-value")
    other.remove("github")
    assert store.get("github") == VALUE


def test_a_keyring_that_does_not_take_it(store: SecretStore, backend: InMemory) -> None:
    backend.locked = True
    assert store.set("github", VALUE) == "file"
    assert store.is_refused("file")
    assert not store.is_refused("keyring")


def test_a_keyring_that_is_locked_later(store: SecretStore, backend: InMemory) -> None:
    """What is removed can be found again until it is gone, and another value can be set."""
    store.set("github", VALUE)
    backend.locked = True
    for act in (store.get, store.remove):
        with pytest.raises(StoreError, match="^the system's keyring failed: KeyringLocked$"):
            act("github")
    assert (store.names(), store.kept("github")) == (["github"], "keyring")
    assert store.set("github", "another-value") == "file"
    assert store.get("github") == "another-value"


def test_a_keyring_that_lost_it_or_is_gone(
    store: SecretStore, backend: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set("github", VALUE)
    backend.held.clear()
    with pytest.raises(StoreError, match="no longer has the secret 'github'"):
        store.get("github")
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    for act in (store.get, store.remove):
        with pytest.raises(StoreError, match="kept by the system's keyring, which is not available"):
            act("github")
    assert store.set("github", VALUE) == "file"


def test_a_keyring_without_encryption_is_not_used(
    store: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", Plaintext())
    assert store.set("github", VALUE) == "file"
    # What `keyring` chooses if several are installed, with a high priority of its own.
    several: list[KeyringBackend] = [Plaintext(), Plaintext()]
    monkeypatch.setattr(keyring.backend, "get_all_keyring", lambda: several)
    monkeypatch.setattr(keyring.core, "_keyring_backend", ChainerBackend())  # type: ignore[no-untyped-call]
    assert store.set("github", VALUE) == "file"
    several.append(InMemory())
    assert store.set("other", VALUE) == "keyring"
    assert [len(one.held) for one in several if isinstance(one, InMemory)] == [0, 0, 1]
    assert store.get("other") == VALUE
    assert json.loads((store.folder / "github.json").read_text())["value"] == VALUE
