"""Releases of an index as its folder holds them: read, listed, yanked. Published releases never change."""

from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core import statement
from tarkpm.core.claim import Claim
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import release_file
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.names import MAX_STATEMENT, STATEMENT
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.rows import MAX_ROWS, Listing, ReleaseRow, render, row_of
from tarkpm.core.statement import Statement
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.core.version import Version
from tarkpm.errors import DigestMismatch, IndexUntrusted, KeyUntrusted, NotFound, Refused, Revoked, TooLarge
from tarkpm.io.files import read_file

MAX_RELEASE: Final = 256 * 1024 * 1024
"""Bytes of a release's statement and files together."""
MAX_REASON: Final = 200


def admit(claim: Claim | None, listing: Listing, candidate: VerifiedRelease, *, where: str) -> ReleaseRow:
    """The row of a verified release, if its publisher may publish it and it is new.

    Raises `NotFound` if nobody may publish this name, `KeyUntrusted`, `Revoked`, `Refused` for a version that
    is there already.
    """
    manifest, signer, envelope = candidate.manifest, candidate.signer, candidate.statement
    assert signer is not None
    assert envelope is not None
    name, version = manifest.name, manifest.version
    if claim is None or claim.name != name:
        taken = f": '{claim.name}' is claimed" if claim else ""
        hint = f"tarkpm index claim {name} --publisher {signer}"
        if claim:
            hint = f"its publisher can name it '{claim.name}'"
        raise NotFound(f"nobody may publish '{name}' here{taken}", where=where, hint=hint)
    if claim.revokes(version, envelope.sha256):
        raise Revoked(f"{name} {version} was revoked", where=where, hint="publish it as a new version")
    if signer != claim.key:
        raise KeyUntrusted(
            f"{name} {version} is signed by {signer}, and its publisher's key is {claim.key or 'revoked'}",
            where=where,
            hint=f"if they have a new key: tarkpm index rotate publisher {name} --to KEY",
        )
    if existing := _same_version(listing, version):
        same = "with the same bytes" if existing.statement == envelope else "with other bytes"
        raise Refused(
            f"{name} {existing.version} is in the index already, {same}: a release never changes",
            where=where,
            hint="publish it as a new version",
        )
    row = row_of(manifest, envelope, candidate.files)
    if row.size > MAX_RELEASE:
        raise TooLarge(f"the release has {row.size} bytes, the limit is {MAX_RELEASE}", where=where)
    return row


def _same_version(listing: Listing, version: Version) -> ReleaseRow | None:
    return next((row for row in listing.rows if row.version.plain == version.plain), None)


def with_row(listing: Listing, row: ReleaseRow, publisher: PublicKey | None) -> bytes:
    """The document that lists one row more, or this one in the place of another; raises `TooLarge`."""
    rows = [other for other in listing.rows if other.version != row.version]
    data = render(Listing(listing.name, (*rows, row), publisher))
    if len(data) > MAX_ROWS:
        raise TooLarge(
            f"'{listing.name}' has too many releases to list one more", where=str(len(listing.rows))
        )
    return data


def yanked(listing: Listing, version: Version, reason: str) -> ReleaseRow:
    """The row with the reason why nobody should choose it any more, or "" to take that back."""
    row = listing.get(version)
    if row is None:
        raise not_listed(listing, version)
    if bool(row.yanked) == bool(reason):
        state, other = ("yanked already", "--undo") if reason else ("not yanked", "--reason TEXT")
        hint = f"tarkpm index yank {listing.name}@{version} {other}"
        raise Refused(f"{listing.name} {version} is {state}", hint=hint)
    return msgspec.structs.replace(row, yanked=reason)


def not_listed(listing: Listing, version: Version) -> NotFound:
    """The error for a release an index does not have."""
    have = ", ".join(str(row.version) for row in listing.rows[-5:]) or "none"
    return NotFound(f"there is no {listing.name} {version} in the index", where=f"releases: {have}")


def release_bytes(envelope: bytes, candidate: VerifiedRelease, files: dict[str, bytes]) -> bytes:
    """What ``files/<statement sha256>`` holds: the statement, then the files in the row's order."""
    return b"".join([envelope, *(files[entry.name] for entry in sorted(candidate.files))])


def read_statement(folder: Path, name: PluginName, row: StatementEntry) -> tuple[Statement, PublicKey]:
    """What a release's statement says, and who signed it; nothing but the statement is read.

    Raises `IndexUntrusted` if it is missing, not what the row names, or for another plugin.
    """
    where = str(folder / release_file(row.sha256))
    envelope = _head(folder / release_file(row.sha256), row.size)
    if sha256(envelope) != row.sha256:
        raise IndexUntrusted(f"is not the statement that {name} lists", where=where)
    said, signer = statement.verify(envelope, where=where)
    if said.name != name:
        raise IndexUntrusted(f"is a release of '{said.name}', expected one of '{name}'", where=where)
    return said, signer


def _head(path: Path, size: int) -> bytes:
    if not 0 < size <= MAX_STATEMENT:
        raise IndexUntrusted(f"a statement of {size} bytes", where=str(path))
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise IndexUntrusted("is listed but not there", where=str(path)) from None


def check_release(folder: Path, source: IndexSource, name: PluginName, row: ReleaseRow) -> VerifiedRelease:
    """Read a whole release and check it against its row, as an installer would.

    Raises `IndexUntrusted`, `SignatureInvalid`, `DigestMismatch`, `ManifestError`.
    """
    path = folder / release_file(row.statement.sha256)
    try:
        data = read_file(path, row.size)
    except FileNotFoundError:
        raise IndexUntrusted("is listed but not there", where=str(path)) from None
    if len(data) != row.size:
        raise DigestMismatch(f"has {len(data)} bytes, expected {row.size}", where=str(path))
    envelope, files = split(data, row)
    candidate = verify_release(files, envelope, source, where=str(path))
    manifest = candidate.manifest
    if candidate.statement is None or manifest.name != name:
        raise IndexUntrusted(f"is a release of '{manifest.name}', expected one of '{name}'", where=str(path))
    expected = row_of(manifest, candidate.statement, candidate.files)
    if msgspec.structs.replace(row, yanked="") != expected:
        raise IndexUntrusted(
            f"the row of {name} {row.version} does not say what the signed plugin.toml says", where=str(path)
        )
    return candidate


def split(data: bytes, row: ReleaseRow) -> tuple[bytes, dict[str, bytes]]:
    """The statement and the files of a release, by the sizes its row gives."""
    envelope, at = data[: row.statement.size], row.statement.size
    files = {}
    for entry in row.files:
        files[entry.name] = data[at : at + entry.size]
        FileEntry.check(entry, files[entry.name], where=f"{STATEMENT}: {entry.name}")
        at += entry.size
    return envelope, files
