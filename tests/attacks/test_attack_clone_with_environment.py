"""A clone, or a pull, that brings its own `.tark`: nothing in it is believed because it says so."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import World, call, flip, help_of, install, installed_files, snapshot, unchanged

TEXT = "this environment was not built here by your tarkpm"


@pytest.fixture
def clone(world: World) -> Iterator[Sandbox]:
    """The victim, in another folder: a clone that ships a copy of the victim's own `.tark`."""
    user = Sandbox.__new__(Sandbox)
    user.root, user.home, user.cwd = world.victim.root, world.victim.home, world.victim.root / "clone"
    records = set((user.state / "projects").iterdir())
    shutil.copytree(world.victim.cwd, user.cwd, symlinks=True)
    yield user
    shutil.rmtree(user.cwd)
    for path in set((user.state / "projects").iterdir()) - records:
        path.unlink()


def _refused(world: World, clone: Sandbox) -> None:
    with unchanged(world.victim):
        for command in (("sync",), ("add", world.evil_url), ("update",), ("remove", "text-tools")):
            clone.run(*command, "--accept-project").failed(4, TEXT, "help: ")
        call(clone).failed(4, TEXT)
        found = clone.run("verify")
        found.failed(found.status, TEXT)
        assert TEXT in clone.run("list").ok().out
    assert world.server.requests == []


def test_with_a_copied_id(world: World, clone: Sandbox) -> None:
    """The id is right, even; but it belongs to another folder."""
    assert (clone.cwd / ".tark" / ".tarkpm" / "id").read_bytes()
    _refused(world, clone)


def test_with_plugins_alone(world: World, clone: Sandbox) -> None:
    shutil.rmtree(clone.cwd / ".tark" / ".tarkpm")
    _refused(world, clone)


def test_with_a_plugin_nobody_asked_for(world: World, clone: Sandbox) -> None:
    shutil.rmtree(clone.cwd / ".tark" / ".tarkpm")
    (clone.plugins / "text-tools").rename(clone.plugins / "evil")
    _refused(world, clone)


def test_the_way_out(world: World, clone: Sandbox) -> None:
    refused = clone.run("sync").failed(4, TEXT)
    command = refused.err.rpartition("then: ")[2].strip()
    assert command == f"rm -r {clone.cwd}/.tark && tarkpm sync"
    shutil.rmtree(clone.cwd / ".tark")
    clone.run("sync", "--accept-project").ok()
    call(clone).ok()


def test_with_a_forged_journal(world: World, clone: Sandbox) -> None:
    journal = clone.cwd / ".tark" / ".tarkpm" / "journal.json"
    target = clone.root / "written-by-journal"
    body = json.dumps(
        {
            "install": ["evil"],
            "remove": ["text-tools"],
            "documents": [{"path": str(target), "before": "", "text": "pwned"}],
            "record": {"path": str(clone.cwd), "environment": "0" * 32},
            "version": 1,
        }
    )
    forged = [json.dumps({"body": body, "mac": mac}) for mac in ("0" * 64, "é" * 64)]
    for text in (*forged, body, "", "{}", "\xff", "[" * 100_000, '{"mac":' + "[" * 100_000):
        journal.write_bytes(text.encode("latin-1"))
        before = snapshot(clone)
        for command in ("sync", "verify", "list", "update"):
            refused = clone.run(command, "--accept-project")
            refused.failed(2, "the journal of an interrupted change was not written by your tarkpm")
            assert f"rm {journal}" in refused.err
        call(clone).failed(2)
        assert snapshot(clone) == before
    assert not target.exists()
    journal.unlink()
    _refused(world, clone)


def test_with_a_journal_that_is_a_link(world: World, clone: Sandbox) -> None:
    journal = clone.cwd / ".tark" / ".tarkpm" / "journal.json"
    journal.symlink_to("/dev/zero")
    clone.run("sync").failed(2, "journal.json", "found a symbolic link")
    clone.run("list").failed(2, "journal.json")


@pytest.mark.parametrize("part", [".tark", ".tark/plugins", ".tark/.tarkpm"])
def test_with_a_folder_that_is_a_link(world: World, clone: Sandbox, part: str) -> None:
    """To the victim's own environment, say: nothing is written through it."""
    path = clone.cwd / part
    shutil.rmtree(path)
    path.symlink_to(world.victim.cwd / part)
    with unchanged(world.victim):
        for command in ("sync", "verify", "list", "update"):
            refused = clone.run(command, "--accept-project")
            refused.failed(4, "expected a folder, found a link or a file", f"rm -r {path}")
        call(clone).failed(4, "expected a folder, found a link or a file")
    path.unlink()


def test_with_a_folder_that_is_a_file(clone: Sandbox) -> None:
    shutil.rmtree(clone.cwd / ".tark")
    (clone.cwd / ".tark").write_text("hello")
    clone.run("sync", "--accept-project").failed(4, "expected a folder, found a link or a file")


@pytest.mark.parametrize("name", ["lock", "id", "staging", "trash"])
def test_with_a_link_where_tarkpm_works(clone: Sandbox, name: str) -> None:
    """Nothing behind the link is written, or deleted."""
    kept = clone.root / "kept"
    kept.mkdir(exist_ok=True)
    (kept / "file").write_text("mine")
    path = clone.cwd / ".tark" / ".tarkpm" / name
    if path.exists():
        path.unlink()
    path.symlink_to(kept if name in ("staging", "trash") else kept / "file")
    for command in ("sync", "update", "verify"):
        refused = clone.run(command, "--accept-project")
        assert refused.status != 0
        refused.failed(refused.status)
    assert (kept / "file").read_text() == "mine"
    shutil.rmtree(kept)


def test_of_another_user(clone: Sandbox) -> None:
    import os

    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(clone.cwd / ".tark", 12345, 12345)
    clone.run("sync", "--accept-project").failed(4, "the folder belongs to user 12345, not to you")
    call(clone).failed(4, "belongs to user 12345")


@pytest.fixture
def pulled(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """Somebody with text-tools installed, who is about to pull."""
    publisher.release()
    install(sandbox, publisher)
    return sandbox


def test_a_pull_that_replaces_a_module(pulled: Sandbox) -> None:
    """git overwrites ignored files without a word."""
    flip(pulled.plugins / "text-tools" / "plugin.wasm")
    call(pulled).failed(3)
    pulled.run("verify").failed(3)
    pulled.run("sync").ok()
    call(pulled).ok()


def test_a_pull_that_brings_another_plugin(pulled: Sandbox) -> None:
    shutil.copytree(pulled.plugins / "text-tools", pulled.plugins / "evil", symlinks=True)
    found = pulled.run("verify").failed(1, "evil: tarkpm did not install this folder, but tark loads it")
    assert str(pulled.plugins / "evil") in found.out
    assert "unmanaged" in pulled.run("list").ok().out
    folder = str(pulled.plugins / "evil")
    pulled.run("call", "evil", "text-stats").failed(
        2, "the folder 'evil' contains a plugin named 'text-tools'", folder
    )
    manifest = pulled.plugins / "evil" / "plugin.toml"
    text = manifest.read_text().replace('"text-tools"', '"evil"')
    manifest.unlink()
    manifest.write_text(text)
    pulled.run("call", "evil", "text-stats").failed(
        4, "'evil' was not installed by tarkpm, and you have not agreed", folder
    )
    pulled.run("sync").ok()
    assert (pulled.plugins / "evil").exists()


def test_a_pull_that_puts_a_plugin_where_an_added_one_goes(pulled: Sandbox, publisher: Publisher) -> None:
    shutil.copytree(pulled.plugins / "text-tools", pulled.plugins / "other", symlinks=True)
    other = Publisher(pulled, publisher.server, "other")
    other.key = publisher.key
    other.release()
    with unchanged(pulled):
        refused = pulled.run("add", other.url, "--trust", other.key, "--accept-capabilities")
        refused.failed(4, "'other' would replace a folder that tarkpm did not install", "--adopt")


def test_a_pull_that_makes_a_plugin_folder_a_link(pulled: Sandbox) -> None:
    """Even one that leads to the very same bytes."""
    folder = pulled.plugins / "text-tools"
    elsewhere = pulled.root / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    refused = call(pulled)
    refused.failed(refused.status, "expected a folder, found a link")
    found = pulled.run("verify")
    found.failed(found.status, "expected a folder, found a link")
    pulled.run(*help_of(found)).ok()
    assert not folder.is_symlink()
    call(pulled).ok()


def test_a_link_for_a_plugin_folder_is_replaced_and_not_followed(pulled: Sandbox) -> None:
    folder = pulled.plugins / "text-tools"
    elsewhere = pulled.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    shutil.rmtree(folder)
    folder.symlink_to(elsewhere)
    pulled.run("sync").ok()
    assert not folder.is_symlink()
    assert [path.name for path in elsewhere.iterdir()] == ["file"]
    call(pulled).ok()


@pytest.mark.parametrize("command", ["disable", "enable"])
def test_a_link_for_a_plugin_folder_is_not_written_through(pulled: Sandbox, command: str) -> None:
    """A marker in somebody's folder is little; but it is theirs."""
    folder = pulled.plugins / "text-tools"
    elsewhere = pulled.root / "elsewhere"
    elsewhere.mkdir()
    if command == "enable":
        (elsewhere / ".disabled").touch()
    before = sorted(path.name for path in elsewhere.iterdir())
    shutil.rmtree(folder)
    folder.symlink_to(elsewhere)
    refused = pulled.run(command, "text-tools")
    assert sorted(path.name for path in elsewhere.iterdir()) == before, refused


def test_a_pull_that_drops_a_journal(pulled: Sandbox) -> None:
    journal = pulled.cwd / ".tark" / ".tarkpm" / "journal.json"
    journal.write_text('{"body": "{}", "mac": ""}')
    good = snapshot(pulled)
    for command in ("sync", "verify", "list"):
        refused = pulled.run(command).failed(2, "was not written by your tarkpm")
    call(pulled).failed(2, "was not written by your tarkpm")
    assert snapshot(pulled) == good
    assert refused.err.strip().endswith(f"then: rm {journal}")
    journal.unlink()
    call(pulled).ok()


def test_a_pull_that_drops_staged_folders(pulled: Sandbox) -> None:
    staged = pulled.cwd / ".tark" / ".tarkpm" / "staging" / "text-tools"
    staged.mkdir(parents=True)
    (staged / "plugin.wasm").write_bytes(b"evil")
    good = installed_files(pulled)
    (pulled.plugins / "text-tools" / "LICENSE").write_bytes(b"")
    shutil.rmtree(pulled.plugins / "text-tools")
    pulled.run("sync").ok()
    assert installed_files(pulled) == good


def test_a_pull_that_replaces_the_id(pulled: Sandbox) -> None:
    (pulled.cwd / ".tark" / ".tarkpm" / "id").write_text("0" * 32)
    call(pulled).failed(4, TEXT)
    pulled.run("sync").failed(4, TEXT)


def test_a_hint_with_a_folder_name_that_a_shell_would_split(pulled: Sandbox) -> None:
    """`rm -r /home/me/my app/.tark` deletes something else."""
    import shlex

    folder = pulled.root / "my app; touch x"
    shutil.copytree(pulled.cwd, folder, symlinks=True)
    refused = pulled.run("sync", cwd=folder).failed(4, TEXT)
    words = shlex.split(refused.err.rpartition("then: ")[2].strip())
    assert words[:3] == ["rm", "-r", str(folder / ".tark")]
    assert Path(words[2]).is_dir()
