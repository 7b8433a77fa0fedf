"""Programs that use tarkpm as a library: ``python -m assurance.traffic.clients KIND ARGUMENT...``.

Each line of standard input asks for a round of traffic; its answer is the number of operations.
"""

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tarkpm.api import Host
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import PluginName
from tarkpm.errors import TarkError
from tarkpm.sources.git import GitRemote, TransferLimits, parse
from tarkpm.sources.index import IndexClient

Round = Callable[[], int]
HOSTILE: Final = ("trap", "bad-utf8", "recurse", "bad-pointer", "huge-output", "no-such-tool")
TEXT: Final = PluginName("text-tools")
REOPEN: Final = 40
"""Rounds after which a program closes its `Host` and opens another one."""


def expect_error(act: Callable[[], object]) -> None:
    """Do what must fail with an error of tarkpm's."""
    try:
        act()
    except TarkError:
        return
    raise AssertionError("hostile traffic succeeded")


class Hosted:
    """A program with a `Host`, called by four threads: honest calls, and tools that trap, flood and die."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._chance = random.Random(0)
        self._rounds = 0
        self._host = Host.open(project)

    def __call__(self) -> int:
        self._rounds += 1
        if self._rounds % REOPEN == 0:
            self._host.close()
            self._host = Host.open(self._project)
        problems: list[BaseException] = []

        def work(seed: int) -> None:
            try:
                self._some(random.Random(seed))
            except BaseException as problem:  # noqa: BLE001  it is raised in the main thread
                problems.append(problem)

        threads = [threading.Thread(target=work, args=(self._chance.random().__hash__(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]
        return 4 * 8

    def _some(self, chance: random.Random) -> None:
        for _ in range(6):
            self._host.call("text-tools", "text-stats", {"text": "a b " * chance.randint(1, 1000)})
        expect_error(lambda: self._host.call("hostile", chance.choice(HOSTILE), {"text": "x"}))
        expect_error(lambda: self._host.call("nobody", "x"))
        if chance.random() < 0.05:
            self._host.unload("hostile")


class Cloner:
    """A program that reads releases from git servers, honest ones and others."""

    def __init__(self, honest: str, *hostile: str) -> None:
        self._honest, self._hostile = honest, hostile
        self._limits = TransferLimits(connect=20, stall=30, total=120)

    def __call__(self) -> int:
        self._read(self._honest)
        for url in self._hostile:
            expect_error(lambda url=url: self._read(url))  # type: ignore[misc]
        return 1 + len(self._hostile)

    def _read(self, url: str) -> None:
        with GitRemote(parse(url), self._limits) as remote:
            tree = remote.tree(remote.resolve(branch="main"))
            tree.read(["plugin.toml", "plugin.wasm"])


class Indexed:
    """A program that asks indexes, honest ones and others."""

    def __init__(self, folder: str, root: str, honest: str, *hostile: str) -> None:
        self._folder, self._root, self._honest, self._hostile = Path(folder), root, honest, hostile

    def __call__(self) -> int:
        self._ask(self._honest, "honest")
        for number, url in enumerate(self._hostile):
            expect_error(lambda url=url, number=number: self._ask(url, f"hostile-{number}"))  # type: ignore[misc]
        return 1 + len(self._hostile)

    def _ask(self, url: str, cache: str) -> None:
        entry = IndexEntry(PluginName("community"), url, self._root)
        with IndexClient(entry, cache=self._folder / cache, base=self._folder, lock_seconds=20) as client:
            listing = client.listings([TEXT])[TEXT]
            assert listing
            client.claims([TEXT])
            row = listing.rows[0]
            client.release(TEXT, row.statement, row.files)


KINDS: Final[dict[str, Callable[..., Round]]] = {"host": Hosted, "git": Cloner, "index": Indexed}


def main(arguments: list[str]) -> int:
    """Make a round for each line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks ends this by closing its input
    go = KINDS[arguments[0]](*arguments[1:])
    for _ in sys.stdin:
        print(go(), flush=True)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    os.environ.setdefault("LANG", "C.UTF-8")
    sys.exit(main(sys.argv[1:]))
