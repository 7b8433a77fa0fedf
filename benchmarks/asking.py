"""What a client of a big index asks for: requests, and bytes of bodies as a server with gzip sends them.

- **client**: somebody new runs ``index add`` and ``add`` of one plugin. Counted is what choosing it takes:
  metadata, its claim and its rows; not the release's own file.
- **daily**: ``outdated`` in a project of ten plugins, a day and 0.5 % of all plugins after it was run before.
- **idle**: ``outdated`` once more, with nothing published since.

``python -m benchmarks.asking [--quick]`` shows what the heads of answers and the requests add.
"""

import functools
import random
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from support.sandbox import Sandbox

from benchmarks.figure import Amount
from benchmarks.indexes import Keeper, listing
from benchmarks.keeping import shared_index
from benchmarks.setup import TARK, tarkpm, user
from benchmarks.web import Site, Traffic, web_server
from tarkpm.core.layout import FILES, rows_path
from tarkpm.core.lockfile import Lock, LockEntry, render
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.registry.change import IndexChange
from tarkpm.registry.folder import open_index
from tarkpm.registry.releases import with_row

ALONE = PluginName("plugin-000000")
"""Needs no other plugin."""
TEN = 10
DAY = 0.005
"""Of all plugins, how many publish a release a day."""
PROJECTS = 9


@functools.cache
def _first(quick: bool) -> Traffic:
    """What somebody new asks for to choose one plugin."""
    keeper = shared_index(quick)
    with TemporaryDirectory() as name, web_server(keeper.folder) as site:
        folder = Path(name)
        keeper.release(folder, ALONE, "9.0.0")
        person = user(folder / "user")
        tarkpm(person, "index", "add", "community", site.base, "--root", keeper.root).run()
        tarkpm(person, "add", ALONE, "--accept-capabilities").run()
        return _but_releases(site, keeper.folder)


def _but_releases(site: Site, index: Path) -> Traffic:
    """What passed since it was last asked, less the bodies of releases and the requests for them."""
    passed = site.passed()
    releases = [path for path in passed.paths if path.startswith(f"/{FILES}/")]
    passed.bodies -= sum((index / path[1:]).stat().st_size for path in releases)
    passed.paths = [path for path in passed.paths if path not in releases]
    return passed


@functools.cache
def _daily(quick: bool) -> tuple[list[Traffic], list[Traffic]]:
    """What projects ask for after a day, and right after that."""
    return ask_daily(shared_index(quick), lambda: None)


def ask_daily(keeper: Keeper, more: Callable[[], None]) -> tuple[list[Traffic], list[Traffic]]:
    """What projects ask for after a day on which ``more`` was done, too, and right after that."""
    chance = random.Random(0)
    daily: list[Traffic] = []
    idle: list[Traffic] = []
    with TemporaryDirectory() as name, web_server(keeper.folder) as site:
        people = [
            _somebody(Path(name) / str(number), site.base, keeper, chance.sample(keeper.names, TEN))
            for number in range(PROJECTS)
        ]
        publish_day(keeper, chance.sample(keeper.names, round(len(keeper.names) * DAY)))
        more()
        site.passed()
        for person in people:
            for found in (daily, idle):
                _look(person)
                found.append(site.passed())
    return daily, idle


def _somebody(folder: Path, base: str, keeper: Keeper, names: Sequence[PluginName]) -> Sandbox:
    """Somebody whose project has the first release of these plugins locked, as a clone has."""
    source = IndexSource("community", keeper.root)
    person = user(folder)
    lines = [
        f'[tark]\nversion = "{TARK}"',
        f'[index.community]\nurl = "{base}"\nroot = "{keeper.root}"',
        "[plugins]",
        *(f'{name} = "^1.0"' for name in names),
    ]
    (person.cwd / "tark.toml").write_text("\n".join(lines) + "\n")
    lock = Lock.of(_entry(name, source, keeper) for name in names)
    (person.cwd / "tark.lock").write_bytes(render(lock))
    _look(person, "--accept-project")
    return person


def _look(person: Sandbox, *more: str) -> None:
    """Ask what is outdated: exit status 1 says that something is."""
    done = person.execute("outdated", *more)
    if done.status > 1:
        raise RuntimeError(done.err)


def _entry(name: PluginName, source: IndexSource, keeper: Keeper) -> LockEntry:
    row = listing(name, 1, keeper.publisher).rows[0]
    return LockEntry(
        name=name,
        version=row.version,
        type=row.type,
        source=source,
        min_tark_version=row.min_tark_version,
        signer=keeper.publisher,
        statement=row.statement,
        files=row.files,
    )


def publish_day(keeper: Keeper, names: Sequence[PluginName]) -> None:
    """Have each of these plugins list one release more, as ``accept`` would one after another."""
    index, online = open_index(keeper.folder), keeper.signer("community-online")
    change = IndexChange(index, datetime.now(UTC).replace(microsecond=0))
    for name in names:
        rows = index.listing(name).rows
        newest = listing(name, len(rows) + 1, keeper.publisher).rows[-1]
        change.update_bin(rows_path(name), with_row(index.listing(name), newest, keeper.publisher), online)
    change.commit(keeper.folder, online)


def _requests(traffics: Sequence[Traffic]) -> list[float]:
    return [len(traffic.paths) for traffic in traffics]


def _kilobytes(traffics: Sequence[Traffic]) -> list[float]:
    return [traffic.bodies / 1000 for traffic in traffics]


FIGURES = [
    Amount("client-req", "one plugin for a new client", "asked", 12, lambda _, q: _requests([_first(q)])),
    Amount("client-kb", "the same, bodies", "KB", 25, lambda _, q: _kilobytes([_first(q)])),
    Amount("daily-kb", "outdated, 10 plugins, a day later", "KB", 45, lambda _, q: _kilobytes(_daily(q)[0])),
    Amount("idle-req", "outdated with nothing new", "asked", 2, lambda _, q: _requests(_daily(q)[1])),
]


def main(quick: bool) -> None:
    """Show all that passed."""
    daily, idle = _daily(quick)
    for name, traffics in (("client", [_first(quick)]), ("daily", daily), ("idle", idle)):
        for traffic in traffics:
            print(
                f"{name}: {len(traffic.paths)} requests of {traffic.asked:,} bytes,"
                f" answers of {traffic.heads:,} and {traffic.bodies:,} bytes"
            )
            print("".join(f"    {path}\n" for path in msgspec.to_builtins(traffic.paths)), end="")


if __name__ == "__main__":
    main("--quick" in sys.argv)
