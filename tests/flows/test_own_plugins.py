"""Somebody without a project: their own plugins, some of them put there by hand."""

import shutil
from pathlib import Path

import pytest
from support.sandbox import Sandbox
from support.terminal import Terminal

CALL = ("call", "text-tools", "text-stats", '{"text":"a b"}')
NOTE = ("call", "text-tools", "save-note", '{"key":"k","text":"kept"}')


@pytest.fixture
def by_hand(sandbox: Sandbox) -> Path:
    """``cp -r`` of a plugin to where tark looks for them; returns its folder."""
    return sandbox.plugin(sandbox.data / "plugins" / "text-tools")


def test_it_is_listed_and_called_after_consent(sandbox: Sandbox, by_hand: Path) -> None:
    listed = sandbox.run("list", "--json").ok().json["plugins"]
    assert [(row["id"], row["signer"], row["status"]) for row in listed] == [
        ("text-tools", "unmanaged", "enabled")
    ]
    refused = sandbox.run(*CALL).failed(
        4,
        "'text-tools' was not installed by tarkpm, and you have not agreed to run it: it would be granted storage",
        str(by_hand),
        "--accept-unmanaged text-tools",
    )
    assert "sha256" in refused.err
    accepted = sandbox.run(*CALL, "--accept-unmanaged", "text-tools").ok()
    assert "UNSIGNED: not installed by tarkpm, and no publisher vouches for it" in accepted.err
    assert "storage" in accepted.err
    assert '"words":2' in accepted.out
    again = sandbox.run(*CALL).ok()
    assert again.err == ""
    assert sandbox.run("info", "text-tools", "--json").ok().json["granted"] == ["storage"]


def test_consent_is_asked_once_at_a_terminal(sandbox: Sandbox, by_hand: Path) -> None:
    with Terminal(sandbox, *CALL) as terminal:
        assert "not installed by tarkpm" in terminal.expect("Run it with these grants? [y/N]")
        terminal.type("n\n")
        terminal.finish().failed(4, "declined: 'text-tools' was not run")
    with Terminal(sandbox, *CALL) as terminal:
        terminal.expect("Run it with these grants? [y/N]")
        terminal.type("y\n")
        terminal.expect('"words":2')
        terminal.finish().ok()
    sandbox.run(*CALL).ok()
    assert by_hand.is_dir()


def test_other_bytes_ask_again(sandbox: Sandbox, by_hand: Path) -> None:
    sandbox.run(*CALL, "--accept-unmanaged", "text-tools").ok()
    manifest = by_hand / "plugin.toml"
    before = manifest.read_text()
    manifest.write_text(before.replace("storage = true", 'storage = true\nhttp = ["evil.example"]'))
    sandbox.run(*CALL).failed(4, "you have not agreed to run it", "http:evil.example")
    manifest.write_text(before)
    sandbox.run(*CALL).ok()
    with (by_hand / "plugin.wasm").open("ab") as file:
        file.write(b"\x00\x02\x01x")  # a custom section: the module stays one
    sandbox.run(*CALL).failed(4, "you have not agreed to run it")


def test_consent_is_for_one_folder(sandbox: Sandbox, by_hand: Path) -> None:
    """The same bytes in a project are asked about there."""
    sandbox.run(*CALL, "--accept-unmanaged", "text-tools").ok()
    sandbox.plugin(sandbox.cwd / "src" / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./src/mine", "--accept-capabilities").ok()
    shutil.copytree(by_hand, sandbox.plugins / "text-tools")
    sandbox.run(*CALL).failed(4, "you have not agreed to run it")
    sandbox.run(*CALL, "--user").ok()


def test_all_tools_are_those_agreed_to(sandbox: Sandbox, by_hand: Path) -> None:
    found = sandbox.run("tools", "--json").failed(1).json
    assert found["tools"] == []
    assert "not installed by tarkpm" in found["failed"]["text-tools"]
    assert sandbox.run("tools", "--json", "--accept-unmanaged", "text_tools").ok().json["tools"]
    sandbox.run("disable", "text-tools").ok()
    assert sandbox.run("tools", "--json").ok().json == {"tools": [], "failed": {}, "notes": [], "hints": {}}
    sandbox.run(*CALL).failed(1, "'text-tools' is disabled")


def test_no_verb_deletes_it(sandbox: Sandbox, by_hand: Path) -> None:
    (by_hand / "data").mkdir()
    (by_hand / "data" / "token.json").write_text("precious")
    other = sandbox.plugin(sandbox.root / "src" / "other", name="other")
    sandbox.run("add", "--user", other, "--accept-capabilities").ok()
    sandbox.run("sync", "--user", "--reinstall").ok()
    sandbox.run("update", "--user").ok()
    sandbox.run("remove", "--user", "text-tools", "--purge").failed(2)
    sandbox.run("remove", "--user", "other", "--purge").ok()
    assert (by_hand / "data" / "token.json").read_text() == "precious"
    assert (by_hand / "plugin.wasm").is_file()


def test_grants_narrow_what_it_gets(sandbox: Sandbox, by_hand: Path) -> None:
    config = sandbox.home / ".config" / "tark"
    config.mkdir(parents=True)
    (config / "tark.toml").write_text("[grants]\ntext-tools = { env = ['HOME'] }\n")
    sandbox.run(*NOTE, "--accept-project", "--accept-unmanaged", "text-tools").failed(1)
    assert sandbox.run("info", "text-tools", "--json").ok().json["granted"] == []


def test_what_it_stores_is_apart_from_an_installed_plugins(sandbox: Sandbox, by_hand: Path) -> None:
    sandbox.run(*NOTE, "--accept-unmanaged", "text-tools").ok()
    kept = list(sandbox.data.glob("data/unmanaged/*/text-tools/storage.sqlite3"))
    assert len(kept) == 1
    assert not (by_hand / "data").exists()
    assert sandbox.run("info", "text-tools", "--json").ok().json["data"] == str(kept[0].parent)


def release_of(sandbox: Sandbox, **plugin: str) -> tuple[str, ...]:
    """What adds a working copy with the bytes of the folder that was put there by hand, or others."""
    folder = sandbox.plugin(sandbox.root / "src" / "text-tools", **plugin)  # type: ignore[arg-type]
    return ("add", str(folder), "--accept-capabilities")


def test_equal_bytes_are_adopted_with_what_was_stored(sandbox: Sandbox, by_hand: Path) -> None:
    (by_hand / "data").mkdir()
    (by_hand / "data" / "token.json").write_text("precious")
    (by_hand / "data" / "link").symlink_to("/etc/passwd")
    (by_hand / "notes.txt").write_text("mine")
    sandbox.run(*NOTE, "--accept-unmanaged", "text-tools").ok()
    sandbox.run("disable", "text-tools").ok()
    taken = sandbox.run(*release_of(sandbox)).ok()
    kept = sandbox.data / "kept" / "text-tools.1"
    assert "adopted text-tools 1.0.0" in taken.out
    assert f"the folder that occupied the place of 'text-tools' is kept in {kept}" in taken.out
    assert "same contents; its data is carried over" in taken.err
    (row,) = sandbox.run("list", "--json").ok().json["plugins"]
    assert (row["signer"], row["status"]) == ("unsigned working copy", "disabled")
    assert (kept / "notes.txt").read_text() == "mine"
    assert (by_hand / "data").is_symlink()
    assert (by_hand / "data" / "token.json").read_text() == "precious"
    assert not (by_hand / "data" / "link").is_symlink()
    sandbox.run("enable", "text-tools").ok()
    assert (by_hand / "data" / "storage.sqlite3").is_file()
    assert [path.name for path in (sandbox.data / "plugins").iterdir()] == ["text-tools"]
    sandbox.run("verify").ok()


def test_other_bytes_need_a_word_and_get_nothing_that_was_stored(sandbox: Sandbox, by_hand: Path) -> None:
    (by_hand / "data").mkdir()
    (by_hand / "data" / "token.json").write_text("precious")
    command = release_of(sandbox, version="2.0.0")
    sandbox.run(*command, "-y").failed(
        4,
        "'text-tools' would replace a folder that tarkpm did not install, with other contents",
        "--adopt",
    )
    assert not (sandbox.data / "kept").exists()
    looked = sandbox.run(*command, "--adopt", "--dry-run").ok()
    assert "OTHER CONTENTS" in looked.err
    assert 'version = "1.0.0"' in (by_hand / "plugin.toml").read_text()
    taken = sandbox.run(*command, "--adopt").ok()
    kept = sandbox.data / "kept" / "text-tools.1"
    assert "to hand it over, move it to" in taken.out
    assert (kept / "data" / "token.json").read_text() == "precious"
    assert list((by_hand / "data").iterdir()) == []
    assert 'version = "2.0.0"' in (by_hand / "plugin.toml").read_text()


def test_putting_other_bytes_aside_is_asked_at_a_terminal(sandbox: Sandbox, by_hand: Path) -> None:
    with Terminal(sandbox, *release_of(sandbox, version="2.0.0"), "-y") as terminal:
        terminal.expect("Put the folder aside and install? [y/N]")
        terminal.type("y\n")
        terminal.expect("adopted text-tools 2.0.0")
        terminal.finish().ok()
    assert 'version = "2.0.0"' in (by_hand / "plugin.toml").read_text()


def test_sync_does_not_put_anything_aside(sandbox: Sandbox, by_hand: Path) -> None:
    """Dotfiles brought tark.toml and tark.lock to a machine where the plugin was put by hand."""
    aside = sandbox.root / "aside"
    by_hand.rename(aside)
    command = release_of(sandbox)
    sandbox.run(*command).ok()
    shutil.rmtree(sandbox.data)
    shutil.rmtree(sandbox.state)
    by_hand.parent.mkdir(parents=True)
    aside.rename(by_hand)
    sandbox.run("sync", "--user", "--accept-project").failed(2, "occupies the folder of 'text-tools'")
    assert "adopted text-tools" in sandbox.run(*command).ok().out
    sandbox.run("verify").ok()


@pytest.fixture
def copied(sandbox: Sandbox) -> Sandbox:
    """A project with a working copy, which has a README, and another one."""
    sandbox.init()
    for name in ("mine", "other"):
        sandbox.plugin(sandbox.cwd / name, name=name, capabilities="")
    (sandbox.cwd / "mine" / "README.md").write_text("first")
    sandbox.run("add", "./mine", "./other").ok()
    return sandbox


def test_every_view_sees_a_changed_readme_of_a_working_copy(copied: Sandbox) -> None:
    (copied.cwd / "mine" / "README.md").write_text("second")
    (row,) = copied.run("outdated", "--json").failed(1).json["plugins"]
    assert (row["name"], row["update"], row["warning"]) == ("mine", "1.0.0", "other files")
    assert (
        "note: mine: its working copy changed since it was installed: tarkpm sync"
        in copied.run("verify").ok().out
    )
    assert "mine 1.0.0" in copied.run("sync", "--dry-run").ok().out
    assert "replaced mine 1.0.0" in copied.run("update", "other").ok().out
    assert (copied.plugins / "mine" / "README.md").read_text() == "second"
    assert copied.run("outdated").ok().out == "nothing to update\n"
    assert "working copy changed" not in copied.run("verify").ok().out


def test_a_working_copy_that_is_gone_stops_only_what_is_about_it(copied: Sandbox) -> None:
    shutil.rmtree(copied.cwd / "mine")
    copied.run("sync").failed(2, "the working copy of 'mine' cannot be read", "help: tarkpm remove mine")
    copied.run("update", "mine").failed(2, "there is no such folder", "tarkpm remove mine")
    assert "note: mine: its working copy cannot be read" in copied.run("verify").ok().out
    copied.plugin(copied.cwd / "third", name="third", capabilities="")
    copied.run("add", "./third").ok()
    copied.run("update", "other").ok()
    assert (copied.plugins / "mine" / "plugin.wasm").is_file()
    copied.run("remove", "mine").ok()


def test_a_dry_run_of_sync_makes_its_checks(copied: Sandbox) -> None:
    (copied.cwd / "mine" / "plugin.wasm").write_bytes(b"\0asm\x0d\0\x01\0")
    told = copied.run("sync").failed(1, "error: ")
    assert copied.run("sync", "--dry-run").failed(1).err == told.err
