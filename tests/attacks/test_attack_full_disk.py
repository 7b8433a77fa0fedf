"""A disk that is full, a folder that cannot be written, files that are not there: one error, nothing lost."""

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Result, Sandbox

from attacks.tampering import install, installed_files, unchanged


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, if this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _limited(sandbox: Sandbox, size: int, *arguments: str) -> Result:
    """Run tarkpm as a process none of whose files may become larger than ``size``."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = subprocess.run(
        [sys.executable, "-m", "tarkpm", *arguments],
        cwd=sandbox.cwd,
        env=sandbox.environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=limit,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@contextmanager
def nothing_lost(sandbox: Sandbox) -> Iterator[None]:
    """Assert that documents and plugins stay as they are; tarkpm's own folder may have come to be."""

    def seen() -> dict[Path, bytes]:
        files = [sandbox.cwd / "tark.toml", sandbox.cwd / "tark.lock", *sandbox.plugins.glob("*/*")]
        return {path: path.read_bytes() for path in files if path.is_file()}

    before = seen()
    yield
    assert seen() == before


def test_no_room_for_a_project(small_disk: Path, sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.cwd = small_disk / "app"
    sandbox.cwd.mkdir()
    sandbox.init()
    (small_disk / "junk").write_bytes(bytes(245_760))
    with nothing_lost(sandbox):
        sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").failed(
            2, "the disk is full", "help: free some space"
        )
    assert not list(sandbox.plugins.glob("*"))
    (small_disk / "junk").unlink()
    install(sandbox, publisher)


def test_no_room_for_an_update(small_disk: Path, sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.cwd = small_disk / "app"
    sandbox.cwd.mkdir()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    publisher.release("1.1.0")
    left = shutil.disk_usage(small_disk).free
    (small_disk / "junk").write_bytes(bytes(max(left - 8192, 0)))
    with nothing_lost(sandbox):
        sandbox.run("update").failed(2, "the disk is full")
        sandbox.run("verify").ok()
    (small_disk / "junk").unlink()
    sandbox.run("update").ok()


def test_a_full_disk_is_not_left_fuller(small_disk: Path, sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.cwd = small_disk / "app"
    sandbox.cwd.mkdir()
    sandbox.init()
    (small_disk / "junk").write_bytes(bytes(241_664))
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").failed(2, "is full")
    assert not (sandbox.cwd / ".tark" / ".tarkpm" / "staging").exists()


@pytest.mark.parametrize("size", [0, 100, 4000])
def test_no_file_may_grow(sandbox: Sandbox, publisher: Publisher, size: int) -> None:
    """The same where no file system can be mounted: every write fails after so many bytes."""
    publisher.release()
    sandbox.init()
    with nothing_lost(sandbox):
        refused = _limited(
            sandbox, size, "add", publisher.url, "--trust", publisher.key, "--accept-capabilities"
        ).failed(2, "file too large")
    assert "unexpected" not in refused.err
    assert not list(sandbox.plugins.glob("*"))
    install(sandbox, publisher)
    assert len(installed_files(sandbox)) == 3


def test_no_file_may_grow_while_a_project_begins(sandbox: Sandbox) -> None:
    _limited(sandbox, 0, "init").failed(2, "file too large")
    assert list(sandbox.cwd.iterdir()) == []


def test_a_folder_that_cannot_be_written(small_disk: Path, sandbox: Sandbox, publisher: Publisher) -> None:
    """A read-only file system: even root meets it."""
    publisher.release()
    sandbox.cwd = small_disk / "app"
    sandbox.cwd.mkdir()
    sandbox.init()
    for _ in range(2):  # without an environment, and with one
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with unchanged(sandbox):
            text = "the file system is read-only"
            add = ["add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, "--accept-capabilities"]
            command = ["sync", "--reinstall"] if (sandbox.cwd / "tark.lock").exists() else add
            sandbox.run(*command).failed(2, text, str(sandbox.cwd))
            sandbox.run("init", "--project", sandbox.cwd / "new").failed(2, text, str(sandbox.cwd / "new"))
            for reading in ("list", "verify"):
                sandbox.run(reading).ok()
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        install(sandbox, publisher)


def test_state_that_cannot_be_written(sandbox: Sandbox, publisher: Publisher) -> None:
    """A file where the state folder should be, so that root meets it, too."""
    publisher.release()
    shutil.rmtree(sandbox.state)
    sandbox.state.parent.mkdir(parents=True, exist_ok=True)
    sandbox.state.write_text("not a folder")
    sandbox.init()
    before = {path: path.read_bytes() for path in sandbox.cwd.glob("tark.*")}
    refused = sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities")
    refused.failed(2, str(sandbox.state))
    assert "unexpected" not in refused.err
    assert {path: path.read_bytes() for path in sandbox.cwd.glob("tark.*")} == before
    sandbox.run("key", "generate", "--name", "x").failed(2, str(sandbox.state))


def test_a_record_that_is_damaged(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    install(sandbox, publisher)
    record = next((sandbox.state / "projects").glob("*.json"))
    good = record.read_bytes()
    for data in (b"", b"{}", b"null", b"\xff", b"[" * 100_000, good.replace(b'"version":2', b'"version":3')):
        record.write_bytes(data)
        for command in ("sync", "verify", "list"):
            refused = sandbox.run(command).failed(2, str(record))
            assert "unexpected" not in refused.err
    record.write_bytes(good)
    sandbox.run("verify").ok()


def test_what_is_missing(sandbox: Sandbox) -> None:
    with unchanged(sandbox):
        sandbox.run("sync").failed(2, "there is no tark.toml here or above", "help: tarkpm init")
        sandbox.run("sync", "--project", "nowhere").failed(2, "there is no tark.toml here", "tarkpm init")
        sandbox.run("add", "./nowhere").failed(2, "the folder does not exist", "nowhere")
        sandbox.run("add", "nowhere").failed(2, "this project has no index", "help: ")
        sandbox.run("sign", "nowhere", "--key", "x").failed(2, "nowhere")
        sandbox.run("frobnicate").failed(2, "there is no command 'frobnicate'", "help: tarkpm --help")
        sandbox.run("add").failed(2, "help: tarkpm add --help")
    sandbox.init()
    with unchanged(sandbox):
        sandbox.run("call", "x", "y").failed(2, "no plugin named 'x' is locked", "help: tarkpm list")
        sandbox.run("info", "x").failed(2, "no plugin named 'x' is installed", "help: tarkpm list")
        sandbox.run("remove", "x").failed(2, "does not require a plugin named 'x'", "help: tarkpm list")
        sandbox.run("call", "x", "y", "{").failed(2, "the arguments are not JSON")
        sandbox.run("call", "x", "y", "@nowhere").failed(2, "nowhere")
        sandbox.run("init").failed(2, "there is already a project here")


def test_what_is_locked_and_not_installed(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(capabilities="storage = true\nshell = true")
    install(sandbox, publisher)
    sandbox.run("revoke", "text-tools", "shell").ok()
    shutil.rmtree(sandbox.plugins / "text-tools")
    with unchanged(sandbox):
        for command in (("disable", "text-tools"), ("enable", "text-tools")):
            sandbox.run(*command).failed(2, "'text-tools' is locked but not installed", "help: tarkpm sync")
        assert sandbox.run("info", "text-tools").ok().out.endswith("To install it: tarkpm sync\n")


def test_a_grant_to_what_is_not_installed(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(capabilities="storage = true\nshell = true")
    install(sandbox, publisher)
    sandbox.run("revoke", "text-tools", "shell").ok()
    shutil.rmtree(sandbox.plugins / "text-tools")
    with unchanged(sandbox):
        sandbox.run("grant", "text-tools", "shell").failed(2, "help: tarkpm sync")
