"""``python -I -m tarkpm.host.worker PARENT``: the process that holds one plugin.

Started by `tarkpm.host.process` in a session of its own with an empty environment, /dev/null, a bounded
pipe for its last words, and one socket. When the parent is gone, so is this process.
"""

import os
import sys
import traceback

from tarkpm.host.worker import confine

SOCKET = 3


def main() -> None:
    status = 1
    try:
        confine.enter()
        from tarkpm.host.worker import loop  # imports wasmtime: the last files this process reads

        confine.limit()
        loop.run(SOCKET, parent=int(sys.argv[1]))
        status = 0
    except BaseException:  # noqa: BLE001  # these are the last words, whatever it is
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)  # nothing here needs to be put in order, and the interpreter's own end takes 10 ms


if __name__ == "__main__":
    main()
