"""The store heals, state remembers, the journal commits."""

import errno
import os
import threading
from pathlib import Path

import msgspec
import pytest

from tarkpm.core.digest import Digest, FileEntry
from tarkpm.errors import BlobMissing, StoreError
from tarkpm.store import journal, key_file
from tarkpm.store.blobs import BlobStore
from tarkpm.store.environment import Environment
from tarkpm.store.journal import DocumentEdit, Transaction
from tarkpm.store.keys import KeyStore
from tarkpm.store.staging import stage
from tarkpm.store.state import Record, State


def test_a_blob_is_kept_once_and_read_back(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    data = b"x" * 1000
    threads = [threading.Thread(target=store.put, args=(FileEntry.of("a", data), data)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entry = FileEntry.of("a", data)
    assert store.has(entry)
    assert store.read(entry) == data
    assert store.missing([entry]) == []
    assert sum(1 for path in store.root.rglob("*") if path.is_file()) == 1


@pytest.mark.parametrize("damage", [b"y" * 1000, b"x" * 999, b""])
def test_a_damaged_blob_is_dropped_and_reported_as_missing(tmp_path: Path, damage: bytes) -> None:
    store = BlobStore(tmp_path)
    entry = FileEntry.of("a", b"x" * 1000)
    store.put(entry, b"x" * 1000)
    path = store.path(entry.sha256)
    for use in (store.read, lambda e: store.copy(e, tmp_path / "copy")):
        path.chmod(0o644)
        path.write_bytes(damage)
        with pytest.raises(BlobMissing, match="'a' .* is not in the store"):
            use(entry)
        assert not path.exists()
        assert not (tmp_path / "copy").exists()
        store.put(entry, b"x" * 1000)
    assert store.read(entry) == b"x" * 1000


def test_a_blob_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    entry = FileEntry.of("a", b"secret")
    (tmp_path / "elsewhere").write_bytes(b"secret")
    store.path(entry.sha256).parent.mkdir(parents=True)
    store.path(entry.sha256).symlink_to(tmp_path / "elsewhere")
    with pytest.raises((BlobMissing, StoreError)):
        store.read(entry)
    with pytest.raises(BlobMissing):
        store.copy(entry, tmp_path / "copy")


class Place:
    """An environment with one staged plugin and a document to change."""

    def __init__(self, root: Path) -> None:
        self.state = State(root / "state")
        self.environment = Environment(root / "app" / ".tark", in_project=True)
        (root / "app").mkdir()
        self.environment.create("e" * 32)
        self.toml = root / "app" / "tark.toml"
        self.toml.write_bytes(b"old")
        store = BlobStore(root / "cache")
        files = (FileEntry.of("plugin.toml", b"new"),)
        stage(
            self.environment,
            "demo",
            files,
            store,
            data=root / "data",
            contents={"plugin.toml": b"new"},
            enabled=True,
        )
        self.record = Record(str(root / "app"), "e" * 32)
        documents = (DocumentEdit.change(self.toml, b"old", b"new"),)
        self.transaction = Transaction(("demo",), (), documents, self.record)

    def interrupt(self) -> None:
        """Leave the journal as a process that was killed right after the commit does."""
        finish, journal.finish = journal.finish, lambda *_: None
        try:
            journal.commit(self.environment, self.transaction, self.state)
        finally:
            journal.finish = finish


def test_an_interrupted_change_is_finished(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.interrupt()
    assert place.toml.read_bytes() == b"old"
    assert journal.recover(place.environment, place.state) == "an interrupted change was finished first"
    assert place.toml.read_bytes() == b"new"
    assert (place.environment.folder("demo") / "plugin.toml").read_bytes() == b"new"
    assert place.state.find(place.record.path) == place.record
    assert journal.recover(place.environment, place.state) == ""


def test_an_edit_made_meanwhile_wins_and_is_said(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.interrupt()
    place.toml.write_bytes(b"mine")
    said = journal.recover(place.environment, place.state)
    assert said == f"an interrupted change was dropped, because {place.toml} was edited since"
    assert place.toml.read_bytes() == b"mine"
    assert not place.environment.journal.exists()


@pytest.mark.parametrize("forgery", [b"", b"{}", b"[1]", b'{"body":"{}","mac":"00"}', b"\xff"])
def test_a_forged_journal_is_not_obeyed(tmp_path: Path, forgery: bytes) -> None:
    place = Place(tmp_path)
    place.environment.journal.write_bytes(forgery)
    with pytest.raises(StoreError, match="was not written by your tarkpm"):
        journal.recover(place.environment, place.state)


def test_a_journal_of_another_user_is_not_obeyed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.interrupt()
    with pytest.raises(StoreError, match="was not written by your tarkpm"):
        journal.recover(place.environment, State(tmp_path / "other"))


def test_the_secret_is_made_once_however_many_ask(tmp_path: Path) -> None:
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(State(tmp_path).mac_key())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["mac.key"]


def test_a_disk_that_is_full_leaves_no_part_of_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            State(tmp_path).mac_key()
    assert list(tmp_path.iterdir()) == []
    assert len(State(tmp_path).mac_key()) == 32


@pytest.mark.parametrize("size", [0, 3, 31, 33])
def test_a_key_that_was_cut_short_is_no_key(tmp_path: Path, size: int) -> None:
    (tmp_path / "mac.key").write_bytes(bytes(size))
    key = State(tmp_path).mac_key()
    assert len(key) == 32
    assert key != bytes(32)
    assert State(tmp_path).mac_key() == key


def test_a_moved_environment_is_known_by_id_and_inode_together(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.save(Record("/old", "e" * 32, inode=7))
    assert state.find_moved("e" * 32, 7) == Record("/old", "e" * 32, inode=7)
    assert state.find_moved("e" * 32, 8) is None
    assert state.find_moved("f" * 32, 7) is None
    assert state.find_moved("", 0) is None


def test_a_record_of_another_version_is_refused_and_kept(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.save(Record("/app", "e" * 32))
    (file,) = state.projects.glob("*.json")
    table = msgspec.json.decode(file.read_bytes())
    data = msgspec.json.encode({**table, "version": 3})
    file.write_bytes(data)
    with pytest.raises(StoreError, match="expected version 2, found 3"):
        state.find("/app")
    assert file.read_bytes() == data


def test_a_key_can_have_a_passphrase(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    public = keys.generate("mine", b"open sesame")
    loaded, signer = keys.load("mine", lambda: b"open sesame")
    assert loaded == public
    assert len(signer(b"message")) == 64
    assert b"ENCRYPTED" in keys.path("mine").read_bytes()
    with pytest.raises(StoreError, match="the passphrase is wrong, or the file is damaged"):
        keys.load("mine", lambda: b"wrong")
    with pytest.raises(StoreError, match="there is no key named 'other'"):
        keys.load("other", lambda: b"")
    with pytest.raises(StoreError, match="expected a key name"):
        keys.path("../x")


def test_installed_files_look_untouched_until_they_are_not(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.interrupt()
    journal.recover(place.environment, place.state)
    folder = place.environment.folder("demo")
    from tarkpm.store.environment import describe_file

    described = describe_file(str(folder), "plugin.toml", Digest("0" * 64))
    assert described is not None
    assert place.environment.is_intact("demo", (described,))
    (folder / "plugin.toml").chmod(0o644)
    assert not place.environment.is_intact("demo", (described,))
    assert not place.environment.is_intact("nothing", (described,))


def test_a_key_that_openssl_cannot_set_up_is_a_damaged_file() -> None:
    """An X448 key has 56 bytes; `cryptography` raises `InternalError` for one of 32."""
    text = "MC4CAQAwBQYDK2VvBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
    pem = f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n".encode()
    with pytest.raises(StoreError, match="the key cannot be read: the file is damaged"):
        key_file.load(pem, lambda: b"", where="x")
