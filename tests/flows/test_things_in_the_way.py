"""What a stranger ran into once: a change that cannot be finished, data in the wrong place, a closed pipe."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from tarkpm.store.state import State


def installed(sandbox: Sandbox, name: str = "mine") -> Path:
    """A project with one working copy in it; returns the copy's folder."""
    folder = sandbox.plugin(sandbox.cwd / "src" / name, name=name)
    sandbox.init()
    sandbox.run("add", f"./src/{name}", "--accept-capabilities").ok()
    return folder


def test_a_change_that_cannot_be_applied_says_so_and_is_finished_later(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(sandbox)
    sandbox.plugin(sandbox.cwd / "src" / "other", name="other")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/state")

    with monkeypatch.context() as patched:
        patched.setattr(State, "save", full)
        said = "the change is committed but cannot be applied yet: no space left on device"
        sandbox.run("add", "./src/other", "--accept-capabilities").failed(2, said, "the next tarkpm command")
        listing = sandbox.run("list").ok()  # reading goes on
        assert said in listing.err
    finished = sandbox.run("list").ok()
    assert "an interrupted change was finished first" in finished.err
    assert "other" in finished.out
    sandbox.run("sync").ok()
    sandbox.run("call", "other", "text-stats", '{"text":""}').ok()


@pytest.mark.parametrize("command", ["sync", "add", "remove"])
def test_a_plugins_folder_that_was_deleted_is_made_again(sandbox: Sandbox, command: str) -> None:
    installed(sandbox)
    sandbox.plugin(sandbox.cwd / "src" / "other", name="other")
    shutil.rmtree(sandbox.plugins)
    words = {"sync": [], "add": ["./src/other", "--accept-capabilities"], "remove": ["mine"]}
    sandbox.run(command, *words[command]).ok()
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()


def test_a_change_is_finished_without_the_plugins_folder(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(sandbox)
    sandbox.plugin(sandbox.cwd / "src" / "other", name="other")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/state")

    with monkeypatch.context() as patched:
        patched.setattr(State, "save", full)
        sandbox.run("add", "./src/other", "--accept-capabilities").failed(
            2, "committed but cannot be applied"
        )
    shutil.rmtree(sandbox.plugins)
    sandbox.run("sync").ok()
    assert sorted(folder.name for folder in sandbox.plugins.iterdir()) == ["mine", "other"]
    sandbox.run("verify").ok()


def test_data_that_lies_in_the_plugins_folder_is_never_deleted(sandbox: Sandbox) -> None:
    installed(sandbox)
    data = sandbox.plugins / "mine" / "data"
    data.unlink()
    data.mkdir()
    (data / "precious").write_text("x")
    sandbox.run("verify").failed(1, "expected a link to")
    for command in (["sync", "--reinstall"], ["remove", "mine"], ["remove", "mine", "--purge"]):
        sandbox.run(*command).failed(
            2, "'mine' stores data inside its plugin folder, which this would delete", "move it first"
        )
        assert (data / "precious").read_text() == "x"


def test_a_lock_with_conflict_markers_names_the_way_out(sandbox: Sandbox) -> None:
    installed(sandbox)
    lock = sandbox.cwd / "tark.lock"
    lock.write_text("<<<<<<< HEAD\n" + lock.read_text())
    sandbox.run("sync").failed(2, "a merge conflict is not resolved (line 1)", f"rm {lock} && tarkpm lock")
    lock.unlink()
    assert "locked mine 1.0.0" in sandbox.run("lock").ok().out
    sandbox.run("sync").ok()


def test_a_commit_that_never_held_these_bytes_is_not_believed(sandbox: Sandbox, publisher: Publisher) -> None:
    commit = publisher.release()
    sandbox.init()
    sandbox.run(
        "add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, "--accept-capabilities"
    ).ok()
    lock = sandbox.cwd / "tark.lock"
    lock.write_text(lock.read_text().replace(commit, "1" * 40))
    sandbox.run("sync").failed(2, "there is no commit")
    sandbox.run("sync", "--offline").failed(5, "not in the store")
    sandbox.run("verify").failed(1, "tark.lock changed since this was installed")


@pytest.mark.parametrize(
    "url", ["ext::sh -c id", "--upload-pack=id", "http://example.com/x.git", "git://example.com/x"]
)
def test_a_url_in_tark_toml_is_held_to_the_grammar_before_anything(
    sandbox: Sandbox, publisher: Publisher, url: str
) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    for name in ("tark.toml", "tark.lock"):
        path = sandbox.cwd / name
        path.write_text(path.read_text().replace(publisher.url, url))
    for command in ("sync", "update", "lock"):
        sandbox.run(command, "--accept-project").failed(2)


def test_what_was_revoked_is_shown_as_not_granted(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.0.0")
    publisher.release("1.1.0")
    sandbox.init()
    sandbox.run(
        "add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, "--accept-capabilities"
    ).ok()
    sandbox.run("revoke", "text-tools", "storage").ok()
    card = sandbox.run("add", publisher.url, "--tag", "v1.1.0").ok().err
    assert "storage │ NOT granted, as before: storage" in card


def test_without_a_tark_version_the_minimum_is_said_to_be_unchecked(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "mine", name="mine")
    assert "tark was not found" in sandbox.run("init").ok().err
    out = sandbox.run("add", "./mine", "--accept-capabilities").ok().out
    assert "'mine' requires tark 0.6.0 or newer; this was not checked" in out


def test_signing_without_a_terminal_says_how_to_give_the_passphrase(sandbox: Sandbox) -> None:
    from tarkpm.store.keys import KeyStore

    KeyStore(sandbox.state / "keys").generate("locked", b"open sesame")
    folder = sandbox.plugin(sandbox.cwd / "mine", name="mine")
    sandbox.run("sign", folder, "--key", "locked").failed(
        2, "there is no terminal to prompt for it", "TARKPM_KEY_PASSPHRASE"
    )
    given = {"TARKPM_KEY_PASSPHRASE": "open sesame"}
    sandbox.run("sign", folder, "--key", "locked", env=given).ok()
    make = ("key", "generate", "--passphrase", "--name")
    sandbox.run(*make, "one").failed(2, "there is no terminal to prompt for it", "TARKPM_KEY_PASSPHRASE")
    sandbox.run(*make, "two", env=given).ok()
    sandbox.run("sign", folder, "--key", "two").failed(2, "the key has a passphrase")
    sandbox.run("sign", folder, "--key", "two", env=given).ok()


def test_help_without_arguments_is_readable(sandbox: Sandbox) -> None:
    for arguments, title in (([], "Run plugins"), (["key"], "Commands"), (["index"], "Use indexes")):
        shown = sandbox.run(*arguments)
        assert shown.status == 2
        assert f"\n{title}:\n" in shown.err


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "2>&-", "<&-", ">/dev/full 2>&1"])
def test_streams_that_are_closed_or_full_are_no_traceback(sandbox: Sandbox, redirection: str) -> None:
    installed(sandbox)
    for command in ("list --json", "info nope", "list"):
        line = f"{sys.executable} -m tarkpm {command} {redirection}"
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=sandbox.cwd,
            env=sandbox.environment(),
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stdout + done.stderr, (line, done)
        assert "unexpected" not in done.stdout + done.stderr, (line, done)


@pytest.mark.parametrize(
    "words",
    [
        "check {}",
        "build {}",
        "test {}",
        "trial {} x",
        "call ./{} x",
        "call text-tools text-stats @{}",
        "list --project {}",
        "accepted --forget {}",
    ],
)
def test_a_link_to_itself_is_an_error_of_the_file_system(sandbox: Sandbox, words: str) -> None:
    (sandbox.cwd / "loop").symlink_to("loop")
    found = sandbox.run(*words.format("loop").split())
    found.failed(2, "error: too many levels of symbolic links\n", "loop\n")


@pytest.mark.parametrize("words", ["check {}", "build {}", "call {} x", "trial {} x", "add {}", "info {}"])
def test_the_home_of_an_unknown_user_is_a_folder_that_does_not_exist(sandbox: Sandbox, words: str) -> None:
    sandbox.init()
    found = sandbox.run(*words.format("~no-such-user").split())
    found.failed(2, f"{sandbox.cwd}/~no-such-user")
    assert "unexpected" not in found.err


def test_such_a_home_in_tark_toml(sandbox: Sandbox) -> None:
    sandbox.init()
    (sandbox.cwd / "tark.toml").write_text(
        '[tark]\nversion = "0.12.6"\n[plugins]\nx = { path = "~no-such-user/x" }\n'
    )
    sandbox.run("accept", "--accept-project").ok()
    found = sandbox.run("lock").failed(2, "~no-such-user/x")
    assert "unexpected" not in found.err


def test_a_link_instead_of_a_plugin_folder_is_replaced_and_what_it_leads_to_stays(sandbox: Sandbox) -> None:
    installed(sandbox)
    folder = sandbox.cwd / ".tark" / "plugins" / "mine"
    elsewhere = sandbox.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    shutil.rmtree(folder)
    folder.symlink_to(elsewhere)
    found = sandbox.run("verify").failed(1).out
    assert found.count("expected a folder, found a link or a file") == 1
    assert "not part of the release" not in found
    done = sandbox.run("sync").ok()
    assert "deleted" not in done.err + done.out
    assert (elsewhere / "mine").read_text() == "mine"
    assert not folder.is_symlink()


def test_a_key_that_cannot_be_written_does_not_burn_its_name(sandbox: Sandbox) -> None:
    line = f"ulimit -f 0; exec {sys.executable} -m tarkpm key generate --name mine"
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=sandbox.cwd, env=sandbox.environment(), capture_output=True, text=True
    )
    assert done.returncode != 0
    sandbox.run("key", "generate", "--name", "mine").ok()
    assert sorted(path.name for path in (sandbox.state / "keys").iterdir()) == ["mine.pem", "mine.pub"]


def test_project_and_user_exclude_each_other(sandbox: Sandbox) -> None:
    sandbox.run("list", "--user", "--project", sandbox.cwd).failed(
        2, "expected --project or --user, found both"
    )
    assert os.environ.get("TARKPM_PROJECT") is None


def test_an_empty_listing_of_one_type_says_so(sandbox: Sandbox) -> None:
    installed(sandbox)
    assert "No hook plugins installed." in sandbox.run("list", "--type", "hook").ok().out
    assert sandbox.run("disable", "mine", "--dry-run").ok().out == "nothing was changed; mine is enabled\n"


def test_files_put_into_a_plugins_folder_are_named_when_they_go(sandbox: Sandbox) -> None:
    sandbox.init()
    sandbox.plugin(sandbox.cwd / "src" / "mine", name="mine")
    sandbox.run("add", "./src/mine", "--accept-capabilities").ok()
    stray = sandbox.plugins / "mine" / "notes.txt"
    stray.write_text("mine")
    assert "note" not in sandbox.run("sync").ok().err, "nothing is done, so nothing goes"
    sandbox.run("verify").failed(1, "mine: not part of the release", f"inspect it, then: rm -r {stray}")
    said = sandbox.run("sync", "--reinstall").ok().err
    assert said == "note: deleted from the folder of 'mine', not part of the release: 'notes.txt'\n"
    sandbox.run("verify").ok()


def test_a_folder_without_a_plugin_is_named_for_what_it_is(sandbox: Sandbox) -> None:
    sandbox.init()
    (sandbox.plugins / "byhand").mkdir(parents=True)
    sandbox.run("info", "byhand").failed(
        2, "the folder 'byhand' does not contain a readable plugin", "tarkpm verify"
    )
