"""The ring of recorded calls: its bounds, and files in it that are not its own."""

import multiprocessing
import os
from pathlib import Path

import pytest

from tarkpm.core.recorded import RecordedCall
from tarkpm.errors import StoreError
from tarkpm.store import call_ring
from tarkpm.store.call_ring import KEPT, MAX_AGE, MAX_TOTAL, CallRing

DAY = 24 * 60 * 60 * 1000


def call(at: int = 1, output: str = "done") -> RecordedCall:
    return RecordedCall(at, "0" * 64, "tool", "{}", output)


@pytest.fixture
def ring(tmp_path: Path) -> CallRing:
    return CallRing(tmp_path / "state", Path("/data/environment/plugin"))


def test_the_newest_are_kept_within_count_bytes_and_age(ring: CallRing) -> None:
    assert [ring.add(call(at)) for at in range(KEPT + 5)] == [True, *[False] * (KEPT + 4)]
    assert [one.at for one in ring.read()[0]] == list(range(KEPT + 4, 4, -1))
    for at in range(200, 200 + KEPT):
        ring.add(call(at, "x" * 200_000))
    assert sum(file.stat().st_size for file in ring.folder.iterdir()) <= MAX_TOTAL
    ring.add(call(MAX_AGE + 250))
    assert [one.at for one in ring.read()[0]][-1] >= 250
    with pytest.raises(StoreError, match="larger than"):
        ring.add(call(1, "x" * 300_000))
    ring.remove()
    assert ring.read() == ([], [])


def test_a_call_of_a_wrong_clock_is_kept_all_the_same(ring: CallRing) -> None:
    ring.add(call(90 * DAY))
    ring.add(call(1))
    assert [one.at for one in ring.read()[0]] == [90 * DAY, 1]


@pytest.mark.parametrize(
    "planted",
    [b"", b"{", b"[" * 100_000, b'{"version":9}', b"x" * 3_000_000, b'{"at":-1,"module":"","tool":""}'],
)
def test_what_cannot_be_read_is_said_and_hides_nothing(ring: CallRing, planted: bytes) -> None:
    ring.add(call())
    (ring.folder / f"{7:015d}-{'a' * 16}.json").write_bytes(planted)
    (ring.folder / "other.json").write_bytes(planted)
    found, problems = ring.read()
    assert ([one.at for one in found], len(problems)) == ([1], 1)


def test_links_and_folders_of_others_are_not_read(ring: CallRing, tmp_path: Path) -> None:
    ring.add(call())
    (planted,) = ring.folder.iterdir()
    planted.rename(tmp_path / "pulled.json")
    planted.symlink_to(tmp_path / "pulled.json")
    found, problems = ring.read()
    assert (found, len(problems)) == ([], 1)
    planted.unlink()
    ring.add(call(2))
    ring.folder.parent.chmod(0o777)
    assert ring.read() == ([], ["the folder of recorded calls is not this user's own"])
    with pytest.raises(StoreError):
        ring.add(call(3))
    ring.folder.parent.chmod(0o700)
    ring.folder.rename(tmp_path / "mine")
    ring.folder.symlink_to(tmp_path / "mine")
    assert ring.read() == ([], ["the folder of recorded calls is not this user's own"])


def test_what_a_killed_process_left_goes(ring: CallRing) -> None:
    ring.add(call())
    left = ring.folder / ".000000000000001-aaaaaaaaaaaaaaaa.json.0123.tmp"
    left.write_text('{"at"')
    assert len(ring.read()[0]) == 1
    ring.add(call(int(left.stat().st_mtime * 1000) + 30 * DAY))
    assert not left.exists()


def _add_many(root: Path, start: int) -> None:
    ring = CallRing(root, Path("/data/environment/plugin"))
    for at in range(start, start + 80):
        ring.add(call(at))
    os._exit(0)


def test_two_processes_at_once(ring: CallRing, tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=_add_many, args=(tmp_path / "state", start)) for start in (1, 1)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert [one.exitcode for one in both] == [0, 0]
    found, problems = ring.read()
    assert (len(found), problems) == (KEPT, [])
    assert len(list(ring.folder.iterdir())) == call_ring.KEPT
