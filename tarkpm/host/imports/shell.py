"""tark:plugin/shell: programs that run as the user. There is no sandbox: the grant allows everything.

The checks here limit accidents; they do not contain a hostile program. No shell interprets the arguments. The
environment has four variables and no tokens. Relative entries of PATH are dropped, because the workspace must
not decide which program runs. The working directory is inside the workspace, without links. Input and output
are bounded, and no process outlives the call (`supervisor` names the exceptions).
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tarkpm.host.imports.folders import PathError, WorkspaceFolder, split
from tarkpm.host.limits import KIB, MIB, size

MAX_ARGUMENTS: Final = 1_000
MAX_ARGV: Final = 128 * KIB
MAX_STDIN: Final = 1 * MIB
MARGIN: Final = 0.25
"""Seconds reserved before the call's deadline, to kill the program and to report that to the plugin."""

VARIABLES: Final = ("PATH", "HOME", "LANG", "TERM")
USUAL_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class Shell:
    """The programs of one plugin."""

    def __init__(self, workspace: WorkspaceFolder, environment: Mapping[str, str]) -> None:
        """Create a runner. Programs get only the `VARIABLES` of ``environment``, a snapshot."""
        self._workspace = workspace
        kept = {name: environment[name] for name in VARIABLES if environment.get(name)}
        self._environment = {**kept, "PATH": _absolute(kept.get("PATH", "")) or USUAL_PATH}

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:  # noqa: ARG002  # there is one
        """Return the JSON value of `run`."""
        from tarkpm.host.imports.processes import Stopped, run

        argv, stdin, cwd, timeout_ms = args
        left = deadline - time.monotonic() - MARGIN
        seconds = left if timeout_ms is None else min(left, timeout_ms / 1000)
        try:
            _check(argv, stdin)
            given = None if stdin is None else stdin.encode()
            with self._folder(cwd) as folder:
                ran = run(argv, self._environment, folder, given, max(0.0, seconds))
        except (PathError, Stopped) as problem:
            return {"err": str(problem)}
        except UnicodeEncodeError:
            return {"err": "the text is not valid Unicode"}
        except OSError as problem:
            return {"err": f"cannot be run: {problem.strerror}"}
        stdout, stderr = ran.stdout.decode("utf-8", "replace"), ran.stderr.decode("utf-8", "replace")
        return {"ok": {"exit-code": ran.code, "stdout": stdout, "stderr": stderr}}

    def close(self) -> None:
        """Do nothing; no program runs between calls."""

    @contextlib.contextmanager
    def _folder(self, cwd: str | None) -> Iterator[int]:
        """Open the working directory: the workspace, or a folder in it that is not private."""
        parts = () if cwd in (None, ".", "./") else split(cwd)
        if parts:
            with self._workspace.folder(parts[:-1]) as inside:
                inside.open(parts[-1])
        with self._workspace.folder(parts) as inside:
            yield inside.descriptor


def _check(argv: list[str], stdin: str | None) -> None:
    """Raise `PathError` for arguments or input that are invalid or too long."""
    if not argv or not argv[0]:
        raise PathError("expected a program and its arguments, found none")
    if any("\0" in argument for argument in argv):
        raise PathError("an argument must not contain a NUL")
    if len(argv) > MAX_ARGUMENTS or sum(len(argument.encode()) + 1 for argument in argv) > MAX_ARGV:
        raise PathError(f"the limits are {MAX_ARGUMENTS:,} arguments and {size(MAX_ARGV)}")
    if stdin is not None and len(stdin.encode()) > MAX_STDIN:
        raise PathError(f"the input is larger than {size(MAX_STDIN)}")


def _absolute(path: str) -> str:
    return ":".join(entry for entry in path.split(":") if entry.startswith("/"))
