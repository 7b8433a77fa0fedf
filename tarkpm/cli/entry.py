"""The program's entry point: exit statuses and errors. Tracebacks only with ``-vv``."""

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn, TextIO

from tarkpm import __version__


def start() -> NoReturn:
    """Run the process, and end it without the interpreter's own end.

    That frees every module and object one by one, 5 % of a short command's time. What it does besides is done
    before, or not wanted: streams are flushed, and nothing registers with ``atexit``.
    """
    os._exit(run_whole())


def run_whole() -> int:
    """Run everything that a process does, and return its exit status.

    The cyclic garbage collector is off while modules load: a tenth of a short command's time. Commands that
    run plugins turn it on again.
    """
    gc.disable()
    status = main()
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    return status


def _let_go(stream: TextIO | None) -> None:
    """Flush a stream; if its reader or terminal is gone, discard the rest.

    Python would try again at exit, fail, and replace the exit status by its own.
    """
    if stream is None:  # it was closed before the program started
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        except (OSError, ValueError):
            return


def _needs_a_worker(given: list[str]) -> bool:
    """Return whether the command runs a plugin: a guess, made before anything can parse the words."""
    return given[:1] in (["call"], ["add"]) and not {"-h", "--help"} & set(given)


def main(arguments: list[str] | None = None) -> int:
    """Run tarkpm with ``arguments`` (None: the process's own) and return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given in (["--version"], ["-V"]):  # answered before anything heavy is imported
        # On a full disk, or without a reader, click's --version fails and reports it as all commands do.
        with suppress(OSError):
            print(f"tarkpm {__version__}", flush=True)  # noqa: T201
            return 0
    if sys.platform == "win32":
        print("error: tarkpm runs on Linux and macOS\n  help: use WSL", file=sys.stderr)  # noqa: T201
        return 2
    from tarkpm.host import prestart

    # 1. Start a worker before the imports: both take about as long, and then take it together.
    if _needs_a_worker(given):
        prestart.start()
    try:
        # 2. Only now import click and the command.
        from tarkpm.cli.group import run

        return run(given)
    finally:
        # 3. A command that did not take its workers leaves them to be ended here.
        prestart.drop()
