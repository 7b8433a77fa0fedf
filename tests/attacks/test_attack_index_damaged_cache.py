"""The cache holds what it should not: nothing of it is believed, and it is made anew."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.index_fixtures import Victim

from tarkpm.errors import IndexStale


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _garbage(file: Path) -> None:
    file.write_bytes(b"\x00garbage\xff" * 9)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "x").write_text("x")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


def _huge(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(10 << 30)  # sparse


def _gone(file: Path) -> None:
    file.unlink()


DAMAGE = [_truncate, _garbage, _folder, _pipe, _link, _huge, _gone]


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_file(victim: Victim, damage: Callable[[Path], None]) -> None:
    before = victim.looks()
    files = sorted(path.relative_to(victim.cached) for path in victim.cached.rglob("*.json"))
    assert len(files) > 10
    for file in files:
        damage(victim.cached / file)
        assert victim.looks() == before, file
        assert (victim.cached / file).is_file(), file


@pytest.mark.parametrize("damage", DAMAGE)
def test_all_files_at_once(victim: Victim, damage: Callable[[Path], None]) -> None:
    before = victim.looks()
    for file in victim.cached.rglob("*.json"):
        damage(file)
    assert victim.looks() == before
    victim.server.requests.clear()
    assert victim.looks() == before
    assert len(victim.server.requests) == 2, victim.server.paths


@pytest.mark.parametrize("inside", ["", "root_history", "targets"])
@pytest.mark.parametrize("what", ["file", "link"])
def test_something_else_than_a_folder(victim: Victim, inside: str, what: str, tmp_path: Path) -> None:
    before = victim.looks()
    folder = victim.cached / inside
    shutil.rmtree(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if what == "file":
        folder.write_text("x")
    else:
        folder.symlink_to(elsewhere)
    assert victim.looks() == before
    assert list(elsewhere.iterdir()) == []


def test_deleted_between_two_questions_of_a_command(victim: Victim) -> None:
    before = victim.looks()
    with victim.client() as client:
        claim = client.claims([before[0].name])  # type: ignore[union-attr]
        shutil.rmtree(victim.folder / "cache")
        assert client.listings(list(claim)) == dict.fromkeys(claim, before[1])


def test_two_bins_swapped_in_the_cache(victim: Victim) -> None:
    """Both signed, both of one version; the file's own role tells."""
    before = victim.looks()
    index = victim.index
    for path in ("publishers/text-tools.json", "index/text-tools.json"):
        own = index.bin(path)
        parent = own.partition("-")[0]
        other = next(role for role in index.succinct(parent).get_roles() if role != own)
        data = index.load(other).to_bytes()
        (victim.cached / f"{own}.json").write_bytes(data)
    assert victim.looks() == before


def test_what_was_seen_still_counts_where_the_cache_is_whole(victim: Victim, tmp_path: Path) -> None:
    """Healing one file is not forgetting the others."""
    shutil.copytree(victim.index.folder, tmp_path / "yesterday")
    victim.index.publish()
    victim.looks()
    _garbage(victim.cached / "snapshot.json")
    (victim.cached / "targets.json").mkdir() if not (victim.cached / "targets.json").exists() else None
    victim.server.serve(tmp_path / "yesterday")
    victim.meets(IndexStale, "stale mirror")
