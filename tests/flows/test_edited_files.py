"""What a verb writes keeps the file as its author has it: lines, line ends, permissions, the link to it."""

import os
import stat
from pathlib import Path

import pytest
from support.sandbox import Sandbox

WRITTEN = """\
# what we need
[tark]
version = "0.12.6"

[plugins]
text-tools = {path='../a'}  # why we need it

[grants.text-tools] # the grants
storage = true # notes
"""


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A project whose tark.toml somebody wrote, with text-tools from a folder; other is not added yet."""
    sandbox.plugin(sandbox.root / "a")
    sandbox.plugin(sandbox.root / "b", name="other")
    (sandbox.cwd / "tark.toml").write_text(WRITTEN)
    sandbox.run("lock", "--accept-project").ok()
    sandbox.run("sync").ok()
    return sandbox


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_each_verb_changes_its_lines_only(project: Sandbox) -> None:
    file = project.cwd / "tark.toml"
    project.run("add", "../b", "--accept-capabilities").ok()
    added = WRITTEN.replace("# why we need it\n", '# why we need it\nother = { path = "../b" }\n')
    assert file.read_text() == f"{added}\n[grants.other]\nstorage = true\n"
    project.run("disable", "other").ok()
    project.run("enable", "other").ok()
    project.run("update").ok()
    project.run("lock").ok()
    project.run("revoke", "other", "storage").ok()
    assert file.read_text() == added
    project.run("grant", "other", "storage").ok()
    project.run("remove", "other").ok()
    assert file.read_text() == WRITTEN
    root = f"sha256:{'a' * 64}"
    project.run("index", "add", "ours", "https://index.example/", "--root", root, "--offline").ok()
    assert file.read_text() == f'{WRITTEN}\n[index.ours]\nurl = "https://index.example"\nroot = "{root}"\n'
    project.run("index", "remove", "ours").ok()
    assert file.read_text() == WRITTEN
    project.run("revoke", "text-tools", "storage").ok()
    assert file.read_text() == WRITTEN[: WRITTEN.index("\n[grants")]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_stay(project: Sandbox, mark: str) -> None:
    """A checkout on Windows, or through git's autocrlf, which tarkpm in WSL works on."""
    files = [project.cwd / name for name in ("tark.toml", "tark.lock")]
    for file in files:
        file.write_bytes((mark + file.read_text()).replace("\n", "\r\n").encode())
    before = [file.read_bytes() for file in files]
    for command in ("sync", "lock", "lock --check", "verify", "update"):
        project.run(*command.split()).ok()
        assert [file.read_bytes() for file in files] == before
    project.run("add", "../b", "--accept-capabilities").ok()
    for file, was in zip(files, before, strict=True):
        now = file.read_bytes()
        assert now != was
        assert now.count(b"\n") == now.count(b"\r\n")
        assert now.decode().startswith("\ufeff") == bool(mark)
    project.run("remove", "other").ok()
    assert [file.read_bytes() for file in files] == before


def test_a_file_without_a_final_newline_stays_one(project: Sandbox) -> None:
    file = project.cwd / "tark.toml"
    file.write_text(WRITTEN.rstrip("\n"))
    project.run("add", "../b", "--accept-capabilities").ok()
    assert file.read_text().endswith("\n\n[grants.other]\nstorage = true")
    project.run("remove", "other").ok()
    assert file.read_text() == WRITTEN.rstrip("\n")


@pytest.mark.parametrize("mode", [0o664, 0o440, 0o600])
def test_permissions_stay(project: Sandbox, mode: int) -> None:
    files = [project.cwd / name for name in ("tark.toml", "tark.lock")]
    for file in files:
        file.chmod(mode)
    before = os.umask(0o077)
    try:
        project.run("add", "../b", "--accept-capabilities").ok()
    finally:
        os.umask(before)
    assert [permissions(file) for file in files] == [mode, mode]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_takes_over_no_file_of_a_users_own(sandbox: Sandbox) -> None:
    """The user's own tark.toml may be somebody else's, whom XDG_CONFIG_HOME names."""
    file = sandbox.root / "config" / "tark" / "tark.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[tark]\n")
    os.chown(file, 12345, 12345)
    sandbox.plugin(sandbox.cwd / "src")
    sandbox.run(
        "add", "./src", "--user", "--accept-project", "--accept-capabilities",
        env={"XDG_CONFIG_HOME": str(file.parent.parent)},
    ).ok()  # fmt: skip
    assert "src" in file.read_text()
    assert file.stat().st_uid == 12345


# -- links


@pytest.mark.parametrize("exists", [True, False])
def test_the_users_own_documents_may_be_links(sandbox: Sandbox, exists: bool) -> None:
    """A dotfiles manager links them, also before they exist."""
    config, dotfiles = sandbox.home / ".config" / "tark", sandbox.root / "dotfiles"
    config.mkdir(parents=True)
    dotfiles.mkdir()
    for name in ("tark.toml", "tark.lock"):
        (config / name).symlink_to(os.path.relpath(dotfiles / name, config))
    if exists:
        (dotfiles / "tark.toml").write_text("# mine\n[tark]\n")
        (dotfiles / "tark.toml").chmod(0o640)
    sandbox.plugin(sandbox.cwd / "src")
    sandbox.run("add", "./src", "--accept-project", "--accept-capabilities").ok()
    assert (config / "tark.toml").is_symlink()
    assert (config / "tark.lock").is_symlink()
    assert "src" in (dotfiles / "tark.toml").read_text()
    assert 'name = "text-tools"' in (dotfiles / "tark.lock").read_text()
    if exists:
        assert (dotfiles / "tark.toml").read_text().startswith("# mine\n")
        assert permissions(dotfiles / "tark.toml") == 0o640
    sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
    sandbox.run("remove", "text-tools").ok()
    assert sorted(path.name for path in dotfiles.iterdir()) == ["tark.lock", "tark.toml"]


def test_a_tark_toml_in_the_home_folder_may_be_a_link_below_it(sandbox: Sandbox) -> None:
    real = sandbox.home / "dotfiles" / "tark.toml"
    real.parent.mkdir()
    real.write_text("[tark]\n")
    (sandbox.home / "tark.toml").symlink_to("dotfiles/tark.toml")
    sandbox.plugin(sandbox.home / "src")
    sandbox.run("add", "./src", "--accept-capabilities", "--accept-project", cwd=sandbox.home).ok()
    assert "./src" in real.read_text()
    assert (sandbox.home / "tark.toml").is_symlink()


def test_links_in_a_circle_are_one_clear_error(sandbox: Sandbox) -> None:
    config = sandbox.home / ".config" / "tark"
    config.mkdir(parents=True)
    (config / "tark.toml").symlink_to("tark.toml")
    said = sandbox.run("list").failed(2, "expected a regular file, found a symbolic link")
    assert f"help: ls -l {config / 'tark.toml'}\n" in said.err


# -- a lock alone


@pytest.mark.parametrize(
    "command", ["verify", "lock --check", "lock", "sync", "list", "update", "tools", "add ../b", "outdated"]
)
def test_a_lock_without_tark_toml_is_an_error(project: Sandbox, command: str) -> None:
    """A checkout that lost tark.toml: CI must not pass on the user's own plugins, which are none."""
    (project.cwd / "tark.toml").unlink()
    below = project.cwd / "deep"
    below.mkdir()
    for folder in (project.cwd, below):
        said = project.run(*command.replace("..", str(project.root)).split(), cwd=folder)
        said.failed(2, "there is a tark.lock here, but no tark.toml", f"where: {project.cwd}\n")
    assert (
        f"help: restore tark.toml from version control, or: tarkpm init --project {project.cwd}\n" in said.err
    )
    project.run("list", "--user").ok()


def test_what_helps_without_tark_toml_works_when_typed(project: Sandbox) -> None:
    (project.cwd / "tark.toml").unlink()
    project.run("verify", "--project", project.cwd).failed(2, "there is a tark.lock here, but no tark.toml")
    project.run("init", "--project", project.cwd, "--tark-version", "0.12.6").ok()
    project.run("lock", "--check").failed(
        1, "'text-tools' is in tark.lock, but nothing in tark.toml requires it"
    )


def test_the_users_own_lock_without_tark_toml_is_an_error(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "src")
    sandbox.run("add", "./src", "--accept-capabilities").ok()
    (sandbox.home / ".config" / "tark" / "tark.toml").unlink()
    for command in ("verify", "lock --check", "sync"):
        assert sandbox.run(*command.split()).status != 0


# -- whose home folder

EVERY_KIND = (
    "list", "sync", "add ./src --accept-capabilities", "key generate --name k", "inspect src/plugin.wasm",
    "call text-tools text-stats {}", "accepted", "accepted --forget .", "cache prune", "cache clean", "doctor",
    "auth status", "index list", "search x", "verify",
)  # fmt: skip


@pytest.mark.parametrize("command", EVERY_KIND)
def test_a_home_folder_that_does_not_exist_is_not_created(sandbox: Sandbox, command: str) -> None:
    """As for a service's user, or in a container: root could create it, and plugins would be nowhere."""
    sandbox.plugin(sandbox.cwd / "src")
    nowhere = sandbox.root / "nonexistent"
    sandbox.run(*command.split(), env={"HOME": str(nowhere)})
    assert not nowhere.exists()


def test_a_home_folder_that_does_not_exist_is_named(sandbox: Sandbox) -> None:
    nowhere = sandbox.root / "nonexistent"
    said = sandbox.run("list", env={"HOME": str(nowhere)})
    said.failed(2, "HOME does not name an existing folder", f"where: {nowhere}\n", " tarkpm list\n")
    elsewhere = {
        f"XDG_{kind}_HOME": str(sandbox.root / "xdg" / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")
    }
    sandbox.run("list", env={"HOME": str(nowhere), **elsewhere}).ok()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work in another user's home folder")
@pytest.mark.parametrize("command", EVERY_KIND)
def test_root_creates_nothing_in_another_users_home(sandbox: Sandbox, command: str) -> None:
    """sudo may keep HOME: its owner could not remove what root leaves, nor use tarkpm any more."""
    sandbox.plugin(sandbox.cwd / "src")
    os.chown(sandbox.home, 12345, 12345)
    said = sandbox.run(*command.split())
    assert list(sandbox.home.iterdir()) == []
    if command == "list":
        said.failed(2, "HOME is not yours: it belongs to user 12345, and you are 'root'")
