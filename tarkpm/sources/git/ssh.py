"""Run git-upload-pack through the system's ssh, with its agent, configuration and known hosts.

ssh never prompts: it has no terminal, and in BatchMode it fails if a host key is unknown or a passphrase or
password is needed. The host is passed after ``--`` and the path is quoted, so neither can become an option or
a command. Its error output is read, bounded, to report the cause. ``GIT_SSH_COMMAND``, ``GIT_SSH`` and
``core.sshCommand`` name programs and are not used: options belong in ``~/.ssh/config``.
"""

import os
import re
import shlex
import socket
import subprocess
from contextlib import suppress
from typing import Final

from tarkpm.errors import NotFound, SourceError, Unreachable
from tarkpm.io.helper_program import end
from tarkpm.io.programs import child_environment, find_program
from tarkpm.sources.git.access import Route
from tarkpm.sources.git.byte_stream import ByteStream, path_of
from tarkpm.sources.git.error_translation import clean
from tarkpm.sources.git.limits import TransferBudget
from tarkpm.sources.git.url import GitUrl

MAX_WORDS: Final = 16 << 10
"""Limit of error output that is read, in bytes."""

_FAREWELL = 2.0
# No X11, terminal, agent or port forwarding, whatever ssh_config says: the server is not trusted with them.
_OPTIONS = ("-x", "-T", "-a", "-oBatchMode=yes", "-oClearAllForwardings=yes", "-oSendEnv=GIT_PROTOCOL")

_SAID = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key differs from the one ssh knows: the connection may be intercepted",
    ),
    (
        r"Host key verification failed|No .* host key is known",
        "ssh does not know this host's key, and tarkpm does not let it prompt",
    ),
    (r"Permission denied \(", "the server refuses the login; tried the keys of your ssh agent and ~/.ssh"),
    (
        r"Too many authentication failures",
        "the server refuses the login; your ssh agent offers too many keys",
    ),
    (r"Could not resolve hostname", "the host name cannot be resolved"),
    (r"Connection refused", "cannot connect: connection refused"),
    (r"(?:Connection|Operation) timed out", "no connection in time"),
)
_ASK_ONCE = ("ssh does not know", "the server refuses")
_MISSING = r"does not appear to be a git repository|[Rr]epository not found|not found or you don't have"


def log_in(route: Route, budget: TransferBudget) -> ByteStream:
    """Start ssh and return the stream to git-upload-pack.

    ssh connects in the background: its failure is raised when the first answer is read. Raises `Unreachable`
    if ssh is not installed.
    """
    environment = route.access.environment
    program = find_program("ssh", environment.get("PATH", ""))
    if program is None:
        raise Unreachable("ssh is not installed", where=budget.where)
    # A socket, not two pipes, so that the budget's timer can shut it down like any other connection.
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [program, *_arguments(route.url, budget)],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
            env={
                **child_environment(environment),
                "GIT_PROTOCOL": "version=2",
                "SSH_ASKPASS_REQUIRE": "never",
                # `_SAID` matches ssh's English messages.
                "LC_ALL": "C",
            },
            cwd="/",
            start_new_session=True,
        )
    unused = next((name for name in ("GIT_SSH_COMMAND", "GIT_SSH") if environment.get(name)), "")
    guide = _Guide(process, route.url, budget, unused)
    return ByteStream(ours, budget, explain=guide.explain, release=guide.release)


def _arguments(url: GitUrl, budget: TransferBudget) -> list[str]:
    host = f"{url.user}@{url.host}" if url.user else url.host
    port = ["-p", str(url.port)] if url.port else []
    quoted = "'" + path_of(url).replace("'", "'\\''") + "'"  # as git quotes: some servers parse nothing else
    connect = f"-oConnectTimeout={max(1, int(budget.limits.connect))}"
    return [*_OPTIONS, connect, *port, "--", host, f"git-upload-pack {quoted}"]


class _Guide:
    """Explains how the ssh process ended, and ends it."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", url: GitUrl, budget: TransferBudget, unused: str
    ) -> None:
        """``unused`` names the variable by which git would have started another ssh, "" for none."""
        self._process, self._url, self._budget, self._unused = process, url, budget, unused

    def explain(self) -> SourceError | None:
        """Return the error to raise at the end of the stream; None if ssh ended successfully."""
        # The budget reports an expired time better than ssh, which sees a closed connection.
        if self._budget.expired:
            return None
        try:
            # The socket closes before the process ends, and only its status tells failure from success.
            status = self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            return None
        return self._reason(self._words()) if status else None

    def _reason(self, words: str) -> SourceError:
        where = self._budget.where
        for pattern, text in _SAID:
            if re.search(pattern, words):
                is_asked = text.startswith(_ASK_ONCE)
                unused = f"; tarkpm does not use {self._unused}" if is_asked and self._unused else ""
                hint = f"ssh -T {self._target}" if is_asked else ""
                return Unreachable(text + unused, where=where, hint=hint)
        # An unknown message is quoted: the last line usually names the cause.
        last = clean(next((line for line in reversed(words.splitlines()) if line.strip()), "nothing"))
        if re.search(_MISSING, words):
            return NotFound(
                f"there is no such repository, or you cannot access it: it said '{last}'", where=where
            )
        return Unreachable(f"ssh ended with status {self._process.returncode}: it said '{last}'", where=where)

    @property
    def _target(self) -> str:
        port = f"-p {self._url.port} " if self._url.port else ""
        user = f"{self._url.user}@" if self._url.user else ""
        return port + shlex.quote(user + self._url.host)

    def _words(self) -> str:
        """Return the error output of ssh and of the server's programs, as much as the pipe holds."""
        assert self._process.stderr is not None
        descriptor = self._process.stderr.fileno()
        os.set_blocking(descriptor, False)
        with suppress(BlockingIOError):
            return os.read(descriptor, MAX_WORDS).decode("utf-8", "replace")
        return ""

    def release(self) -> None:
        """Kill ssh and its children."""
        end(self._process)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process.wait()
