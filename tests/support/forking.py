"""Starts tarkpm commands, each in a process of its own that need not import tarkpm first.

Run as a program, by `commands`. Imports are most of what a short command costs; here they are made once, and each
command is a fork. Each line of standard input is a request, as JSON, and is answered with a line:

- ``{"words": [...], "cwd": ..., "environment": {...}, ...}`` starts a command; the answer is its process id.
- ``{"wait": ID, "block": BOOL}`` is answered with its exit status, negative for a signal, or ``null``: it runs.
"""

import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tarkpm.cli.entry import run_whole

PRELOADED = (
    "tarkpm.cli.group",
    "tarkpm.cli.cards",
    "tarkpm.ops.add",
    "tarkpm.ops.list",
    "tarkpm.ops.sync",
    "tarkpm.ops.update",
    "tarkpm.ops.verify",
    "tarkpm.ops.change.apply",
    "tarkpm.ops.change.select_indexed",
    "tarkpm.ops.change.stage",
    "tarkpm.ops.registry.accept",
    "tarkpm.ops.registry.check",
    "tarkpm.ops.registry.claiming",
    "tarkpm.ops.registry.countersign",
    "tarkpm.ops.registry.create",
    "tarkpm.ops.registry.refresh",
    "tarkpm.ops.registry.rotating",
    "tarkpm.sources.git",
    "tarkpm.sources.index.session",
    "tarkpm.store.journal",
)


def preload() -> None:
    """Import what commands import, once for all children."""
    for module in PRELOADED:
        __import__(module)
    gc.collect()
    gc.freeze()  # what a child never frees need not be copied for it


def begin(asked: dict[str, Any]) -> int:
    """Fork; returns the child's id in the parent once the child has opened its streams, and 0 in the child."""
    ready, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        return child
    os.close(ready)
    if asked["terminal"]:
        os.setsid()  # the terminal that is opened next is the new session's own
        for number in (0, 1, 2):
            os.dup2(os.open(asked["terminal"], os.O_RDWR), number)
    else:
        for number, name in enumerate((os.devnull, asked["stdout"], asked["stderr"])):
            os.dup2(os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY), number)
    os.closerange(3, tell)
    os.write(tell, b".")
    os.close(tell)
    return 0


def run(asked: dict[str, Any]) -> int:
    """Run a command in this process, which is the child, as ``python -m tarkpm`` does."""
    faked = {name: value for name, value in os.environ.items() if "FAKE" in name or name == "LD_PRELOAD"}
    os.environ.clear()
    os.environ.update(faked | asked["environment"])
    os.chdir(asked["cwd"])
    _open_streams()
    sys.argv = ["tarkpm", *asked["words"]]
    if limits := asked["limits"]:
        from tarkpm.sources.git.limits import TransferLimits
        from tarkpm.sources.git.session import GitRemote

        GitRemote.__init__.__defaults__ = (TransferLimits(**limits), None, None)
    if not asked["peak"]:
        return run_whole()
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak is what it is now
    try:
        return run_whole()
    finally:
        Path(asked["peak"]).write_text(str(peak()))


def _open_streams() -> None:
    """Make the standard streams as Python makes them at its start: line by line at a terminal."""
    lines = 1 if os.isatty(1) else -1
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", lines, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def peak() -> int:
    """The most memory this process took, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def wait(asked: dict[str, Any]) -> int | None:
    """The exit status of a command; None if it runs and is not to be waited for."""
    ended, status = os.waitpid(asked["wait"], 0 if asked["block"] else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def main() -> int:
    """Answer requests until there are no more; in a child, run its command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    preload()
    for line in sys.stdin:
        asked = json.loads(line)
        answer = wait(asked) if "wait" in asked else begin(asked)
        if answer == 0 and "wait" not in asked:
            return run(asked)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
