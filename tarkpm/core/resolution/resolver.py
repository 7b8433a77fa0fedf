"""Choose one release for each plugin.

`solve` picks from a frozen `Catalog`; it meets no disk, no network and no clock. The rules:

- A name has one version, and one source in the whole graph: the one the project names, else the depending
  release's own index. There is no other place to look, so that a stranger's plugin of the same name in
  another index is never taken, however high its version.
- The newest release in range is taken, and what the old lock has is kept for every name that is not free to
  move: a lock moves only where nothing else satisfies.
- Ranges are Cargo's: a prerelease is taken if a range names it, or if it is locked already. A yanked release
  is taken only if it is locked; a revoked one, or one that needs a newer tark, never.
- Plugins may need one another in a circle.

`solver` beside this module searches, `encoding` turns a request into the clauses it searches, and
`explanation` says why there is no solution. docs/decisions/0010 says why no library does this.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import Dependency, PluginName, folded
from tarkpm.core.resolution.catalog import Candidate, Catalog, Locked, Request, RootRequirement
from tarkpm.core.version import Range, Version
from tarkpm.core.withdrawn import yanked_note
from tarkpm.errors import ResolutionError

MOST_CONFLICTS: Final = 2_000
"""Conflicts a search may meet. An honest catalog has few; so many among 2,000 plugins cost about a minute."""


class Solution(msgspec.Struct, frozen=True):
    """The chosen release of each plugin, and what the user should know about the choice."""

    chosen: Mapping[PluginName, Candidate]
    notes: tuple[str, ...] = ()


def solve(
    catalog: Catalog,
    wanted: Iterable[RootRequirement],
    *,
    locked: Mapping[PluginName, Locked],
    free: Collection[PluginName] | None,
    tark: Version | None,
) -> Solution:
    """Choose a release of every plugin that is wanted, and of every plugin those need.

    ``free`` are the names that may leave their locked version though it satisfies; None is all of them.
    ``catalog`` must be complete: see `catalog.missing`. The answer does not depend on the order of anything.
    Raises `ResolutionError`, which says in words what cannot hold together, and the nearest
    way out.
    """
    from tarkpm.core.resolution.encoding import Encoding
    from tarkpm.core.resolution.explanation import explain
    from tarkpm.core.resolution.solver import Contradiction, TooHard

    request = Request.of(wanted, tark)
    problem = Encoding.of(catalog, request, locked, free=free, most_conflicts=MOST_CONFLICTS)
    try:
        chosen = problem.solve()
    except Contradiction as found:
        raise explain(catalog, request, locked, [clause.fact for clause in found.given]) from None
    except TooHard:
        raise ResolutionError(
            "gave up: the plugins' requirements contradict one another in too many ways",
            hint="ask for narrower ranges in tark.toml",
        ) from None
    return Solution(chosen, tuple(_notes(catalog, request, chosen)))


def _notes(catalog: Catalog, request: Request, chosen: Mapping[PluginName, Candidate]) -> Iterator[str]:
    for name, offer in chosen.items():
        if offer.yanked:
            yield yanked_note(f"'{name}' {offer.version}", offer.yanked)
        if why := _why_no_newer(catalog, request, chosen, offer):
            yield f"'{name}' {offer.version} is chosen: {why}"
        for dependency in offer.requires:
            if request.place_of(dependency, offer.origin) is None:
                yield from _unmet(offer, dependency, chosen.get(dependency.name))


def _unmet(offer: Candidate, dependency: Dependency, found: Candidate | None) -> Iterator[str]:
    if found is None:
        yield f"'{offer.name}' requires '{dependency}', which is not installed"
    elif not Range.parse(dependency.range).matches(found.version):
        yield f"'{offer.name}' requires '{dependency}', {found.version} is installed"


def _why_no_newer(
    catalog: Catalog, request: Request, chosen: Mapping[PluginName, Candidate], offer: Candidate
) -> str:
    """Why the newest release that everyone who asks for this plugin would take is of no use; "" if it is."""
    unfit = [
        (other, why)
        for other in catalog[offer.origin, offer.name]
        if other.version > offer.version and not (other.revoked or other.yanked)
        if (why := _of_no_use(catalog, request, other))
    ]
    if not unfit:
        return ""
    ranges = [
        Range.parse(dependency.range)
        for parent in chosen.values()
        for dependency in parent.requires
        if request.place_of(dependency, parent.origin) == (offer.origin, offer.name)
    ]
    asked = request.wanted.get(folded(offer.name))
    if asked and asked.range is not None:
        ranges.append(asked.range)
    taken = [one for one in unfit if all(range_.matches(one[0].version) for range_ in ranges)]
    newest, why = max(taken, key=lambda one: one[0].version, default=(None, ""))
    return f"{newest.version} {why}" if newest else ""


def _of_no_use(catalog: Catalog, request: Request, offer: Candidate) -> str:
    """List the dependencies of a release that no choice can meet."""
    if not offer.fits(request.tark):
        return f"needs tark {offer.min_tark_version}, this is tark {request.tark}"
    for dependency in offer.requires:
        place = request.place_of(dependency, offer.origin)
        if (
            place is not None
            and place in catalog
            and not any(
                Range.parse(dependency.range).matches(other.version) and not other.revoked
                for other in catalog[place]
            )
        ):
            return f"needs {dependency}, which {place[0]} does not have"
    return ""


def check_names(asked: Sequence[str | None], found: Sequence[str], present: Collection[str]) -> None:
    """Raise `ResolutionError` unless each source holds the plugin it is asked for, and no two are one.

    ``present`` are the plugins the project asks for already: names are unique with ``-`` and ``_`` folded.
    """
    for wanted, name in zip(asked, found, strict=True):
        if wanted is not None and wanted != name:
            raise ResolutionError(
                f"'{wanted}' is asked for, its source holds '{name}'", hint=f"tarkpm remove {wanted}"
            )
    by_key = {folded(name): name for name in present}
    for name in found:
        other = by_key.setdefault(folded(name), name)
        if other != name:
            hint = f"tarkpm remove {other}" if other in present else ""
            raise ResolutionError(f"'{name}' and '{other}' are the same name", hint=hint)
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ResolutionError(f"two of the sources hold '{twice}'", hint="add them one by one")


class Unmet(msgspec.Struct, frozen=True):
    """A plugin requires what the entries do not offer; ``found`` is the version they have, if any."""

    plugin: PluginName
    needed: Dependency
    found: Version | None = None

    def __str__(self) -> str:
        what = f"{self.found} is installed" if self.found else "which is not installed"
        return f"'{self.plugin}' requires '{self.needed}', {what}"


def unmet_dependencies(entries: Iterable[LockEntry]) -> list[Unmet]:
    """List the dependencies that these entries do not meet."""
    by_name = {entry.name: entry for entry in entries}
    unmet = []
    for entry in by_name.values():
        for needed in entry.requires:
            found = by_name.get(needed.name)
            if found is None or not Range.parse(needed.range).matches(found.version):
                unmet.append(Unmet(entry.name, needed, found.version if found else None))
    return unmet
