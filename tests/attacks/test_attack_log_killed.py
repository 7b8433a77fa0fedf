"""kill -9 at any instant of `accept` and `log init`: the log still matches, and never signs two trees of one size."""

import shutil
from pathlib import Path

import pytest
from support import index_killer, log_killer
from support.community import BOTH, Community
from support.kill_everywhere import kill_everywhere
from support.logged import TEXT, LoggedIndex
from support.sandbox import Sandbox

from tarkpm.core.tlog.proof import parse_proof


def test_an_accept_that_ended_between_the_checkpoint_and_the_snapshot(logged: LoggedIndex) -> None:
    """Its entry stays, and is taken over by the same release, with another one accepted in the meantime."""
    first, second = logged.release("1.1.0"), logged.release("1.2.0")
    before = logged.copied("before")
    logged.run("accept", first).ok()
    tree = logged.log.checkpoint
    shutil.rmtree(logged.folder / "metadata")
    shutil.copytree(before / "metadata", logged.folder / "metadata")
    notes = [one["message"] for one in logged.run("check", "--json").json["findings"] if one["note"]]
    assert "1 of 2 entries of the log are not listed: text-tools 1.1.0" in notes
    logged.run("accept", second).ok()
    logged.run("accept", first).ok()
    log = logged.log
    assert tree is not None
    assert (log.size, log.root_at(tree.size)) == (3, tree.root)
    assert parse_proof(logged.open().listing(TEXT).rows[1].proof).index == 1
    logged.run("refresh").ok()  # sweeps the listing that was never current
    assert logged.findings("--deep") == []


@pytest.mark.slow
def test_a_killed_accept(tmp_path: Path) -> None:
    logged = LoggedIndex(tmp_path, maintainers="work")
    folder = logged.release("1.1.0")
    command = ("index", "accept", folder)
    results = kill_everywhere(log_killer, tmp_path, logged.sandbox, logged.folder, *command)
    old, new = results[0]["before"], results[-1]["before"]
    assert (len(old), len(new)) == (2, 3)
    assert [one["before"] for one in results].count(new) >= 3, "no kill between checkpoint and timestamp"
    for one in results:
        assert one["before"] in (old, new), one
        # Its files, or its entry, may be there already, and nothing leads to them yet.
        assert one["findings"] == [], one
        assert all("not listed: text-tools 1.1.0" in note for note in one["notes"] if "entries" in note), one
        # Accepted again, it takes over the entry it has: the very same tree, however it was reached.
        assert one["again"] in (0, 2), one
        assert (one["after"], one["ended"]) == (new, 0), one


@pytest.mark.slow
def test_a_killed_log_init_is_finished_by_the_next_refresh(tmp_path: Path) -> None:
    community = Community(Sandbox(tmp_path / "work"))
    community.claim()
    community.publish("1.0.0")
    results = kill_everywhere(
        index_killer, tmp_path, community.sandbox, community.folder, "index", "log", "init", *BOTH
    )
    for one in results:
        assert one["refreshed"] == 0, one
        assert (one["findings"], one["waiting"]) == ([], []), one
