"""What is promised and too long for CI, shown: ``python3 dev.py soak [NAMES] [--quick] [--minutes N]``.

::

    __main__   the command line
    faults/    commands that are killed, or whose disk fails, at each system call that writes
    traffic/   long-running processes under honest and hostile traffic
    growth/    the cost of commands by the number of plugins, as numbers and pictures

docs/assurance.md states each promise and the command that demonstrates it. Repositories, indexes and plugins
are those of the tests, from ``tests/support``.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORT = ROOT / "tests"

if str(SUPPORT) not in sys.path:
    sys.path.append(str(SUPPORT))
