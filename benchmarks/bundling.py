"""Bundles of 100 plugins of an index: made, and synced.

Making one is measured against `tar`, which writes the same files and verifies nothing, and against a cold
``sync`` of the same from a server, which verifies the same. Syncing one is measured against a warm ``sync``,
which has all files in its store, verified their signatures before, and does not read what an index says. On a
new machine it is measured against that machine's cold ``sync``, which does all of that.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from support.sandbox import Sandbox

from benchmarks.coldsync import index_project
from benchmarks.figure import Figure, Race, Side
from benchmarks.indexes import generate_real
from benchmarks.setup import padded, plugin_names, put_away, tarkpm, user
from benchmarks.syncing import PLUGINS, SIZE
from benchmarks.web import web_server

LARGE = 2 * 1024 * 1024
BUNDLE = "plugins.tar"


@contextmanager
def _machines(folder: Path, size: int = SIZE) -> Iterator[tuple[Sandbox, Sandbox, Sandbox]]:
    """Who made a bundle of a project, and two machines with the documents and the bundle."""
    names = plugin_names(PLUGINS)
    keeper = generate_real(folder, names, (padded(size, seed) for seed in range(PLUGINS)))
    with web_server(keeper.folder) as site:
        person = user(folder / "user")
        index_project(person, site.base, keeper.root, names)
        tarkpm(person, "bundle", "create", "-o", BUNDLE).run()
        near, far = user(folder / "near"), user(folder / "far")
        for machine in (near, far):
            for name in ("tark.toml", "tark.lock", BUNDLE):
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


def _anew(person: Sandbox) -> Side:
    """Making a bundle where there is none."""
    create = tarkpm(person, "bundle", "create", "-o", BUNDLE)
    return Side(create.command, create.cwd, create.env, lambda: put_away(person.cwd / BUNDLE, person.root))


def _tar(folder: Path, bundle: Path) -> Side:
    """`tar` of the files in a bundle: the same bytes, but for the fields of their headers."""
    tar, files, out = shutil.which("tar"), folder / "files", folder / "out.tar"
    if tar is None:
        raise RuntimeError("tar is not installed")
    files.mkdir()
    subprocess.run([tar, "-xf", bundle, "-C", files], check=True)
    command = [tar, "-cf", str(out), "-C", str(files), "."]
    return Side(command, folder, {"PATH": "/usr/bin:/bin"}, lambda: put_away(out, folder))


def _without_environment(machine: Sandbox) -> Side:
    """A warm sync: the store has everything, state knows it, and nothing is installed."""
    sync = tarkpm(machine, "sync")
    return Side(sync.command, sync.cwd, sync.env, lambda: put_away(machine.cwd / ".tark", machine.root))


def _with_bundle_alone(machine: Sandbox) -> Side:
    """The same machine's sync if all that it has of the plugins is a bundle, and what it compiled before."""
    sync = tarkpm(machine, "sync", "--bundle", BUNDLE)

    def forget() -> None:
        for folder in (machine.cwd / ".tark", machine.store / "blobs", machine.store / "index"):
            put_away(folder, machine.root)

    return Side(sync.command, sync.cwd, sync.env, forget)


@contextmanager
def _create(folder: Path) -> Iterator[Race]:
    with _machines(folder) as (person, near, _):
        yield Race(_anew(person), _new(near))


@contextmanager
def _create_as_tar(size: int, folder: Path) -> Iterator[Race]:
    with _machines(folder, size) as (person, *_):
        yield Race(_anew(person), _tar(folder, person.cwd / BUNDLE))


@contextmanager
def _sync(folder: Path) -> Iterator[Race]:
    with _machines(folder) as (_, near, far):
        yield Race(_new(far, "--bundle", BUNDLE), _new(near))


@contextmanager
def _sync_as_warm(size: int, folder: Path) -> Iterator[Race]:
    with _machines(folder, size) as (person, _, far):
        _new(far, "--bundle", BUNDLE).run()
        yield Race(_with_bundle_alone(far), _without_environment(person))


SMALL_ONES, LARGE_ONES = f"{PLUGINS} × 200 KiB", f"{PLUGINS} × 2 MiB"
FIGURES = [
    Figure("bundle-tar", f"bundle create, {SMALL_ONES}", "tar", 3, 11, partial(_create_as_tar, SIZE)),
    Figure("bundle-tar-2m", f"bundle create, {LARGE_ONES}", "tar", 3, 5, partial(_create_as_tar, LARGE)),
    Figure("bundle", f"bundle create, {SMALL_ONES}", "cold sync of the same", 1.6, 11, _create),
    Figure("bundle-warm", f"sync --bundle, {SMALL_ONES}", "warm sync", 1.2, 11, partial(_sync_as_warm, SIZE)),
    Figure(
        "bundle-warm-2m", f"sync --bundle, {LARGE_ONES}", "warm sync", 1.2, 5, partial(_sync_as_warm, LARGE)
    ),
    Figure("bundle-in", f"sync --bundle, new, {SMALL_ONES}", "cold sync, index", 1.0, 11, _sync),
]
