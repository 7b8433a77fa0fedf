"""``python -I -m tarkpm.host.worker [--schemas|--forks] PARENT``: a worker, or the server that forks them.

`tarkpm.host.process` starts it in a session of its own with an empty environment, /dev/null as standard input
and output, a bounded pipe as standard error, and one socket. It ends when process PARENT is gone.
"""

import gc
import os
import sys
import traceback

from tarkpm.host.worker import confine

SOCKET = 3


def main() -> None:
    """Run a worker or the fork server until the socket is closed or the parent is gone."""
    parent = int(sys.argv[-1])
    gc.disable()  # while modules load, of which nothing is garbage
    try:
        # 1. First, so that all that is imported later has no environment, working folder or descriptors.
        confine.enter()
        # 2. The fork server confines itself and never returns from here.
        if "--forks" in sys.argv:
            _fork_workers(parent)
        _run(parent)
    except BaseException:  # noqa: BLE001  # whatever it is, the parent reads it from standard error
        _say_and_end()


def _work(parent: int) -> None:
    """Run a forked worker to its end. This never returns into the server."""
    try:
        _run(parent)
    except BaseException:  # noqa: BLE001
        _say_and_end()


def _fork_workers(parent: int) -> None:
    # Imported once, here, instead of in every forked worker.
    from tarkpm.host.worker import forks, loop  # noqa: F401
    from tarkpm.host.worker.legacy_abi import guest  # noqa: F401

    confine.limit()
    forks.serve(SOCKET, parent, _work)


def _run(parent: int) -> None:
    from tarkpm.host.worker import loop  # imports wasmtime; after this few files are read

    gc.freeze()
    gc.enable()
    # 3. Limit resources, and then wait for the first request.
    confine.limit()
    # 4. Kernel confinement depends on the request; `loop._load` continues these steps.
    loop.run(SOCKET, parent, schemas="--schemas" in sys.argv)
    os._exit(0)  # nothing needs cleaning up, and the interpreter's own shutdown takes 10 ms


def _say_and_end() -> None:
    try:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
