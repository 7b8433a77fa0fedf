"""Get logins from git's credential helpers with ``git credential fill`` (git-credential(1)).

Helpers are programs named in the user's own git configuration, so this runs them, as every git command
would. git cannot prompt: it has no terminal and no askpass program. It runs in ``/`` and outside any
repository, whose configuration could name programs as well.
"""

import os
from collections.abc import Mapping

from tarkpm.io.helper_program import ask
from tarkpm.io.login import Login, is_sendable
from tarkpm.io.programs import find_program
from tarkpm.sources.git.url import GitUrl


def find_git(environment: Mapping[str, str]) -> str | None:
    """Return the path of the git program; None if it is not installed."""
    return find_program("git", environment.get("PATH", ""))


def fill(environment: Mapping[str, str], url: GitUrl, username: str = "") -> Login | None:
    """Return the login that git's helpers have for ``url``; None without one, on failure and on timeout."""
    program = find_git(environment)
    if program is None:
        return None
    host = f"[{url.host}]" if ":" in url.host else url.host
    lines = [f"protocol={url.scheme}", f"host={host}" + (f":{url.port}" if url.port else "")]
    lines += [f"path={url.path.lstrip('/')}", *([f"username={username}"] if username else []), "", ""]
    answer = _ask(program, environment, "\n".join(lines).encode())
    found = dict(line.partition("=")[::2] for line in answer.decode("utf-8", "replace").split("\n"))
    login = Login(found.get("username", ""), found.get("password", ""))
    # A line break in a login would add a header to the request.
    if not login.password or not (is_sendable(login.username) and is_sendable(login.password)):
        return None
    return login


def _ask(program: str, environment: Mapping[str, str], question: bytes) -> bytes:
    # Each variable closes one way to prompt: the terminal, askpass programs, Git Credential Manager's window.
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "GCM_INTERACTIVE": "never"}
    more = {**quiet, "GIT_DIR": os.devnull}
    return ask([program, "credential", "fill"], environment, question, more) or b""
