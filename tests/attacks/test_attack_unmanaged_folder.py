"""A hostile folder among the user's own plugins: nothing of it runs unseen, or reaches beyond itself."""

import os
import shutil
from pathlib import Path

import pytest
from support import killer
from support.kill_everywhere import kill_everywhere
from support.sandbox import WASM, Sandbox
from support.terminal import Terminal

AGREED = ("call", "evil", "text-stats", '{"text":"a"}', "--accept-unmanaged", "evil")


@pytest.fixture
def evil(sandbox: Sandbox) -> Path:
    """A folder somebody had the user copy; it is a plugin, as yet."""
    return sandbox.plugin(sandbox.data / "plugins" / "evil", name="evil")


def test_that_is_a_link(sandbox: Sandbox, evil: Path) -> None:
    elsewhere = sandbox.root / "elsewhere"
    evil.rename(elsewhere)
    evil.symlink_to(elsewhere)
    sandbox.run(*AGREED).failed(2, "expected a folder, found a link or a file", str(evil))


@pytest.mark.parametrize("file", ["plugin.toml", "plugin.wasm"])
def test_with_a_link_for_a_file(sandbox: Sandbox, evil: Path, file: str) -> None:
    (evil / file).rename(sandbox.root / file)
    (evil / file).symlink_to(sandbox.root / file)
    sandbox.run(*AGREED).failed(2, "found a symbolic link", file)


@pytest.mark.parametrize("file", ["plugin.toml", "plugin.wasm"])
def test_with_a_pipe_for_a_file(sandbox: Sandbox, evil: Path, file: str) -> None:
    """Nothing waits for a writer that never comes."""
    (evil / file).unlink()
    os.mkfifo(evil / file)
    sandbox.run(*AGREED).failed(2, "expected a regular file", file)
    sandbox.run("list").ok()


def test_that_is_a_pipe(sandbox: Sandbox, evil: Path) -> None:
    shutil.rmtree(evil)
    os.mkfifo(evil)
    sandbox.run(*AGREED).failed(2, "expected a folder, found a link or a file")


def test_with_a_huge_manifest(sandbox: Sandbox, evil: Path) -> None:
    with (evil / "plugin.toml").open("ab") as file:
        file.truncate(10 << 30)
    refused = sandbox.run(*AGREED)
    refused.failed(refused.status, "more than 67,108,864 bytes")


def test_with_a_module_outside(sandbox: Sandbox, evil: Path) -> None:
    (sandbox.data / "plugins" / "outside.wasm").write_bytes(WASM)
    manifest = evil / "plugin.toml"
    manifest.write_text(
        manifest.read_text().replace("[capabilities]", 'wasm = "../outside.wasm"\n[capabilities]')
    )
    sandbox.run(*AGREED).failed(2, "plugin.wasm")


def test_with_escapes_in_what_is_shown(sandbox: Sandbox, evil: Path) -> None:
    manifest = evil / "plugin.toml"
    hidden = r"harmless\u001b[2J\u001b[1;31m\u202e"
    manifest.write_text(manifest.read_text().replace("a plugin for tests", hidden))
    shown = sandbox.run(*AGREED).ok()
    assert "\x1b[2J" not in shown.err + shown.out
    assert "\u202e" not in shown.err + shown.out
    assert r"harmless\x1b[2J" in shown.err


def test_with_escapes_in_its_own_name(sandbox: Sandbox, evil: Path) -> None:
    evil.rename(evil.with_name("e\x1b[2J\nvil"))
    for command in (("list",), ("tools",), ("hook", "run", "session-start"), ("doctor",)):
        with Terminal(sandbox, *command) as terminal:
            assert "\x1b[2J" not in terminal.finish().err, command


def test_called_like_another_plugin(sandbox: Sandbox, evil: Path) -> None:
    """tark goes by the name in plugin.toml: a folder must not lend its own to another."""
    manifest = evil / "plugin.toml"
    manifest.write_text(manifest.read_text().replace('"evil"', '"gemini"'))
    sandbox.run(*AGREED).failed(2, "the folder 'evil' contains a plugin named 'gemini'")


@pytest.mark.parametrize("folder", ["Evil-One", "evil_one", "EVIL_ONE"])
def test_called_like_an_installed_one_in_another_case(sandbox: Sandbox, evil: Path, folder: str) -> None:
    good = sandbox.plugin(sandbox.root / "src" / "evil-one", name="evil-one")
    sandbox.run("add", "--user", good, "--accept-capabilities").ok()
    evil.rename(evil.parent / folder)
    manifest = evil.parent / folder / "plugin.toml"
    manifest.write_text(manifest.read_text().replace('"evil"', '"evil-one"'))
    found = sandbox.run("tools", "--json", "--accept-unmanaged", "evil-one").failed(1).json
    assert found["failed"] == {folder: "its name equals that of 'evil-one', which is also here"}
    assert {tool["plugin"] for tool in found["tools"]} == {"evil-one"}


def test_in_another_case_makes_room_for_the_real_one(sandbox: Sandbox, evil: Path) -> None:
    (evil / ".disabled").touch()
    evil.rename(evil.parent / "EVIL")
    good = sandbox.plugin(sandbox.root / "src" / "evil", name="evil", version="3.0.0")
    command = ("add", "--user", good, "--accept-capabilities")
    sandbox.run(*command).failed(4, "--adopt")
    sandbox.run(*command, "--adopt").ok()
    assert [path.name for path in evil.parent.iterdir()] == ["evil"]
    assert (sandbox.data / "kept" / "EVIL.1" / "plugin.toml").is_file()
    assert (evil / ".disabled").exists(), "what was off stays off"


def test_bytes_changed_between_consent_and_call(sandbox: Sandbox, evil: Path) -> None:
    sandbox.run(*AGREED).ok()
    stamp = (evil / "plugin.wasm").stat()
    (evil / "plugin.wasm").write_bytes(WASM + b"\x00\x02\x01x")
    os.utime(evil / "plugin.wasm", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    sandbox.run(*AGREED[:4]).failed(4, "you have not agreed to run it")


def test_with_data_that_leads_elsewhere(sandbox: Sandbox, evil: Path) -> None:
    """Neither storing nor adopting goes through the link."""
    precious = sandbox.root / "precious"
    precious.mkdir()
    (precious / "key").write_text("mine")
    (evil / "data").symlink_to(precious)
    save = ("call", "evil", "save-note", '{"key":"k","text":"t"}', "--accept-unmanaged", "evil")
    sandbox.run(*save).ok()
    good = sandbox.plugin(sandbox.root / "src" / "evil", name="evil")
    sandbox.run("add", "--user", good, "--accept-capabilities").ok()
    assert [path.name for path in precious.iterdir()] == ["key"]
    (target,) = sandbox.data.glob("data/*/evil/storage.sqlite3")
    assert not (target.parent / "key").exists()


def test_the_place_for_what_is_kept_is_a_link(sandbox: Sandbox, evil: Path) -> None:
    (sandbox.data / "kept").symlink_to(sandbox.root)
    good = sandbox.plugin(sandbox.root / "src" / "evil", name="evil")
    sandbox.run("add", "--user", good, "--accept-capabilities").failed(4, "found a link or a file")
    assert (evil / "plugin.wasm").is_file()


def test_what_a_removed_plugin_stored_is_not_given_to_it(sandbox: Sandbox) -> None:
    """A signed plugin kept a token; it was removed; somebody puts another under its name."""
    good = sandbox.plugin(sandbox.root / "src" / "evil", name="evil")
    sandbox.run("add", "--user", good, "--accept-capabilities").ok()
    sandbox.run("call", "evil", "save-note", '{"key":"k","text":"token"}').ok()
    sandbox.run("remove", "evil").ok()
    sandbox.plugin(sandbox.data / "plugins" / "evil", name="evil")
    sandbox.run(*AGREED).ok()
    data = Path(sandbox.run("info", "evil", "--json").ok().json["data"])
    assert not (data / "storage.sqlite3").exists()


def test_killed_at_every_step_of_an_adoption(tmp_path: Path) -> None:
    """Old or new, and what was stored is there exactly once or where it was."""
    sandbox = Sandbox(tmp_path / "work")
    sandbox.init()
    sandbox.plugin(sandbox.cwd / "src" / "first", name="first")
    sandbox.run("add", "./src/first", "--accept-capabilities").ok()
    sandbox.plugin(sandbox.cwd / "src" / "evil", name="evil")
    standing = sandbox.plugin(sandbox.plugins / "evil", name="evil")
    (standing / "data").mkdir()
    (standing / "data" / "precious").write_text("mine")
    (standing / "source.txt").write_text("mine")
    command = ("add", "./src/evil", "--accept-capabilities")
    results = kill_everywhere(killer, tmp_path, sandbox, *command)
    after = results[-1]["documents"]
    assert len(results) > 15
    assert any(result["journal"] for result in results)
    for result in results:
        whole = [path for path in result["own"] if not path.startswith("home/.cache")]
        assert len(whole) == 2, result
        if result["documents_after"] == after:
            assert any("/share/tark/data/" in path and path.endswith("/evil/precious") for path in whole), (
                result
            )
            assert "app/.tark/kept/evil.1/source.txt" in whole, result
        else:
            assert "app/.tark/plugins/evil/data/precious" in whole, result
