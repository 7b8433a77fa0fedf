"""An index whose releases need one another in ever more ways: the resolver says so and ends."""

import random

import pytest

from tarkpm.core.release import Dependency, IndexSource, PluginName
from tarkpm.core.resolution.catalog import MOST_RELEASES, Candidate, PluginId, RootRequirement, missing
from tarkpm.core.resolution.resolver import solve
from tarkpm.core.version import Range, Version
from tarkpm.errors import ResolutionError

HOME = IndexSource("community", "sha256:" + "0" * 64)
WANTED = [RootRequirement(PluginName("p0"), HOME, Range.parse("*"))]


def offer(name: str, minor: int, *needs: str) -> Candidate:
    return Candidate(PluginName(name), Version(1, minor, 0), HOME, tuple(map(Dependency.parse, needs)))


def entangled(versions: int) -> dict[PluginId, tuple[Candidate, ...]]:
    """Three plugins each of whose versions needs one certain version of the two others, by lot."""
    dice = random.Random(1)
    return {
        (HOME, PluginName(name)): tuple(
            offer(name, minor, *(f"{other} =1.{dice.randrange(versions)}.0" for other in others))
            for minor in range(versions)
        )
        for name, others in (("p0", ["p1", "p2"]), ("p1", ["p0", "p2"]), ("p2", ["p0", "p1"]))
    }


def test_the_proof_of_a_large_one_is_told_in_a_few_sentences() -> None:
    with pytest.raises(ResolutionError) as caught:
        solve(entangled(100), WANTED, locked={}, free=None, tark=None)
    assert caught.value.message.endswith("more; nothing satisfies all of these")
    assert len(caught.value.message) < 1_000


def test_releases_without_end() -> None:
    name = PluginName("p0")
    catalog: dict[PluginId, tuple[Candidate, ...]] = {
        (HOME, name): tuple(offer("p0", minor) for minor in range(MOST_RELEASES + 1))
    }
    with pytest.raises(ResolutionError) as caught:
        missing(catalog, WANTED, None)
    assert caught.value.message == "the plugins that might be needed have more than 100,000 releases"
