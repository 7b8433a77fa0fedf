"""The releases that a resolution chooses from, and which of them are still to be fetched.

Sources are queried elsewhere. `missing` returns the plugins, by source, to query next. Once it returns none,
the `Catalog` contains everything that `tarkpm.core.resolution.resolver.solve` may look at.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.release import Dependency, IndexSource, PluginName, Source, folded
from tarkpm.core.release_age import Young
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

PluginId = tuple[Source, PluginName]
"""The identity of a plugin: its source, and its name there."""


MOST_RELEASES: Final = 100_000
"""The most releases that a resolution considers, over all plugins. They take about 300 MB."""


class Candidate(msgspec.Struct, frozen=True):
    """A release that a source offers. ``yanked`` is the reason, "" if it is not yanked.

    ``young`` is set if it has not reached the minimum age.
    """

    name: PluginName
    version: Version
    origin: Source
    requires: tuple[Dependency, ...] = ()
    min_tark_version: Version | None = None
    yanked: str = ""
    revoked: bool = False
    young: Young | None = None

    @property
    def place(self) -> PluginId:
        """The identity of the plugin."""
        return self.origin, self.name

    def fits(self, tark: Version | None) -> bool:
        """Return whether the release runs with this tark. It does if either version is unknown."""
        return not (tark and self.min_tark_version) or self.min_tark_version.key <= tark.key

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Locked(msgspec.Struct, frozen=True):
    """The locked release of a name before the resolution."""

    version: Version
    origin: Source


class RootRequirement(msgspec.Struct, frozen=True):
    """A requirement of the project. It has no range if its source contains one release: git and folders."""

    name: PluginName
    origin: Source
    range: Range | None = None

    @property
    def place(self) -> PluginId:
        """The identity of the required plugin."""
        return self.origin, self.name


Catalog = Mapping[PluginId, tuple[Candidate, ...]]
"""The answers of the sources. A place without releases was queried and has no such plugin; a place that is
absent was not queried yet."""


class Request(msgspec.Struct, frozen=True):
    """The input of a resolution: the requirements of the project by folded name, and its tark version."""

    wanted: Mapping[str, RootRequirement]
    tark: Version | None = None

    @classmethod
    def of(cls, wanted: Iterable[RootRequirement], tark: Version | None) -> "Request":
        """Return a request, sorted by name, so that the order of requirements never matters.

        Raises `ResolutionError` if two names are equal once folded.
        """
        by_name: dict[str, RootRequirement] = {}
        for item in sorted(wanted, key=lambda item: item.name):
            if (other := by_name.setdefault(folded(item.name), item)) is not item:
                raise ResolutionError(f"'{other.name}' and '{item.name}' are the same name")
        return cls(by_name, tark)

    def place_of(self, dependency: Dependency, origin: Source) -> PluginId | None:
        """Return where a dependency of a release from ``origin`` is resolved, or None if nowhere.

        A name that the project requires has that one source in the whole graph. Any other name is resolved in
        the index of the depending release; other releases have none. There is no third place to look,
        because dependency confusion needs one (docs/trust-rules.md, rule 12).
        """
        if asked := self.wanted.get(folded(dependency.name)):
            return asked.place
        return (origin, dependency.name) if isinstance(origin, IndexSource) else None


class Shelf:
    """The releases of one plugin that may be chosen, newest first.

    A set of them is an integer, in which bit 0 is the newest. Revoked releases, and those that require a
    newer tark, are left out.
    """

    def __init__(self, offers: Collection[Candidate], tark: Version | None) -> None:
        fitting = [offer for offer in offers if offer.fits(tark) and not offer.revoked]
        self.offers = sorted(fitting, key=lambda o: (o.version.key, o.version.build), reverse=True)
        self.all = (1 << len(self.offers)) - 1
        self._keys = [offer.version.key for offer in reversed(self.offers)]
        self._pre = self.where(lambda offer: bool(offer.version.pre))
        self._within: dict[str, tuple[int, int]] = {}

    def where(self, holds: Callable[[Candidate], bool]) -> int:
        """Return the set of releases for which ``holds`` is true."""
        return sum(1 << place for place, offer in enumerate(self.offers) if holds(offer))

    def matching(self, wanted: Range | str | None) -> int:
        """Return the set of releases in a range, with Cargo's rule for prereleases. None is any version."""
        return self.all if wanted is None else self._find(wanted)[0]

    def within(self, wanted: Range | str | None) -> int:
        """Like `matching`, plus the prereleases of all releases in the range, which a lock may keep."""
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


class LockedShelf(Shelf):
    """The shelf of one place, and what a lock keeps on it that could not be chosen otherwise."""

    def __init__(
        self, catalog: Catalog, place: PluginId, tark: Version | None, locked: Locked | None
    ) -> None:
        super().__init__(catalog[place], tark)
        self.place = place
        kept = locked.version if locked and locked.origin == place[0] else None
        self.locked = self.where(lambda offer: offer.version == kept)
        # A locked release stays: it was chosen before, and going back would not undo what it did.
        self.usable = self.locked | self.where(lambda offer: not (offer.yanked or offer.young))

    def choosable(self, wanted: Range | str | None) -> int:
        """Return the releases in a range.

        Yanked and young ones, and unnamed prereleases, are included only if locked.
        """
        found = self.matching(wanted)
        if self.locked:
            found |= self.within(wanted) & self.locked
        return found & self.usable


def missing(
    catalog: Catalog, wanted: Iterable[RootRequirement], tark: Version | None
) -> tuple[PluginId, ...]:
    """Return the plugins to query next, nearest to the project first; none if the catalog is complete.

    Query them (they are independent), add the answers and call again. There are as many rounds as the longest
    chain of dependencies. Only releases that could be chosen are followed: those in a required range, not
    revoked, and fit for ``tark``. Raises `ResolutionError` for more than `MOST_RELEASES` releases.
    """
    # A hostile index can generate releases and dependencies forever, so the catalog has a limit.
    if sum(map(len, catalog.values())) > MOST_RELEASES:
        raise ResolutionError(
            f"the plugins that might be needed have more than {MOST_RELEASES:,} releases",
            hint="use narrower ranges in tark.toml",
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
    """Yield the releases of a set, newest first."""
    return (offers[bit.bit_length() - 1] for bit in bits(mask))


def bits(mask: int) -> Iterator[int]:
    """Yield the bits of a set, each as a set of its own, the newest release first."""
    while mask:
        least = mask & -mask
        yield least
        mask ^= least
