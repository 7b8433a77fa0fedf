"""Explain why a resolution has no solution, and suggest a change that helps.

The search proves that some facts contradict each other. The proof is reduced to facts none of which can be
left out, sorted so that each leads to the next, and rendered as sentences.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tarkpm.core.release import PluginName, folded
from tarkpm.core.resolution.catalog import Candidate, Catalog, Locked, PluginId, Request, RootRequirement
from tarkpm.core.resolution.encoding import Asked, AskedRange, Encoding, Fact, Needs, OneSource
from tarkpm.core.resolution.solver import Contradiction, TooHard
from tarkpm.core.text import neutral
from tarkpm.core.version import Range, Version
from tarkpm.errors import ReleaseTooYoung, ResolutionError

MOST_FACTS: Final = 8
"""The most sentences shown. The others are counted."""

MOST_SHRUNK: Final = 100
"""A proof of more facts is not reduced, because that takes one search per fact."""

MOST_TRIES: Final = 8
TRIAL_CONFLICTS: Final = 200
"""Limits when looking for a change that helps: the most trials, and the most conflicts in each."""


def explain(
    catalog: Catalog, request: Request, locked: Mapping[PluginName, Locked], proof: Sequence[Fact]
) -> ResolutionError:
    """Return the error that describes a contradictory ``proof``, with a hint if a change is found to help."""
    encoding = Encoding(catalog, request, locked, most_conflicts=0)
    facts = _in_order(_shrunk(catalog, request, locked, proof))
    hopeless = next((fact for fact in facts if encoding.is_hopeless(fact)), None)
    said = list(dict.fromkeys(_sentences([fact for fact in facts if fact is not hopeless])))
    if len(said) > MOST_FACTS:
        said[MOST_FACTS:] = [f"and {len(said) - MOST_FACTS} more"]
    if hopeless is not None:
        end = ", ".join(_hopeless(catalog, request, hopeless))
        message = ", ".join([*said, end])
    elif _contested(facts):
        message = f"{', '.join(said)}; a name can have only one source"
    else:
        message = f"{', '.join(said)}; nothing satisfies {'both' if len(said) == 2 else 'all of these'}"
    if hopeless is not None and (young := _youngest(catalog, request, hopeless)):
        hint = f"tarkpm update --no-minimum-age {young.name}"
        until = young.young.until if young.young else None
        return ReleaseTooYoung(neutral(message), plugin=young.name, until=until, hint=neutral(hint))
    return ResolutionError(neutral(message), hint=neutral(_hint(catalog, request, locked, facts, hopeless)))


def _shrunk(
    catalog: Catalog, request: Request, locked: Mapping[PluginName, Locked], proof: Sequence[Fact]
) -> list[Fact]:
    """Return the facts without those that the contradiction does not need."""
    facts = list(dict.fromkeys(proof))
    if len(facts) > MOST_SHRUNK:
        return facts
    # Deletion: a fact stays only if the others alone do not contradict each other.
    for fact in list(facts):
        fewer = [other for other in facts if other != fact]
        if Encoding(catalog, request, locked, most_conflicts=TRIAL_CONFLICTS).contradicts(fewer):
            facts = fewer
    return facts


def _in_order(facts: Sequence[Fact]) -> list[Fact]:
    """Sort facts from requirements of the project down the dependencies. The order is deterministic."""
    asked = [fact for fact in facts if isinstance(fact, Asked | AskedRange)]
    needs = [fact for fact in facts if isinstance(fact, Needs)]
    depth = {fact.wanted.place: 0 for fact in asked}
    leads: dict[PluginId, list[PluginId]] = {}
    for fact in needs:
        leads.setdefault(fact.offers[0].place, []).append(fact.place)
    queue = deque(depth)
    while queue:
        parent = queue.popleft()
        for place in leads.get(parent, ()):
            if place not in depth:
                depth[place] = depth[parent] + 1
                queue.append(place)
    asked.sort(key=lambda fact: fact.wanted.name)
    needs.sort(
        key=lambda fact: (depth.get(fact.offers[0].place, len(facts)), fact.offers[0].name, fact.dependency)
    )
    return [*asked, *needs, *(fact for fact in facts if isinstance(fact, OneSource))]


def _contested(facts: Sequence[Fact]) -> set[PluginId]:
    """Return the places of the proof that share a name with another place."""
    places = {fact.place for fact in facts if isinstance(fact, Needs)}
    names = [folded(name) for _, name in places]
    return {place for place in places if names.count(folded(place[1])) > 1}


def _sentences(facts: Sequence[Fact]) -> Iterator[str]:
    contested = _contested(facts)
    for fact in facts:
        if isinstance(fact, AskedRange) and fact.wanted.range is not None:
            yield f"the project asks for {fact.wanted.name} {fact.wanted.range}"
        elif isinstance(fact, Asked) and fact.wanted.range is None:
            yield f"the project takes {fact.wanted.name} from {fact.wanted.origin}"
        elif isinstance(fact, Needs) and fact.place in contested:
            yield f"{_releases(fact)} {fact.dependency.name} from {fact.place[0]}"
        elif isinstance(fact, Needs):
            yield f"{_releases(fact)} {fact.dependency}"


def _releases(fact: Needs) -> str:
    newest, oldest = fact.offers[0], fact.offers[-1]
    return f"{newest} needs" if newest is oldest else f"{oldest} to {newest.version} need"


def _hopeless(catalog: Catalog, request: Request, fact: Fact) -> Iterator[str]:
    """Yield what a fact requires, and why no release satisfies it."""
    place, range_ = _demanded(fact)
    if isinstance(fact, Needs):
        yield f"{_releases(fact)} {fact.dependency}"
    else:
        yield f"the project asks for {place[1]}" + (f" {range_}" if range_ is not None else "")
    yield _why_none(catalog[place], place, range_, request.tark)


def _demanded(fact: Fact) -> tuple[PluginId, Range | None]:
    if isinstance(fact, Needs):
        return fact.place, Range.parse(fact.dependency.range)
    assert isinstance(fact, Asked | AskedRange)
    return fact.wanted.place, fact.wanted.range


def _youngest(catalog: Catalog, request: Request, fact: Fact) -> Candidate | None:
    """Return the newest release that only its age keeps from satisfying a fact."""
    place, range_ = _demanded(fact)
    waiting = (
        offer
        for offer in catalog[place]
        if offer.young and offer.fits(request.tark) and not (offer.revoked or offer.yanked)
        if range_ is None or range_.matches(offer.version)
    )
    return max(waiting, key=lambda offer: offer.version, default=None)


def _why_none(
    offers: Sequence[Candidate], place: PluginId, range_: Range | None, tark: Version | None
) -> str:
    origin, name = place
    if not offers:
        return f"{origin} has no plugin named '{name}'"
    if not (near := [offer for offer in offers if range_ is None or _lenient(range_, offer.version)]):
        versions = sorted(offer.version for offer in offers)
        which = str(versions[0]) if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"
        return f"{origin} has {which}"
    alive = [offer for offer in near if not offer.revoked]
    if not alive:
        return f"{_all(near)} revoked"
    if not (fitting := [offer for offer in alive if offer.fits(tark)]):
        least = min((offer.min_tark_version for offer in alive if offer.min_tark_version), default=None)
        return f"which requires tark {least}, but this is tark {tark}"
    if all(offer.yanked for offer in fitting):
        return f"{_all(fitting)} yanked ({fitting[0].yanked})"
    young = [o for o in fitting if o.young and not o.yanked and (range_ is None or range_.matches(o.version))]
    if young:
        newest = max(young, key=lambda offer: offer.version)
        return f"{newest} {newest.young}"
    return f"only prereleases fit, such as {max(offer.version for offer in fitting)}"


def _all(offers: Sequence[Candidate]) -> str:
    return f"{offers[0]} is" if len(offers) == 1 else f"all {len(offers)} releases of that are"


def _lenient(range_: Range, version: Version) -> bool:
    return range_.matches(version) or range_.matches(Version(*version.triple))


def _hint(
    catalog: Catalog,
    request: Request,
    locked: Mapping[PluginName, Locked],
    facts: Sequence[Fact],
    hopeless: Fact | None,
) -> str:
    if isinstance(hopeless, Asked | AskedRange):
        wanted = hopeless.wanted
        kept = locked.get(wanted.name)
        there = any(kept and offer.version == kept.version for offer in catalog[wanted.place])
        if kept and kept.origin == wanted.origin and not there:
            return "the locked release is no longer listed; to keep it: tarkpm sync"
        offers = [o for o in catalog[wanted.place] if o.fits(request.tark) and not (o.revoked or o.yanked)]
        if not catalog[wanted.place]:
            # The whole name was not found. Its beginning finds the names that it may be a slip of.
            return f"tarkpm search {re.split('[-_]', wanted.name)[0][:4]}"
        if offers and all(offer.version.pre for offer in offers):
            return f"tarkpm add {wanted.name}@^{max(offer.version for offer in offers)}"
    return way_out(catalog, request, locked, facts)


def way_out(
    catalog: Catalog, request: Request, locked: Mapping[PluginName, Locked], facts: Sequence[Fact]
) -> str:
    """Return a command that changes one requirement so that there is a solution; "" if none is found."""
    # Each change is tried before it is suggested: a hint that does not help is worse than none.
    asked = {fact.wanted.name: fact.wanted for fact in facts if isinstance(fact, Asked | AskedRange)}
    ranged = [item for item in asked.values() if item.range is not None and str(item.range) != "*"]
    tries = [(item, RootRequirement(item.name, item.origin, Range.parse("*"))) for item in ranged]
    for item, other in [*tries, *((item, None) for item in asked.values())][:MOST_TRIES]:
        wanted = [w for w in request.wanted.values() if w is not item] + ([other] if other else [])
        problem = Request.of(wanted, request.tark)
        try:
            trial = Encoding.of(catalog, problem, locked, most_conflicts=TRIAL_CONFLICTS)
            chosen = trial.solve()
        except (Contradiction, TooHard, LookupError):  # LookupError: it would need what was not asked for
            continue
        return (
            f"tarkpm add {item.name}@^{chosen[item.name].version}" if other else f"tarkpm remove {item.name}"
        )
    return ""
