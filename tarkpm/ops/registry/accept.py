"""``tarkpm index accept`` and ``yank``: list and yank releases, and list rebuilds, with the online key."""

from pathlib import Path

import msgspec

from tarkpm.core.ci_identity import CiClaims, CiIdentity
from tarkpm.core.claim import Claim
from tarkpm.core.layout import rows_path
from tarkpm.core.names import CI_PROOF, MAX_STATEMENT
from tarkpm.core.rebuilt import read_rebuild, rebuilders
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.rows import parse as parse_rows
from tarkpm.core.tlog.proof import parse_proof
from tarkpm.core.version import Version
from tarkpm.errors import TarkError
from tarkpm.io.files import read_file
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import check_settled
from tarkpm.ops.registry.transparency import log_release, remember_log
from tarkpm.ops.release.checks import Publishable, read_release
from tarkpm.registry.catalogue import update_search
from tarkpm.registry.change import IndexChange
from tarkpm.registry.ci_identities import proved, wanted_identity
from tarkpm.registry.folder import Index
from tarkpm.registry.rebuilds import attested
from tarkpm.registry.releases import MAX_REASON, admit, release_bytes, with_row, yanked


class ReleaseAcceptReport(msgspec.Struct, frozen=True):
    """A release the index accepted, or would accept.

    ``written`` is in bytes, without the release itself. ``log_entry`` is the number of its entry in the log
    of the index; None without a log, and with --dry-run. ``identity`` is the CI identity that the release
    proved, ``unverified`` whether it came with a proof that nobody asked for.
    """

    name: str
    version: str
    signer: str
    statement: str
    written: int
    log_entry: int | None = None
    identity: str = ""
    unverified: bool = False


def accept(
    desk: Desk,
    folder: Path,
    online_name: str,
    identity: CiIdentity | None = None,
    *,
    drop_identity: bool = False,
) -> ReleaseAcceptReport:
    """Check the release in ``folder`` and list it. Requires the online key, except with --dry-run.

    It must prove ``identity``, or else the CI identity of the plugin's last release, unless that is dropped.
    Raises what `read_release`, `admit`, `proved` and `verify_proof` raise; the index is then unchanged.
    """
    with desk.changing():
        index = desk.open()
        release = read_release(desk.settings.cwd / folder, IndexSource(index.name, index.first_root))
        name = release.candidate.manifest.name
        claim = index.claim(name)
        # A waiting change of the key lists the releases that stay valid: this one would be missing.
        check_settled(desk, index, name)
        listing = index.listing(name)
        row = admit(claim, listing, release.candidate, where=str(folder), now=desk.now)
        wanted = wanted_identity(listing, identity, dropped=drop_identity)
        claims = _claims(release, str(folder)) if wanted else None
        listed = proved(name, wanted, claims, where=str(folder))
        row = msgspec.structs.replace(row, identity=listed)
        report = ReleaseAcceptReport(
            name=name,
            version=str(row.version),
            signer=str(release.candidate.signer),
            statement=row.statement.sha256,
            written=0,
            identity=listed,
            unverified=wanted is None and release.ci_proof is not None,
        )
        if desk.settings.dry_run:
            return report
        written, log_proof = _list(desk, index, claim, row, release, online_name)
        entry = parse_proof(log_proof).index if log_proof else None
        return msgspec.structs.replace(report, written=written, log_entry=entry)


def _claims(release: Publishable, where: str) -> CiClaims | None:
    if release.ci_proof is None:
        return None
    from tarkpm.io.ci_proof import verify_proof

    return verify_proof(release.envelope, release.ci_proof, where=f"{where}: {CI_PROOF}")


def _list(
    desk: Desk, index: Index, claim: Claim | None, row: ReleaseRow, release: Publishable, online_name: str
) -> tuple[int, str]:
    """List a release; returns the bytes written without the release itself, and the proof in its row."""
    change = IndexChange(index, desk.now)
    content = release_bytes(release.envelope, release.candidate, release.files)
    change.release(row.statement.sha256, content)
    name = release.candidate.manifest.name
    row = log_release(desk, index, change, name, row)
    written = _update(desk, index, change, name, claim, row, online_name) - len(content)
    remember_log(desk, index)
    return written, row.proof


def _update(
    desk: Desk,
    index: Index,
    change: IndexChange,
    name: PluginName,
    claim: Claim | None,
    row: ReleaseRow,
    online_name: str,
) -> int:
    """Write a plugin's rows with one new or changed row, and its line in the search catalogue."""
    online = desk.require_online(index.authority.online, online_name)
    data = with_row(index.listing(name), row, claim.key if claim else None)
    change.update_bin(rows_path(name), data, online)
    update_search(index, change, parse_rows(data, where=name), claim, online)
    return change.commit(desk.folder, online)


class RebuildAcceptReport(msgspec.Struct, frozen=True):
    """A rebuild the index lists now, or would list: whose it is, and whether it gave the same bytes.

    ``rebuilt_by`` are all keys that did get the same bytes.
    """

    name: str
    version: str
    key: str
    same: bool
    rebuilt_by: tuple[str, ...]


def accept_rebuild(desk: Desk, file: Path, online_name: str) -> RebuildAcceptReport:
    """Check the attestation in ``file`` and list it with its release, as `accept` lists a release.

    Raises `SignatureInvalid`, and what `attested` raises.
    """
    data = read_file(desk.settings.cwd / file, MAX_STATEMENT)
    about, listed = read_rebuild(data, where=str(file))
    with desk.changing():
        index = desk.open()
        claim, listing = index.claim(about.name), _known(index.listing(about.name), about.name)
        check_settled(desk, index, about.name)
        row = attested(index.folder, claim, listing, about, listed, where=str(file))
        if not desk.settings.dry_run:
            change = IndexChange(index, desk.now)
            _update(desk, index, change, about.name, claim, row, online_name)
        keys = rebuilders(about, row.rebuilds, None, same=True)
        return RebuildAcceptReport(about.name, str(row.version), listed.key, listed.rebuild.same, keys)


class YankReport(msgspec.Struct, frozen=True):
    """A yanked release. ``reason`` is "" if the yank was undone."""

    name: str
    version: str
    reason: str


def yank(desk: Desk, name: PluginName, version: Version, reason: str, online_name: str) -> YankReport:
    """Mark a release so that no new resolution chooses it; with ``reason`` "" undo that.

    Raises `TarkError` for a reason of several lines or more than `MAX_REASON` characters, `NotFound` and
    `Refused`.
    """
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise TarkError(
            f"expected a reason of one line and at most {MAX_REASON} characters", where="--reason"
        )
    with desk.changing():
        index = desk.open()
        row = yanked(_known(index.listing(name), name), version, reason)
        if not desk.settings.dry_run:
            change = IndexChange(index, desk.now)
            _update(desk, index, change, name, index.claim(name), row, online_name)
        return YankReport(name, str(version), reason)


def _known(listing: Listing, name: PluginName) -> Listing:
    """Return the listing of exactly this name; one whose name only folds to it belongs to another plugin."""
    return listing if listing.name == name else Listing(name)
