"""What was downloaded goes when nobody needs it, and never while somebody does."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Publisher
from support.sandbox import Sandbox


@pytest.fixture
def locked(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project with one signed plugin from git."""
    publisher.release()
    sandbox.init()
    add(sandbox, publisher)
    return sandbox


def add(sandbox: Sandbox, publisher: Publisher, *more: str) -> None:
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities", *more).ok()


def blobs(sandbox: Sandbox) -> list[Path]:
    return sorted(path for path in sandbox.store.glob("blobs/*"))


BUILT = {"builds": 0, "toolchains": 0}


def kinds(report: Any) -> dict[str, int]:
    return {one["kind"]: one["count"] for one in report["kinds"]}


def test_size_and_dir(locked: Sandbox) -> None:
    locked.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
    found = locked.run("cache", "size", "--json").ok().json
    assert kinds(found) == {"blobs": 5, "git": 1, "compiled": 1, "index": 0} | BUILT
    assert found["bytes"] == sum(path.stat().st_size for path in locked.store.rglob("*") if path.is_file())
    text = locked.run("cache", "size").ok().out
    assert f"({found['bytes']:,} bytes)" in text
    assert locked.run("cache", "dir").ok().out.strip() == str(locked.store)


def test_prune_takes_what_no_project_locks(locked: Sandbox, publisher: Publisher) -> None:
    before = blobs(locked)
    assert kinds(locked.run("cache", "prune", "--json").ok().json) == dict.fromkeys(
        ("blobs", "git", "compiled", "index", *BUILT), 0
    )
    publisher.release("1.1.0")
    locked.run("update").ok()
    assert len(blobs(locked)) > len(before)
    # an earlier generation locks them
    assert "nothing to delete" in locked.run("cache", "prune").ok().out
    shutil.rmtree(locked.state / "history")
    looked = locked.run("cache", "prune", "--dry-run").ok()
    assert "would delete 2 blobs" in looked.out
    assert "would delete 1 git" in looked.out
    pruned = locked.run("cache", "prune", "--json").ok().json
    assert kinds(pruned) == {"blobs": 2, "git": 1, "compiled": 0, "index": 0} | BUILT
    shutil.rmtree(locked.cwd / ".tark")
    locked.run("sync", "--offline").ok()


def test_a_project_that_is_gone_no_longer_counts_and_its_data_stays(locked: Sandbox) -> None:
    locked.run("call", "text-tools", "save-note", '{"key":"k","text":"kept"}').ok()
    records = sorted((locked.state / "projects").glob("*.json"))
    shutil.rmtree(locked.cwd)
    locked.cwd.mkdir()
    away = locked.root / "away"
    away.mkdir()
    locked.cwd.rmdir()
    pruned = locked.run("cache", "prune", "--json", cwd=away).ok().json
    assert kinds(pruned) == {"blobs": 5, "git": 1, "compiled": 1, "index": 0} | BUILT
    assert blobs(locked) == []
    assert list(locked.data.glob("data/*/text-tools/storage.sqlite3"))
    assert sorted((locked.state / "projects").glob("*.json")) == records


def test_a_lock_that_cannot_be_read_keeps_what_is_installed(locked: Sandbox) -> None:
    (locked.cwd / "tark.lock").write_text("<<<<<<< HEAD\n")
    shutil.rmtree(locked.state / "history")
    pruned = locked.run("cache", "prune").ok()
    assert "the lock cannot be read, so only installed files count as needed" in pruned.out
    assert len(blobs(locked)) == 3


def test_what_somebody_may_be_writing_stays_and_what_nobody_is_goes(locked: Sandbox) -> None:
    folder = blobs(locked)[0].parent
    new, old = folder / ".new.tmp", folder / ".old.tmp"
    new.write_text("x")
    old.write_text("x")
    os.utime(old, (time.time() - 7200,) * 2)
    locked.run("cache", "prune").ok()
    assert new.exists()
    assert not old.exists()


def test_blobs_of_a_tarkpm_that_had_a_folder_for_each_two_digits_go(locked: Sandbox) -> None:
    digest = blobs(locked)[0].name
    old = locked.store / "blobs" / digest[:2] / digest[2:]
    old.parent.mkdir()
    old.write_text("x" * 1000)
    pruned = locked.run("cache", "prune", "--json").ok().json
    assert (kinds(pruned)["blobs"], pruned["bytes"]) == (1, 1000)
    assert not old.parent.exists()
    assert len(blobs(locked)) == 5


def test_clean_takes_all_that_is_tarkpms_and_nothing_else(locked: Sandbox) -> None:
    (locked.store / "mine.txt").write_text("x")
    assert "would delete" in locked.run("cache", "clean", "--dry-run").ok().out
    assert blobs(locked)
    locked.run("cache", "clean").ok()
    assert blobs(locked) == []
    assert (locked.store / "mine.txt").exists()
    locked.run("sync").ok()
    locked.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()


def test_a_link_in_the_cache_is_not_followed(locked: Sandbox) -> None:
    precious = locked.root / "precious"
    (precious / "ab").mkdir(parents=True)
    (precious / "ab" / "file").write_text("mine")
    shutil.rmtree(locked.store / "git")
    (locked.store / "git").symlink_to(precious)
    (locked.store / "blobs" / ("a" * 64)).symlink_to(precious / "ab")
    locked.run("cache", "clean").ok()
    assert (precious / "ab" / "file").read_text() == "mine"


def test_prune_beside_commands_that_install(locked: Sandbox, publisher: Publisher) -> None:
    """Real processes: installs from the store alone, in projects state does not know yet, while others prune."""
    clones = []
    for number in range(3):
        clone = locked.root / f"clone{number}"
        clone.mkdir()
        for name in ("tark.toml", "tark.lock"):
            shutil.copy(locked.cwd / name, clone / name)
        clones.append(clone)
    env = {"TARKPM_LOCK_TIMEOUT": "60", "TARKPM_ACCEPT_PROJECT": "1"}
    running = []
    for clone in clones:
        running.append(locked.begin("sync", "--offline", cwd=clone, env=env))
        running.append(locked.begin("cache", "prune", env=env))
    for end in running:
        end().ok()
    running = []
    for clone in clones:  # and now with everything taken away again and again
        shutil.rmtree(clone / ".tark")
        running.append(locked.begin("sync", cwd=clone, env=env))
        running.append(locked.begin("cache", "clean", env=env))
    for end in running:
        end().ok()
    for clone in clones:
        locked.run("verify", cwd=clone).ok()


def test_what_builds_leave_is_pruned(sandbox: Sandbox) -> None:
    sandbox.run("new", "words", "--lang", "c").ok()
    sandbox.run("build", "words").ok()
    found = kinds(sandbox.run("cache", "prune", "--json").ok().json)
    assert (found["builds"], found["toolchains"]) == (2, 1)
    assert kinds(sandbox.run("cache", "size", "--json").ok().json)["toolchains"] == 0
    assert sandbox.run("build", "words", "--json").ok().json["built"]
