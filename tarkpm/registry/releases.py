"""Read, list and yank the releases in an index's folder. Published releases never change."""

from collections.abc import Callable
from datetime import datetime
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
"""Size limit of a release, statement and files together, in bytes."""
MAX_REASON: Final = 200


def admit(
    claim: Claim | None, listing: Listing, candidate: VerifiedRelease, *, where: str, now: datetime
) -> ReleaseRow:
    """Return the row of a verified release, if its signer may publish it and its version is new.

    It is published ``now``, by the clock of the index.

    Raises `NotFound` if the name is not claimed, `Revoked`, `KeyUntrusted` if the signer is not the
    publisher, `Refused` if the version exists, and `TooLarge`.
    """
    manifest, signer, envelope = candidate.manifest, candidate.signer, candidate.statement
    assert signer is not None
    assert envelope is not None
    name, version = manifest.name, manifest.version
    # 1. The exact name is claimed: a name that only folds to a claimed one belongs to nobody.
    if claim is None or claim.name != name:
        taken = f", but '{claim.name}' is" if claim else ""
        hint = f"tarkpm index claim {name} --publisher {signer}"
        if claim:
            hint = f"the publisher of '{claim.name}' can rename the plugin to that"
        raise NotFound(f"'{name}' is not claimed in this index{taken}", where=where, hint=hint)
    # 2. It is not revoked (docs/trust-rules.md, rule 8). Before the key, so that a revoked release is
    #    reported as revoked even after its key was replaced.
    if claim.revokes(version, envelope.sha256):
        raise Revoked(f"{name} {version} is revoked", where=where, hint="publish it as a new version")
    # 3. The current key signed it: a retired key keeps its releases but can publish no new ones.
    if signer != claim.key:
        raise KeyUntrusted(
            f"{name} {version} is signed by {signer}, but the publisher's key is {claim.key or 'revoked'}",
            where=where,
            hint=f"if the publisher has a new key: tarkpm index rotate publisher {name} --to KEY",
        )
    # 4. The version is new (docs/trust-rules.md, rule 7).
    if existing := _same_version(listing, version):
        same = "same" if existing.statement == envelope else "different"
        raise Refused(
            f"the index already has {name} {existing.version} with {same} contents: a release never changes",
            where=where,
            hint="publish it as a new version",
        )
    # 5. It is not too large for clients.
    row = row_of(manifest, envelope, candidate.files)
    if row.size > MAX_RELEASE:
        raise TooLarge(
            f"expected a release of at most {MAX_RELEASE:,} bytes, found {row.size:,}", where=where
        )
    return msgspec.structs.replace(row, published=int(now.timestamp()))


def _same_version(listing: Listing, version: Version) -> ReleaseRow | None:
    return next((row for row in listing.rows if row.version.plain == version.plain), None)


def with_row(listing: Listing, row: ReleaseRow, publisher: PublicKey | None) -> bytes:
    """Return the listing with ``row`` added, or replaced if its version is listed; raises `TooLarge`."""
    rows = [other for other in listing.rows if other.version != row.version]
    data = render(Listing(listing.name, (*rows, row), publisher))
    if len(data) > MAX_ROWS:
        raise TooLarge(
            f"'{listing.name}' has too many releases to list another", where=f"{len(listing.rows)} releases"
        )
    return data


def yanked(listing: Listing, version: Version, reason: str) -> ReleaseRow:
    """Return the row of a release, yanked for ``reason``, or with "" no longer yanked.

    Raises `NotFound` and, if nothing would change, `Refused`.
    """
    row = listing.get(version)
    if row is None:
        raise not_listed(listing, version)
    if bool(row.yanked) == bool(reason):
        state, other = ("already yanked", "--undo") if reason else ("not yanked", "--reason TEXT")
        hint = f"tarkpm index yank {listing.name}@{version} {other}"
        raise Refused(f"{listing.name} {version} is {state}", hint=hint)
    return msgspec.structs.replace(row, yanked=reason)


def not_listed(listing: Listing, version: Version) -> NotFound:
    """Return the error for a release that the index does not list."""
    have = ", ".join(str(row.version) for row in listing.rows[-5:]) or "none"
    return NotFound(f"the index does not list {listing.name} {version}", where=f"releases: {have}")


def release_bytes(envelope: bytes, candidate: VerifiedRelease, files: dict[str, bytes]) -> bytes:
    """Return the contents of ``files/<statement sha256>``: the statement, then the files, sorted by name."""
    return b"".join([envelope, *(files[entry.name] for entry in sorted(candidate.files))])


def read_statement(folder: Path, name: PluginName, row: StatementEntry) -> tuple[Statement, PublicKey]:
    """Return a release's statement and its signer. Only the statement is read.

    Raises `IndexUntrusted` if it is missing, differs from the row, or is for another plugin.
    """
    where = str(folder / release_file(row.sha256))
    envelope = _head(folder / release_file(row.sha256), row.size)
    if sha256(envelope) != row.sha256:
        raise IndexUntrusted(f"the statement differs from the one listed for {name}", where=where)
    said, signer = statement.verify(envelope, where=where)
    if said.name != name:
        raise IndexUntrusted(f"expected a release of '{name}', found one of '{said.name}'", where=where)
    return said, signer


def _head(path: Path, size: int) -> bytes:
    if not 0 < size <= MAX_STATEMENT:
        raise IndexUntrusted(
            f"expected a statement of at most {MAX_STATEMENT:,} bytes, found {size:,}", where=str(path)
        )
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise IndexUntrusted("the file is listed but missing", where=str(path)) from None


ModuleCheck = Callable[[bytes, str, str], object]
"""Raises for a module (bytes, plugin type, where) that cannot run. The host's check, a layer beside."""


def read_release(
    folder: Path, source: IndexSource, name: PluginName, row: ReleaseRow
) -> tuple[VerifiedRelease, dict[str, bytes]]:
    """Read a whole release, check it against its row, and return it with its files.

    Raises `IndexUntrusted`, `SignatureInvalid`, `DigestMismatch`, `ManifestError`.
    """
    path = folder / release_file(row.statement.sha256)
    try:
        data = read_file(path, row.size)
    except FileNotFoundError:
        raise IndexUntrusted("the file is listed but missing", where=str(path)) from None
    if len(data) != row.size:
        raise DigestMismatch(f"expected {row.size} bytes, found {len(data)}", where=str(path))
    envelope, files = split(data, row)
    candidate = verify_release(files, envelope, source, where=str(path))
    manifest = candidate.manifest
    if candidate.statement is None or manifest.name != name:
        raise IndexUntrusted(
            f"expected a release of '{name}', found one of '{manifest.name}'", where=str(path)
        )
    expected = row_of(manifest, candidate.statement, candidate.files)
    # What only the index knows is not in the signed plugin.toml.
    if (
        msgspec.structs.replace(row, yanked="", published=None, rebuilds=(), proof="", identity="")
        != expected
    ):
        raise IndexUntrusted(
            f"the row of {name} {row.version} differs from the signed plugin.toml", where=str(path)
        )
    return candidate, files


def check_release(
    folder: Path, source: IndexSource, name: PluginName, row: ReleaseRow, check_module: ModuleCheck
) -> VerifiedRelease:
    """Read a whole release and check it as installing it does: against its row, and its module.

    The module of a yanked release need not fit. Raises what `read_release` and ``check_module`` raise.
    """
    candidate, files = read_release(folder, source, name, row)
    manifest = candidate.manifest
    if not row.yanked:
        check_module(files[manifest.wasm], manifest.type, str(folder / release_file(row.statement.sha256)))
    return candidate


def split(data: bytes, row: ReleaseRow) -> tuple[bytes, dict[str, bytes]]:
    """Split a release into its statement and files, by the sizes in its row. Raises `DigestMismatch`."""
    envelope, at = data[: row.statement.size], row.statement.size
    files = {}
    for entry in row.files:
        files[entry.name] = data[at : at + entry.size]
        FileEntry.check(entry, files[entry.name], where=f"{STATEMENT}: {entry.name}")
        at += entry.size
    return envelope, files
