"""kill -9 at any instant of a maintainer's command, and two of them at once."""

from pathlib import Path
from typing import Any

import pytest
from support import index_killer
from support.community import BOTH, Community
from support.kill_everywhere import kill_everywhere
from support.sandbox import Sandbox


def _kill_everywhere(root: Path, community: Community, *command: str | Path) -> list[dict[str, Any]]:
    return kill_everywhere(index_killer, root, community.sandbox, community.folder, *command)


@pytest.fixture
def community(tmp_path: Path) -> Community:
    """An index with one release, in ``work``."""
    found = Community(Sandbox(tmp_path / "work"))
    found.claim()
    found.publish("1.0.0")
    return found


def test_a_killed_accept_leaves_the_old_index_or_the_new(tmp_path: Path, community: Community) -> None:
    folder = community.release("1.1.0")
    results = _kill_everywhere(tmp_path, community, "index", "accept", folder)
    old, new = results[0]["seen"], results[-1]["seen"]
    assert (old[0], new[0]) == (["1.0.0"], ["1.0.0", "1.1.0"])
    assert len(results) > 12, "the hook saw hardly anything"
    for result in results:
        assert result["seen"] in (old, new), result
        assert result["after"] == result["seen"], result
        assert result["refreshed"] == 0, result
        # the release's bytes may be there already, and nothing leads to them yet
        assert result["findings"] in ([], ["no listed release has this file"]), result


@pytest.mark.slow
def test_a_killed_claim_leaves_the_old_index_or_the_new(tmp_path: Path, community: Community) -> None:
    new = community.key("pat2")
    command = ("index", "rotate", "publisher", "text-tools", "--to", new, *BOTH)
    results = _kill_everywhere(tmp_path, community, *command)
    assert results[-1]["seen"][1] == new
    for result in results:
        assert result["seen"] in (results[0]["seen"], results[-1]["seen"]), result
        assert (result["refreshed"], result["findings"]) == (0, []), result


@pytest.mark.slow
@pytest.mark.parametrize("what", ["root", "online"])
def test_a_killed_rotation_with_all_keys_here_is_finished_by_the_next_refresh(
    tmp_path: Path, community: Community, what: str
) -> None:
    community.key("carol")
    swap = ["--add", community.key("carol"), "--remove", community.key("alice"), "--key", "carol"]
    more = swap if what == "root" else ["--online", community.key("carol")]
    results = _kill_everywhere(tmp_path, community, "index", "rotate", what, *more, *BOTH)
    old, new = results[0]["seen"], results[-1]["seen"]
    assert old != new
    for result in results:
        assert result["refreshed"] == 0, result
        assert result["after"] in (old, new), result
        assert (result["findings"], result["waiting"]) == ([], []), result


@pytest.mark.slow
def test_a_killed_create_is_finished_by_the_next_refresh(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "work")
    keys = [word for who in ("alice", "bob") for word in ("--maintainer", sandbox.key(who))]
    sandbox.key("x-online")
    folder = tmp_path / "work" / "idx"
    folder.mkdir()
    community = Community.__new__(Community)
    community.sandbox, community.folder = sandbox, folder
    create = ("index", "create", ".", "--name", "x", "--bins", "1", "--threshold", "2", *keys, *BOTH)
    results = _kill_everywhere(tmp_path, community, *create)
    for result in results:
        assert (
            result["seen"] == results[-1]["seen"]
            or "the folder does not contain an index" in str(result["seen"])
            or ("is missing" in str(result["seen"]))
        ), result
        if result["refreshed"] == 0:
            assert (result["after"], result["findings"]) == (results[-1]["seen"], []), result
        else:
            assert "the folder does not contain an index" in str(result["after"]), result


def test_a_killed_change_of_maintainers_is_finished_by_the_next_refresh(
    tmp_path: Path, community: Community
) -> None:
    """Between a new root and the timestamp a reader is refused; the proposal is still there, and finishes it."""
    swap = ("--add", community.key("carol"), "--remove", community.key("alice"))
    community.run("rotate", "root", *swap, *BOTH).ok()
    digest = community.run("countersign", "--key", "carol", "--dry-run", "--json").ok().json[0]["digest"]
    _hide(community, hide=True)
    community.run("countersign", "--key", "carol", "--agree", digest).ok()
    _hide(community, hide=False)
    results = _kill_everywhere(tmp_path, community, "index", "refresh")
    new = sorted([community.key("bob"), community.key("carol")])
    refused = [result for result in results if isinstance(result["seen"], str)]
    assert len(refused) <= 3, refused
    for result in results:
        assert result["refreshed"] == 0, result
        assert result["after"][2] == new, result
        assert (result["findings"], result["waiting"]) == ([], []), result


@pytest.mark.slow
def test_a_killed_change_of_the_online_key_is_finished_by_the_next_refresh(
    tmp_path: Path, community: Community
) -> None:
    new = community.key("other-online")
    _hide(community, hide=True, name="other-online")
    said = community.run("rotate", "online", "--online", new, *BOTH).ok()
    assert "complete" in said.out
    _hide(community, hide=False, name="other-online")
    results = _kill_everywhere(tmp_path, community, "index", "refresh")
    for result in results:
        assert result["refreshed"] == 0, result
        assert result["after"][3] == new, result
        assert (result["findings"], result["waiting"]) == ([], []), result


def _hide(community: Community, *, hide: bool, name: str = "community-online") -> None:
    """Take a key off the machine, or bring it back."""
    keys = community.sandbox.state / "keys"
    for suffix in (".pem", ".pub"):
        here, away = keys / f"{name}{suffix}", keys / f"{name}{suffix}.away"
        (here if hide else away).rename(away if hide else here)


def test_a_claim_that_was_interrupted_is_finished_by_typing_it_again(community: Community) -> None:
    """It left its proposal, which another proposal may not cross; this one decides the same."""
    claim = ("claim", "json-core", "--publisher", community.key("pat"))
    other = ("claim", "json-core", "--publisher", community.key("pat2"))
    community.run(*claim, "--key", "alice").ok()
    community.run(*other, *BOTH).failed(3, "another waiting proposal changes the same file")
    with community.without_online():
        assert "complete" in community.run(*claim, "--key", "bob").ok().out
    assert community.open().claim("json-core") is None  # type: ignore[arg-type]
    community.run(*claim, *BOTH).ok()
    found = community.open().claim("json-core")  # type: ignore[arg-type]
    assert found is not None
    assert found.key == community.key("pat")
    assert not (community.folder / "pending").exists()
    community.run("check", "--deep").ok()


def test_releases_accepted_at_once_are_all_listed(community: Community) -> None:
    folders = [community.release(f"1.{minor}.0") for minor in range(1, 6)]
    running = [community.sandbox.begin("index", "accept", folder, cwd=community.folder) for folder in folders]
    ended = [end() for end in running]
    assert [result.status for result in ended] == [0] * 5, ended
    rows = community.open().listing("text-tools").rows  # type: ignore[arg-type]
    assert [str(row.version) for row in rows] == [f"1.{minor}.0" for minor in range(6)]
    community.run("check", "--deep").ok()


def test_one_release_accepted_twice_at_once_is_listed_once(community: Community) -> None:
    folder = community.release("1.1.0")
    running = [community.sandbox.begin("index", "accept", folder, cwd=community.folder) for _ in range(3)]
    ended = [end() for end in running]
    assert sorted(result.status for result in ended) == [0, 2, 2], ended
    community.run("check", "--deep").ok()


def test_whoever_waits_too_long_for_the_folder_says_so(community: Community) -> None:
    import fcntl
    import os

    held = os.open(community.folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        late = community.sandbox.fork(
            "index", "refresh", cwd=community.folder, env={"TARKPM_LOCK_TIMEOUT": "0.2"}
        )
        late.failed(6, "another tarkpm is working here")
    finally:
        os.close(held)
