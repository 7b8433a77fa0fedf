"""``python -m mutants [MODULE …]``: a row for each module, and the mutants that no test noticed.

Exit status 1 if one of them is not explained in ``mutants/explained.toml``.
"""

import json
import subprocess
import sys
import time
import tomllib
from typing import Any

from mutants import EXPLAINED, ROOT
from mutants.modules import MODULES

ROW = "{:<20} {:>8} {:>7} {:>8} {:>10} {:>9} {:>8}"
NO_TESTS = 5
"""The exit status of pytest, whose own loop runs none."""
Rows = list[dict[str, Any]]


def main(arguments: list[str]) -> int:
    """Try the mutants of the modules that are named, or of all."""
    if unknown := set(arguments) - MODULES.keys():
        print(f"unknown module {min(unknown)!r}; known: {', '.join(MODULES)}", file=sys.stderr)
        return 2
    explained = tomllib.loads(EXPLAINED.read_text())
    print(
        ROW.format("module", "mutants", "killed", "endless", "explained", "survived", "seconds"), flush=True
    )
    left: list[str] = []
    for module in arguments or MODULES:
        left += report(module, explained.get(module, {}))
    return bool(left)


def report(module: str, reasons: dict[str, dict[str, str]]) -> list[str]:
    """Print the row of a module and what survived; return the latter."""
    began = time.monotonic()
    rows = tried(module)
    counts = {found: sum(row["found"] == found for row in rows) for found in ("killed", "endless")}
    alive = [row for row in rows if row["found"] not in counts]
    known = [row for row in alive if row["change"] in reasons.get(row["function"], {})]
    left = [
        f"{module}:{row['line']} {row['function']}: {row['change']} ({row['found']})"
        for row in alive
        if row not in known
    ]
    used = {(row["function"], row["change"]) for row in known}
    stale = [
        f"{name}: {change}" for name, some in reasons.items() for change in some if (name, change) not in used
    ]
    print(
        ROW.format(
            module, len(rows), *counts.values(), len(known), len(left), f"{time.monotonic() - began:.0f}"
        ),
        flush=True,
    )
    for line in [*left, *(f"{module}: explained, but not alive: {line}" for line in stale)]:
        print(f"    {line}", flush=True)
    return left


def tried(module: str) -> Rows:
    """Return a row for each mutant of a module."""
    command = ["nice", sys.executable, "-m", "mutants.child", module]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, NO_TESTS) or not rows:
        sys.exit(f"{done.stderr[-4000:]}\nthe tests of {module} could not be run")
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
