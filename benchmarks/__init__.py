"""What speed is promised, and how it is measured: ``python -m benchmarks [--quick] [NAMES]``.

::

    __main__   the command line and the table
    figure     Figure: a promise; Result: a ratio; the interleaved race that measures it
    setup      people, plugins and projects to measure with
    indexes    indexes of any size, made in a minute or two
    serve      a git server, in a process of its own
    web        a static web server that counts, in a process of its own
    starting   --version, sync with nothing to do
    adding     add from git against git clone
    syncing    sync from a warm store against uv
    coldsync   sync from an index on a new machine, against uv
    verifying  verify against sha256sum
    calling    calls of plugins: one process, many threads, the command
    differing  diff of two locks against parsing them
    asking     what a client of that index asks for
    advising   what advisories add to that, and audit against sync
    keeping    an index of 100,000 plugins: accept and check
    faulting   a thousand calls with a fault each

The servers, repositories and signed plugins are those of the tests, from ``tests/support``.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORT = ROOT / "tests"

if str(SUPPORT) not in sys.path:
    sys.path.append(str(SUPPORT))
