"""Bundles of 100 plugins of an index: made, and synced, against a cold ``sync`` of the same from a server.

All three verify every signature, every byte, and what the index's maintainers signed of each plugin. Making a
bundle asks the server for everything that the index says; a sync from one is a new machine's first, as the
peer's is.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.sandbox import Sandbox

from benchmarks.coldsync import index_project
from benchmarks.figure import Figure, Race, Side
from benchmarks.indexes import generate_real
from benchmarks.setup import padded, plugin_names, put_away, tarkpm, user
from benchmarks.syncing import PLUGINS, SIZE
from benchmarks.web import web_server


@contextmanager
def _machines(folder: Path) -> Iterator[tuple[Sandbox, Sandbox, Sandbox]]:
    """Who made a bundle of a project, and two machines with the documents; the second has the bundle, too."""
    names = plugin_names(PLUGINS)
    keeper = generate_real(folder, names, (padded(SIZE, seed) for seed in range(PLUGINS)))
    with web_server(keeper.folder) as site:
        person = user(folder / "user")
        index_project(person, site.base, keeper.root, names)
        tarkpm(person, "bundle", "create", "-o", "plugins.tar").run()
        near, far = user(folder / "near"), user(folder / "far")
        for machine in (near, far):
            for name in ("tark.toml", "tark.lock", "plugins.tar"):
                subprocess.run(["cp", person.cwd / name, machine.cwd], check=True)
        yield person, near, far


def _new(machine: Sandbox, *more: str) -> Side:
    """The first sync of a machine that has the project's documents, and nothing else of tarkpm's."""
    sync = tarkpm(machine, "sync", "--accept-project", *more)

    def forget() -> None:
        for folder in (machine.home, machine.cwd / ".tark"):
            put_away(folder, machine.root)
        machine.home.mkdir()

    return Side(sync.command, sync.cwd, sync.env, forget)


@contextmanager
def _create(folder: Path) -> Iterator[Race]:
    with _machines(folder) as (person, near, _):
        yield Race(tarkpm(person, "bundle", "create", "-o", "plugins.tar"), _new(near))


@contextmanager
def _sync(folder: Path) -> Iterator[Race]:
    with _machines(folder) as (_, near, far):
        yield Race(_new(far, "--bundle", "plugins.tar"), _new(near))


FIGURES = [
    Figure("bundle", f"bundle create, {PLUGINS} × 200 KiB", "cold sync of the same", 1.6, 11, _create),
    Figure("bundle-in", f"sync --bundle, {PLUGINS} × 200 KiB", "cold sync, index", 1.0, 11, _sync),
]
