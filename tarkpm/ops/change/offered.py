"""Look at releases where their sources offer them: nothing is installed, run or asked for consent."""

from collections.abc import Iterable, Iterator

import msgspec

from tarkpm.core.binding import Origin
from tarkpm.core.consent import Answers
from tarkpm.core.lockfile import LockEntry, Pin
from tarkpm.core.rebuilt import ListedRebuild
from tarkpm.core.release import GitSource, IndexSource, OciSource, PluginName, Requirement
from tarkpm.core.release_age import Young, moment_text
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.tags import version_tags
from tarkpm.core.version import Range
from tarkpm.errors import IdentityChanged, KeyChanged, KeyUnknown, NotFound, TarkError
from tarkpm.ops.change.propose import PluginRequest, weigh
from tarkpm.ops.change.select_indexed import check_row
from tarkpm.ops.project.acceptance import not_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.release_ages import ReleaseAges
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import (
    Release,
    acquire_pinned,
    fetch_git,
    open_remote,
    release_of_folder,
    resolve,
)
from tarkpm.ops.release.latest import stored_release


class VersionRow(msgspec.Struct, frozen=True):
    """One release. ``tag`` is that of a git or OCI source, ``size`` in bytes and 0 if it is not known.

    ``published`` is when its index accepted it, "" if that is not known. ``note`` says that the version is
    locked here, or why it cannot be taken.
    """

    version: str
    tag: str = ""
    min_tark_version: str = ""
    size: int = 0
    capabilities: tuple[str, ...] = ()
    published: str = ""
    note: str = ""


class Trust(msgspec.Struct, frozen=True):
    """What this project says about a release: ``signer`` in a word, and what stands in the way of taking it.

    ``signer`` is trusted, vouched (for by an index), unknown, changed, unsigned or refused. ``refusal`` is
    the error that no answer of the user would settle, "" if there is none.
    """

    signer: str
    refusal: str = ""


class Offered(msgspec.Struct, frozen=True):
    """A release as its source offers it now, and all ``versions`` of that source, newest first.

    ``withdrawn`` says that the release was yanked or revoked. ``notes`` say what could not be known.
    ``rebuilds`` are those that an index lists of this release, ``identity`` the CI identity it proved there.
    """

    release: Release
    versions: tuple[VersionRow, ...] = ()
    withdrawn: str = ""
    notes: tuple[str, ...] = ()
    rebuilds: tuple[ListedRebuild, ...] = ()
    identity: str = ""


def offered(workspace: Workspace, request: PluginRequest) -> Offered:
    """Fetch and verify the release that a request leads to. Raises what `add` raises before it asks."""
    source = request.source
    if isinstance(source, IndexSource):
        assert request.name is not None  # an index is asked for a name
        return _of_index(workspace, source, request.name, request.range)
    if isinstance(source, GitSource):
        return _of_repository(workspace, source)
    if isinstance(source, OciSource):
        return _of_registry(workspace, source)
    return Offered(release_of_folder(workspace, source))


def offered_as_locked(workspace: Workspace, entry: LockEntry) -> Offered:
    """Return a locked release that is not installed: from the store, or else from its source."""
    kept, source = stored_release(workspace, entry), entry.source
    if kept is not None:
        return Offered(kept)
    if isinstance(source, IndexSource):
        return offered(workspace, PluginRequest(source, entry.name, f"={entry.version.plain}"))
    return offered(workspace, PluginRequest(source, entry.name))


def listing_of(workspace: Workspace, source: IndexSource, name: PluginName, verb: str = "info") -> Listing:
    """Return what an index lists of a plugin.

    Raises `NotFound`, with the nearest name that it has and the ``verb`` to type it after.
    """
    indexes = workspace.resource(Indexes)
    listing = indexes.listings(source, [name]).get(name)
    if listing is None:
        near = indexes.nearest(source, name)
        meant = f"; did you mean '{near}'?" if near else ""
        hint = f"tarkpm {verb} {source.index}:{near}" if near else "tarkpm index list"
        raise NotFound(f"{source} has no plugin named '{name}'{meant}", hint=hint)
    return listing


def trust_in(workspace: Workspace, release: Release) -> Trust:
    """Return how the project stands to a release, by the rules that `add` applies (`tarkpm.core.policy`)."""
    candidate = release.candidate
    requirement = Requirement(candidate.manifest.name, candidate.source.unpinned())
    if requirement.is_working_copy:
        return Trust("working copy")
    try:
        admission = weigh(workspace, requirement, release, Answers())
    except TarkError as problem:
        return Trust("refused" if candidate.signer else "unsigned", problem.message)
    if candidate.signer is None:
        return Trust("unsigned")
    for question in admission.questions:
        if question.error is IdentityChanged:
            return Trust("refused", question.message)
    if admission.questions_about(KeyChanged):
        return Trust("changed")
    # A clone's tark.toml trusts whom it likes: it counts once it is accepted (docs/trust-rules.md, rule 3).
    if admission.questions_about(KeyUnknown) or not_accepted(workspace):
        return Trust("unknown")
    return Trust("vouched" if isinstance(candidate.source, IndexSource) else "trusted")


def listed_rows(
    workspace: Workspace, name: PluginName, source: IndexSource, listing: Listing
) -> tuple[VersionRow, ...]:
    """Return the releases that an index lists, newest first."""
    return tuple(_row(workspace, name, source, row) for row in _newest_first(listing))


def tagged_rows(
    workspace: Workspace, names: Iterable[str], source: GitSource | OciSource
) -> tuple[VersionRow, ...]:
    """Return the versions that tags name, newest first; what they hold is not fetched."""
    tagged = GitSource, OciSource
    here = [entry.source for entry in workspace.lock.entries if isinstance(entry.source, tagged)]
    locked = {one.tag for one in here if Origin.of(one) == Origin.of(source)}
    return tuple(
        VersionRow(str(tag.version), tag.name, note="locked" if tag.name in locked else "")
        for tag in version_tags(names, like=source.tag)
    )


def _newest_first(listing: Listing) -> list[ReleaseRow]:
    return sorted(listing.rows, key=lambda row: row.version, reverse=True)


def _row(workspace: Workspace, name: PluginName, source: IndexSource, row: ReleaseRow) -> VersionRow:
    entry = workspace.lock.get(name)
    is_locked = entry is not None and entry.source == source and entry.version == row.version
    notes = ["locked"] if is_locked else []
    if withdrawn := _withdrawn(workspace, name, source, row):
        notes.append(withdrawn)
    if not is_locked and (young := _young(workspace, name, source, row)):
        notes.append(str(young))
    if workspace.resource(KnownLogs).waits(source, row):
        notes.append("waits for witnesses")
    minimum = str(row.min_tark_version or "")
    published = "" if row.published is None else moment_text(row.published)
    note = ", ".join(notes)
    return VersionRow(str(row.version), "", minimum, row.size, row.capabilities, published, note)


def _young(workspace: Workspace, name: PluginName, source: IndexSource, row: ReleaseRow) -> Young | None:
    return workspace.resource(ReleaseAges).check.young(source, name, row.version, row.published)


def _withdrawn(workspace: Workspace, name: PluginName, source: IndexSource, row: ReleaseRow) -> str:
    if workspace.vouched.is_revoked(source, name, row.version, row.statement.sha256):
        return "revoked"
    return f"yanked: {row.yanked}" if row.yanked else ""


def _of_index(workspace: Workspace, source: IndexSource, name: PluginName, wanted: str) -> Offered:
    listing = listing_of(workspace, source, name)
    row = _chosen(workspace, source, listing, wanted)
    pin = Pin(listing.name, row.statement, row.files)
    workspace.resource(KnownLogs).require(
        source, workspace.resource(Indexes).client(source), [(listing.name, row)]
    )
    (release,) = acquire_pinned(workspace, [(source, pin)])
    check_row(source, pin, row, release)
    rows = listed_rows(workspace, listing.name, source, listing)
    withdrawn = _withdrawn(workspace, listing.name, source, row)
    return Offered(release, rows, withdrawn, rebuilds=row.rebuilds, identity=row.identity)


def _chosen(workspace: Workspace, source: IndexSource, listing: Listing, wanted: str) -> ReleaseRow:
    """Return the newest release in a range: one that was not withdrawn, nor a prerelease, if there is one."""
    range_ = Range.parse(wanted) if wanted else None
    fitting = [row for row in _newest_first(listing) if range_ is None or range_.matches(row.version)]
    if not fitting:
        which = f" in {range_}" if range_ else ""
        hint = f"tarkpm versions {source.index}:{listing.name}"
        raise NotFound(f"{source} has no release of '{listing.name}'{which}", hint=hint)

    logs = workspace.resource(KnownLogs)

    def rank(row: ReleaseRow) -> tuple[bool, bool, bool]:
        withdrawn = bool(_withdrawn(workspace, listing.name, source, row))
        return withdrawn, logs.waits(source, row), range_ is None and bool(row.version.pre)

    return min(fitting, key=rank)  # the first of equals, which is the newest


def _of_repository(workspace: Workspace, source: GitSource) -> Offered:
    with open_remote(workspace, source.git) as remote:
        resolved = resolve(remote, source)
        release = fetch_git(remote, resolved)
        try:
            return Offered(release, tagged_rows(workspace, remote.tags(), resolved))
        except TarkError as problem:  # the release was found: what else there is would only be nice to know
            return Offered(release, notes=(f"the tags are not listed: {problem.message}",))


def _of_registry(workspace: Workspace, source: OciSource) -> Offered:
    from tarkpm.ops.release.fetch_oci import find, release_at
    from tarkpm.ops.release.registries import Registries

    found = find(workspace, source)
    release = release_at(workspace, found)
    try:
        names = workspace.resource(Registries).repository(source).tags()
        return Offered(release, tagged_rows(workspace, names, found.source))
    except TarkError as problem:  # the release was found: what else there is would only be nice to know
        return Offered(release, notes=(f"the tags are not listed: {problem.message}",))


def declared_lines(release: Release) -> Iterator[str]:
    """Yield what a release asks for, in words, the most dangerous first, then what it is never granted."""
    from tarkpm.ops.release.card import capability_rows, warnings

    manifest = release.candidate.manifest
    for row in capability_rows(manifest.capabilities, manifest):
        yield row.text if row.label == "capabilities" else f"{row.label}: {row.text}"
    yield from warnings(manifest)
