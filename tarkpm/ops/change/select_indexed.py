"""Select among the candidates of indexes: gather them, resolve, and fetch what is not locked."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from tarkpm.core.lockfile import LockEntry, Pin
from tarkpm.core.release import IndexSource, PluginName, Requirement, Source
from tarkpm.core.resolution.catalog import Candidate, Catalog, Locked, PluginId, RootRequirement, missing
from tarkpm.core.resolution.resolver import Solution, solve
from tarkpm.core.rows import Listing, ReleaseRow, row_of
from tarkpm.core.version import Range
from tarkpm.core.withdrawn import is_revoked
from tarkpm.errors import IndexUntrusted, NotFound, ReleaseTooYoung, ResolutionError, TarkError, Unreachable
from tarkpm.ops.change.target import Selection
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.release_ages import ReleaseAges
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release, acquire_pinned
from tarkpm.ops.release.way_back import way_back

Listings = dict[tuple[IndexSource, PluginName], Listing | None]


def choose_from_indexes(
    workspace: Workspace,
    requirements: Mapping[PluginName, Requirement],
    held: tuple[LockEntry, ...],
    free: Collection[PluginName] | None,
) -> Selection:
    """Do what `select_releases` does where indexes are involved; ``held`` entries are of git and folders."""
    try:
        solution, listings = _solve(workspace, requirements, held, free)
    except ResolutionError as problem:
        # The resolver names what the project may ask for; only the way back also consents to going back.
        if isinstance(problem, ReleaseTooYoung):
            problem.hint = workspace.resource(ReleaseAges).hint(problem.plugin)
        elif revoked := _revoked(workspace, free):
            problem.hint = way_back(workspace, revoked)
        raise
    kept, pins, rows, stays = [*held], [], [], []
    followed = workspace.followed
    for offer in solution.chosen.values():
        if not isinstance(offer.origin, IndexSource):
            continue
        row = _row(listings, offer.origin, offer)
        entry = followed.get(offer.name)
        if entry and _stays(workspace, entry, offer.origin, row, requirements.get(offer.name)):
            kept.append(entry)
            stays.append((offer.origin, row))
        else:
            pins.append((offer.origin, Pin(offer.name, row.statement, row.files)))
            rows.append(row)
    taken, refused = [], {}
    _prove_kept(workspace, stays)
    unlogged = _unlogged(workspace, pins, rows)
    # Pinned by the digests of the row: an index cannot serve other contents than it listed.
    releases = workspace.resource(PinnedReleases).get(pins)
    for (source, pin), row, release in zip(pins, rows, releases, strict=True):
        outcome = unlogged.get(pin, release)
        try:
            if isinstance(outcome, TarkError):
                raise outcome
            # Checked after the fetch, because only the release contains what its publisher signed.
            check_row(source, pin, row, outcome)
            taken.append(outcome)
        except TarkError as problem:
            refused[pin.name] = problem
    places = [(one.origin, one.name, one.version) for one in solution.chosen.values()]
    notes = (*solution.notes, *workspace.resource(KnownLogs).notes(places, listings))
    return Selection(tuple(kept), tuple(taken), notes, refused)


def _prove_kept(workspace: Workspace, stays: Iterable[tuple[IndexSource, ReleaseRow]]) -> None:
    """Keep the proofs of locked releases that stay, where this machine has none or an older one.

    Raises `IndexUntrusted` if the log of the index does not have one of them.
    """
    logs, indexes = workspace.resource(KnownLogs), workspace.resource(Indexes)
    names = {entry.statement: entry.name for entry in workspace.followed.entries}
    new: dict[IndexSource, list[tuple[PluginName, ReleaseRow]]] = {}
    for source, row in stays:
        if row.proof and not logs.has(source, row):
            new.setdefault(source, []).append((names[row.statement], row))
    for source, rows in new.items():
        logs.require(source, indexes.client(source), rows)


def _unlogged(
    workspace: Workspace, pins: Sequence[tuple[IndexSource, Pin]], rows: Sequence[ReleaseRow]
) -> dict[Pin, TarkError]:
    """Return the selected releases that the log of their index does not have, each with its error."""
    logs, indexes = workspace.resource(KnownLogs), workspace.resource(Indexes)
    named: dict[IndexSource, list[tuple[Pin, ReleaseRow]]] = {}
    for (source, pin), row in zip(pins, rows, strict=True):
        named.setdefault(source, []).append((pin, row))
    found: dict[Pin, TarkError] = {}
    for source, several in named.items():
        client = indexes.client(source)
        try:
            logs.require(source, client, [(pin.name, row) for pin, row in several])
        except IndexUntrusted as problem:
            # One of them is refused: look at each alone, to know which.
            for pin, row in several if len(several) > 1 else ():
                try:
                    logs.require(source, client, [(pin.name, row)])
                except IndexUntrusted as alone:
                    found[pin] = alone
            found = found or {pin: problem for pin, _ in several}
    return found


def _revoked(workspace: Workspace, free: Collection[PluginName] | None) -> LockEntry | None:
    """Return a locked release that was revoked, among those that may move."""
    entries = (entry for entry in workspace.followed.entries if free is None or entry.name in free)
    return next((entry for entry in entries if is_revoked(entry, workspace.vouched)), None)


class PinnedReleases:
    """The selected releases of indexes during one verb: each is fetched and verified once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._found: dict[tuple[IndexSource, Pin], Release | TarkError] = {}

    def get(self, pins: Sequence[tuple[IndexSource, Pin]]) -> list[Release | TarkError]:
        """Return the releases in order, or the error of each that is refused. Raises `Unreachable`."""
        missing = [pin for pin in pins if pin not in self._found]
        try:
            self._found.update(zip(missing, acquire_pinned(self._workspace, missing), strict=True))
        except Unreachable:
            raise  # asking again for each would wait for the same server as often
        except TarkError as problem:
            # one of them is refused: ask for each alone, to know which
            self._found.update((pin, self._alone(pin) if len(missing) > 1 else problem) for pin in missing)
        return [self._found[pin] for pin in pins]

    def _alone(self, pin: tuple[IndexSource, Pin]) -> Release | TarkError:
        try:
            return acquire_pinned(self._workspace, [pin])[0]
        except TarkError as problem:
            return problem

    def close(self) -> None:
        """Forget the releases."""
        self._found.clear()


def _solve(
    workspace: Workspace,
    requirements: Mapping[PluginName, Requirement],
    held: tuple[LockEntry, ...],
    free: Collection[PluginName] | None,
) -> tuple[Solution, Listings]:
    there = {entry.name for entry in held}
    wanted = [_wanted(one) for name, one in requirements.items() if not one.is_fixed or name in there]
    catalog, listings = _gather(workspace, wanted, {_place(entry, requirements): entry for entry in held})
    locked = {
        entry.name: Locked(entry.version, _origin(entry, requirements)[0])
        for entry in workspace.followed.entries
    }
    tark = workspace.project.tark_version
    try:
        solution = solve(catalog, wanted, locked=locked, free=free, tark=tark)
    except ResolutionError as problem:
        _suggest(workspace, problem, wanted, listings)
        waiting = workspace.resource(KnownLogs).notes(
            [(one.origin, one.name, None) for one in wanted], listings
        )
        problem.message += "".join(f"; {note}" for note in waiting)
        raise
    workspace.resource(ReleaseAges).wait(solution.waiting)
    return solution, listings


def _suggest(
    workspace: Workspace, problem: ResolutionError, wanted: Sequence[RootRequirement], listings: Listings
) -> None:
    """Add to an error the name that an index has instead of the first name it does not have."""
    for one in wanted:
        if isinstance(one.origin, IndexSource) and not listings.get((one.origin, one.name)):
            if near := workspace.resource(Indexes).nearest(one.origin, one.name):
                problem.message += f"; did you mean '{near}'?"
                if one.name not in workspace.project.requirements:  # typed just now, not written in tark.toml
                    problem.hint = f"tarkpm add {one.origin.index}:{near}"
            return


def _origin(entry: LockEntry, requirements: Mapping[PluginName, Requirement]) -> PluginId:
    """Return what the resolver calls an entry: by its requirement's source, which may be a range on tags."""
    required = requirements.get(entry.name)
    fits = required is not None and required.source.leads_to(entry.source)
    return (required.source if required and fits else entry.source.unpinned()), entry.name


def _place(entry: LockEntry, requirements: Mapping[PluginName, Requirement]) -> PluginId:
    """Return whose release a held entry stands for.

    It is that of the requirement also if tark.toml was edited since and leads elsewhere: no index has another
    release to offer for it, and that the entry is stale is found where the lock is checked.
    """
    required = requirements.get(entry.name)
    return (required.source.unpinned() if required else entry.source.unpinned()), entry.name


def _wanted(requirement: Requirement) -> RootRequirement:
    wanted = Range.parse(requirement.range or "*") if not requirement.is_fixed else None
    return RootRequirement(requirement.name, requirement.source.unpinned(), wanted)


def _gather(
    workspace: Workspace, wanted: list[RootRequirement], held: Mapping[PluginId, LockEntry]
) -> tuple[Catalog, Listings]:
    """Return every candidate, breadth-first: each round asks for all plugins that the last one named."""
    offers: dict[PluginId, tuple[Candidate, ...]] = {}
    offers.update((place, (_locked_offer(entry, place[0]),)) for place, entry in held.items())
    listings: Listings = {}
    tark = workspace.project.tark_version
    while todo := missing(offers, wanted, tark):
        for source in {source for source, _ in todo if isinstance(source, IndexSource)}:
            names = [name for origin, name in todo if origin == source]
            for name, listing in workspace.resource(Indexes).listings(source, names).items():
                listings[source, name] = listing
                offers[source, name] = _offers(workspace, source, name, listing)
    return offers, listings


def _locked_offer(entry: LockEntry, origin: Source) -> Candidate:
    return Candidate(entry.name, entry.version, origin, entry.requires, entry.min_tark_version)


def _offers(
    workspace: Workspace, source: IndexSource, name: PluginName, listing: Listing | None
) -> tuple[Candidate, ...]:
    if listing and listing.name != name:  # they differ in - and _ alone
        hint = f"tarkpm add {source.index}:{listing.name}"
        raise NotFound(f"'{name}' is spelled '{listing.name}' in {source}", hint=hint)
    check, logs = workspace.resource(ReleaseAges).check, workspace.resource(KnownLogs)
    return tuple(
        Candidate(
            name=name,
            version=row.version,
            origin=source,
            requires=row.requires,
            min_tark_version=row.min_tark_version,
            yanked=row.yanked,
            revoked=workspace.vouched.is_revoked(source, name, row.version, row.statement.sha256),
            young=check.young(source, name, row.version, row.published),
        )
        for row in (logs.without_waiting(source, listing.rows) if listing else ())
    )


def _row(listings: Listings, source: IndexSource, offer: Candidate) -> ReleaseRow:
    listing = listings[source, offer.name]
    row = listing.get(offer.version) if listing else None
    assert row is not None  # the candidate was made from it
    return row


def _stays(
    workspace: Workspace,
    entry: LockEntry,
    source: IndexSource,
    row: ReleaseRow,
    requirement: Requirement | None,
) -> bool:
    """Return whether the selected release is the locked one, and tark.toml stays the same."""
    if (entry.source, entry.version, entry.statement) != (
        source,
        row.version,
        row.statement,
    ):
        return False
    return workspace.project.requirements.get(entry.name) == requirement


def check_row(source: IndexSource, pin: Pin, row: ReleaseRow, release: Release) -> None:
    """Raise `IndexUntrusted` unless the index's row repeats what the publisher signed.

    The resolver decided by the row, which only the index's online key signs.
    """
    candidate = release.candidate
    assert candidate.statement is not None
    signed = row_of(candidate.manifest, candidate.statement, candidate.files)
    said = (pin.name, row.version, row.type, row.requires, row.min_tark_version)
    if said != (
        candidate.manifest.name,
        signed.version,
        signed.type,
        signed.requires,
        signed.min_tark_version,
    ):
        raise IndexUntrusted(
            f"the index entry of '{pin.name}' {row.version} differs from what its publisher signed",
            where=str(source),
            hint="report it to the maintainers of the index",
        )
