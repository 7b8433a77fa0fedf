"""Audits a whole index as a stranger would: with its first root, a clock, and no trust in who keeps it.

It streams: one bin at a time, one document at a time. What is kept is one small thing for each plugin (its
claim) and for each release (its digest), about 300 bytes and 100 bytes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from tuf.api.metadata import Signed, TargetFile

from tarkpm.core import claim as claims
from tarkpm.core import rows
from tarkpm.core.claim import MAX_CLAIM, Claim
from tarkpm.core.layout import (
    CLAIMS,
    INDEX,
    ROOT,
    SEARCH,
    SNAPSHOT,
    TIMESTAMP,
    claim_path,
    release_file,
    rows_path,
)
from tarkpm.core.release import IndexSource
from tarkpm.core.rows import MAX_ROWS, Listing, ReleaseRow
from tarkpm.core.search import entry_of, render
from tarkpm.errors import IndexUntrusted, TarkError
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.folder import Index, target_file
from tarkpm.registry.lifetimes import OFFLINE_WARNED, to_text
from tarkpm.registry.orphans import litter, secrets
from tarkpm.registry.releases import check_release

_SMALL: Final = 4096
"""Claims up to this size are kept, larger ones read again."""
_RENEWED_BY: Final = {CLAIMS: "tarkpm index rotate root", INDEX: "tarkpm index refresh"}
_FOLDERS: Final = {CLAIMS: "publishers", INDEX: "index"}


class Audit:
    """One audit of one index. ``plugins`` and ``releases`` count what was looked at."""

    def __init__(self, index: Index, now: datetime, *, deep: bool) -> None:
        self.index, self.now, self.deep = index, now, deep
        self.plugins = self.releases = 0
        self._broken = False
        self._claims: dict[str, bytes | TargetFile] = {}
        self._statements: set[bytes] = set()
        self._lines: dict[bytes, bytes] = {}

    def findings(self) -> Iterator[IndexFinding]:
        """Everything that is off, in the order in which it is met."""
        yield from self._expiry()
        yield from self._bins(CLAIMS)
        yield from self._read_search()
        yield from self._bins(INDEX)
        yield from self._search_left()
        if not self._broken:  # nothing can be called superfluous by bins that cannot be read
            yield from litter(self.index, self.now, self._statements)
        yield from secrets(self.index.folder)

    def _expiry(self) -> Iterator[IndexFinding]:
        index = self.index
        online: dict[str, Signed] = {TIMESTAMP: index.timestamp, SNAPSHOT: index.snapshot}
        offline: dict[str, Signed] = {ROOT: index.root.signed, **index.delegations}
        for role, signed in {**online, **offline}.items():
            yield from self._expires(role, signed, offline=role in offline)

    def _expires(self, role: str, signed: Signed, *, offline: bool) -> Iterator[IndexFinding]:
        hint = _RENEWED_BY[CLAIMS if offline else INDEX]
        if signed.expires <= self.now:
            text = f"'{role}' expired on {to_text(signed.expires)}"
            yield IndexFinding(IndexUntrusted.__name__, text, str(self.index.folder), hint)
        elif offline and signed.expires - self.now < OFFLINE_WARNED:
            text = f"'{role}' expires on {to_text(signed.expires)}"
            yield IndexFinding("ExpiresSoon", text, str(self.index.folder), hint, note=True)

    def _bins(self, parent: str) -> Iterator[IndexFinding]:
        look = self._claim if parent == CLAIMS else self._rows
        expired: list[tuple[datetime, str]] = []
        ending: list[tuple[datetime, str]] = []
        for role in self.index.authority.bins(parent):
            try:
                bin_ = self.index.read_bin(role)
            except TarkError as problem:
                self._broken = True
                yield IndexFinding.of(problem)
                continue
            if bin_.expires <= self.now:
                expired.append((bin_.expires, role))
            elif parent == CLAIMS and bin_.expires - self.now < OFFLINE_WARNED:
                ending.append((bin_.expires, role))
            for path, target in sorted(bin_.targets.items()):
                try:
                    if self.index.authority.bin(path) != role or not path.startswith(f"{_FOLDERS[parent]}/"):
                        raise IndexUntrusted(f"'{path}' does not belong in '{role}'")
                    yield from look(path, target)
                except TarkError as problem:
                    yield IndexFinding.of(problem)
        yield from self._expired_bins(parent, expired, "expired")
        yield from self._expired_bins(parent, ending, "expire")

    def _expired_bins(
        self, parent: str, bins: list[tuple[datetime, str]], verb: str
    ) -> Iterator[IndexFinding]:
        """One finding for all bins of a kind: with 1,024 of them, the rest of a report would be lost."""
        if bins:
            (when, role), over = min(bins), verb == "expired"
            code, hint = IndexUntrusted.__name__ if over else "ExpiresSoon", _RENEWED_BY[parent]
            text = f"{len(bins)} bins of '{parent}' {verb}, '{role}' first, on {to_text(when)}"
            yield IndexFinding(code, text, str(self.index.folder), hint, note=not over)

    def _claim(self, path: str, target: TargetFile) -> Iterator[IndexFinding]:
        data = self.index.read_target(path, target, MAX_CLAIM)
        claim = claims.parse(data, where=path)
        if claim_path(claim.name) != path:
            raise IndexUntrusted(f"is the claim of '{claim.name}'", where=target_file(path, target))
        if claim.key and (part := self.index.authority.part_of(claim.key)):
            text = f"'{claim.name}' is published by {claim.key}, which is {part}"
            hint = f"tarkpm index rotate publisher {claim.name} --to KEY"
            yield IndexFinding(IndexUntrusted.__name__, text, path, hint)
        self.plugins += 1
        self._claims[path] = data if len(data) < _SMALL else target

    def _claim_of(self, path: str) -> Claim | None:
        found = self._claims.get(path)
        if isinstance(found, TargetFile):
            found = self.index.read_target(path, found, MAX_CLAIM)
        return None if found is None else claims.parse(found, where=path)

    def _rows(self, path: str, target: TargetFile) -> Iterable[IndexFinding]:
        if path == SEARCH:
            return
        data = self.index.read_target(path, target, MAX_ROWS)
        listing = rows.parse(data, where=path)
        where = target_file(path, target)
        if rows_path(listing.name) != path:
            raise IndexUntrusted(f"lists the releases of '{listing.name}'", where=where)
        claim = self._claim_of(claim_path(listing.name))
        if claim is None or claim.name != listing.name:
            raise IndexUntrusted(f"lists releases of '{listing.name}', which nobody claimed", where=where)
        self._compare_line(listing, claim)
        for row in listing.rows:
            try:
                self._row(listing, claim, row)
            except TarkError as problem:
                yield IndexFinding.of(problem)

    def _row(self, listing: Listing, claim: Claim, row: ReleaseRow) -> None:
        self.releases += 1
        digest = bytes.fromhex(row.statement.sha256)
        if digest in self._statements:
            raise IndexUntrusted(f"{listing.name} {row.version} is listed twice", where=row.statement.sha256)
        self._statements.add(digest)
        path = self.index.folder / release_file(row.statement.sha256)
        try:
            size = path.lstat().st_size
        except FileNotFoundError:
            raise IndexUntrusted(
                f"{listing.name} {row.version} is listed but not there", where=str(path)
            ) from None
        if size != row.size:
            raise IndexUntrusted(
                f"{listing.name} {row.version} has {size} bytes, its row says {row.size}", where=str(path)
            )
        if self.deep:
            self._deep(listing, claim, row)

    def _deep(self, listing: Listing, claim: Claim, row: ReleaseRow) -> None:
        source = IndexSource(self.index.name, self.index.first_root)
        candidate = check_release(self.index.folder, source, listing.name, row)
        assert candidate.signer is not None
        digest = row.statement.sha256
        version = candidate.manifest.version
        if not claim.revokes(version, digest) and not claim.allows(candidate.signer, version, digest):
            raise IndexUntrusted(
                f"{listing.name} {row.version} is signed by {candidate.signer}, whose releases its claim "
                "does not allow",
                where=release_file(digest),
                hint=f"tarkpm index revoke {listing.name}@{row.version}",
            )

    def _read_search(self) -> Iterator[IndexFinding]:
        """Keep the catalogue's lines by plugin: raw, because there may be many."""
        try:
            self.index.search  # noqa: B018  read and checked here, once
        except TarkError as problem:
            yield IndexFinding.of(problem)
            return
        for line in (self.index.search or b"").splitlines()[1:]:
            self._lines[line.split(b'"', 2)[1] if b'"' in line else line] = line

    def _compare_line(self, listing: Listing, claim: Claim) -> None:
        found = self._lines.pop(listing.name.encode(), b"")
        entry = entry_of(listing, claim)
        expected = render([entry]).splitlines()[1] if entry else b""
        if found != expected:
            self._lines[listing.name.encode()] = found or expected

    def _search_left(self) -> Iterator[IndexFinding]:
        if self._lines:
            text = f"the search catalogue is behind for {len(self._lines)} plugins"
            yield IndexFinding("SearchBehind", text, SEARCH, "tarkpm index refresh", note=True)
