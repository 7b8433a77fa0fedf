"""Larger random catalogs than brute force can take, against resolvelib with a provider that knows only the rules.

`tests/core` compares both searches with brute force on catalogs of four plugins. Here are twelve of up to five
releases, and the other implementation is resolvelib alone: no shelves, no preferences, no budget, no clauses.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from resolvelib import AbstractProvider, BaseReporter, Resolver
from resolvelib.resolvers import ResolutionImpossible
from support.catalogs import HOME, holds, usable
from support.examples import QUICK

from tarkpm.core.release import Dependency, PluginName
from tarkpm.core.resolution.catalog import Candidate, PluginId, RootRequirement
from tarkpm.core.resolution.resolver import solve
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

Catalog = dict[PluginId, tuple[Candidate, ...]]
NAMES = [PluginName(f"p{number}") for number in range(12)]
RANGES = ["*", "^1", "^1.1", "^2", ">=2", "<2", "=1.0.0", ">=1.1, <3"]
VERSIONS = [Version.parse(text) for text in ("1.0.0", "1.1.0", "1.2.0", "2.0.0", "3.0.0")]
Need = tuple[PluginName, Range]


class _Provider(AbstractProvider[Need, Candidate, PluginName]):
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def identify(self, requirement_or_candidate: Need | Candidate) -> PluginName:
        one = requirement_or_candidate
        return one.name if isinstance(one, Candidate) else one[0]

    def get_preference(self, identifier: PluginName, *_: Any, **__: Any) -> str:
        return identifier

    def find_matches(
        self,
        identifier: PluginName,
        requirements: Mapping[PluginName, Iterator[Need]],
        incompatibilities: Mapping[PluginName, Iterator[Candidate]],
    ) -> Iterable[Candidate]:
        refused = list(incompatibilities[identifier])
        ranges = [range_ for _, range_ in requirements[identifier]]
        offers = self._catalog.get((HOME, identifier), ())
        found = [o for o in offers if o not in refused and all(r.matches(o.version) for r in ranges)]
        return sorted(found, key=lambda offer: offer.version, reverse=True)

    def is_satisfied_by(self, requirement: Need, candidate: Candidate) -> bool:
        return requirement[1].matches(candidate.version)

    def get_dependencies(self, candidate: Candidate) -> Sequence[Need]:
        return [(need.name, Range.parse(need.range)) for need in candidate.requires]


def drawn(dice: random.Random, density: float) -> tuple[Catalog, list[RootRequirement]]:
    """A catalog, and what a project asks of it."""
    catalog: Catalog = {}
    for name in NAMES:
        offers = []
        for version in dice.sample(VERSIONS, dice.randint(1, len(VERSIONS))):
            others = [other for other in NAMES if other != name and dice.random() < density]
            needs = tuple(Dependency(other, dice.choice(RANGES)) for other in others)
            offers.append(Candidate(name, version, HOME, needs))
        catalog[HOME, name] = tuple(offers)
    asked = dice.sample(NAMES, dice.randint(1, 4))
    return catalog, [RootRequirement(name, HOME, Range.parse(dice.choice(RANGES))) for name in asked]


def by_resolvelib(catalog: Catalog, wanted: list[RootRequirement]) -> bool:
    resolver: Any = Resolver(_Provider(catalog), BaseReporter())
    try:
        resolver.resolve([(item.name, item.range) for item in wanted], max_rounds=20_000)
    except ResolutionImpossible:
        return False
    except RecursionError:
        # Of resolvelib 1.2, where it prepares the result of plugins that need one another: it has found one.
        return True
    return True


@pytest.mark.parametrize("density", [0.05, 0.12, 0.2])
def test_both_find_a_solution_or_neither(density: float) -> None:
    dice = random.Random(density)
    answers = set()
    for _ in range(40 if QUICK else 1_000):
        catalog, wanted = drawn(dice, density)
        expected = by_resolvelib(catalog, wanted)
        answers.add(expected)
        try:
            chosen = solve(catalog, wanted, locked={}, free=None, tark=None).chosen
        except ResolutionError:
            assert not expected
            continue
        assert expected
        assert holds(chosen, wanted, {})
        assert all(usable(offer, {}, None) for offer in chosen.values())
    assert answers == {True, False}
