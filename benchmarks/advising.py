"""Advisories: what they add to a client's day, and ``audit`` against a sync with nothing to do.

- **advised**: bytes of `daily-kb` where the index has 1,000 advisories and one more was published that day,
  over those where it has none: the medians of nine projects each.
- **audit**: ``audit --offline`` in a project of 1,000 plugins, with an advisory about each of 100 of them,
  all of them fixed, against ``sync``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.asking import ask_daily
from benchmarks.coldsync import index_project
from benchmarks.figure import Amount, Figure, Race
from benchmarks.indexes import generate_real
from benchmarks.keeping import shared_index
from benchmarks.setup import padded, plugin_names, tarkpm, user
from benchmarks.web import Traffic, web_server
from tarkpm.core.layout import FILES
from tarkpm.core.release import PluginName

ADVISORIES = 1_000
PLUGINS = 1_000
ADVISED = 100


def _advised(_: Path, quick: bool) -> Sequence[float]:
    keeper = shared_index(quick)
    without, _idle = ask_daily(keeper, lambda: None)
    keeper.advise(keeper.names[:: len(keeper.names) // ADVISORIES][:ADVISORIES])
    with_, idle = ask_daily(keeper, lambda: keeper.advise(keeper.names[1:2], ADVISORIES + 1))
    # Releases are asked for as well, and are not there: this index has only their sizes.
    asked = [[path for path in traffic.paths if not path.startswith(f"/{FILES}/")] for traffic in idle]
    if max(map(len, asked)) > 2:
        raise RuntimeError(f"expected 2 requests with nothing new, found {max(asked, key=len)}")
    return [_bytes(with_) / _bytes(without)]


def _bytes(traffics: Sequence[Traffic]) -> float:
    return median(traffic.bodies for traffic in traffics)


@contextmanager
def _audit(folder: Path) -> Iterator[Race]:
    names = plugin_names(PLUGINS)
    keeper = generate_real(folder, names, (padded(0) for _ in names))
    keeper.advise(map(PluginName, names[:ADVISED]))
    with web_server(keeper.folder) as site:
        person = user(folder / "user")
        index_project(person, site.base, keeper.root, names)
    yield Race(tarkpm(person, "audit", "--offline"), tarkpm(person, "sync"))


FIGURES: list[Figure | Amount] = [
    Amount("advised", "daily-kb with 1,000 advisories", "×", 1.3, _advised),
    Figure("audit", f"audit --offline, {PLUGINS:,} plugins", "sync, nothing to do", 2.0, 15, _audit, 5),
]
