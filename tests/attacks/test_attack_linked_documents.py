"""A pull request makes tark.toml or tark.lock a symbolic link: nothing elsewhere is read, believed or written."""

import os
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import call

OTHER = 12345
OURS = '[tark]\nversion = "0.12.6"\n'
COMMANDS = ("list", "sync", "verify", "lock", "lock --check", "update", "accept", "tools")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def installed(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """Somebody with an accepted project in which text-tools is installed, and an accepted one of their own."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    own = sandbox.home / ".config" / "tark"
    own.mkdir(parents=True)
    (own / "tark.toml").write_text(OURS)
    return sandbox


def _outside(sandbox: Sandbox) -> dict[str, Path]:
    secret = sandbox.home / ".netrc"
    secret.write_text("machine x login y password s3cret\n")
    empty = sandbox.root / "__init__.py"
    empty.write_text("")
    other = sandbox.root / "other" / "tark.toml"
    other.parent.mkdir()
    other.write_text(OURS)
    return {
        "the user's own": sandbox.home / ".config" / "tark" / "tark.toml",
        "another project": other,
        "a secret": secret,
        "an empty file": empty,
        "a device": Path("/dev/null"),
        "nothing": sandbox.root / "nothing",
    }


@pytest.mark.parametrize(
    "what", ["the user's own", "another project", "a secret", "an empty file", "a device", "nothing"]
)
def test_out_of_the_project(installed: Sandbox, what: str) -> None:
    """`add` or `grant` there would change decisions that are not this project's."""
    target = _outside(installed)[what]
    before = target.read_bytes() if target.is_file() else None
    (installed.cwd / "x").mkdir()
    link = installed.cwd / "tark.toml"
    link.unlink()
    link.symlink_to(target)
    for command in (*COMMANDS, "grant text-tools shell", "remove text-tools", "add ./x"):
        refused = installed.run(*command.split(), env={"TARKPM_ACCEPT_PROJECT": "1"})
        # A hint that copies the target would put what the attacker names into the repository.
        assert f"help: ls -l {link}\n" in refused.err
        refused.failed(2, "expected a regular file, found a symbolic link", str(link))
        assert "s3cret" not in refused.out + refused.err
    call(installed).failed(2, "found a symbolic link")
    assert link.is_symlink()
    assert before is None or target.read_bytes() == before


def test_through_a_folder_that_is_a_link(installed: Sandbox) -> None:
    """The path looks like one inside the project."""
    outside = _outside(installed)["another project"].parent
    (installed.cwd / "config").symlink_to(outside)
    (installed.cwd / "tark.toml").unlink()
    (installed.cwd / "tark.toml").symlink_to("config/tark.toml")
    installed.run("grant", "text-tools", "shell").failed(2, "found a symbolic link")
    assert (outside / "tark.toml").read_text() == OURS


@pytest.mark.parametrize(
    "target", [".git/tark.toml", ".tark/tark.toml", "src/__init__.py", "tark.toml", "tark.lock"]
)
def test_to_a_file_of_the_project_that_is_no_project_file(installed: Sandbox, target: str) -> None:
    """git's and tarkpm's own folders, files under other names, which plugins may write, and a circle."""
    link = installed.cwd / "tark.toml"
    link.unlink()
    file = installed.cwd / target
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.touch()
        link.unlink(missing_ok=True)
    link.symlink_to(target)
    installed.run("list").failed(2, "expected a regular file, found a symbolic link", str(link))


def test_what_it_decides_is_asked_about(installed: Sandbox) -> None:
    """A link inside the project may be followed, as the same text in a regular file would be read."""
    text = (installed.cwd / "tark.toml").read_text()
    inside = installed.cwd / "config" / "tark.toml"
    inside.parent.mkdir()
    inside.write_text(text.replace("storage = true", "storage = true, shell = true"))
    (installed.cwd / "tark.toml").unlink()
    (installed.cwd / "tark.toml").symlink_to("config/tark.toml")
    installed.run("sync").failed(4, "shell")
    inside.write_text(text)
    installed.run("sync").ok()
    call(installed).ok()


@needs_root
@pytest.mark.parametrize("theirs", ["link", "second link", "folder", "file"])
def test_a_part_of_the_way_is_another_users(installed: Sandbox, theirs: str) -> None:
    """They can lead it elsewhere, or write other decisions, after it was checked."""
    inside = installed.cwd / "config" / "tark.toml"
    inside.parent.mkdir()
    link, second = installed.cwd / "tark.toml", installed.cwd / "config" / "link"
    link.rename(inside)
    second.symlink_to("tark.toml")
    link.symlink_to("config/link")
    installed.run("list").ok()
    place = {"link": link, "second link": second, "folder": inside.parent, "file": inside}[theirs]
    os.chown(place, OTHER, OTHER, follow_symlinks=False)
    installed.run("list").failed(4, f"belongs to user {OTHER}", str(place))
    installed.run("grant", "text-tools", "shell").failed(4, f"belongs to user {OTHER}")


@needs_root
@pytest.mark.parametrize("theirs", ["link", "folder", "file"])
def test_the_users_own_leads_to_another_users(sandbox: Sandbox, theirs: str) -> None:
    """As root with somebody's XDG_CONFIG_HOME, tarkpm would write where their link leads."""
    config, real = sandbox.root / "config" / "tark", sandbox.root / "dotfiles" / "tark.toml"
    config.mkdir(parents=True)
    real.parent.mkdir()
    real.write_text(OURS)
    (config / "tark.toml").symlink_to(real)
    sandbox.plugin(sandbox.cwd / "src")
    place = {"link": config / "tark.toml", "folder": real.parent, "file": real}[theirs]
    os.chown(place, OTHER, OTHER, follow_symlinks=False)
    variables = {"XDG_CONFIG_HOME": str(config.parent)}
    for command in (("list",), ("add", "./src", "--accept-capabilities")):
        sandbox.run(*command, "--user", env=variables).failed(4, f"belongs to user {OTHER}", str(place))
    assert real.read_text() == OURS
