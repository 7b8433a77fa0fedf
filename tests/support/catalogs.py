"""Catalogs for the resolver's tests: in short notation, drawn by Hypothesis, and solved by brute force."""

import itertools
from collections.abc import Mapping

from hypothesis import strategies as st

from tarkpm.core.release import Dependency, GitSource, IndexSource, PluginName, Source
from tarkpm.core.release_age import Young
from tarkpm.core.resolution.catalog import Candidate, Locked, PluginId, RootRequirement
from tarkpm.core.version import Range, Version

ORIGINS: dict[str, Source] = {
    **{name: IndexSource(name, "sha256:" + name[0] * 64) for name in ("community", "work")},
    "git": GitSource("https://example.com/plugins", tag="v1"),
}
NAMES = tuple(map(PluginName, "abcd"))
HOME = ORIGINS["community"]


def parse_offer(text: str, origin: Source) -> Candidate:
    """Read ``NAME VERSION [needs NAME RANGE; …] [tark VERSION] [yanked REASON] [revoked] [young [UNTIL]]``, parts joined by ``|``."""
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
        Young(int(facts["young"]) if facts["young"].strip() else None) if "young" in facts else None,
    )


VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0", "3.0.0"]).map(Version.parse)
RANGES = st.sampled_from(["*", "^1", "^1.1", "^2", ">=2", "<2", "=1.0.0", "^2.0.0-rc.1", "<4, >1.0.0"])
TARKS = st.sampled_from([None, None, None, Version.parse("1.0.0"), Version.parse("2.0.0")])


# Strategies are made once: to make and check one costs several times what it costs to draw from it.
_VERSIONS = st.lists(VERSIONS, max_size=4, unique=True)
_NEEDS = st.dictionaries(st.sampled_from(NAMES), RANGES, max_size=2).map(
    lambda needs: tuple(Dependency(name, range_) for name, range_ in sorted(needs.items()))
)
_YANKED = st.sampled_from(["", "", "", "broken"])
_REVOKED = st.sampled_from([False] * 6 + [True])
_YOUNG = st.sampled_from([None, None, None, Young(1)])


@st.composite
def catalogs(draw: st.DrawFn) -> dict[PluginId, tuple[Candidate, ...]]:
    """Up to four plugins of one index with a few releases each."""
    catalog = {}
    for name in NAMES:
        offers = []
        for version in draw(_VERSIONS):
            requires, yanked, revoked = draw(_NEEDS), draw(_YANKED), draw(_REVOKED)
            young = draw(_YOUNG)
            offers.append(Candidate(name, version, HOME, requires, draw(TARKS), yanked, revoked, young))
        catalog[HOME, name] = tuple(offers)
    return catalog


WANTED = st.dictionaries(st.sampled_from(NAMES), RANGES, min_size=1).map(
    lambda ranges: [RootRequirement(name, HOME, Range.parse(text)) for name, text in ranges.items()]
)
LOCKS = st.dictionaries(st.sampled_from(NAMES), VERSIONS.map(lambda version: Locked(version, HOME)))
FREE = st.one_of(st.none(), st.sets(st.sampled_from(NAMES)))


def takes(range_: Range, offer: Candidate, locks: Mapping[PluginName, Locked]) -> bool:
    """The rules, written once more and plainly: what a range may get."""
    lock = locks.get(offer.name)
    if range_.matches(offer.version):
        return True
    is_locked = lock is not None and lock.version == offer.version
    conditions = all(c.matches(offer.version) for c in range_.comparators)
    return is_locked and conditions and range_.matches(Version(*offer.version.triple))


def holds(
    chosen: Mapping[PluginName, Candidate], wanted: list[RootRequirement], locks: Mapping[PluginName, Locked]
) -> bool:
    """Return whether these releases satisfy every requirement, the project's and their own."""
    asked = [(item.name, item.range) for item in wanted if item.range is not None]
    asked += [(d.name, Range.parse(d.range)) for offer in chosen.values() for d in offer.requires]
    return all(name in chosen and takes(range_, chosen[name], locks) for name, range_ in asked)


def brute(
    catalog: Mapping[PluginId, tuple[Candidate, ...]],
    wanted: list[RootRequirement],
    locks: Mapping[PluginName, Locked],
    tark: Version | None,
) -> list[dict[PluginName, Candidate]]:
    """Every set of releases that would do."""
    shelves: list[list[Candidate | None]] = [
        [None, *(o for o in offers if usable(o, locks, tark))] for offers in catalog.values()
    ]
    choices = ({o.name: o for o in pick if o} for pick in itertools.product(*shelves))
    return [chosen for chosen in choices if holds(chosen, wanted, locks)]


def usable(offer: Candidate, locks: Mapping[PluginName, Locked], tark: Version | None) -> bool:
    """Return whether a release may be chosen at all."""
    lock = locks.get(offer.name)
    kept = not (offer.yanked or offer.young) or (lock is not None and lock.version == offer.version)
    fits = tark is None or offer.min_tark_version is None or offer.min_tark_version <= tark
    return kept and fits and not offer.revoked
