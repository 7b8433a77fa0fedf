"""What a person types after ``tarkpm add``, and what becomes of it."""

import json
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import WASM, Sandbox

from tarkpm.core import lockfile


def consent(publisher: Publisher) -> list[str]:
    return ["--trust", publisher.key, "--accept-capabilities"]


def locked(sandbox: Sandbox) -> dict[str, lockfile.LockEntry]:
    return dict(lockfile.parse((sandbox.cwd / "tark.lock").read_bytes()).by_name)


@pytest.mark.parametrize("ref", ["--tag", "-b", "--branch", "--rev", "annotated", "HEAD", "folder", "dist"])
def test_every_way_to_name_a_git_source(sandbox: Sandbox, publisher: Publisher, ref: str) -> None:
    folder = {"folder": "tools/text", "dist": "tools/text/dist"}.get(ref, "")
    commit = publisher.release(folder=folder)
    publisher.repo.branch("stable")
    publisher.repo.annotated_tag("signed-1.0")
    publisher.publish()
    sandbox.init()
    words = {
        "--tag": ["--tag", "v1.0.0"], "-b": ["-b", "stable"], "--branch": ["--branch", "stable"],
        "--rev": ["--rev", commit], "annotated": ["--tag", "signed-1.0"], "HEAD": [],
        "folder": ["--path", "tools/text"], "dist": ["--path", "tools/text"],
    }[ref]  # fmt: skip
    report = sandbox.run("add", publisher.url, *words, *consent(publisher), "--json").ok().json
    (plugin,) = report["plugins"]
    assert (plugin["name"], plugin["version"], plugin["commit"]) == ("text-tools", "1.0.0", commit)
    assert plugin["change"] == "added"
    assert plugin["capabilities"] == ["storage"]
    assert locked(sandbox)["text-tools"].source.commit == commit  # type: ignore[union-attr]
    sandbox.run("verify").ok()


def test_a_file_url_is_a_git_source(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", f"file://{publisher.folder}", "--tag", "v1.0.0", *consent(publisher)).ok()
    assert 'git = "file:///' in (sandbox.cwd / "tark.toml").read_text()
    sandbox.run("verify").ok()


def test_a_folder_is_a_working_copy_and_copied_again_when_its_bytes_change(sandbox: Sandbox) -> None:
    folder = sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    assert 'mine = { path = "./mine" }' in (sandbox.cwd / "tark.toml").read_text()
    assert sandbox.run("list").ok().out.count("unsigned working copy") == 1
    assert "unsigned working copy" in sandbox.run("info", "mine").ok().out
    assert "unsigned: a working copy" in sandbox.run("verify").ok().out
    assert sandbox.run("sync").ok().out == "1 plugin matches tark.lock\n"
    (folder / "plugin.wasm").write_bytes(WASM + b"\0\2\1x")  # a custom section: another module, still valid
    assert sandbox.run("sync").ok().out == "~ mine 1.0.0 (installed again)\n"
    assert (sandbox.plugins / "mine" / "plugin.wasm").read_bytes() == WASM + b"\0\2\1x"
    sandbox.run("call", "mine", "text-stats", '{"text":"a"}').ok()


def test_a_working_copy_with_a_new_version_wants_to_be_locked_again(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    sandbox.plugin(sandbox.cwd / "mine", name="mine", version="1.1.0")
    stale = sandbox.run("sync").failed(
        1, "'mine' has version '1.1.0' in plugin.toml, but '1.0.0' in tark.lock"
    )
    assert "help: tarkpm update mine" in stale.err
    sandbox.run("update", "mine").ok()
    sandbox.run("sync").ok()
    assert str(locked(sandbox)["mine"].version) == "1.1.0"


def test_another_ref_replaces_the_requirement_and_the_card_shows_it(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    publisher.release("1.0.0")
    publisher.release("1.1.0")
    sandbox.init()
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *consent(publisher)).ok()
    again = sandbox.run("add", publisher.url, "--tag", "v1.1.0").ok()
    assert "version 1.0.0 → 1.1.0" in again.err
    assert f"source {publisher.url} tag v1.0.0 → {publisher.url} tag v1.1.0" in again.err
    assert "replaced text-tools 1.1.0" in again.out
    assert (sandbox.cwd / "tark.toml").read_text().count("text-tools = {") == 2  # one requirement, one grant
    sandbox.run("verify").ok()


def test_the_same_source_says_so_and_names_update(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *consent(publisher)).ok()
    seen = len(publisher.server.requests)
    again = sandbox.run("add", publisher.url, "--tag", "v1.0.0").ok()
    assert "text-tools 1.0.0 is unchanged" in again.out
    assert "is pinned to tag v1.0.0; to move it, name another --tag" in again.out
    assert len(publisher.server.requests) == seen, "nothing had to be asked"


def test_several_at_once_all_or_none(sandbox: Sandbox) -> None:
    for name in ("one", "two"):
        sandbox.plugin(sandbox.cwd / name, name=name)
    sandbox.init()
    before = (sandbox.cwd / "tark.toml").read_bytes()
    (sandbox.cwd / "bad").mkdir()
    sandbox.run("add", "./one", "./bad", "--accept-capabilities").failed(
        2, "no plugin.toml in the top folder"
    )
    assert (sandbox.cwd / "tark.toml").read_bytes() == before
    assert not (sandbox.cwd / "tark.lock").exists()
    sandbox.run("add", "./one", "./two", "--accept-capabilities").ok()
    assert sorted(locked(sandbox)) == ["one", "two"]


def test_dry_run_changes_nothing(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    before = (sandbox.cwd / "tark.toml").read_bytes()
    result = sandbox.run("add", publisher.url, *consent(publisher), "--dry-run").ok()
    assert "would add text-tools" in result.out
    assert (sandbox.cwd / "tark.toml").read_bytes() == before
    assert not (sandbox.cwd / "tark.lock").exists()
    assert not list(sandbox.plugins.glob("*"))


def test_a_manifest_whose_module_lies_elsewhere_finds_it_beside(sandbox: Sandbox) -> None:
    folder = sandbox.plugin(sandbox.cwd / "odd", name="odd", extra='wasm = "dist/plugin.wasm"')
    sandbox.init()
    sandbox.run("add", "./odd", "--accept-capabilities").ok()
    assert (sandbox.plugins / "odd" / "dist" / "plugin.wasm").read_bytes() == WASM
    (folder / "dist").mkdir()
    (folder / "dist" / "plugin.wasm").write_bytes(WASM + b"\0\2\1y")
    sandbox.run("update").ok()
    assert (sandbox.plugins / "odd" / "dist" / "plugin.wasm").read_bytes() == WASM + b"\0\2\1y"
    sandbox.run("call", "odd", "text-stats", '{"text":"a"}').ok()


def test_min_tark_version_is_checked_at_add_sync_and_verify(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init("0.5.0")
    sentence = "'text-tools' requires tark 0.6.0 or newer, but this project is for tark 0.5.0"
    sandbox.run("add", publisher.url, *consent(publisher)).failed(2, sentence)
    project = sandbox.cwd / "tark.toml"
    project.write_text(project.read_text().replace("0.5.0", "0.6.0"))
    sandbox.run("add", publisher.url, *consent(publisher)).ok()
    project.write_text(project.read_text().replace("0.6.0", "0.5.0"))
    sandbox.run("sync").failed(2, sentence)
    sandbox.run("verify").failed(1, sentence)
    sandbox.run("call", "text-tools", "text-stats", "{}").failed(2, sentence)


def test_init_records_what_tark_says_once(sandbox: Sandbox) -> None:
    tools = sandbox.root / "bin"
    tools.mkdir()
    (tools / "tark").write_text("#!/bin/sh\necho 'tark 0.13.1 (abc)'\n")
    (tools / "tark").chmod(0o755)
    sandbox.run("init", env={"PATH": f"{tools}:/bin"}).ok()
    assert 'version = "0.13.1"' in (sandbox.cwd / "tark.toml").read_text()
    sandbox.run("init").failed(2, "there is already a project here")


def test_without_a_project_the_users_own_plugins_are_meant(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *consent(publisher)).ok()
    assert (sandbox.home / ".config" / "tark" / "tark.toml").is_file()
    assert (sandbox.data / "plugins" / "text-tools" / "plugin.wasm").is_file()
    assert (
        sandbox.run("call", "text-tools", "text-stats", '{"text":"a b c"}').ok().out.startswith('{"chars":5')
    )
    sandbox.run("verify").ok()


def test_project_says_where_and_json_what(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    elsewhere = sandbox.root / "elsewhere"
    sandbox.run("init", "--project", elsewhere, "--tark-version", "1.0.0").ok()
    sandbox.run("add", publisher.url, *consent(publisher), "--project", elsewhere).ok()
    rows = sandbox.run("list", "--json", "--project", elsewhere).ok().json["plugins"]
    assert [(row["id"], row["status"], row["signer"]) for row in rows] == [
        ("text-tools", "enabled", publisher.key)
    ]
    for command in (["sync"], ["verify"], ["info", "text-tools"], ["disable", "text-tools"], ["enable", "text-tools"],
                    ["revoke", "text-tools", "storage"], ["grant", "text-tools", "storage"], ["update"], ["lock"],
                    ["call", "text-tools", "text-stats", '{"text":""}'], ["remove", "text-tools"]):  # fmt: skip
        json.loads(sandbox.run(*command, "--json", "--project", elsewhere).ok().out)
    missing = sandbox.run("list", "--project", sandbox.root / "nowhere").failed(
        2, "there is no tark.toml here"
    )
    assert f"help: tarkpm init --project {sandbox.root / 'nowhere'}" in missing.err


def test_only_the_plugins_own_files_are_fetched(sandbox: Sandbox, publisher: Publisher) -> None:
    from support.gitserver import make_junk

    make_junk(publisher.repo, megabytes=30)
    publisher.release()
    publisher.server.requests.clear()
    sandbox.init()
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *consent(publisher)).ok()
    assert sum(request.sent for request in publisher.server.requests) < 200_000
    assert len(publisher.server.requests) <= 4


def test_unmet_dependencies_are_recorded_and_reported(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine", extra='[dependencies]\njson-core = "^1.2"')
    sandbox.init()
    result = sandbox.run("add", "./mine", "--accept-capabilities").ok()
    assert "'mine' requires 'json-core ^1.2', which is not installed" in result.out
    assert 'requires = ["json-core ^1.2"]' in (sandbox.cwd / "tark.lock").read_text()
    sandbox.run("verify").failed(1, "requires 'json-core ^1.2'")


def test_remove_keeps_data_and_purge_deletes_it(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    sandbox.run("call", "mine", "save-note", '{"key":"k","text":"v"}').ok()
    (data,) = sandbox.data.glob("data/*/mine")
    assert (sandbox.plugins / "mine" / "data").resolve() == data
    kept = sandbox.run("remove", "mine").ok()
    assert f"its data is kept in {data}; to delete it: tarkpm remove mine --purge" in kept.out
    assert data.is_dir()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    again = sandbox.run("call", "mine", "save-note", '{"key":"k2","text":"v"}').ok()
    assert again.out == '{"saved":"k2","total":2}\n'
    sandbox.run("remove", "mine").ok()
    sandbox.run("remove", "mine", "--purge").ok()
    assert not data.exists()
    sandbox.run("remove", "mine").failed(2, "this project does not require a plugin named 'mine'")


def test_data_and_consent_survive_moving_the_project(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.root / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", str(sandbox.root / "mine"), "--accept-capabilities").ok()
    sandbox.run("call", "mine", "save-note", '{"key":"k","text":"v"}').ok()
    moved = sandbox.root / "moved"
    sandbox.cwd.rename(moved)
    sandbox.cwd.mkdir()
    answer = sandbox.run("call", "mine", "save-note", '{"key":"k2","text":"v"}', cwd=moved).ok()
    assert answer.out == '{"saved":"k2","total":2}\n'
    sandbox.run("verify", cwd=moved).ok()


def test_an_unmanaged_folder_is_kept_and_listed_and_a_finding(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    stranger = sandbox.plugin(sandbox.plugins / "byhand", name="byhand")
    broken = sandbox.plugins / "broken"
    broken.mkdir()
    (broken / "plugin.toml").write_text("[plugin")
    listing = sandbox.run("list").ok().out
    assert "byhand" in listing
    assert "unmanaged" in listing
    assert "! unreadable" in listing
    sandbox.run("sync").ok()
    sandbox.run("remove", "mine").ok()
    assert (stranger / "plugin.wasm").exists()
    sandbox.run("verify").failed(1, "byhand: tarkpm did not install this folder, but tark loads it")
    sandbox.plugin(sandbox.cwd / "byhand", name="byhand", version="2.0.0")
    sandbox.run("add", "./byhand", "--accept-capabilities").failed(
        4, "'byhand' would replace a folder that tarkpm did not install, with other contents"
    )


def test_disabling_is_kept_over_updates_and_honoured(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    assert sandbox.run("disable", "mine").ok().out == "✗ disabled mine\n"
    sandbox.plugin(sandbox.cwd / "mine", name="mine", version="1.1.0")
    sandbox.run("update").ok()
    assert (sandbox.plugins / "mine" / ".disabled").exists()
    sandbox.run("call", "mine", "text-stats", "{}").failed(1, "'mine' is disabled", "tarkpm enable mine")
    assert sandbox.run("enable", "mine").ok().out == "✓ enabled mine\n"
    sandbox.run("call", "mine", "text-stats", '{"text":""}').ok()


def test_an_empty_list_names_the_next_command(sandbox: Sandbox) -> None:
    sandbox.init()
    out = sandbox.run("list").ok().out
    assert "No plugins installed." in out
    assert "tarkpm add <git-url>" in out
    assert f"Plugins directory: {sandbox.plugins}" in out


def test_installed_files_are_read_only_and_git_ignores_them(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    modes = {oct(path.stat().st_mode & 0o777) for path in (sandbox.plugins / "mine").glob("plugin.*")}
    assert modes == {"0o444"}
    assert (sandbox.cwd / ".tark" / ".gitignore").read_text() == "*\n"


def test_offline_sync_needs_the_store_and_makes_no_request(sandbox: Sandbox, publisher: Publisher) -> None:
    import shutil

    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, *consent(publisher)).ok()
    shutil.rmtree(sandbox.cwd / ".tark")
    seen = len(publisher.server.requests)
    sandbox.run("sync", "--offline").ok()
    shutil.rmtree(sandbox.cwd / ".tark")
    shutil.rmtree(sandbox.store)
    sandbox.run("sync", "--offline").failed(
        5, "not in the store, and --offline forbids downloads: text-tools"
    )
    # the reason is the option or variable that was given, and without it the command works
    frozen = sandbox.run("sync", "--frozen").failed(5, "--frozen forbids downloads", "without --frozen")
    assert "--offline" not in frozen.err
    variable = sandbox.run("sync", env={"TARKPM_OFFLINE": "1"})
    variable.failed(5, "TARKPM_OFFLINE forbids downloads", "help: unset TARKPM_OFFLINE")
    assert "--offline" not in variable.err
    assert len(publisher.server.requests) == seen
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()


def test_init_for_the_user_creates_nothing_here(sandbox: Sandbox) -> None:
    own = sandbox.home / ".config" / "tark" / "tark.toml"
    made = sandbox.run("--user", "init", "--tark-version", "0.12.6").ok()
    assert (made.out, list(sandbox.cwd.iterdir())) == (f"created {own} for tark 0.12.6\n", [])
    sandbox.run("init", "--user").failed(2, "there is already a project here", "help: tarkpm list --user")
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.run("add", "./mine", "--accept-capabilities").ok()
    assert (sandbox.data / "plugins" / "mine").is_dir()


def test_the_two_entry_points_are_one_program(sandbox: Sandbox) -> None:
    import sys

    script = Path(sys.executable).parent / "tarkpm"
    module = sandbox.execute("--version").ok()
    assert module.out.startswith("tarkpm ")
    assert script.exists()
    assert "Find, lock, verify and run" in sandbox.execute("--help").ok().out
    sandbox.execute("frobnicate").failed(2, "there is no command 'frobnicate'", "help: tarkpm --help")


def test_what_an_earlier_plugin_stored_is_told_of(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "src", name="noted")
    sandbox.init()
    add = ("add", "./src", "--accept-capabilities")
    assert "stored here" not in sandbox.run(*add).ok().err
    sandbox.run("call", "noted", "save-note", '{"key":"k","text":"token"}').ok()
    sandbox.run("remove", "noted").ok()
    assert "warning │ inherits data that a plugin of this name stored here: " in sandbox.run(*add).ok().err
    sandbox.run("remove", "noted", "--purge").ok()
    assert "stored here" not in sandbox.run(*add).ok().err
