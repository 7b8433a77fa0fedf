"""The first search: resolvelib's backtracking, with the preferences of tarkpm.

resolvelib is what pip and pdm resolve with. It finds the solutions of ordinary projects, and it has no proof
to show where there is none. Its solution is used if every range holds, each required plugin is the newest in
its range, and what a lock holds stays. Otherwise `solver` decides, which learns from conflicts and explains
them: it knows whether an older release must be chosen, or a locked one must move.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Resolution

from tarkpm.core.release import PluginName, folded
from tarkpm.core.resolution.catalog import (
    Candidate,
    Catalog,
    Locked,
    LockedShelf,
    PluginId,
    Request,
    bits,
)
from tarkpm.core.version import Range

if TYPE_CHECKING:
    from resolvelib.structs import RequirementInformation

MOST_ROUNDS: Final = 200
"""The most choices, including those that are taken back. Each costs a look at everything chosen before."""

MOST_STEPS: Final = 80_000
"""The most checks of a requirement, which take about a microsecond each: a round has no limit of its own."""


def search(
    catalog: Catalog, request: Request, locked: Mapping[PluginName, Locked], *, held: Collection[PluginName]
) -> dict[PluginName, Candidate] | None:
    """Return the release of each plugin, sorted by name; None if `solver` must decide.

    ``held`` are the names that keep their locked version as long as it satisfies.
    """
    if len(request.wanted) > MOST_ROUNDS:
        return None
    try:
        provider = _Provider(catalog, request, locked, held)
        # Not `Resolver`: the graph it adds is not needed, and recurses without a limit.
        state = Resolution(provider, BaseReporter()).resolve(provider.required, max_rounds=MOST_ROUNDS)
        if not provider.accepts(state.mapping):
            return None
    except (ResolutionImpossible, ResolutionTooDeep, _HandOver):
        return None
    offers = (choice.offer for choice in state.mapping.values())
    return {offer.name: offer for offer in sorted(offers, key=lambda offer: offer.name)}


class _HandOver(Exception):
    """The search is better left to `solver`."""


class _Demand(NamedTuple):
    """A requirement: the name, in the form in which names are compared, the shelf, and what satisfies."""

    key: str
    shelf: LockedShelf
    allowed: int


class _Choice:
    """A release that may be chosen. ``bit`` is its place on its shelf; resolvelib compares identities."""

    __slots__ = ("bit", "demands", "key", "offer", "shelf")

    def __init__(self, key: str, shelf: LockedShelf, bit: int) -> None:
        self.key, self.shelf, self.bit = key, shelf, bit
        self.offer = shelf.offers[bit.bit_length() - 1]
        self.demands: list[_Demand] | None = None

    def meets(self, demand: _Demand) -> bool:
        """Return whether this release satisfies a requirement of its name: the place counts, too."""
        return demand.shelf is self.shelf and bool(demand.allowed & self.bit)


class _Provider(AbstractProvider[_Demand, _Choice, str]):
    """What resolvelib asks about plugins: which releases satisfy, in which order, and what they need."""

    def __init__(
        self,
        catalog: Catalog,
        request: Request,
        locked: Mapping[PluginName, Locked],
        held: Collection[PluginName],
    ) -> None:
        self._catalog, self._request, self._locked, self._held = catalog, request, locked, held
        self._shelves: dict[PluginId, LockedShelf] = {}
        self._demands: dict[tuple[PluginId, Range | str | None], _Demand] = {}
        self._choices: dict[tuple[LockedShelf, int], _Choice] = {}
        self._ranks: dict[str, tuple[bool, int]] = {}
        self._left = MOST_STEPS
        self.required = [self._demand(one.place, one.range) for one in request.wanted.values()]

    def identify(self, requirement_or_candidate: _Demand | _Choice) -> str:
        """Return the name, with ``-`` and ``_`` folded: two places of one name are one plugin."""
        return requirement_or_candidate.key

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: object,  # noqa: ARG002  resolvelib passes it
        candidates: object,  # noqa: ARG002
        information: object,  # noqa: ARG002
        backtrack_causes: Sequence["RequirementInformation[_Demand, _Choice]"],
    ) -> list[str]:
        """Return the name to choose next: one of the last conflict first, then like `Encoding.rank`."""
        causes = {cause.requirement.key for cause in backtrack_causes}
        causes.update(cause.parent.key for cause in backtrack_causes if cause.parent is not None)
        names = list(identifiers)
        self._spend(len(names) + len(causes))
        return [min([name for name in names if name in causes] or names, key=self._ranks.__getitem__)]

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[_Demand]],
        incompatibilities: Mapping[str, Iterator[_Choice]],
    ) -> Any:
        """Return the releases that satisfy all requirements, in the order of preference."""
        demands, excluded = list(requirements[identifier]), list(incompatibilities[identifier])
        self._spend(len(demands) + len(excluded))
        if not (allowed := _common(demands)):
            return ()
        for choice in excluded:
            allowed &= ~choice.bit if choice.shelf is demands[0].shelf else allowed
        return partial(self._preferred, demands[0], allowed) if allowed else ()

    def is_satisfied_by(self, requirement: _Demand, candidate: _Choice) -> bool:
        """Return True; a choice that does not hold any more ends the search.

        resolvelib would choose that name again, but what the choice has narrowed meanwhile stays narrow.
        """
        self._spend(1)
        if not candidate.meets(requirement):
            raise _HandOver
        return True

    def get_dependencies(self, candidate: _Choice) -> list[_Demand]:
        """Return what a release needs. What git sources and folders need is met by the project alone."""
        if candidate.demands is None:
            offer = candidate.offer
            places = ((self._request.place_of(one, offer.origin), one.range) for one in offer.requires)
            candidate.demands = [self._demand(place, range_) for place, range_ in places if place]
            self._spend(len(candidate.demands))
        return candidate.demands

    def accepts(self, chosen: Mapping[str, _Choice]) -> bool:
        """Return whether a result satisfies every requirement and has the first choice of what is preferred.

        A required plugin that is older than its range allows, or a held one that moved, may be right, but
        resolvelib has no proof of that: it forgets why it ruled a release out.
        """
        demands: dict[str, list[_Demand]] = {demand.key: [demand] for demand in self.required}
        for choice in chosen.values():
            for demand in self.get_dependencies(choice):
                demands.setdefault(demand.key, []).append(demand)
        first = {demand.key: self._first(demand) for demand in self.required}
        return demands.keys() == chosen.keys() and all(
            all(map(choice.meets, demands[key]))
            and (choice is first[key] if key in first else self._stays(choice))
            for key, choice in chosen.items()
        )

    def _stays(self, choice: _Choice) -> bool:
        """Return whether a dependency has its locked release, if it is held and that can be chosen."""
        kept = self._kept(choice.shelf)
        return not kept or bool(kept & choice.bit)

    def _first(self, demand: _Demand) -> _Choice | None:
        return next(self._preferred(demand, demand.allowed), None)

    def _preferred(self, demand: _Demand, allowed: int) -> Iterator[_Choice]:
        """Yield the releases of a set: the locked one of a held plugin, then the newest first."""
        shelf = demand.shelf
        kept = allowed & self._kept(shelf)
        for some in (kept, allowed & ~kept):
            for bit in bits(some):
                choice = self._choices.get((shelf, bit))
                if choice is None:
                    choice = self._choices[shelf, bit] = _Choice(demand.key, shelf, bit)
                yield choice

    def _kept(self, shelf: LockedShelf) -> int:
        return shelf.locked if shelf.place[1] in self._held else 0

    def _demand(self, place: PluginId, wanted: Range | str | None) -> _Demand:
        if (demand := self._demands.get((place, wanted))) is None:
            key, shelf = folded(place[1]), self._shelf(place)
            self._spend(len(shelf.offers))  # finding a range may take a look at each
            demand = self._demands[place, wanted] = _Demand(key, shelf, shelf.choosable(wanted))
        return demand

    def _shelf(self, place: PluginId) -> LockedShelf:
        if (shelf := self._shelves.get(place)) is None:
            shelf = LockedShelf(self._catalog, place, self._request.tark, self._locked.get(place[1]))
            self._shelves[place] = shelf
            self._ranks.setdefault(folded(place[1]), (place[1] not in self._held, len(self._ranks)))
        return shelf

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _HandOver


def _common(demands: Sequence[_Demand]) -> int:
    """Return the releases that satisfy all requirements of one name: none if they mean two places."""
    if len({demand.shelf for demand in demands}) != 1:
        return 0
    return reduce(and_, (demand.allowed for demand in demands))
