"""Encode a resolution as clauses: a variable per plugin, a value per release, a fact per clause.

A fact is something that can be explained to the user: the project asks for this, or that needs this. A name
has one version because a variable has one value; that it has one source is a clause.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from tarkpm.core.release import Dependency, PluginName, folded
from tarkpm.core.resolution.catalog import (
    Candidate,
    Catalog,
    Locked,
    LockedShelf,
    PluginId,
    Request,
    RootRequirement,
    members,
)
from tarkpm.core.resolution.solver import Clause, Contradiction, Search, TooHard


class Asked(msgspec.Struct, frozen=True):
    """The project requires a plugin, in any version."""

    wanted: RootRequirement


class AskedRange(msgspec.Struct, frozen=True):
    """If it is installed, a plugin has a version in the range that the project requires."""

    wanted: RootRequirement


class Needs(msgspec.Struct, frozen=True):
    """Releases of one plugin, newest first, depend on ``dependency``, which is resolved at ``place``."""

    offers: tuple[Candidate, ...]
    dependency: Dependency
    place: PluginId


class OneSource(msgspec.Struct, frozen=True):
    """Two places have a plugin of the same name, of which at most one can be installed."""

    places: tuple[PluginId, PluginId]


Fact = Asked | AskedRange | Needs | OneSource


class Node:
    """A plugin in the search: its variable, its releases, and which of them may be chosen."""

    def __init__(self, variable: int, shelf: LockedShelf) -> None:
        self.variable, self.place, self.shelf = variable, shelf.place, shelf
        self.absent = shelf.all + 1
        self.needs: dict[Dependency, int] = {}
        for index, offer in enumerate(shelf.offers):
            for dependency in offer.requires:
                self.needs[dependency] = self.needs.get(dependency, 0) | 1 << index


class Encoding:
    """The guide of a search. A plugin is added when a release that depends on it is about to be chosen.

    ``held`` are the names that keep their locked version as long as it satisfies. They are decided first,
    so that a choice made elsewhere does not move them needlessly.
    """

    def __init__(
        self,
        catalog: Catalog,
        request: Request,
        locked: Mapping[PluginName, Locked],
        *,
        held: Collection[PluginName] = frozenset(),
        most_conflicts: int,
    ) -> None:
        self.request = request
        self.search = Search(self, most_conflicts=most_conflicts)
        self._catalog, self._locked = catalog, locked
        self._held = held
        self._complete = False
        self._nodes: list[Node] = []
        self._by_place: dict[PluginId, Node] = {}
        self._by_name: dict[str, list[Node]] = {}
        self._stated: set[tuple[int, Dependency]] = set()

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        request: Request,
        locked: Mapping[PluginName, Locked],
        *,
        held: Collection[PluginName] = frozenset(),
        most_conflicts: int,
    ) -> "Encoding":
        """Return the encoding of a request."""
        problem = cls(catalog, request, locked, held=held, most_conflicts=most_conflicts)
        for wanted in request.wanted.values():
            problem._node(wanted.place)  # all of them before any dependency, so that they are decided first
        for wanted in request.wanted.values():
            problem.state(Asked(wanted))
            problem.state(AskedRange(wanted))
        return problem

    def contradicts(self, facts: Iterable[Fact]) -> bool:
        """Return whether these facts alone contradict each other. False if the search gives up."""
        self._complete = True
        for fact in facts:
            self.state(fact)
        try:
            self.search.run()
        except Contradiction:
            return True
        except TooHard:
            return False
        return False

    def solve(self) -> dict[PluginName, Candidate]:
        """Return the release of each plugin. Raises `Contradiction` or `TooHard`."""
        chosen = self.search.run()
        offers = (
            self._nodes[variable].shelf.offers[value.bit_length() - 1] for variable, value in chosen.items()
        )
        return {offer.name: offer for offer in sorted(offers, key=lambda offer: offer.name)}

    def state(self, fact: Fact) -> None:
        """Add a fact as a clause."""
        literals = {variable: mask for variable, mask in self._literals(fact).items() if mask}
        self.search.add(Clause(literals.items(), fact=fact))

    def is_hopeless(self, fact: Fact) -> bool:
        """Return whether a fact requires something that no release satisfies."""
        match fact:
            case Asked(wanted):
                return not self._node(wanted.place).shelf.usable
            case AskedRange(wanted):
                return not self._node(wanted.place).shelf.choosable(wanted.range)
            case Needs(_, dependency, place):
                return not self._node(place).shelf.choosable(dependency.range)
            case OneSource():
                return False

    def _literals(self, fact: Fact) -> dict[int, int]:
        match fact:
            case Asked(wanted):
                node = self._node(wanted.place)
                return {node.variable: node.shelf.usable}
            case AskedRange(wanted):
                node = self._node(wanted.place)
                return {node.variable: node.shelf.choosable(wanted.range) | node.absent}
            case OneSource(places):
                return {node.variable: node.absent for node in map(self._node, places)}
            case Needs(offers, dependency, place):
                node, target = self._node(offers[0].place), self._node(place)
                met = {target.variable: target.shelf.choosable(dependency.range)}
                others = (node.shelf.all | node.absent) & ~node.needs[dependency]
                met[node.variable] = met.get(node.variable, 0) | others  # a plugin may depend on itself
                return met

    def rank(self, variable: int) -> int:
        """Rank held plugins first, then requirements, then dependencies in order of discovery."""
        return 0 if self._nodes[variable].place[1] in self._held else LATER

    def pick(self, variable: int, domain: int) -> int:
        """Pick the locked release of a held plugin, or else the newest release."""
        node = self._nodes[variable]
        held = node.shelf.locked if node.place[1] in self._held else 0
        candidates = domain & held or domain
        # The lowest bit is the newest release.
        return candidates & -candidates

    def expand(self, variable: int, value: int) -> None:
        """State the dependencies of a release, each for all releases of the plugin that share it."""
        if self._complete:
            return
        node = self._nodes[variable]
        offer = node.shelf.offers[value.bit_length() - 1]
        for dependency in offer.requires:
            if (variable, dependency) in self._stated:
                continue
            self._stated.add((variable, dependency))
            place = self.request.place_of(dependency, offer.origin)
            if place is not None:
                # For all releases with this dependency, so that the search learns about them as one case.
                needing = node.needs[dependency] & node.shelf.usable
                self.state(Needs(tuple(members(needing, node.shelf.offers)), dependency, place))

    def _node(self, place: PluginId) -> Node:
        """Return the node of a place. A new one excludes all others of its name.

        See docs/trust-rules.md, rule 12: one name, one source.
        """
        if node := self._by_place.get(place):
            return node
        shelf = LockedShelf(self._catalog, place, self.request.tark, self._locked.get(place[1]))
        node = Node(self.search.variable(len(shelf.offers)), shelf)
        self._nodes.append(node)
        self._by_place[place] = node
        namesakes = self._by_name.setdefault(folded(place[1]), [])
        namesakes.append(node)
        for other in namesakes[:-1]:
            self.state(OneSource((other.place, place)))
        return node


LATER = 8
"""The rank of plugins that are not held. 2 ** 8 conflicts about a plugin outweigh it."""
