"""The program's entry: exit statuses, and errors as people meet them. Never a traceback, but with ``-vv``."""

import gc
import sys

from tarkpm import __version__


def start() -> int:
    """The process's entry point.

    The cyclic garbage collector is off while modules load, and what lives at the end is not searched for
    garbage: together a fifth of a short command's time. Commands that run plugins turn it on again.
    """
    gc.disable()
    status = main()
    gc.freeze()
    return status


def main(arguments: list[str] | None = None) -> int:
    """Run tarkpm with ``arguments`` (the process's own if None); returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given in (["--version"], ["-V"]):  # before anything heavy is imported
        print(f"tarkpm {__version__}")  # noqa: T201
        return 0
    if sys.platform == "win32":
        print("error: tarkpm runs on Linux and macOS\n  help: use WSL", file=sys.stderr)  # noqa: T201
        return 2
    from tarkpm.cli.app import run

    return run(given)
