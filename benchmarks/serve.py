"""The tests' git server in a process of its own, so that it and what is measured share no interpreter."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.gitserver import GitHandler, GitServer

from benchmarks.child import child


@contextmanager
def git_server(root: Path) -> Iterator[str]:
    """Serve the repositories below ``root``; yields the address, without a slash at its end."""
    with child("serve", str(root)) as server:
        yield server.said


def main() -> None:
    """Serve until standard input ends: that happens, too, when whoever started this dies."""
    # As web servers do. Else Nagle's algorithm and delayed acknowledgements make every answer of two small
    # writes wait 40 ms, which would hide from this measurement what tarkpm itself takes.
    GitHandler.disable_nagle_algorithm = True
    with GitServer(Path(sys.argv[1])) as server:
        print(server.base, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
