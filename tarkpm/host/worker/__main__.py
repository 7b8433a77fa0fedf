"""``python -I -m tarkpm.host.worker [--forks] PARENT``: the process that holds one plugin, or forks such.

Started by `tarkpm.host.process` in a session of its own with an empty environment, /dev/null, a bounded
pipe for its last words, and one socket. When the parent is gone, so is this process.
"""

import os
import sys
import traceback

from tarkpm.host.worker import confine

SOCKET = 3


def main() -> None:
    parent = int(sys.argv[-1])
    try:
        confine.enter()
        if "--forks" in sys.argv:
            _fork_workers(parent)
        _run(parent)
    except BaseException:  # noqa: BLE001  # these are the last words, whatever it is
        _say_and_end()


def _work(parent: int) -> None:
    """A forked worker's whole life: it never returns into the server."""
    try:
        _run(parent)
    except BaseException:  # noqa: BLE001
        _say_and_end()


def _fork_workers(parent: int) -> None:
    from tarkpm.host.worker import forks, loop  # noqa: F401  # what every worker would import
    from tarkpm.host.worker.legacy_abi import guest  # noqa: F401  # and what some would

    confine.limit()
    forks.serve(SOCKET, parent, _work)


def _run(parent: int) -> None:
    from tarkpm.host.worker import loop  # imports wasmtime: the last files this process reads

    confine.limit()
    loop.run(SOCKET, parent)
    os._exit(0)  # nothing here needs to be put in order, and the interpreter's own end takes 10 ms


def _say_and_end() -> None:
    try:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
