"""PATH has an empty or relative entry, and the project holds files named as programs tarkpm runs."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Publisher
from support.authserver import authorizing
from support.corporate import Corporate, basic, corporate
from support.sandbox import Sandbox
from support.signing_in import install

from tarkpm.host.imports.folders import WorkspaceFolder
from tarkpm.host.imports.shell import Shell
from tarkpm.io.programs import USUAL_PATH, absolute_entries, child_environment, find_program

SYSTEM = "/usr/bin:/bin"
PATHS = (f":{SYSTEM}", f"{SYSTEM}:", f"/usr/bin::/bin:{SYSTEM}", f".:{SYSTEM}", f"bin:{SYSTEM}",
         f"./bin:{SYSTEM}", f"../app:{SYSTEM}", f"~:{SYSTEM}")  # fmt: skip
PLANTED = ("tark", "git", "ssh", "xdg-open", "gio", "git-credential-mine", "only-here")


@pytest.fixture
def planted(sandbox: Sandbox) -> Sandbox:
    """A project with a file of every name, in its folder and in ``bin``; each leaves ``ran`` behind."""
    for folder in (sandbox.cwd, sandbox.cwd / "bin", sandbox.cwd / "~"):
        folder.mkdir(exist_ok=True)
        for name in PLANTED:
            program(folder / name, f"echo {name} >> {sandbox.root}/ran; echo tark 9.9.9")
    return sandbox


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def assert_none_ran(sandbox: Sandbox) -> None:
    ran = sandbox.root / "ran"
    assert not ran.exists(), ran.read_text()


@pytest.mark.parametrize("path", PATHS)
def test_tark(planted: Sandbox, path: str) -> None:
    assert planted.run("init", env={"PATH": path}).ok().out.count("9.9.9") == 0
    assert planted.run("doctor", "--json", env={"PATH": path}).json["tark"] == ""
    assert_none_ran(planted)


def test_tark_in_an_absolute_entry_is_found(planted: Sandbox) -> None:
    """What it runs itself is looked up in absolute entries, too."""
    program(planted.root / "opt" / "tark", f'echo "$PATH" > {planted.root}/path; echo tark 0.12.6')
    path = f":bin:{planted.root}/opt:{SYSTEM}"
    assert "0.12.6" in planted.run("init", env={"PATH": path}).ok().out
    assert (planted.root / "path").read_text() == f"{planted.root}/opt:{SYSTEM}\n"
    assert_none_ran(planted)


@pytest.mark.parametrize("path", PATHS)
def test_ssh(planted: Sandbox, path: str) -> None:
    planted.init()
    refused = planted.run("add", "ssh://git@127.0.0.1:1/x", env={"PATH": path})
    refused.failed(5, "cannot connect: connection refused")
    assert_none_ran(planted)


@pytest.mark.parametrize("path", ["", ":", ".", "bin:."])
def test_ssh_that_is_only_in_the_project_is_not_installed(planted: Sandbox, path: str) -> None:
    planted.init()
    refused = planted.run("add", "ssh://git@127.0.0.1:1/x", env={"PATH": path})
    refused.failed(5, "ssh is not installed")
    assert_none_ran(planted)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Corporate]:
    with corporate(tmp_path / "corp") as running:
        running.members = {basic("me", "s3cret")}
        yield running


@pytest.mark.parametrize("path", [PATHS[0], PATHS[3], PATHS[4]])
def test_git_and_its_credential_helpers(planted: Sandbox, network: Corporate, path: str) -> None:
    """The user's own helper is asked, by the system's git, and sees no relative entry either."""
    publisher = Publisher(planted, network.server, "text-tools")
    publisher.release()
    planted.init()
    answer = f'echo "$PATH" > {planted.root}/path; echo username=me; echo password=s3cret'
    program(planted.home / "opt" / "git-credential-mine", answer)
    (planted.home / ".gitconfig").write_text("[credential]\n\thelper = mine\n")
    environment = {**network.environment, "PATH": f"{path}:{planted.home}/opt"}
    url = network.url("text-tools")
    # a process of its own: the git server of this one finds git in this one's PATH
    planted.execute("add", url, "--trust", publisher.key, "--accept-capabilities", env=environment).ok()
    seen = (planted.root / "path").read_text().strip().split(":")
    assert all(entry.startswith("/") for entry in seen), seen
    assert_none_ran(planted)


@pytest.mark.parametrize("path", [PATHS[0], PATHS[3], PATHS[4]])
def test_the_browser(planted: Sandbox, path: str) -> None:
    """The one of the system is opened, without tarkpm's own variables."""
    with authorizing() as server:
        install(planted, server)
        opened = planted.root / "opened"
        program(planted.root / "opt" / "xdg-open", f"env > {opened}.new; mv {opened}.new {opened}")
        program(planted.root / "opt" / "xdg-settings", "exit 1")  # no browser is preferred
        # Both come before /usr/bin, which has them on a desktop.
        path = path.replace("/usr/bin", f"{planted.root}/opt:/usr/bin")
        environment = planted.environment(PATH=path, DISPLAY=":9", TARKPM_TOKEN_EXAMPLE="s3cret")
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "tarkpm", "auth", "login", "chatgpt-oauth"],
            cwd=planted.cwd, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        try:
            until = time.monotonic() + 30
            while not opened.exists() and time.monotonic() < until:
                time.sleep(0.02)
            assert_none_ran(planted)
            assert "s3cret" not in opened.read_text()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            os.close(ours)
            os.close(theirs)


@pytest.mark.parametrize("path", PATHS)
def test_a_plugin_with_shell(planted: Sandbox, path: str) -> None:
    """A plugin that names a program does not get the workspace's."""
    shell = Shell(WorkspaceFolder(planted.cwd), {"PATH": path})

    def run(*argv: str) -> object:
        return shell.call("run", (list(argv), None, None, None), time.monotonic() + 10)

    assert run("only-here") == {"err": "cannot be run: No such file or directory"}
    answer = run("git", "--version")
    assert isinstance(answer, dict)
    assert answer["ok"]["stdout"].startswith("git version")
    assert_none_ran(planted)


def test_the_lookup_itself(planted: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(planted.cwd)
    for path in ("", ":", ".", "bin", "./bin", "bin/..:", "~", " /usr/bin"):
        assert find_program("git", path) is None
        assert absolute_entries(path) == ""
        assert child_environment({"PATH": path})["PATH"] == USUAL_PATH
    for path in PATHS:
        assert find_program("git", path) == "/usr/bin/git"
    assert "PATH" not in child_environment({})
