"""Both searches of the resolver: each against brute force, and when the proof takes over from resolvelib."""

from collections.abc import Collection, Mapping

import pytest
from hypothesis import given, settings
from support.catalogs import FREE, HOME, LOCKS, TARKS, WANTED, brute, catalogs, parse_offer, usable
from support.examples import many

from tarkpm.core.release import PluginName
from tarkpm.core.resolution import backtracking, encoding, resolver
from tarkpm.core.resolution.backtracking import search
from tarkpm.core.resolution.catalog import Candidate, Locked, LockedShelf, PluginId, Request, RootRequirement
from tarkpm.core.resolution.resolver import prove, solve
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

Drawn = dict[PluginId, tuple[Candidate, ...]]


def held(locks: Mapping[PluginName, Locked], free: Collection[PluginName] | None) -> set[PluginName]:
    return set() if free is None else locks.keys() - set(free)


def needed(chosen: Mapping[PluginName, Candidate], wanted: list[RootRequirement]) -> set[PluginName]:
    names = {item.name for item in wanted}
    for _ in chosen:
        names |= {need.name for name in names for need in chosen[name].requires}
    return names


@settings(max_examples=many(300), deadline=None)
@given(catalogs(), WANTED, LOCKS, FREE, TARKS)
def test_each_search_agrees_with_brute_force(
    catalog: Drawn,
    wanted: list[RootRequirement],
    locks: dict[PluginName, Locked],
    free: set[PluginName] | None,
    tark: Version | None,
) -> None:
    """The proof finds a solution if and only if there is one; what resolvelib finds is one."""
    possible = brute(catalog, wanted, locks, tark)
    request = Request.of(wanted, tark)
    found = search(catalog, request, locks, held=held(locks, free))
    try:
        proven = prove(catalog, request, locks, held=held(locks, free))
    except ResolutionError:
        assert not possible
        assert found is None
        return
    for chosen in (proven, found):
        if chosen is not None:
            assert chosen in possible
            assert set(chosen) == needed(chosen, wanted)
            assert list(chosen) == sorted(chosen)


@settings(max_examples=many(500), deadline=None)
@given(catalogs(), WANTED, LOCKS, FREE, TARKS)
def test_nothing_that_resolvelib_finds_could_be_preferred_to(
    catalog: Drawn,
    wanted: list[RootRequirement],
    locks: dict[PluginName, Locked],
    free: set[PluginName] | None,
    tark: Version | None,
) -> None:
    keeps = held(locks, free)
    chosen = search(catalog, Request.of(wanted, tark), locks, held=keeps)
    if chosen is None:
        return
    for name in keeps & chosen.keys():
        lock = locks[name].version
        if any(usable(o, locks, tark) and o.version == lock for o in catalog[HOME, name]):
            asked = next((item.range for item in wanted if item.name == name), None)
            assert chosen[name].version == lock or (asked and not asked.matches(lock))
    for pick in brute(catalog, wanted, locks, tark):
        for item in wanted:
            assert item.name in keeps or pick[item.name].version <= chosen[item.name].version


def listed(*texts: str) -> Drawn:
    catalog: Drawn = {}
    for text in texts:
        offer = parse_offer(text, HOME)
        catalog[offer.place] = (*catalog.get(offer.place, ()), offer)
    return catalog


def asked(*texts: str) -> list[RootRequirement]:
    pairs = (text.split(" ", 1) for text in texts)
    return [RootRequirement(PluginName(name), HOME, Range.parse(range_)) for name, range_ in pairs]


def versions(catalog: Drawn, wanted: list[RootRequirement], **locks: str) -> dict[str, str]:
    locked = {PluginName(name): Locked(Version.parse(text), HOME) for name, text in locks.items()}
    chosen = solve(catalog, wanted, locked=locked, free=() if locks else None, tark=None).chosen
    return {name: str(offer.version) for name, offer in chosen.items()}


BOTH_WAYS = listed(
    "a 1.0.0 | needs b *; c *",
    "b 1.0.0 | needs d ^1",
    "b 2.0.0 | needs d ^2",
    "c 1.0.0 | needs d ^1",
    "d 1.0.0",
    "d 2.0.0",
)
"""The newest b and any c need different versions of d, so b must go back."""


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test in which resolvelib must do."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the proof was asked")

    monkeypatch.setattr(resolver, "prove", refuse)


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the proof is asked."""
    requests: list[Request] = []

    def count(catalog: Drawn, request: Request, *rest: object, **more: object) -> object:
        requests.append(request)
        return prove(catalog, request, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(resolver, "prove", count)
    return requests


@pytest.mark.usefixtures("unproven")
def test_resolvelib_goes_back_over_a_conflict_by_itself() -> None:
    assert versions(BOTH_WAYS, asked("a *")) == {"a": "1.0.0", "b": "1.0.0", "c": "1.0.0", "d": "1.0.0"}


@pytest.mark.usefixtures("unproven")
def test_resolvelib_keeps_what_is_locked() -> None:
    catalog = listed("a 1.0.0 | needs b *", "a 2.0.0 | needs b *", "b 1.0.0", "b 2.0.0")
    assert versions(catalog, asked("a *"), a="1.0.0", b="1.0.0") == {"a": "1.0.0", "b": "1.0.0"}
    assert versions(catalog, asked("a *")) == {"a": "2.0.0", "b": "2.0.0"}


@pytest.mark.usefixtures("unproven")
def test_plugins_that_need_one_another_in_a_circle() -> None:
    catalog = listed("a 1.0.0 | needs b *", "b 1.0.0 | needs c *", "c 1.0.0 | needs a ^1; c *")
    assert versions(catalog, asked("b *")) == {"a": "1.0.0", "b": "1.0.0", "c": "1.0.0"}


@pytest.mark.parametrize("budget", ["MOST_ROUNDS", "MOST_STEPS"])
def test_a_search_out_of_budget_is_taken_over(
    monkeypatch: pytest.MonkeyPatch, proofs: list[Request], budget: str
) -> None:
    expected = versions(BOTH_WAYS, asked("a *"))
    assert not proofs
    for amount in range(4):
        monkeypatch.setattr(backtracking, budget, amount)
        assert versions(BOTH_WAYS, asked("a *")) == expected
    assert len(proofs) == 4


def test_a_conflict_is_explained_by_the_proof(proofs: list[Request]) -> None:
    catalog = listed("a 1.0.0 | needs d ^1", "b 1.0.0 | needs d ^2", "d 1.0.0", "d 2.0.0")
    with pytest.raises(ResolutionError) as caught:
        versions(catalog, asked("a *", "b *"))
    assert caught.value.message == "a 1.0.0 needs d ^1, b 1.0.0 needs d ^2; nothing satisfies both"
    assert len(proofs) == 1


def test_a_lock_moves_only_where_the_proof_says_so(proofs: list[Request]) -> None:
    """A backtracking search would move d: nothing needs the newest b, and an older one lets d stay."""
    catalog = listed("a 1.0.0 | needs d ^1", "b 1.0.0", "b 1.1.0 | needs d ^1.1", "d 1.0.0", "d 1.1.0")
    locks = {"a": "1.0.0", "d": "1.0.0"}
    assert versions(catalog, asked("a *", "b *"), **locks) == {"a": "1.0.0", "b": "1.0.0", "d": "1.0.0"}
    assert versions(catalog, asked("a *", "b ^1.1"), **locks) == {"a": "1.0.0", "b": "1.1.0", "d": "1.1.0"}
    assert len(proofs) == 2


def test_a_held_dependency_that_must_move_is_moved_by_the_proof(proofs: list[Request]) -> None:
    catalog = listed("a 1.0.0 | needs d ^1.1", "d 1.0.0", "d 1.1.0")
    assert versions(catalog, asked("a *"), d="1.0.0") == {"a": "1.0.0", "d": "1.1.0"}
    assert len(proofs) == 1


def test_a_required_plugin_is_older_only_where_the_proof_says_so(proofs: list[Request]) -> None:
    catalog = listed("a 1.0.0", "a 2.0.0 | needs d ^2", "b 1.0.0 | needs d ^1", "d 1.0.0", "d 2.0.0")
    assert versions(catalog, asked("a *", "b *")) == {"a": "1.0.0", "b": "1.0.0", "d": "1.0.0"}
    assert len(proofs) == 1


def test_a_choice_that_does_not_hold_any_more_is_not_made_again(proofs: list[Request]) -> None:
    """resolvelib would choose an older d for the newest e; what was chosen first stays if it can."""
    catalog = listed(
        "a 1.0.0 | needs b *; c *",
        "b 1.0.0 | needs d *",
        "c 1.0.0 | needs e *",
        "d 1.0.0",
        "d 2.0.0",
        "e 1.0.0",
        "e 1.1.0 | needs d ^1",
    )
    assert versions(catalog, asked("a *")) == {
        "a": "1.0.0", "b": "1.0.0", "c": "1.0.0", "d": "2.0.0", "e": "1.0.0",
    }  # fmt: skip
    assert len(proofs) == 1


def test_a_large_project_goes_to_the_proof_at_once(
    monkeypatch: pytest.MonkeyPatch, proofs: list[Request]
) -> None:
    """No round is spent on more requirements than there are rounds."""
    catalog = listed("a 1.0.0", "b 1.0.0", "d 1.0.0")
    monkeypatch.setattr(backtracking, "MOST_ROUNDS", 2)
    monkeypatch.setattr(backtracking, "Resolution", None)
    assert versions(catalog, asked("a *", "b *", "d *")) == {"a": "1.0.0", "b": "1.0.0", "d": "1.0.0"}
    assert len(proofs) == 1


def test_a_chain_is_not_limited_by_recursion() -> None:
    count = backtracking.MOST_ROUNDS - 10
    links = [f"p{n} 1.0.0 | needs p{n + 1} *" for n in range(count)]
    catalog = listed(*links, f"p{count} 1.0.0")
    assert search(catalog, Request.of(asked("p0 *"), None), {}, held=()) is not None


def test_a_hostile_catalog_costs_the_search_no_more_than_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round tries all releases of a plugin, and each needs another range, which takes a look at thousands."""
    count = 2_000
    catalog = listed(
        *(f"a 1.{n}.0 | needs b =9.{n}.0-rc.1" for n in range(count)), *(f"b 1.{n}.0" for n in range(count))
    )
    measured: list[str] = []
    measure = LockedShelf.choosable

    def note(shelf: LockedShelf, wanted: Range | str | None) -> int:
        measured.append(str(wanted))
        return measure(shelf, wanted)

    monkeypatch.setattr(LockedShelf, "choosable", note)
    assert search(catalog, Request.of(asked("a *"), None), {}, held=()) is None
    assert 1 < len(measured) <= backtracking.MOST_STEPS // count


@pytest.mark.usefixtures("unproven")
def test_the_names_of_a_conflict_are_chosen_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten releases of b conflict with z: plugins that have nothing to do with it are not chosen each time."""
    others = [f"m{n}" for n in range(8)]
    catalog = listed(
        f"a 1.0.0 | needs b *; {'; '.join(f'{name} *' for name in others)}; z *",
        *(f"b 2.{n}.0 | needs d ^2" for n in range(10)),
        "b 1.0.0 | needs d ^1",
        "z 1.0.0 | needs d ^1",
        *(f"{name} 1.0.0" for name in others),
        "d 1.0.0",
        "d 2.0.0",
    )
    monkeypatch.setattr(backtracking, "MOST_ROUNDS", 50)
    assert versions(catalog, asked("a *"))["b"] == "1.0.0"


def test_the_proof_is_not_loaded_for_an_ordinary_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "Encoding", None)
    assert versions(BOTH_WAYS, asked("a *"))["b"] == "1.0.0"
