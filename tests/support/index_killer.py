"""Kills a maintainer's command at each of its changes of the disk, and looks at the index that is left.

Run as a program, like `killer`::

    python index_killer.py FOLDER INDEX COMMAND...

``work`` is restored from ``before`` each time; INDEX is a path below ``work``. It prints a JSON list.
"""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from support.killer import at_every_change
from tarkpm.cli.entry import main
from tarkpm.errors import TarkError
from tarkpm.registry.folder import open_index


def seen(index: Path) -> object:
    """What a reader finds: versions of releases, who may publish, who signs; or what stops them."""
    try:
        found = open_index(index)
        listing, claim = found.listing("text-tools"), found.claim("text-tools")  # type: ignore[arg-type]
    except TarkError as problem:
        return problem.message
    return [
        [str(row.version) for row in listing.rows],
        claim and claim.key,
        sorted(found.authority.maintainers),
        found.authority.online,
    ]


def quietly(*words: str) -> tuple[int, str]:
    """Run a command in this process; its status and what it printed."""
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        status = main(list(words))
    assert isinstance(out.buffer, io.BytesIO)
    return status, out.buffer.getvalue().decode()


def left(index: Path) -> dict[str, object]:
    """What a reader finds, and what the next commands make of it."""
    before = seen(index)
    refreshed, _ = quietly("index", "refresh")
    checked, text = quietly("index", "check", "--deep", "--json")
    findings = json.loads(text).get("findings", []) if checked else []
    return {
        "seen": before,
        "refreshed": refreshed,
        "after": seen(index),
        "findings": [finding["message"] for finding in findings if not finding["note"]],
        "waiting": sorted(path.name for path in (index / "pending").glob("*")),
    }


def run(folder: Path, index: Path, command: list[str]) -> list[dict[str, object]]:
    """Every n, until the child lives."""
    return at_every_change(folder, index, command, lambda: left(index))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])))
