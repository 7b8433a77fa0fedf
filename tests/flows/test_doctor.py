"""What doctor finds on a machine, what it mends when asked, and what it leaves alone."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import Sandbox


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A project with one working copy."""
    sandbox.plugin(sandbox.cwd / "src" / "mine", name="mine")
    sandbox.init()
    sandbox.run("add", "./src/mine", "--accept-capabilities").ok()
    return sandbox


def troubles(sandbox: Sandbox, *more: str, status: int = 1) -> list[Any]:
    found = sandbox.run("doctor", "--json", *more)
    assert found.status == status, found
    troubles: list[Any] = found.json["troubles"]
    return troubles


def test_nothing_is_wrong(project: Sandbox) -> None:
    found = project.run("doctor")
    assert "Confined by:" in found.out
    assert "30 s and 256 MiB of memory a call" in found.out
    report = project.run("doctor", "--json").json
    assert report["troubles"] == []
    assert report["limits"]["memory"] == 256 << 20
    if not report["missing"]:
        assert found.status == 0
        assert "no problems found" in found.out


def test_a_secret_others_can_read_is_found_and_mended(project: Sandbox) -> None:
    project.key()
    key = project.state / "keys" / "release.pem"
    key.chmod(0o644)
    key.parent.chmod(0o755)
    found = project.run("doctor").failed(1, "a secret that other users may read or change: its mode is 644")
    assert "help: tarkpm doctor --fix" in found.out
    assert key.stat().st_mode & 0o777 == 0o644, "looking changes nothing"
    mended = project.run("doctor", "--fix").ok()
    assert "set its mode to 600" in mended.out
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700
    key.chmod(0)
    assert "that you cannot read" in project.run("doctor").failed(1).out
    project.run("doctor", "--fix").ok()
    assert troubles(project, status=0) == []


def test_a_key_that_is_a_link_is_told_and_left(project: Sandbox) -> None:
    project.key()
    other = project.root / "other.pem"
    other.write_text("x")
    other.chmod(0o644)
    (project.state / "keys" / "linked.pem").symlink_to(other)
    project.run("doctor", "--fix").failed(1, "expected a regular folder or file")
    assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("size", [0, None])
def test_a_file_that_is_gone_or_cut_is_found(project: Sandbox, size: int | None) -> None:
    (module,) = project.plugins.glob("*/plugin.wasm")
    module.unlink()
    if size is not None:
        module.write_bytes(b"")
    (found,) = troubles(project)
    assert (found["message"], found["hint"]) == (
        f"files of '{module.parent.name}' are missing or have another size: 'plugin.wasm'",
        "tarkpm verify",
    )


def test_leftovers_are_found_and_deleted(project: Sandbox) -> None:
    staged = project.cwd / ".tark" / ".tarkpm" / "staging" / "half"
    staged.mkdir(parents=True)
    old = project.store / "blobs" / ".x.tmp"
    old.parent.mkdir(parents=True)
    old.write_text("x")
    new = old.with_name(".y.tmp")
    new.write_text("x")
    os.utime(old, (time.time() - 7200,) * 2)
    assert {Path(one["where"]).name for one in troubles(project)} == {"staging", ".x.tmp"}
    assert {one["fixed"] for one in troubles(project, "--fix", status=0)} == {"deleted it"}
    assert not staged.exists()
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("folder", ["", "projects", "advisories", "locks", "logs", "withheld", "history/1"])
def test_a_killed_command_s_files_in_state_are_found(project: Sandbox, folder: str) -> None:
    old = project.state / folder / ".x.json.0123456789abcdef.tmp"
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_text("x")
    assert troubles(project, status=0) == []
    os.utime(old, (time.time() - 7200,) * 2)
    assert [one["fixed"] for one in troubles(project, "--fix", status=0)] == ["deleted it"]
    assert not old.exists()


def test_a_command_that_failed_holds_nothing(project: Sandbox) -> None:
    other = project.root / "other"
    other.mkdir()
    project.run("init", "--project", other, "--tark-version", "0.12.6").ok()
    project.run("remove", "nobody", "--project", other).failed(2, "nobody")
    assert {lock.read_text() for lock in project.state.glob("projects/*.lock")} == {""}


def test_a_lock_whose_holder_was_killed(project: Sandbox) -> None:
    lock = (
        project.state / "projects" / f"{'0' * 32}.lock"
    )  # another project's: ours is taken by doctor itself
    lock.write_text("process 4711 (tarkpm sync)")
    (found,) = troubles(project)
    assert found["message"] == "process 4711 (tarkpm sync) was killed while it held this lock"
    (mended,) = troubles(project, "--fix", status=0)
    assert mended["fixed"] == "cleared it"
    assert lock.read_text() == ""


def test_a_lock_that_is_held_is_a_note(project: Sandbox) -> None:
    import fcntl

    (lock,) = (project.state / "projects").glob("*.lock")
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("process 4711 (tarkpm sync)")
        file.flush()
        found = troubles(project, "--fix", status=0)
        assert any(one["note"] and "is running" in one["message"] for one in found)
        assert lock.read_text()


def test_a_damaged_record_is_put_aside(project: Sandbox) -> None:
    (record,) = (project.state / "projects").glob("*.json")
    record.write_text("{")
    found = project.run("doctor").failed(1)
    assert "the record of a project is damaged" in found.out
    mended = project.run("doctor", "--fix")
    assert "moved it to" in mended.out
    assert record.with_suffix(".damaged").read_text() == "{"


def test_a_project_that_is_gone_is_forgotten_unless_its_plugins_stored_something(project: Sandbox) -> None:
    away = project.root / "away"
    away.mkdir()
    (record,) = (project.state / "projects").glob("*.json")
    project.run("call", "mine", "save-note", '{"key":"k","text":"kept"}').ok()
    shutil.rmtree(project.cwd)
    kept = project.run("doctor", "--fix", "--json", cwd=away).ok().json["troubles"]
    assert "its plugins' data is kept" in kept[0]["message"]
    assert record.exists()
    shutil.rmtree(kept[0]["where"])
    assert "the project no longer exists" in project.run("doctor", cwd=away).ok().out
    assert record.exists()
    project.run("doctor", "--fix", cwd=away).ok()
    assert not record.exists()


def test_a_damaged_index_record_is_told_and_never_deleted(project: Sandbox) -> None:
    file = project.state / "indexes" / ("0" * 64 + ".json")
    file.parent.mkdir(parents=True)
    file.write_text("{")
    project.run("doctor", "--fix").failed(1, "the record of an index is damaged", "backup")
    assert file.read_text() == "{"


def test_servers_are_asked(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    found = sandbox.run("doctor", "--json").json["servers"]
    host = publisher.url.rpartition("/")[0]
    assert found == [{"kind": "git", "address": "/".join(host.split("/")[:3]), "problem": ""}]
    asked = len(publisher.server.requests)
    assert sandbox.run("doctor", "--offline", "--json").json["servers"] == []
    assert len(publisher.server.requests) == asked


def test_an_index_is_asked_and_one_that_is_away_is_wrong(indexed: IndexedProject) -> None:
    indexed.use()
    sandbox = indexed.sandbox
    (server,) = sandbox.run("doctor", "--json").json["servers"]
    assert (server["kind"].partition(" ")[0], server["problem"]) == ("index", "")
    indexed.server.__exit__(None, None, None)
    (server,) = sandbox.run("doctor", "--json").failed(1).json["servers"]
    assert server["problem"]


def test_a_server_that_never_answers_does_not_hold_it_up(
    project: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tarkpm.ops.audit.connectivity.SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        text = (project.cwd / "tark.toml").read_text()
        (project.cwd / "tark.toml").write_text(
            text.replace("[plugins]", f'[plugins]\nslow = {{ git = "http://127.0.0.1:{port}/slow" }}')
        )
        project.run("sync", "--accept-project", "--offline")  # which accepts, and cannot go on
        found = project.run("doctor").failed(1, f"git http://127.0.0.1:{port}: no answer within 0.5 s")
        assert "Traceback" not in found.err


def test_a_project_that_was_not_accepted_has_nobody_asked(sandbox: Sandbox, publisher: Publisher) -> None:
    (sandbox.cwd / "tark.toml").write_text(
        f'[plugins]\nx = {{ git = "{publisher.url}" }}\n[trust]\nx = ["ed25519:{"A" * 43}="]\n'
    )
    found = sandbox.run("doctor", "--json").json
    assert found["servers"] == []
    assert publisher.server.requests == []


def test_a_change_that_was_not_finished_is_finished(
    project: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tarkpm.store.state import State

    project.plugin(project.cwd / "src" / "other", name="other")
    away = project.root / "away"
    away.mkdir()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/state")

    with monkeypatch.context() as patched:
        patched.setattr(State, "save", full)
        project.run("add", "./src/other", "--accept-capabilities").failed(2)
    assert "a committed change was not finished" in project.run("doctor", cwd=away).failed(1).out
    mended = project.run("doctor", "--fix", cwd=away).ok()
    assert "an interrupted change was finished first" in mended.out
    assert (project.plugins / "other").is_dir()


def test_what_makes_the_next_command_fail_is_found(project: Sandbox, tmp_path: Path) -> None:
    shutil.rmtree(project.plugins / "mine")
    found = project.run("doctor").failed(
        1, "problem: 'mine' is locked but not installed", "help: tarkpm sync"
    )
    assert "no problems found" not in found.out
    project.run("sync").ok()
    stranger = Sandbox(tmp_path / "stranger")
    shutil.copytree(project.cwd / "src", stranger.cwd / "src")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(project.cwd / name, stranger.cwd / name)
    stranger.run("doctor").failed(
        1, "you have not accepted what this project decides about 'mine'", "help: tarkpm accept\n"
    )
    (stranger.cwd / "tark.lock").unlink()
    stranger.run("doctor").failed(1, "'mine' is in tark.toml, but not in tark.lock", "help: tarkpm lock\n")


def test_a_working_copy_that_is_gone(project: Sandbox) -> None:
    shutil.rmtree(project.cwd / "src" / "mine")
    project.run("doctor").failed(1, "problem: the folder of 'mine' cannot be read", "src/mine")


def test_a_home_that_does_not_exist(sandbox: Sandbox) -> None:
    found = sandbox.run("doctor", env={"HOME": "/nonexistent"}).failed(
        1, "problem: the home folder does not exist", "where: /nonexistent"
    )
    assert "no problems found" not in found.out
    assert not Path("/nonexistent").exists()


@pytest.mark.parametrize("variable", ["TARKPM_CACHE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"])
def test_the_variable_of_a_bad_path_is_named(sandbox: Sandbox, variable: str) -> None:
    blocked = sandbox.root / "file"
    blocked.write_text("")
    sandbox.run("doctor", env={variable: str(blocked)}).failed(
        1, "expected a folder, found something else", f"where: {blocked}", f"help: set {variable} to a folder"
    )


def test_a_home_that_is_read_only(sandbox: Sandbox) -> None:
    sandbox.init()
    home, doctor = sandbox.home, [sys.executable, "-m", "tarkpm", "doctor"]
    home.chmod(0o555)
    # root may write anywhere but to a read-only file system
    mount = f'mount --bind -o ro "{home}" "{home}" && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", *doctor] if os.geteuid() == 0 else doctor
    found = subprocess.run(
        command, cwd=sandbox.cwd, env=sandbox.environment(), capture_output=True, text=True, check=False
    )
    home.chmod(0o755)
    if "mount" in found.stderr or "unshare" in found.stderr:
        pytest.skip(f"no mounts here: {found.stderr}")
    assert found.returncode == 1, found
    assert (
        f"problem: the folder cannot be written\n  where: {home}\n  help: set HOME to a folder"
        in found.stdout
    )
    assert found.stdout.count(f"  where: {home}\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("XDG_CONFIG_HOME", "/dev/null", "expected a folder, found something else"),
        ("XDG_DATA_HOME", "/dev/null", "expected a folder, found something else"),
        ("TARKPM_CACHE_DIR", "/proc/x", "the folder cannot be written"),
        ("XDG_STATE_HOME", "/proc/x", "the folder cannot be written"),
        ("SSL_CERT_FILE", "/nope", "expected a file of certificates: no such file or directory"),
        ("SSL_CERT_DIR", "/nope", "expected a folder of certificates"),
        ("GIT_SSL_CAINFO", "/nope", "expected a file of certificates: no such file or directory"),
        ("GIT_SSL_CAPATH", "/nope", "expected a folder of certificates"),
        ("NETRC", "/etc", "expected a file"),
        ("https_proxy", "http://", "expected a proxy like http://host:3128, found 'http://'"),
        ("all_proxy", "socks5://h", "expected a proxy like http://host:3128, found 'socks5://h'"),
        ("http_proxy", "http://me:s3cret@127.0.0.1:1", "the proxy does not answer: connection refused"),
        ("no_proxy", "a.example,10.0.0.0/99", "found '10.0.0.0/99': the entry is ignored"),
        ("NO_PROXY", "h:99999", "found 'h:99999': the entry is ignored"),
    ],
)
def test_an_unusable_variable_is_named(project: Sandbox, name: str, value: str, message: str) -> None:
    found = project.run("doctor", env={name: value}).failed(
        1, f"problem: {message}" if value[0] == "/" else message
    )
    assert f" {name}" in found.out
    assert "s3cret" not in found.out


def test_variables_that_are_usable_or_ignored_are_no_problem(project: Sandbox) -> None:
    environment = {
        "no_proxy": "*, .example, *.example, [2001:db8::]/32, 2001:db8::1, h:443, 10.0.0.1",
        "NETRC": "/nope",
        "XDG_CONFIG_HOME": "relative",
        "https_proxy": "",
    }
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        environment["HTTPS_PROXY"] = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        found = project.run("doctor", env=environment).ok().out
    assert "note: the file does not exist\n  where: NETRC=/nope" in found
    assert "expected an absolute path, found 'relative': the variable is ignored" in found
    assert (
        "no problems found"
        in project.run("doctor", "--offline", env={"https_proxy": "http://127.0.0.1:1"}).out
    )


def test_servers_are_not_blamed_for_a_cache_that_cannot_be_written(indexed: IndexedProject) -> None:
    indexed.use()
    report = indexed.sandbox.run("doctor", "--json", env={"TARKPM_CACHE_DIR": "/proc/x"}).failed(1).json
    assert report["servers"] == []
    assert [one["where"] for one in report["troubles"]] == ["/proc"]
