"""A project that another user planted above, or owns, decides nothing: as with git's safe.directory."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import call, unchanged
from tarkpm import Host
from tarkpm.errors import ProjectNotAccepted

OTHER = 12345
PLANTED = '[tark]\nversion = "0.12.6"\n[plugins]\nx = { git = "https://evil.example/x", unsigned = true }\n'
COMMANDS = ("list", "sync", "verify", "lock", "update", "remove x", "enable x", "call x y", "doctor --fix")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def below_shared(sandbox: Sandbox) -> Sandbox:
    """Somebody who works in a folder of their own below one that everybody may write to, such as /tmp."""
    shared = sandbox.root / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    sandbox.cwd = shared / "mine"
    sandbox.cwd.mkdir()
    return sandbox


@pytest.fixture
def installed(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """Somebody with an accepted project in which text-tools is installed."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    call(sandbox).ok()
    return sandbox


def _give_away(path: Path) -> None:
    os.chown(path, OTHER, OTHER, follow_symlinks=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_planted_in_a_shared_folder_above(below_shared: Sandbox, command: str) -> None:
    planted = below_shared.cwd.parent / "tark.toml"
    planted.write_text(PLANTED)
    _give_away(planted)
    with unchanged(below_shared):
        result = below_shared.run(*command.split(), env={"TARKPM_ACCEPT_PROJECT": "1"})
    said = f"this project is not yours: tark.toml belongs to user {OTHER}, and you are 'root'"
    assert said in result.out + result.err, result
    assert result.status == (1 if command == "doctor --fix" else 4)
    if result.status == 4:
        assert f"help: tarkpm {command} --user\n" in result.err


def test_what_helps_works_when_typed(below_shared: Sandbox) -> None:
    planted = below_shared.cwd.parent / "tark.toml"
    planted.write_text(PLANTED)
    _give_away(planted)
    below_shared.run("list").failed(4, "help: tarkpm list --user\n")
    below_shared.run("list", "--user").ok()


def test_a_link_that_another_user_made(below_shared: Sandbox) -> None:
    own = below_shared.root / "own.toml"
    own.write_text(PLANTED)
    planted = below_shared.cwd.parent / "tark.toml"
    planted.symlink_to(own)
    _give_away(planted)
    below_shared.run("list").failed(4, f"belongs to user {OTHER}")


def test_own_tark_toml_in_another_users_folder(installed: Sandbox) -> None:
    """Who owns a folder can put other files into it at any time."""
    _give_away(installed.cwd)
    for command in (("sync",), ("list",), ("call", "text-tools", "text-stats", "{}")):
        installed.run(*command).failed(4, f"{installed.cwd.name} belongs to user {OTHER}")


@pytest.mark.parametrize("name", ["tark.toml", "tark.lock"])
def test_an_accepted_project_that_changes_hands(installed: Sandbox, name: str) -> None:
    _give_away(installed.cwd / name)
    said = f"this project is not yours: {name} belongs to user {OTHER}"
    for command in (("sync",), ("list",), ("verify",), ("call", "text-tools", "text-stats", "{}")):
        installed.run(*command).failed(4, said)
    with pytest.raises(ProjectNotAccepted, match=said):
        Host.open(installed.cwd, environment=installed.environment())
    os.chown(installed.cwd / name, 0, 0)
    call(installed).ok()


def test_a_project_that_is_named_must_be_ones_own_too(installed: Sandbox) -> None:
    _give_away(installed.cwd / "tark.toml")
    hint = f"if you trust its contents: sudo chown -R 0 {installed.cwd}"
    refused = installed.run("list", "--project", installed.cwd, "--accept-project", cwd=installed.root)
    refused.failed(4, f"tark.toml belongs to user {OTHER}", hint)


def test_no_project_begins_in_another_users_folder(sandbox: Sandbox) -> None:
    _give_away(sandbox.cwd)
    refused = sandbox.run("init", "--tark-version", "0.12.6")
    refused.failed(4, f"belongs to user {OTHER}", "help: tarkpm init --project ~/my-plugins\n")
    sandbox.run("init", "--tark-version", "0.12.6", "--project", sandbox.home / "my-plugins").ok()


def test_root_leaves_no_folder_in_another_users(sandbox: Sandbox) -> None:
    """Its owner could not remove a folder of root's that is not empty."""
    _give_away(sandbox.cwd)
    refused = sandbox.run("init", "--tark-version", "0.12.6", "--project", "a/b")
    refused.failed(4, f"this folder is not yours: app belongs to user {OTHER}, and you are 'root'")
    for command in COMMANDS:
        sandbox.run(*command.split(), "--project", sandbox.cwd)
    assert list(sandbox.cwd.iterdir()) == []


def test_a_shell_completes_no_names_of_it(installed: Sandbox) -> None:
    words = {"_TARKPM_COMPLETE": "bash_complete", "COMP_WORDS": "tarkpm info te", "COMP_CWORD": "2"}
    assert "text-tools" in installed.fork("", env=words).out
    _give_away(installed.cwd / "tark.toml")
    assert "text-tools" not in installed.fork("", env=words).out


def test_the_search_ends_at_home(sandbox: Sandbox) -> None:
    """A tark.toml in the home folder is its owner's; one above it is nobody's to be found by accident."""
    below = sandbox.home / "work" / "deep"
    below.mkdir(parents=True)
    (sandbox.root / "tark.toml").write_text(PLANTED)
    assert "evil" not in sandbox.run("list", cwd=below).ok().out
    (sandbox.home / "tark.toml").write_text(PLANTED)
    sandbox.run("sync", cwd=below).failed(1, str(sandbox.home / "tark.lock"))
    linked = sandbox.root / "linked-home"
    linked.symlink_to(sandbox.home)
    (sandbox.home / "tark.toml").unlink()
    sandbox.run("list", cwd=below, env={"HOME": str(linked)}).ok()


@pytest.fixture
def mounted(sandbox: Sandbox) -> Iterator[Path]:
    """Another file system, mounted below the project folder."""
    stick = sandbox.cwd / "stick"
    stick.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", stick], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    yield stick
    subprocess.run(["umount", stick], check=True)


def test_the_search_ends_where_another_file_system_begins(sandbox: Sandbox, mounted: Path) -> None:
    (sandbox.cwd / "tark.toml").write_text(PLANTED)
    below = mounted / "deep"
    below.mkdir()
    sandbox.run("sync", cwd=sandbox.cwd).failed(1, str(sandbox.cwd / "tark.lock"))
    sandbox.run("list", cwd=below).ok()
    (mounted / "tark.toml").write_text(PLANTED)
    sandbox.run("sync", cwd=below).failed(1, str(mounted / "tark.lock"))
