"""The cases of tests/resolver_cases, small random catalogs against brute force, and what `missing` promises."""

import itertools
import random
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import many

from tarkpm.core.release import Dependency, GitSource, IndexSource, PluginName, Source
from tarkpm.core.resolution import solver
from tarkpm.core.resolution.catalog import Candidate, Locked, PluginId, RootRequirement, missing
from tarkpm.core.resolution.resolver import solve
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

CASES = Path(__file__).parent.parent / "resolver_cases"
ORIGINS: dict[str, Source] = {
    **{name: IndexSource(name, "sha256:" + name[0] * 64) for name in ("community", "work")},
    "git": GitSource("https://example.com/plugins", tag="v1"),
}
NAMES = tuple(map(PluginName, "abcd"))
HOME = ORIGINS["community"]


def _cases() -> Iterator[Any]:
    for file in sorted(CASES.glob("*.toml")):
        for name, case in tomllib.loads(file.read_text()).items():
            yield pytest.param(case, id=f"{file.stem}: {name}")


def _offer(text: str, origin: Source) -> Candidate:
    """Read ``NAME VERSION [needs NAME RANGE; …] [tark VERSION] [yanked REASON] [revoked]``, parts joined by ``|``."""
    head, *parts = (part.strip() for part in text.split("|"))
    name, version = head.split()
    facts = dict((part + " ").split(" ", 1) for part in parts)
    needs = [Dependency.parse(item.strip()) for item in facts.get("needs", "").split(";") if item.strip()]
    tark = facts.get("tark", "").strip()
    return Candidate(
        PluginName(name),
        Version.parse(version),
        origin,
        tuple(needs),
        Version.parse(tark) if tark else None,
        facts.get("yanked", "").strip(),
        "revoked" in facts,
    )


def _catalog(case: Mapping[str, Any]) -> dict[PluginId, tuple[Candidate, ...]]:
    catalog: dict[PluginId, tuple[Candidate, ...]] = {}
    for label, texts in case["catalog"].items():
        for text in texts:
            if " " not in text:
                catalog[ORIGINS[label], PluginName(text)] = ()  # asked, has no such plugin
                continue
            offer = _offer(text, ORIGINS[label])
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
        for name, label in case.get("from", {}).items():
            assert solution.chosen[PluginName(name)].origin == ORIGINS[label]


VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0", "3.0.0"]).map(Version.parse)
RANGES = st.sampled_from(["*", "^1", "^1.1", "^2", ">=2", "<2", "=1.0.0", "^2.0.0-rc.1", "<4, >1.0.0"])
TARKS = st.sampled_from([None, None, None, Version.parse("1.0.0"), Version.parse("2.0.0")])


@st.composite
def catalogs(draw: st.DrawFn) -> dict[PluginId, tuple[Candidate, ...]]:
    """Up to four plugins of one index with a few releases each."""
    catalog = {}
    for name in NAMES:
        offers = []
        for version in draw(st.lists(VERSIONS, max_size=4, unique=True)):
            needs = draw(st.dictionaries(st.sampled_from(NAMES), RANGES, max_size=2))
            yanked = draw(st.sampled_from(["", "", "", "broken"]))
            revoked = draw(st.sampled_from([False] * 6 + [True]))
            requires = tuple(Dependency(n, r) for n, r in sorted(needs.items()))
            offers.append(Candidate(name, version, HOME, requires, draw(TARKS), yanked, revoked))
        catalog[HOME, name] = tuple(offers)
    return catalog


WANTED = st.dictionaries(st.sampled_from(NAMES), RANGES, min_size=1).map(
    lambda ranges: [RootRequirement(name, HOME, Range.parse(text)) for name, text in ranges.items()]
)
LOCKS = st.dictionaries(st.sampled_from(NAMES), VERSIONS.map(lambda version: Locked(version, HOME)))
FREE = st.one_of(st.none(), st.sets(st.sampled_from(NAMES)))


def _takes(range_: Range, offer: Candidate, locks: Mapping[PluginName, Locked]) -> bool:
    """The rules, written once more and plainly: what a range may get."""
    lock = locks.get(offer.name)
    if range_.matches(offer.version):
        return True
    is_locked = lock is not None and lock.version == offer.version
    conditions = all(c.matches(offer.version) for c in range_.comparators)
    return is_locked and conditions and range_.matches(Version(*offer.version.triple))


def _holds(
    chosen: Mapping[PluginName, Candidate], wanted: list[RootRequirement], locks: Mapping[PluginName, Locked]
) -> bool:
    asked = [(item.name, item.range) for item in wanted if item.range is not None]
    asked += [(d.name, Range.parse(d.range)) for offer in chosen.values() for d in offer.requires]
    return all(name in chosen and _takes(range_, chosen[name], locks) for name, range_ in asked)


def _brute(
    catalog: Mapping[PluginId, tuple[Candidate, ...]],
    wanted: list[RootRequirement],
    locks: Mapping[PluginName, Locked],
    tark: Version | None,
) -> list[dict[PluginName, Candidate]]:
    """Every set of releases that would do."""
    shelves: list[list[Candidate | None]] = [
        [None, *(o for o in offers if _usable(o, locks, tark))] for offers in catalog.values()
    ]
    choices = ({o.name: o for o in pick if o} for pick in itertools.product(*shelves))
    return [chosen for chosen in choices if _holds(chosen, wanted, locks)]


def _usable(offer: Candidate, locks: Mapping[PluginName, Locked], tark: Version | None) -> bool:
    lock = locks.get(offer.name)
    kept = not offer.yanked or (lock is not None and lock.version == offer.version)
    fits = tark is None or offer.min_tark_version is None or offer.min_tark_version <= tark
    return kept and fits and not offer.revoked


@settings(max_examples=many(500))
@given(catalogs(), WANTED, LOCKS, FREE, TARKS)
def test_a_solution_is_found_if_and_only_if_there_is_one(
    catalog: dict[PluginId, tuple[Candidate, ...]],
    wanted: list[RootRequirement],
    locks: dict[PluginName, Locked],
    free: set[PluginName] | None,
    tark: Version | None,
) -> None:
    possible = _brute(catalog, wanted, locks, tark)
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
            if _usable(o, {}, tark) and item.range and item.range.matches(o.version)
        ]
        best[item.name] = max((o.version for o in fitting), default=None)
    possible = _brute(catalog, wanted, {}, tark)
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
    whole = [pick for pick in _brute(catalog, wanted, locks, tark) if set(pick) == set(locks)]
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
        return _offer(f"{name} 1.{minor}.0 | needs {'; '.join(needs)}", HOME)

    catalog = {(HOME, name): tuple(release(name, minor) for minor in range(300)) for name in NAMES[:3]}
    with pytest.raises(ResolutionError) as caught:
        solve(catalog, [_wanted("a *")], locked={}, free=None, tark=None)
    assert caught.value.message == "gave up: the requirements of the plugins conflict in too many ways"
    assert caught.value.hint == "use narrower ranges in tark.toml"
