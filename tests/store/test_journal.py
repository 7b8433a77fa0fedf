"""Each step of the journal: what fails before the commit changes nothing, what fails after it is repeated."""

import errno
import os
import shlex
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from store.test_store import Place
from tarkpm.core.names import STORED
from tarkpm.errors import Edited, StoreError
from tarkpm.store import journal
from tarkpm.store.history import Generation, History
from tarkpm.store.journal import DocumentEdit, Transaction, Unfinished


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unchanged(place: Place) -> None:
    assert place.toml.read_bytes() == b"old"
    assert not place.environment.journal.exists()
    assert place.environment.names() == []
    assert place.state.find(place.record.path) is None


def commit(place: Place, **changes: Any) -> None:
    seen = changes.pop("seen", {})
    journal.commit(
        place.environment, msgspec.structs.replace(place.transaction, **changes), place.state, seen=seen
    )


# -- before the commit


def test_a_change_is_applied_whole(place: Place) -> None:
    made = Generation(1, 5, "tarkpm add demo", "new", "", {})
    added = place.toml.with_name("tark.lock")
    commit(
        place,
        documents=(*place.transaction.documents, DocumentEdit.change(added, None, b"version = 2\n")),
        generations=(made,),
        seen={place.toml: b"old", added: None},
    )
    assert (place.toml.read_bytes(), added.read_bytes()) == (b"new", b"version = 2\n")
    assert place.environment.names() == ["demo"]
    assert place.state.find(place.record.path) == place.record
    assert History(place.state.root, place.record.environment).newest() == made
    assert files(place.environment.work) == {"id": b"e" * 32}
    assert journal.pending(place.environment, place.state) is None


def test_a_change_brings_back_what_was_stored(place: Place, tmp_path: Path) -> None:
    copy, data = tmp_path / "copy", tmp_path / "data"
    for file, value in ((copy, "then"), (data / STORED, "now")):
        file.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("create table notes (text)")
            database.execute("insert into notes values (?)", (value,))
    commit(place, restored=((str(copy), str(data)),))
    with closing(sqlite3.connect(data / STORED)) as database:
        assert database.execute("select text from notes").fetchall() == [("then",)]


@pytest.mark.parametrize("now", [b"mine", None])
def test_a_document_that_was_edited_while_asking(place: Place, now: bytes | None) -> None:
    seen = {place.toml: now} if now else {place.toml.with_name("tark.lock"): b"was there"}
    with pytest.raises(Edited) as caught:
        commit(place, seen=seen)
    (path,) = seen
    assert caught.value.message == f"{path.name} was edited in the meantime: nothing was changed"
    assert caught.value.where == str(path)
    unchanged(place)


@pytest.mark.parametrize("which", ["plugins", "document", "install", "remove", "aside"])
def test_a_folder_that_is_not_writable_is_found_before_the_commit(
    place: Place, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    environment = place.environment
    folder = {"plugins": environment.plugins, "document": place.toml.parent}.get(
        which, environment.folder(which)
    )
    names = ("install", "remove", "aside")
    for name in names:
        environment.folder(name).mkdir()
    asked: list[tuple[Path, int, bool]] = []

    def access(path: Path, mode: int, *, effective_ids: bool = False) -> bool:
        asked.append((path, mode, effective_ids))
        return path != folder

    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(os, "supports_effective_ids", {access})
    changes = {
        "install": ("install",),
        "remove": ("remove",),
        "aside": {"aside": str(environment.kept / "a")},
    }
    with pytest.raises(PermissionError) as caught:
        commit(place, **changes)
    assert (caught.value.errno, caught.value.filename) == (errno.EACCES, str(folder))
    assert caught.value.strerror == "permission denied"
    assert asked[-1] == (folder, os.W_OK | os.X_OK, True)
    assert place.toml.read_bytes() == b"old"
    assert not environment.journal.exists()


def test_a_link_and_a_folder_that_is_not_there_need_not_be_writable(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A rename moves the link itself."""
    (tmp_path / "elsewhere").mkdir()
    link = place.environment.folder("link")
    link.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(os, "access", lambda path, *_, **__: path != link)
    commit(place, remove=("link", "gone"))
    assert not link.is_symlink()
    assert (tmp_path / "elsewhere").is_dir()


def test_the_staged_texts_are_private_until_they_replace_a_document(place: Place) -> None:
    place.toml.chmod(0o640)
    added = place.toml.with_name("tark.lock")
    documents = (*place.transaction.documents, DocumentEdit.change(added, None, b"1"))
    place.transaction = msgspec.structs.replace(place.transaction, documents=documents)
    place.interrupt()
    staged = [place.environment.work / f"document-{number}" for number in range(2)]
    assert [path.read_bytes() for path in staged] == [b"new", b"1"]
    assert stat.S_IMODE(staged[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(staged[1].stat().st_mode) == 0o644 & ~_umask()
    assert stat.S_IMODE(place.environment.journal.stat().st_mode) == 0o600
    journal.recover(place.environment, place.state)
    assert stat.S_IMODE(place.toml.stat().st_mode) == 0o640


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# -- after the commit


def test_a_journal_that_is_not_ours_names_itself(place: Place) -> None:
    place.environment.journal.write_bytes(b"{}")
    with pytest.raises(StoreError) as caught:
        journal.pending(place.environment, place.state)
    where = str(place.environment.journal)
    assert (caught.value.where, caught.value.hint) == (where, f"inspect it, then: rm {shlex.quote(where)}")


def test_an_interruption_between_the_documents_is_finished(place: Place) -> None:
    """A document that has its new text already was not edited, and neither was one that is still missing."""
    added = place.toml.with_name("tark.lock")
    documents = (*place.transaction.documents, DocumentEdit.change(added, None, b"1"))
    place.transaction = msgspec.structs.replace(place.transaction, documents=documents)
    place.interrupt()
    place.toml.write_bytes(b"new")
    assert journal.recover(place.environment, place.state) == "an interrupted change was finished first"
    assert added.read_bytes() == b"1"


def test_a_document_that_is_gone_was_edited(place: Place) -> None:
    place.interrupt()
    place.toml.unlink()
    assert "was dropped" in journal.recover(place.environment, place.state)
    assert not place.toml.exists()


def test_what_fails_after_the_commit_is_finished_by_the_next_command(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(place.toml))

    with monkeypatch.context() as broken:
        broken.setattr(journal, "replace_by", fail)
        with pytest.raises(Unfinished) as caught:
            commit(place)
    assert (
        caught.value.message == "the change is committed but cannot be applied yet: no space left on device"
    )
    assert caught.value.where == str(place.toml)
    assert caught.value.hint == "fix this; the next tarkpm command here finishes the change"
    assert place.environment.journal.exists()
    assert journal.recover(place.environment, place.state) == "an interrupted change was finished first"
    assert place.toml.read_bytes() == b"new"


def test_a_failure_without_a_file_names_the_environment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("Odd")

    monkeypatch.setattr(journal, "replace_by", fail)
    with pytest.raises(Unfinished, match="cannot be applied yet: odd") as caught:
        commit(place)
    assert caught.value.where == str(place.environment.base)


def test_a_document_on_another_file_system_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(journal, "replace_by", fail)
    commit(place)
    assert place.toml.read_bytes() == b"new"


def test_a_staged_text_that_is_gone_is_written_again(place: Place) -> None:
    place.interrupt()
    (place.environment.work / "document-0").unlink()
    journal.recover(place.environment, place.state)
    assert place.toml.read_bytes() == b"new"


def test_a_document_with_its_new_text_is_not_touched(place: Place) -> None:
    place.interrupt()
    place.toml.write_bytes(b"new")
    before = place.toml.stat().st_ino
    journal.recover(place.environment, place.state)
    assert place.toml.stat().st_ino == before


# -- folders


def plugin(place: Place, name: str, text: bytes) -> Path:
    folder = place.environment.folder(name)
    folder.mkdir()
    (folder / "plugin.toml").write_bytes(text)
    return folder


def test_folders_are_replaced_removed_and_set_aside(place: Place, tmp_path: Path) -> None:
    plugin(place, "demo", b"old")
    plugin(place, "gone", b"gone")
    plugin(place, "theirs", b"theirs")
    kept = place.environment.free_to_keep("theirs")
    data, moved = tmp_path / "data-1", tmp_path / "data-2"
    data.mkdir()
    moved.mkdir()
    (data / "a").write_bytes(b"1")
    commit(place, remove=("gone",), aside={"theirs": str(kept)}, data=((str(data), str(moved)),))
    assert files(place.environment.plugins)["demo/plugin.toml"] == b"new"
    assert place.environment.names() == ["demo"]
    assert files(kept) == {"plugin.toml": b"theirs"}
    assert stat.S_IMODE(place.environment.kept.stat().st_mode) == 0o700
    assert files(moved) == {"a": b"1"}
    assert not place.environment.trash.exists()


def test_every_step_may_be_repeated(place: Place) -> None:
    """As after an interruption just before the journal is deleted: what has happened does not happen again."""
    plugin(place, "gone", b"gone")
    plugin(place, "theirs", b"theirs")
    kept = place.environment.free_to_keep("theirs")
    place.transaction = msgspec.structs.replace(
        place.transaction, remove=("gone",), aside={"theirs": str(kept)}
    )
    place.interrupt()
    sealed = place.environment.journal.read_bytes()
    journal.recover(place.environment, place.state)
    place.environment.journal.write_bytes(sealed)
    plugin(place, "theirs", b"new ones")
    assert journal.recover(place.environment, place.state) == "an interrupted change was finished first"
    assert files(place.environment.plugins)["demo/plugin.toml"] == b"new"
    assert files(kept) == {"plugin.toml": b"theirs"}
    assert files(place.environment.folder("theirs")) == {"plugin.toml": b"new ones"}


def test_what_an_earlier_run_left_in_the_trash_makes_room(place: Place) -> None:
    plugin(place, "demo", b"old")
    place.interrupt()
    trash = place.environment.trash / "demo"
    trash.mkdir(parents=True)
    (trash / "left").write_bytes(b"x")
    journal.recover(place.environment, place.state)
    assert files(place.environment.plugins)["demo/plugin.toml"] == b"new"


def test_the_versions_of_a_transaction(place: Place) -> None:
    assert Transaction((), (), (), place.record).version == 1
    assert DocumentEdit.change(place.toml, b"", b"x") == DocumentEdit(
        str(place.toml), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "x"
    )
    assert DocumentEdit.change(place.toml, None, b"x").before == ""
