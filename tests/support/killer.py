"""Kills real processes: runs a tarkpm command in a child that dies by SIGKILL at its n-th change of the disk.

Run as a program, so that the process that forks has one thread only::

    python killer.py FOLDER COMMAND...

For n = 1, 2, … it restores FOLDER's ``work`` from ``before``, runs COMMAND in a child that is killed at the
n-th system call that changes the file system, and asks `settled` what a user would find. It prints a JSON
list with one object for each n, until the child lives to the end.
"""

import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from support.forking import preload
from support.sandbox import fork_a_worker, forked_workers
from tarkpm.cli.entry import main

CHANGES = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def kill_at(count: int) -> None:
    """Make this process die at its ``count``-th change."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        changes = event in CHANGES or (event == "open" and _writes(arguments))
        seen += changes
        if changes and seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _writes(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & WRITING) and "/dev/" not in str(arguments[0])


def killed(count: int, command: list[str]) -> bool:
    """Run ``command`` in a child that dies at its ``count``-th change; False if it lived."""
    child = os.fork()
    if child == 0:
        kill_at(count)
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            status = main(command)
        if status:
            os.write(2, said.getvalue().encode())
        os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, status
        return False
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True


def settled(app: Path) -> dict[str, object]:
    """What is there now, and what the next commands make of it."""
    found: dict[str, object] = {
        "documents": documents(app),
        "journal": (app / ".tark/.tarkpm/journal.json").exists(),
    }
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    err = io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        found["verify"] = main(["verify"])
        found["documents_after"] = documents(app)
        found["sync"] = main(["sync"])
    found["said"] = err.getvalue()
    found["versions"] = {
        folder.name: (folder / "plugin.toml").read_text()
        for folder in sorted((app / ".tark/plugins").iterdir())
    }
    found["left"] = sorted(path.name for path in (app / ".tark/.tarkpm").iterdir())
    found["litter"] = sorted(path.name for path in app.iterdir() if path.name.endswith(".tmp"))
    found["data"] = sorted(str(path) for path in app.parent.glob("home/.local/share/tark/data/*/*/*.sqlite3"))
    history = app.parent.glob("home/.local/state/tarkpm/history/*/*.json")
    found["history"] = sorted(path.stem for path in history if not path.name.startswith("."))
    found["own"] = sorted(
        str(path.relative_to(app.parent))
        for path in app.parent.rglob("*")
        if path.name in ("precious", "source.txt") and not path.parent.is_symlink()
    )
    return found


def documents(app: Path) -> list[str | None]:
    """The texts of tark.toml and tark.lock."""
    return [
        (app / name).read_text() if (app / name).exists() else None for name in ("tark.toml", "tark.lock")
    ]


def restore(folder: Path) -> None:
    """Make ``work`` what ``before`` is, keeping the folders themselves, so that inodes of `.tark` last."""
    work, before = folder / "work", folder / "before"
    shutil.rmtree(work)
    shutil.copytree(before, work, symlinks=True)


def at_every_change(
    folder: Path, cwd: Path, command: list[str], look: Callable[[], dict[str, object]]
) -> list[dict[str, object]]:
    """What ``look`` finds after each n, until the child lives; the command runs in ``cwd``, below ``work``."""
    results = []
    preload()
    fork_a_worker().kill()  # the server of workers runs before the first child that asks it for one
    with forked_workers():
        for count in range(1, 1000):
            restore(folder)
            os.chdir(cwd)
            died = killed(count, command)
            results.append({"n": count, "killed": died, **look()})
            if not died:
                return results
    raise AssertionError("the command never ends")


def run(folder: Path, command: list[str]) -> list[dict[str, object]]:
    """Every n, until the child lives."""
    app = folder / "work" / "app"
    return at_every_change(folder, app, command, lambda: settled(app))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]), sys.argv[2:])))
