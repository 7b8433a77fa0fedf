"""Files: bounded, whole or not at all, links not followed; locks that name their holder; parallel work."""

import os
import sys
import threading
from pathlib import Path

import pytest

from tarkpm.core.digest import FileEntry
from tarkpm.errors import DigestMismatch, StoreBusy, StoreError, TooLarge
from tarkpm.io import files
from tarkpm.io.locks import exclusive, folder_lock
from tarkpm.io.parallel import run_parallel


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert files.read_file(path, 5) == b"12345"
    with pytest.raises(TooLarge, match="more than 4 bytes"):
        files.read_file(path, 4)
    assert files.read_optional(tmp_path / "nothing", 1) is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_does_not_know_its_size_is_read_to_its_end() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    assert b"Name:" in files.read_file(Path("/proc/self/status"), 65536)
    with pytest.raises(TooLarge):
        files.read_file(Path("/proc/self/status"), 10)


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    (tmp_path / "target").write_bytes(b"secret")
    match kind:
        case "link":
            path.symlink_to("target")
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    with pytest.raises(StoreError, match="expected a regular file"):
        files.read_file(path, 10)


def test_a_buffer_is_used_again_for_files_of_any_size(tmp_path: Path) -> None:
    buffer = bytearray()
    for data in (b"a" * 10, b"b" * 100_000, b"", b"c" * 5):
        (tmp_path / "x").write_bytes(data)
        assert bytes(files.read_into(tmp_path / "x", buffer, 10**6)) == data
    (tmp_path / "x").write_bytes(b"12345")
    with pytest.raises(TooLarge):
        files.read_into(tmp_path / "x", buffer, 4)


def test_a_write_replaces_whole_files_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.atomic_write(path, b"old")
    files.atomic_write(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        files.atomic_write(path, "text")  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"new"


def test_what_is_kept_makes_its_folder_and_replaces_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x"
    for data in (b"", b"x" * 3_000_000, b"new"):
        files.keep(path, data, mode=0o444)
        assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["x"]


def test_a_file_that_is_there_is_not_written_anew(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to("nothing")
    for name in ("x", "link"):
        with pytest.raises(FileExistsError):
            files.write_new(tmp_path / name, b"ours", 0o644)
    assert (tmp_path / "x").read_bytes() == b"theirs"
    assert not (tmp_path / "nothing").exists()


def test_a_copy_is_checked_and_a_bad_one_is_not_left(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    entry = FileEntry.of("a", data)
    with (tmp_path / "a").open("rb") as source:
        files.copy_verified(source.fileno(), tmp_path / "b", entry, where="a")
    assert (tmp_path / "b").read_bytes() == data
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o444
    wrong = FileEntry.of("a", data + b"x")
    with (
        (tmp_path / "a").open("rb") as source,
        pytest.raises(DigestMismatch, match=f"expected {wrong.sha256}"),
    ):
        files.copy_verified(source.fileno(), tmp_path / "c", wrong, where="a")
    assert not (tmp_path / "c").exists()


def test_removing_a_tree_removes_links_and_not_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    files.remove_tree(tmp_path / "tree")
    files.remove_tree(tmp_path / "tree")
    assert (tmp_path / "kept").is_dir()


def test_folders_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    files.make_private(tmp_path / "a" / "b" / "c")
    assert {
        oct(p.stat().st_mode & 0o777) for p in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c")
    } == {"0o700"}
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        files.make_private(tmp_path / "file")


def test_a_lock_is_exclusive_and_names_its_holder(tmp_path: Path) -> None:
    sentence = rf"process {os.getpid()} \(tarkpm sync\) is working here"
    with (
        exclusive(tmp_path / "lock", "tarkpm sync", 1),
        pytest.raises(StoreBusy, match=sentence),
        exclusive(tmp_path / "lock", "tarkpm add", 0.05),
    ):
        pass
    with exclusive(tmp_path / "lock", "tarkpm add", 0.05):
        pass


def test_readers_share_a_folder_and_a_writer_waits(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path, shared=True, deadline_seconds=1),
        folder_lock(tmp_path, shared=True, deadline_seconds=1),
        pytest.raises(StoreBusy),
        folder_lock(tmp_path, shared=False, deadline_seconds=0.05),
    ):
        pass


def test_work_in_parallel_keeps_its_order_and_raises_the_first_problem() -> None:
    assert run_parallel(lambda n: n * 2, range(50), threads=4) == [n * 2 for n in range(50)]
    assert run_parallel(lambda n: n, [], threads=4) == []
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        threading.Event().wait(0.01)
        return number

    with pytest.raises(ValueError, match="three"):
        run_parallel(work, range(1000), threads=2)
    assert len(begun) < 1000
