"""Runs tarkpm commands, each in a process of its own, in the time this program was started in.

Run as a program under ``faketime``. A line of standard input is one command, as JSON; it answers with a line
that holds the exit status. What commands import is imported once, before: that is most of what a short one costs.
"""

import json
import os
import sys
from typing import Any

from tarkpm.cli.entry import main

PRELOADED = (
    "tarkpm.cli.group",
    "tarkpm.ops.add",
    "tarkpm.ops.list",
    "tarkpm.ops.update",
    "tarkpm.ops.verify",
    "tarkpm.ops.sync",
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
    "tarkpm.sources.index.session",
    "tarkpm.store.journal",
)


def run(asked: dict[str, Any]) -> int:
    """Run one command in a child; returns its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(asked[name], os.O_RDONLY if number == 0 else os.O_WRONLY), number)
    faked = {name: value for name, value in os.environ.items() if "FAKE" in name or name == "LD_PRELOAD"}
    os.environ.clear()
    os.environ.update(asked["environment"] | faked)
    os.chdir(asked["cwd"])
    sys.argv = ["tarkpm", *asked["words"]]
    status = main(asked["words"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    for module in PRELOADED:
        __import__(module)
    for line in sys.stdin:
        sys.stdout.write(f"{run(json.loads(line))}\n")
        sys.stdout.flush()
