"""Rule 12 where releases are chosen: a stranger publishes a private plugin's name, in a higher version, elsewhere.

`work` is the team's own index, `community` the one the stranger can publish in.
"""

import pytest

from tarkpm.core.release import Dependency, GitSource, IndexSource, PluginName, Source
from tarkpm.core.resolution.catalog import Candidate, PluginId, RootRequirement, missing
from tarkpm.core.resolution.resolver import solve
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

WORK = IndexSource("work", "sha256:" + "a" * 64)
COMMUNITY = IndexSource("community", "sha256:" + "b" * 64)
GIT = GitSource("https://example.com/tool", tag="v1")
TOOL, SECRET = PluginName("tool"), PluginName("our-secret")


def _offer(name: PluginName, version: str, origin: Source, *needs: str) -> Candidate:
    return Candidate(name, Version.parse(version), origin, tuple(map(Dependency.parse, needs)))


def _catalog(*offers: Candidate) -> dict[PluginId, tuple[Candidate, ...]]:
    return {offer.place: tuple(o for o in offers if o.place == offer.place) for offer in offers}


def _wanted(name: PluginName, origin: Source) -> RootRequirement:
    return RootRequirement(name, origin, Range.parse("*"))


def _origin(catalog: dict[PluginId, tuple[Candidate, ...]], *wanted: RootRequirement) -> Source:
    return solve(catalog, wanted, locked={}, free=None, tark=None).chosen[SECRET].origin


FORGED = _offer(SECRET, "99.0.0", COMMUNITY)


def test_a_higher_version_in_another_index_is_never_taken() -> None:
    catalog = _catalog(_offer(TOOL, "1.0.0", WORK, "our-secret *"), _offer(SECRET, "1.0.0", WORK), FORGED)
    assert _origin(catalog, _wanted(TOOL, WORK)) == WORK


def test_the_other_index_is_not_even_asked() -> None:
    """Asking would tell the community the names of private plugins."""
    catalog = _catalog(_offer(TOOL, "1.0.0", WORK, "our-secret *"))
    assert missing(catalog, [_wanted(TOOL, WORK)], None) == ((WORK, SECRET),)


def test_a_name_the_project_takes_from_its_index_is_nobody_elses() -> None:
    catalog = _catalog(
        _offer(TOOL, "1.0.0", COMMUNITY, "our-secret *"), _offer(SECRET, "1.0.0", WORK), FORGED
    )
    assert _origin(catalog, _wanted(TOOL, COMMUNITY), _wanted(SECRET, WORK)) == WORK


def test_another_spelling_of_the_name_is_the_same_name() -> None:
    forged = _offer(PluginName("our_secret"), "99.0.0", COMMUNITY)
    catalog = _catalog(
        _offer(TOOL, "1.0.0", COMMUNITY, "our_secret *"), _offer(SECRET, "1.0.0", WORK), forged
    )
    assert _origin(catalog, _wanted(TOOL, COMMUNITY), _wanted(SECRET, WORK)) == WORK


def test_an_index_that_lost_the_plugin_has_no_stand_in() -> None:
    catalog = _catalog(_offer(TOOL, "1.0.0", WORK, "our-secret *"), FORGED) | {(WORK, SECRET): ()}
    with pytest.raises(ResolutionError) as caught:
        solve(catalog, [_wanted(TOOL, WORK)], locked={}, free=None, tark=None)
    assert caught.value.message == (
        "tool 1.0.0 needs our-secret *, index work has no plugin named 'our-secret'"
    )


@pytest.mark.parametrize("spelled", ["our-secret", "our_secret"])
def test_two_indexes_cannot_both_serve_a_name(spelled: str) -> None:
    other = PluginName("stranger")
    catalog = _catalog(
        _offer(TOOL, "1.0.0", WORK, "our-secret *"),
        _offer(SECRET, "1.0.0", WORK),
        _offer(other, "1.0.0", COMMUNITY, f"{spelled} *"),
        _offer(PluginName(spelled), "99.0.0", COMMUNITY),
    )
    with pytest.raises(ResolutionError) as caught:
        solve(catalog, [_wanted(TOOL, WORK), _wanted(other, COMMUNITY)], locked={}, free=None, tark=None)
    assert caught.value.message == (
        f"stranger 1.0.0 needs {spelled} from index community, "
        "tool 1.0.0 needs our-secret from index work; a name can have only one source"
    )


def test_a_git_plugins_dependency_reaches_no_index() -> None:
    catalog = _catalog(_offer(TOOL, "1.0.0", GIT, "our-secret *"), FORGED)
    wanted = [RootRequirement(TOOL, GIT)]
    assert missing(catalog, wanted, None) == ()
    solution = solve(catalog, wanted, locked={}, free=None, tark=None)
    assert set(solution.chosen) == {TOOL}
    assert solution.notes == ("'tool' requires 'our-secret *', which is not installed",)
