"""Kills `index accept` at each of its changes of the disk, and looks at the log that is left.

Run as a program, like `index_killer`::

    python log_killer.py FOLDER INDEX COMMAND...
"""

import base64
import json
import sys
from pathlib import Path

from support.index_killer import quietly
from support.killer import at_every_change
from tarkpm.registry.folder import open_index
from tarkpm.registry.log import IndexLog


def entries(index: Path) -> list[str]:
    """The tree, then what is in it, each entry on one line."""
    keys = open_index(index).authority.log
    assert keys is not None
    log = IndexLog(index, keys)
    assert log.checkpoint is not None
    return [base64.b64encode(log.checkpoint.root).decode(), *(one.decode() for one in log.entries())]


def left(index: Path, command: list[str]) -> dict[str, object]:
    """The log as it is, and as it is once the same release was accepted again, and then another one."""
    before, (checked, text) = entries(index), quietly("index", "check", "--deep", "--json")
    found = json.loads(text)["findings"]
    again, _ = quietly(*command)
    after = entries(index)
    quietly("index", "refresh")  # sweeps what nothing lists
    ended, _ = quietly("index", "check", "--deep")
    return {
        "before": before,
        "findings": [
            one["message"] for one in found if one["code"] not in ("Leftover", "Orphan") and not one["note"]
        ],
        "notes": [one["message"] for one in found if one["note"]],
        "checked": checked,
        "again": again,
        "after": after,
        "ended": ended,
    }


if __name__ == "__main__":
    FOLDER, INDEX, COMMAND = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    results = at_every_change(FOLDER, INDEX, COMMAND, lambda: left(INDEX, COMMAND))
    sys.stdout.write(json.dumps(results))
