"""Choose a release for each plugin.

`solve` chooses from a frozen `Catalog`, without disk, network or clock. The rules:

- A name has one version and one source in the whole graph: the source that the project requires, or else the
  index of the depending release. There is no other place to look, so a stranger's plugin of the same name in
  another index is never chosen, however high its version (docs/trust-rules.md, rule 12).
- The newest release in range is chosen. A name that is not free to move keeps its locked release unless no
  solution has it.
- Ranges are those of Cargo: a prerelease is chosen only if a range names it or it is locked. A yanked release
  is chosen only if it is locked, and so is one that has not reached the minimum age. A revoked release, or
  one that requires a newer tark, is never chosen (docs/trust-rules.md, rule 8).
- Dependencies may be circular.

`backtracking` searches first, with resolvelib. Where it reports a conflict, exceeds its budget or finds what
these rules do not prefer, the proof decides: `encoding` turns the request into clauses, `solver` searches
them, and `explanation` describes why there is no solution. docs/decisions/0010 records why both are used.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import Dependency, PluginName, folded
from tarkpm.core.release_age import Waiting
from tarkpm.core.resolution.catalog import Candidate, Catalog, Locked, Request, RootRequirement
from tarkpm.core.version import Range, Version
from tarkpm.core.withdrawn import yanked_note
from tarkpm.errors import ResolutionError

MOST_CONFLICTS: Final = 2_000
"""The most conflicts of a search. Real catalogs have few; so many among 2,000 plugins take a minute."""


class Solution(msgspec.Struct, frozen=True):
    """The chosen release of each plugin, notes about the choice, and newer releases that wait."""

    chosen: Mapping[PluginName, Candidate]
    notes: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()


def solve(
    catalog: Catalog,
    wanted: Iterable[RootRequirement],
    *,
    locked: Mapping[PluginName, Locked],
    free: Collection[PluginName] | None,
    tark: Version | None,
) -> Solution:
    """Choose a release of every required plugin and of all dependencies.

    ``free`` are the names that may change although their locked release satisfies; None means all names.
    ``catalog`` must be complete (see `catalog.missing`). The result does not depend on the order of inputs.

    Raises `ResolutionError` with the requirements that conflict and, if one is found, a change that helps.
    """
    from tarkpm.core.resolution.backtracking import search

    request = Request.of(wanted, tark)
    held = frozenset[PluginName]() if free is None else locked.keys() - set(free)
    chosen = search(catalog, request, locked, held=held)
    if chosen is None:
        chosen = prove(catalog, request, locked, held=held)
    kept = {name for name in held & chosen.keys() if locked[name].version == chosen[name].version}
    moving = [offer for name, offer in chosen.items() if name not in kept]
    waiting = (_waiting(catalog, request, chosen, offer) for offer in moving)
    return Solution(
        chosen, tuple(_notes(catalog, request, chosen, kept)), tuple(one for one in waiting if one)
    )


def prove(
    catalog: Catalog,
    request: Request,
    locked: Mapping[PluginName, Locked],
    *,
    held: Collection[PluginName],
) -> dict[PluginName, Candidate]:
    """Find the solution that the first search did not. Raises `ResolutionError`, which explains why."""
    from tarkpm.core.resolution.encoding import Encoding
    from tarkpm.core.resolution.explanation import explain
    from tarkpm.core.resolution.solver import Contradiction, TooHard

    # A limit on conflicts, because version solving is NP-complete and catalogs are untrusted.
    problem = Encoding.of(catalog, request, locked, held=held, most_conflicts=MOST_CONFLICTS)
    try:
        return problem.solve()
    except Contradiction as found:
        raise explain(catalog, request, locked, [clause.fact for clause in found.given]) from None
    except TooHard:
        raise ResolutionError(
            "gave up: the requirements of the plugins conflict in too many ways",
            hint="use narrower ranges in tark.toml",
        ) from None


def _notes(
    catalog: Catalog,
    request: Request,
    chosen: Mapping[PluginName, Candidate],
    kept: Collection[PluginName],
) -> Iterator[str]:
    for name, offer in chosen.items():
        if offer.yanked:
            yield yanked_note(f"'{name}' {offer.version}", offer.yanked)
        # A kept release was not chosen among others: what is wrong with a newer one is not the reason.
        if name not in kept and (why := _why_no_newer(catalog, request, chosen, offer)):
            yield f"'{name}' {offer.version} is chosen: {why}"
        for dependency in offer.requires:
            if request.place_of(dependency, offer.origin) is None:
                yield from _unmet(offer, dependency, chosen.get(dependency.name))


def _unmet(offer: Candidate, dependency: Dependency, found: Candidate | None) -> Iterator[str]:
    if found is None:
        yield f"'{offer.name}' requires '{dependency}', which is not installed"
    elif not Range.parse(dependency.range).matches(found.version):
        yield f"'{offer.name}' requires '{dependency}', but {found.version} is installed"


def _why_no_newer(
    catalog: Catalog, request: Request, chosen: Mapping[PluginName, Candidate], offer: Candidate
) -> str:
    """Return why a newer release that all requirements allow cannot be used; "" if there is none."""
    unfit = [
        (other, why)
        for other in catalog[offer.origin, offer.name]
        if other.version > offer.version and not (other.revoked or other.yanked)
        if (why := _of_no_use(catalog, request, other))
    ]
    if not unfit:
        return ""
    ranges = _ranges(request, chosen, offer)
    taken = [one for one in unfit if all(range_.matches(one[0].version) for range_ in ranges)]
    newest, why = max(taken, key=lambda one: one[0].version, default=(None, ""))
    return f"{newest.version} {why}" if newest else ""


def _waiting(
    catalog: Catalog, request: Request, chosen: Mapping[PluginName, Candidate], offer: Candidate
) -> Waiting | None:
    """Return the newest release that all requirements allow and that is only too young."""
    young = [
        other
        for other in catalog[offer.origin, offer.name]
        if other.young and other.version > offer.version and not (other.revoked or other.yanked)
    ]
    if not young:
        return None
    ranges = _ranges(request, chosen, offer)
    fitting = [
        other
        for other in young
        if all(range_.matches(other.version) for range_ in ranges) and not _of_no_use(catalog, request, other)
    ]
    newest = max(fitting, key=lambda other: other.version, default=None)
    if newest is None or newest.young is None:
        return None
    return Waiting(newest.name, str(newest.version), newest.young.until)


def _ranges(request: Request, chosen: Mapping[PluginName, Candidate], offer: Candidate) -> list[Range]:
    """Return what the project and the chosen releases require of a plugin."""
    ranges = [
        Range.parse(dependency.range)
        for parent in chosen.values()
        for dependency in parent.requires
        if request.place_of(dependency, parent.origin) == (offer.origin, offer.name)
    ]
    asked = request.wanted.get(folded(offer.name))
    return [*ranges, asked.range] if asked and asked.range is not None else ranges


def _of_no_use(catalog: Catalog, request: Request, offer: Candidate) -> str:
    """Return what a release requires that is unavailable, whatever else is chosen; "" if nothing."""
    if not offer.fits(request.tark):
        return f"requires tark {offer.min_tark_version}, but this is tark {request.tark}"
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


def check_names(asked: Sequence[str | None], found: Sequence[str], present: Mapping[str, str]) -> None:
    """Raise `ResolutionError` unless each source contains the requested plugin and all names are distinct.

    ``present`` are the names that the project requires already, by their folded spelling, so that a check for
    each of many plugins need not fold all of them. Names must differ after ``-`` and ``_`` are folded: two
    spellings of one name could come from two publishers.
    """
    for wanted, name in zip(asked, found, strict=True):
        if wanted is not None and wanted != name:
            raise ResolutionError(
                f"expected '{wanted}' at its source, found '{name}'", hint=f"tarkpm remove {wanted}"
            )
    by_key: dict[str, str] = {}
    for name in found:
        key = folded(name)
        other = present.get(key) or by_key.setdefault(key, name)
        if other != name:
            hint = f"tarkpm remove {other}" if key in present else ""
            raise ResolutionError(f"'{name}' and '{other}' are the same name", hint=hint)
    # One command may name a plugin twice, from two sources.
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ResolutionError(f"two sources contain '{twice}'", hint="add them one by one")


class Unmet(msgspec.Struct, frozen=True):
    """A dependency that is not satisfied. ``found`` is the locked version, None if it is not locked."""

    plugin: PluginName
    needed: Dependency
    found: Version | None = None

    def __str__(self) -> str:
        what = f"but {self.found} is installed" if self.found else "which is not installed"
        return f"'{self.plugin}' requires '{self.needed}', {what}"


def unmet_dependencies(entries: Iterable[LockEntry]) -> list[Unmet]:
    """Return the dependencies of lock entries that no entry satisfies."""
    by_name = {entry.name: entry for entry in entries}
    unmet = []
    for entry in by_name.values():
        for needed in entry.requires:
            found = by_name.get(needed.name)
            if found is None or not Range.parse(needed.range).matches(found.version):
                unmet.append(Unmet(entry.name, needed, found.version if found else None))
    return unmet
