"""The catalog: frozen values that a resolution works on, and which of them are still missing.

Sources are asked elsewhere. `missing` says which plugins of which sources are needed next; once it says
none, a `Catalog` holds everything `tarkpm.core.resolution.resolver.solve` may look at.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.release import Dependency, GitSource, PathSource, PluginName, Source, folded
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

PluginId = tuple[Source, PluginName]
"""A plugin's identity: where it comes from, and its name there."""


MOST_RELEASES: Final = 100_000
"""Of all plugins that a resolution looks at together; they take some 300 MB."""


class Candidate(msgspec.Struct, frozen=True):
    """A release a source has. ``yanked`` is the reason, "" if it is not yanked."""

    name: PluginName
    version: Version
    origin: Source
    requires: tuple[Dependency, ...] = ()
    min_tark_version: Version | None = None
    yanked: str = ""
    revoked: bool = False

    @property
    def place(self) -> PluginId:
        """The plugin this is a release of."""
        return self.origin, self.name

    def fits(self, tark: Version | None) -> bool:
        """Return whether it runs under this tark, as far as is known."""
        return not (tark and self.min_tark_version) or self.min_tark_version.key <= tark.key

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Locked(msgspec.Struct, frozen=True):
    """The release of a name in the old lock."""

    version: Version
    origin: Source


class RootRequirement(msgspec.Struct, frozen=True):
    """A plugin the project asks for. Without a range it is whatever its source holds: git and folders."""

    name: PluginName
    origin: Source
    range: Range | None = None

    @property
    def place(self) -> PluginId:
        """The plugin whose releases satisfy this."""
        return self.origin, self.name


Catalog = Mapping[PluginId, tuple[Candidate, ...]]
"""Releases by plugin. A plugin with none was asked for and its source does not have it; one that is absent
was not asked yet."""


class Request(msgspec.Struct, frozen=True):
    """The input of a resolution: the plugins of the project, by folded name, and the tark it serves."""

    wanted: Mapping[str, RootRequirement]
    tark: Version | None = None

    @classmethod
    def of(cls, wanted: Iterable[RootRequirement], tark: Version | None) -> "Request":
        """Sorted by name, so that the order of asking never matters; raises `ResolutionError`."""
        by_name: dict[str, RootRequirement] = {}
        for item in sorted(wanted, key=lambda item: item.name):
            if (other := by_name.setdefault(folded(item.name), item)) is not item:
                raise ResolutionError(f"'{other.name}' and '{item.name}' are the same name")
        return cls(by_name, tark)

    def place_of(self, dependency: Dependency, origin: Source) -> PluginId | None:
        """Return the plugin that meets a dependency of a release from ``origin``; None for git and folders.

        A name the project asks for has that one source in the whole graph; any other name is the depending
        release's own index's (docs/trust-rules.md, rule 12). There is no third place to look.
        """
        if asked := self.wanted.get(folded(dependency.name)):
            return asked.place
        return None if isinstance(origin, GitSource | PathSource) else (origin, dependency.name)


class Shelf:
    """The offers of one place that may be chosen at all, newest first; bit 0 of a set is the newest.

    Revoked releases, and those that need a newer tark, are not on it.
    """

    def __init__(self, offers: Collection[Candidate], tark: Version | None) -> None:
        fitting = [offer for offer in offers if offer.fits(tark) and not offer.revoked]
        self.offers = sorted(fitting, key=lambda o: (o.version.key, o.version.build), reverse=True)
        self.all = (1 << len(self.offers)) - 1
        self._keys = [offer.version.key for offer in reversed(self.offers)]
        self._pre = self.where(lambda offer: bool(offer.version.pre))
        self._within: dict[str, tuple[int, int]] = {}

    def where(self, holds: Callable[[Candidate], bool]) -> int:
        """The offers that pass a test."""
        return sum(1 << place for place, offer in enumerate(self.offers) if holds(offer))

    def matching(self, wanted: Range | str | None) -> int:
        """The offers in a range, with Cargo's rule for prereleases; all of them if there is no range."""
        return self.all if wanted is None else self._find(wanted)[0]

    def within(self, wanted: Range | str | None) -> int:
        """The same with the prereleases of every release that is in the range: a lock may keep those."""
        return self.all if wanted is None else self._find(wanted)[1]

    def _find(self, wanted: Range | str) -> tuple[int, int]:
        text = str(wanted)
        if (found := self._within.get(text)) is None:
            range_ = Range.parse(wanted) if isinstance(wanted, str) else wanted
            found = self._within[text] = self._measure(range_)
        return found

    def _measure(self, wanted: Range) -> tuple[int, int]:
        low, high = wanted.span(self._keys)
        span = ((1 << (high - low)) - 1) << (len(self._keys) - high)
        if not (pre := span & self._pre):
            return span, span
        named = self.where(lambda offer: wanted.matches(offer.version)) & pre
        kept = self.where(lambda offer: wanted.matches(Version(*offer.version.triple))) & pre
        return span & ~pre | named, span & ~pre | named | kept


def missing(
    catalog: Catalog, wanted: Iterable[RootRequirement], tark: Version | None
) -> tuple[PluginId, ...]:
    """The places that must be asked next, nearest to the project first; none if the catalog is complete.

    Ask them (they are independent of one another), add the answers, call again: there are as many rounds
    as the longest chain of dependencies. Only releases that could be chosen are followed: in a range
    somebody asked for, not revoked, fitting ``tark``. Raises `ResolutionError` for a catalog without end.
    """
    if sum(map(len, catalog.values())) > MOST_RELEASES:
        raise ResolutionError(
            f"the plugins that might be needed have more than {MOST_RELEASES:,} releases",
            hint="ask for narrower ranges in tark.toml",
        )
    request = Request.of(wanted, tark)
    shelves: dict[PluginId, Shelf] = {}
    followed: dict[PluginId, int] = {}
    absent: dict[PluginId, None] = {}
    queue: deque[tuple[PluginId, Range | str | None]] = deque(
        (item.place, item.range) for item in request.wanted.values()
    )
    seen = set(queue)
    while queue:
        place, range_ = queue.popleft()
        if place not in catalog:
            absent[place] = None
            continue
        shelf = shelves.get(place) or shelves.setdefault(place, Shelf(catalog[place], tark))
        new = shelf.within(range_) & ~followed.get(place, 0)
        followed[place] = followed.get(place, 0) | new
        for offer in members(new, shelf.offers):
            for dependency in offer.requires:
                target = request.place_of(dependency, offer.origin)
                if target and (step := (target, dependency.range)) not in seen:
                    seen.add(step)
                    queue.append(step)
    return tuple(absent)


def members(mask: int, offers: Sequence[Candidate]) -> Iterator[Candidate]:
    """The offers of a set, newest first."""
    while mask:
        least = mask & -mask
        yield offers[least.bit_length() - 1]
        mask ^= least
