"""More real git servers on loopback: `git daemon`, and OpenSSH's `sshd` with throw-away keys."""

import contextlib
import getpass
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from support.gitrepo import git_env

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


def needed(program: str, path: str | None) -> str:
    """``path``, or the test is skipped by the program's name; in CI every program must be there."""
    if path is None:
        assert not os.environ.get("CI"), f"{program} is not installed"
        pytest.skip(f"{program} is not installed")
    return path


def free_port() -> int:
    """A port nobody listens on, nor will: it is below those that the kernel gives to who asks for any (ip(7))."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)  # hypothesis seeds the usual generator
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port


@contextmanager
def running(
    command: list[str], port: int, env: dict[str, str], output: int | BinaryIO = subprocess.DEVNULL
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server program, once it listens on ``port``; what it said is in the assertion if it does not."""
    # Not a pipe: a server that says much waits for somebody to read it.
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, env=env, stdout=output, stderr=said) as process,
    ):
        try:
            _await(process, port, said)
            yield process
        finally:
            process.terminate()


def _await(process: "subprocess.Popen[bytes]", port: int, said: BinaryIO) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            said.seek(0)
            raise AssertionError(said.read().decode(errors="replace"))
        time.sleep(0.02)
    raise AssertionError("the server did not begin to listen")


@contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """`git daemon` over the repositories below ``root``; gives ``git://127.0.0.1:PORT``."""
    program = needed("git", shutil.which("git"))
    port = free_port()
    command = [program, "daemon", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", "--export-all"]
    env = git_env(root) | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    with running([*command, f"--base-path={root}", str(root)], port, env):
        yield f"git://127.0.0.1:{port}"


@dataclass
class Sshd:
    """A running sshd, and the files of somebody who may log in."""

    port: int
    folder: Path
    user: str

    def url(self, path: Path) -> str:
        """Where the repository in ``path`` is fetched from."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{path}"

    def client(self, home: Path, *, known: bool = True, key: bool = True) -> None:
        """Give somebody's HOME the host's key and a key to log in with.

        ssh itself looks for the home of the user id, not at HOME: `wrapper` makes it look here.
        """
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [f"UserKnownHostsFile {ssh}/known_hosts", "GlobalKnownHostsFile none", "IdentitiesOnly yes"]
        lines += [f"IdentityFile {ssh}/id_ed25519"]
        (ssh / "config").write_text("\n".join(lines) + "\n")
        host = (self.folder / "host.pub").read_text().split()
        (ssh / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host[0]} {host[1]}\n" if known else "")
        (ssh / "id_ed25519").unlink(missing_ok=True)
        if key:
            shutil.copy(self.folder / "user", ssh / "id_ed25519")
            (ssh / "id_ed25519").chmod(0o600)
        wrapper = home / "bin" / "ssh"
        wrapper.parent.mkdir(exist_ok=True)
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {ssh}/config "$@"\n')
        wrapper.chmod(0o755)


@contextmanager
def sshd(folder: Path, *, version_2: bool = True) -> Iterator[Sshd]:
    """OpenSSH's server with a host key and a user key of its own, in ``folder``."""
    program = needed("sshd", SSHD)
    needed("ssh", shutil.which("ssh"))
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", folder / name], check=True
        )
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    port = free_port()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "LogLevel": "ERROR",
        "MaxStartups": "100",
        **({"AcceptEnv": "GIT_PROTOCOL"} if version_2 else {}),
    }
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in options.items()))
    command = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
    with running(command, port, {"PATH": os.environ.get("PATH", os.defpath)}):
        yield Sshd(port, folder, getpass.getuser())
