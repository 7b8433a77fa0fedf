"""A plugin's storage: quotas, several processes, kill -9, links."""

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarkpm.core.names import STORED
from tarkpm.host.imports.storage import MAX_KEYS, Storage

FOREVER = float("inf")


class Shelf:
    """A storage with the calls spelled out."""

    def __init__(self, folder: Path) -> None:
        self.reports: list[str] = []
        self.storage = Storage(folder, self.reports.append)

    def call(self, function: str, *args: str, deadline: float = FOREVER) -> Any:
        return self.storage.call(function, args, deadline)

    def get(self, key: str) -> Any:
        return self.call("get", key)

    def set(self, key: str, value: str) -> Any:
        return self.call("set", key, value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "data"


@pytest.fixture
def shelf(folder: Path) -> Any:
    shelf = Shelf(folder)
    yield shelf
    shelf.storage.close()


DONE = {"ok": None}


def test_nothing_exists_before_the_first_write(shelf: Shelf, folder: Path) -> None:
    assert shelf.get("k") is None
    assert shelf.call("list-keys") == []
    assert shelf.call("delete", "k") == DONE
    assert not folder.parent.exists()
    assert shelf.set("k", "v") == DONE
    assert shelf.get("k") == "v"


def test_file_and_folder_are_private(shelf: Shelf, folder: Path) -> None:
    old = os.umask(0)
    try:
        shelf.set("k", "v")
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_a_folder_open_to_others_is_closed(shelf: Shelf, folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    shelf.set("k", "v")
    (folder / STORED).chmod(0o644)
    shelf.get("k")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / STORED).stat().st_mode) == 0o600


def test_set_get_delete_list(shelf: Shelf) -> None:
    for key, value in [("b", "1"), ("a", "2"), ("b", "3"), ("", ""), ("\0x", "\0")]:
        assert shelf.set(key, value) == DONE
    assert shelf.call("list-keys") == ["", "\0x", "a", "b"]
    assert [shelf.get(key) for key in ("b", "", "\0x", "c")] == ["3", "", "\0", None]
    assert shelf.call("delete", "b") == DONE
    assert shelf.call("delete", "b") == DONE
    assert shelf.get("b") is None


def test_it_survives_closing(shelf: Shelf) -> None:
    shelf.set("k", "v")
    shelf.storage.close()
    assert shelf.get("k") == "v"


def test_sizes_of_keys_and_values(shelf: Shelf) -> None:
    assert shelf.set("ü" * 512, "v") == DONE
    assert shelf.set("ü" * 512 + "x", "v") == {"err": "the key is 1,025 bytes long, the limit is 1 KiB"}
    assert shelf.set("k", "x" * (1 << 20)) == DONE
    assert shelf.set("k", "x" * (1 << 20) + "x") == {
        "err": "the value is 1,048,577 bytes long, the limit is 1 MiB"
    }
    assert len(shelf.get("k")) == 1 << 20


def test_all_of_it_together(shelf: Shelf) -> None:
    big = "x" * (1 << 20)
    for number in range(15):
        assert shelf.set(f"{number}", big) == DONE
    full = {"err": "storage is full: the limit is 16 MiB"}
    assert shelf.set("15", big) == full
    assert shelf.get("15") is None
    assert shelf.set("0", big) == DONE  # replacing takes no more room
    assert shelf.call("delete", "3") == DONE
    assert shelf.set("15", big) == DONE
    assert shelf.set("16", big) == full


def test_how_many_keys(shelf: Shelf, folder: Path) -> None:
    shelf.set("0", "")
    shelf.storage.close()
    with sqlite3.connect(folder / STORED) as database:
        rows = [(str(number).encode(), b"") for number in range(1, MAX_KEYS)]
        database.executemany("INSERT INTO entry VALUES (?, ?)", rows)
        database.execute("UPDATE total SET keys = ?, bytes = 100000", (MAX_KEYS,))
    database.close()
    assert shelf.set("one more", "") == {"err": "storage is full: the limit is 10,000 keys"}
    assert shelf.set("7", "new") == DONE
    assert len(shelf.call("list-keys")) == MAX_KEYS


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.none() | st.text(st.characters(codec="utf-8"), max_size=5)),
        max_size=12,
    )
)
@settings(deadline=None)
def test_the_count_that_quotas_rest_on_is_right(changes: list[tuple[str, str | None]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        shelf, model = Shelf(Path(name)), dict[str, str]()
        for key, value in changes:
            if value is None:
                shelf.call("delete", key)
                model.pop(key, None)
            else:
                shelf.set(key, value)
                model[key] = value
        assert {key: shelf.get(key) for key in shelf.call("list-keys")} == model
        if shelf.storage._database is not None:
            total = shelf.storage._database.execute("SELECT keys, bytes FROM total").fetchone()
            assert total == (len(model), sum(len(k.encode()) + len(v.encode()) for k, v in model.items()))
        shelf.storage.close()


@pytest.mark.parametrize("what", ["folder", "file", "dangling file", "hard link", "fifo", "file as folder"])
def test_what_is_not_ours_is_refused(shelf: Shelf, folder: Path, tmp_path: Path, what: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    folder.parent.mkdir(parents=True)
    sentence = "storage cannot be used: 'storage.sqlite3' is a link"
    match what:
        case "folder":
            elsewhere.mkdir()
            folder.symlink_to(elsewhere)
            sentence = "storage cannot be used: 'data' is a link"
        case "file as folder":
            folder.write_text("")
            sentence = "storage cannot be created: File exists"
        case _:
            folder.mkdir()
            if what == "fifo":
                os.mkfifo(folder / STORED)
                sentence = "storage cannot be used: 'storage.sqlite3' is not a regular file or folder"
            elif what == "hard link":
                elsewhere.write_text("")
                os.link(elsewhere, folder / STORED)
                sentence = (
                    "storage cannot be used: 'storage.sqlite3' belongs to another user or has another name"
                )
            else:
                if what == "file":
                    elsewhere.write_text("")
                (folder / STORED).symlink_to(elsewhere)
    assert shelf.set("k", "v") == {"err": sentence}
    assert shelf.get("k") is None
    assert shelf.call("list-keys") == []
    assert len(shelf.reports) == 1
    assert shelf.reports[0].startswith("reads its storage as empty: storage cannot be used: ")
    if what == "folder":
        assert list(elsewhere.iterdir()) == []
    elif elsewhere.exists():
        assert elsewhere.read_text() == ""


@pytest.mark.parametrize(
    "content", [b"not a database at all, but longer than a header of one hundred bytes " * 3]
)
def test_a_damaged_file(shelf: Shelf, folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / STORED).write_bytes(content)
    assert shelf.set("k", "v") == {"err": "storage is damaged"}
    assert shelf.get("k") is None
    assert shelf.reports == ["reads its storage as empty: storage is damaged"]
    assert (folder / STORED).read_bytes() == content


def test_foreign_rows(shelf: Shelf, folder: Path) -> None:
    shelf.set("k", "v")
    shelf.storage.close()
    with sqlite3.connect(folder / STORED) as database:
        database.execute("UPDATE entry SET value = 7")
        database.execute("DELETE FROM total")
    database.close()
    assert shelf.get("k") is None
    assert shelf.set("k", "v") == {"err": "storage is damaged"}


def test_a_newer_format(shelf: Shelf, folder: Path) -> None:
    shelf.set("k", "v")
    shelf.storage.close()
    with sqlite3.connect(folder / STORED) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    assert shelf.set("k", "v") == {"err": "storage was written by a newer tarkpm"}


def test_a_writer_that_does_not_finish(shelf: Shelf, folder: Path) -> None:
    shelf.set("k", "v")
    other = sqlite3.connect(folder / STORED, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    busy = shelf.call("set", "k", "w", deadline=time.monotonic() + 0.2)
    assert busy == {"err": "storage is busy: another process is writing"}
    assert time.monotonic() - start < 3
    assert shelf.get("k") == "v"
    other.execute("ROLLBACK")
    other.close()
    assert shelf.set("k", "w") == DONE


def _count_up(folder: Path, name: str, turns: int) -> None:
    shelf = Shelf(folder)
    for turn in range(turns):
        assert shelf.set(f"{name}{turn}", "v") == DONE
    shelf.storage.close()


def test_two_processes_at_once(folder: Path, shelf: Shelf) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_count_up, args=(folder, name, 60)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
        assert writer.exitcode == 0
    assert len(shelf.call("list-keys")) == 120


WRITER = """
import sys
from pathlib import Path
from tarkpm.host.imports.storage import Storage
storage = Storage(Path(sys.argv[1]), print)
for turn in range(10**6):
    text = str(turn)
    entry = "k%d" % (turn % 5), text * (200_000 // len(text))
    assert storage.call("set", entry, float("inf")) == {"ok": None}
    print(turn, flush=True)
"""


def test_kill_9_in_the_middle_of_a_write(folder: Path, shelf: Shelf) -> None:
    for attempt in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        with writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()  # on a busy machine there is no second
            time.sleep(0.05 + 0.003 * attempt)
            writer.send_signal(signal.SIGKILL)
            answered = [line for line in (first + writer.stdout.read()).split("\n")[:-1] if line]
        last = int(answered[-1])
        found = shelf.get(f"k{last % 5}")
        turn = int(found[: len(str(last))])
        assert turn == last  # what was answered is there
        assert all(shelf.get(key)[:1].isdigit() for key in shelf.call("list-keys"))
        assert shelf.set("k0", "0") == DONE
        database = shelf.storage._database
        assert database is not None
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        shelf.storage.close()
