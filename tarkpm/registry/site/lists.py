"""What pages say about many plugins at once. Pure functions of what is known of them."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.advisory import Advisory
from tarkpm.core.layout import CLAIMS, INDEX, SNAPSHOT, TIMESTAMP
from tarkpm.core.release import folded
from tarkpm.registry.site.memory import RECENT, AdvisedLine, Known
from tarkpm.registry.site.search import fnv

SPAN: Final = 128
"""Plugins on a page of the list of all plugins, on average."""
MAX_SPAN: Final = 400


class RoleLine(msgspec.Struct, frozen=True):
    """Signed metadata on the maintainers' page; ``version`` is 0 for a role that stands for many."""

    role: str
    signed_by: str
    version: int
    expires: str


class PendingLine(msgspec.Struct, frozen=True):
    """A waiting proposal on the maintainers' page."""

    file: str
    title: str = ""
    signed_by: tuple[str, ...] = ()
    missing: int = 0
    problem: str = ""


class Recent(msgspec.Struct, frozen=True, order=True):
    """A release in a feed, by time."""

    published: int
    name: str
    version: str
    description: str = ""


def dependents_of(plugins: Mapping[str, Known]) -> dict[str, list[str]]:
    """Return the names of the plugins whose shown release requires a plugin, by its folded name; sorted."""
    found: dict[str, list[str]] = {}
    for known in plugins.values():
        for name in known.requires:
            found.setdefault(folded(name), []).append(known.name)
    return {name: sorted(set(names)) for name, names in found.items()}


def spans_of(plugins: Sequence[Known]) -> list[Sequence[Known]]:
    """Split a sorted list into pages, so that a new plugin changes one page.

    A page begins at a name whose hash says so, not after a number of names: with that, one more name would
    move a name from each page to the next.
    """
    starts = [0]
    for at, known in enumerate(plugins[1:], 1):
        if fnv(known.name) % SPAN == 0 or at - starts[-1] >= MAX_SPAN:
            starts.append(at)
    ends = [*starts[1:], len(plugins)]
    return [plugins[start:end] for start, end in zip(starts, ends, strict=True) if start < end]


class BrowsePage(msgspec.Struct, frozen=True):
    """A page of the list of all plugins.

    ``span`` is the first and last name on it; ``before`` and ``after`` are the first of its neighbours.
    """

    plugins: Sequence[Known]
    span: tuple[str, str]
    before: str = ""
    after: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        return f"from-{self.span[0]}.html"


def browse_pages(plugins: Sequence[Known]) -> list[BrowsePage]:
    """Return the pages of the list of all plugins, which is sorted."""
    spans = spans_of(plugins)
    firsts = ["", *(some[0].name for some in spans), ""]
    return [
        BrowsePage(some, (some[0].name, some[-1].name), firsts[at], firsts[at + 2])
        for at, some in enumerate(spans)
    ]


def recent_of(plugins: Iterable[Known]) -> list[Recent]:
    """Return the newest releases of all plugins, as many as a feed has."""
    found = (
        Recent(published, one.name, version, one.card.description)
        for one in plugins
        for published, version in one.recent
    )
    return heapq.nlargest(RECENT, found)


def role_lines(roles: Mapping[str, tuple[int, str]]) -> list[RoleLine]:
    """Return the roles of an index, maintainers' first. All bins of a kind are one row."""
    rows: list[RoleLine] = []
    bins: dict[str, str] = {}
    for role, (version, expires) in roles.items():
        parent = role.rpartition("-")[0]
        if parent:
            bins[parent] = min(expires, bins.get(parent, expires))
        else:
            rows.append(RoleLine(role, _signers(role), version, expires))
    rows += [RoleLine(f"{parent} bins", _signers(f"{parent}-"), 0, first) for parent, first in bins.items()]
    order = ("root", "targets", CLAIMS, INDEX, f"{CLAIMS} bins", f"{INDEX} bins", SNAPSHOT, TIMESTAMP)
    return sorted(rows, key=lambda row: order.index(row.role))


def _signers(role: str) -> str:
    is_online = role in (SNAPSHOT, TIMESTAMP) or role == f"{INDEX}-"
    return "online key" if is_online else "maintainers"


def advised(one: Advisory) -> AdvisedLine:
    """Return what the pages about all advisories say of one."""
    return AdvisedLine(
        one.id,
        one.name,
        str(one.severity),
        one.summary,
        one.affected,
        one.published,
        one.modified,
        one.withdrawn,
        one.references[0] if one.references else "",
    )
