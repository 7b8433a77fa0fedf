"""The cases of tests/resolver_cases, small random catalogs against brute force, and what `missing` promises."""

import random
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from support.catalogs import (
    FREE,
    HOME,
    LOCKS,
    NAMES,
    ORIGINS,
    TARKS,
    WANTED,
    brute,
    catalogs,
    parse_offer,
    usable,
)
from support.examples import many

from tarkpm.core.release import PluginName, Source
from tarkpm.core.resolution import solver
from tarkpm.core.resolution.catalog import Candidate, Locked, PluginId, RootRequirement, missing
from tarkpm.core.resolution.resolver import solve
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

CASES = Path(__file__).parent.parent / "resolver_cases"


def _cases() -> Iterator[Any]:
    for file in sorted(CASES.glob("*.toml")):
        for name, case in tomllib.loads(file.read_text()).items():
            yield pytest.param(case, id=f"{file.stem}: {name}")


def _catalog(case: Mapping[str, Any]) -> dict[PluginId, tuple[Candidate, ...]]:
    catalog: dict[PluginId, tuple[Candidate, ...]] = {}
    for label, texts in case["catalog"].items():
        for text in texts:
            if " " not in text:
                catalog[ORIGINS[label], PluginName(text)] = ()  # asked, has no such plugin
                continue
            offer = parse_offer(text, ORIGINS[label])
            catalog[offer.place] = (*catalog.get(offer.place, ()), offer)
    return catalog


def _split(text: str) -> tuple[Source, PluginName, str]:
    label, _, rest = text.rpartition(":")
    name, _, last = rest.partition(" ")
    return ORIGINS[label or "community"], PluginName(name), last


def _wanted(text: str) -> RootRequirement:
    origin, name, wanted = _split(text)
    return RootRequirement(name, origin, Range.parse(wanted) if wanted else None)


@pytest.mark.parametrize("case", list(_cases()))
def test_case(case: dict[str, Any]) -> None:
    catalog, wanted = _catalog(case), [_wanted(text) for text in case["wanted"]]
    locks = {
        name: Locked(Version.parse(v), origin) for origin, name, v in map(_split, case.get("locked", []))
    }
    free = None if "free" not in case else [PluginName(name) for name in case["free"]]
    tark = Version.parse(case["tark"]) if "tark" in case else None
    assert missing(catalog, wanted, tark) == (), "the case's catalog is incomplete"
    if "error" in case:
        with pytest.raises(ResolutionError) as caught:
            solve(catalog, wanted, locked=locks, free=free, tark=tark)
        assert (caught.value.message, caught.value.hint) == (case["error"], case.get("hint", ""))
        return
    for order in (wanted, wanted[::-1]):
        solution = solve(catalog, order, locked=locks, free=free, tark=tark)
        assert [str(offer) for offer in solution.chosen.values()] == case["chosen"]
        assert list(solution.notes) == case.get("notes", [])
        assert list(map(str, solution.waiting)) == case.get("waiting", [])
        for name, label in case.get("from", {}).items():
            assert solution.chosen[PluginName(name)].origin == ORIGINS[label]


@settings(max_examples=many(500))
@given(catalogs(), WANTED, LOCKS, FREE, TARKS)
def test_a_solution_is_found_if_and_only_if_there_is_one(
    catalog: dict[PluginId, tuple[Candidate, ...]],
    wanted: list[RootRequirement],
    locks: dict[PluginName, Locked],
    free: set[PluginName] | None,
    tark: Version | None,
) -> None:
    possible = brute(catalog, wanted, locks, tark)
    try:
        chosen = solve(catalog, wanted, locked=locks, free=free, tark=tark).chosen
    except ResolutionError:
        assert not possible
        return
    assert chosen in possible
    needed = {item.name for item in wanted}
    for _ in NAMES:
        needed |= {d.name for name in needed for d in chosen[name].requires}
    assert set(chosen) == needed, "nothing is chosen that nobody needs"


@settings(max_examples=many(200))
@given(catalogs(), WANTED, TARKS)
def test_without_a_conflict_everything_asked_for_is_the_newest(
    catalog: dict[PluginId, tuple[Candidate, ...]], wanted: list[RootRequirement], tark: Version | None
) -> None:
    best = {}
    for item in wanted:
        fitting = [
            o
            for o in catalog[item.place]
            if usable(o, {}, tark) and item.range and item.range.matches(o.version)
        ]
        best[item.name] = max((o.version for o in fitting), default=None)
    possible = brute(catalog, wanted, {}, tark)
    if any(all(pick[name].version == best[name] for name in best) for pick in possible):
        chosen = solve(catalog, wanted, locked={}, free=None, tark=tark).chosen
        assert {name: chosen[name].version for name in best} == best


@settings(max_examples=many(200))
@given(catalogs(), WANTED, LOCKS, TARKS)
def test_what_is_locked_and_still_satisfies_does_not_move(
    catalog: dict[PluginId, tuple[Candidate, ...]],
    wanted: list[RootRequirement],
    locks: dict[PluginName, Locked],
    tark: Version | None,
) -> None:
    whole = [pick for pick in brute(catalog, wanted, locks, tark) if set(pick) == set(locks)]
    if any(all(pick[name].version == locks[name].version for name in pick) for pick in whole):
        chosen = solve(catalog, wanted, locked=locks, free=(), tark=tark).chosen
        assert all(chosen[name].version == locks[name].version for name in chosen)


@settings(max_examples=many(300))
@given(catalogs(), WANTED, LOCKS, FREE, TARKS)
def test_a_catalog_nothing_is_missing_from_is_enough(
    everything: dict[PluginId, tuple[Candidate, ...]],
    wanted: list[RootRequirement],
    locks: dict[PluginName, Locked],
    free: set[PluginName] | None,
    tark: Version | None,
) -> None:
    gathered: dict[PluginId, tuple[Candidate, ...]] = {}
    while places := missing(gathered, wanted, tark):
        assert not gathered.keys() & set(places)
        gathered |= {place: everything[place] for place in places}
    outcomes = []
    for catalog in (gathered, everything):
        try:
            outcomes.append(str(solve(catalog, wanted, locked=locks, free=free, tark=tark).chosen))
        except ResolutionError as problem:
            outcomes.append(problem.message)
    assert outcomes[0] == outcomes[1]


def test_plugins_of_many_releases_that_need_one_another_end_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Few conflicts and very many steps: what a hostile index lists costs no more than a limit says."""
    monkeypatch.setattr(solver, "STEPS_A_CONFLICT", 100)
    chance = random.Random(1)

    def release(name: str, minor: int) -> Candidate:
        needs = [f"{other} =1.{chance.randrange(300)}.0" for other in NAMES[:3] if other != name]
        return parse_offer(f"{name} 1.{minor}.0 | needs {'; '.join(needs)}", HOME)

    catalog = {(HOME, name): tuple(release(name, minor) for minor in range(300)) for name in NAMES[:3]}
    with pytest.raises(ResolutionError) as caught:
        solve(catalog, [_wanted("a *")], locked={}, free=None, tark=None)
    assert caught.value.message == "gave up: the requirements of the plugins conflict in too many ways"
    assert caught.value.hint == "use narrower ranges in tark.toml"
