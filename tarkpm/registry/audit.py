"""Audit a whole index with its first root and a clock, without trusting its maintainers.

The audit streams one bin and one document at a time. It keeps about 300 bytes for each plugin (its claim) and
100 bytes for each release (its digest).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from tuf.api.metadata import Signed, TargetFile

from tarkpm.core import claim as claims
from tarkpm.core import osv, rows
from tarkpm.core.advisory import Advisory
from tarkpm.core.claim import MAX_CLAIM, Claim
from tarkpm.core.layout import (
    CLAIMS,
    INDEX,
    ROOT,
    SEARCH,
    SNAPSHOT,
    TIMESTAMP,
    advisory_path,
    claim_path,
    is_advisory,
    release_file,
    rows_path,
)
from tarkpm.core.release import IndexSource
from tarkpm.core.rows import MAX_ROWS, Listing, ReleaseRow
from tarkpm.core.search import entry_of, render
from tarkpm.core.text import counted
from tarkpm.errors import IndexUntrusted, TarkError
from tarkpm.registry.audit_log import LogAudit
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.folder import Index, target_file
from tarkpm.registry.lifetimes import OFFLINE_WARNED, to_text
from tarkpm.registry.orphans import litter, secrets
from tarkpm.registry.publication import FormerListings, check_published
from tarkpm.registry.rebuilds import check_rebuilds
from tarkpm.registry.releases import ModuleCheck, check_release

_SMALL: Final = 4096
"""Claims up to this size, in bytes, are kept; larger ones are read again."""
_RENEWED_BY: Final = {CLAIMS: "tarkpm index rotate root", INDEX: "tarkpm index refresh"}
_FOLDERS: Final = {CLAIMS: "publishers", INDEX: "index"}


class Audit:
    """One audit of one index. ``plugins`` and ``releases`` count what was audited.

    ``deep`` also reads every release, and checks its module with this; None compares sizes only.
    """

    def __init__(self, index: Index, now: datetime, *, deep: ModuleCheck | None) -> None:
        self.index, self.now, self.deep = index, now, deep
        self.plugins = self.releases = 0
        self._broken = False
        self._claims: dict[str, bytes | TargetFile] = {}
        self._statements: set[bytes] = set()
        self._lines: dict[bytes, bytes] = {}
        self._former = FormerListings(index.folder)
        self._advisories: list[Advisory] = []
        self._log = LogAudit(index)

    def findings(self) -> Iterator[IndexFinding]:
        """Yield all findings in the order of the audit."""
        yield from self._expiry()
        # Claims first: each row is compared with its plugin's claim.
        yield from self._bins(CLAIMS)
        yield from self._compare_list()
        yield from self._read_search()
        yield from self._bins(INDEX)
        yield from self._search_left()
        yield from self._log.findings()
        if not self._broken:  # an unreadable bin may list any of the files
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
            # One broken bin must not hide the findings about the others.
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
                        raise IndexUntrusted(f"'{path}' does not belong to '{role}'")
                    yield from look(path, target)
                except TarkError as problem:
                    yield IndexFinding.of(problem)
        yield from self._expired_bins(parent, expired, "expired")
        yield from self._expired_bins(parent, ending, "expire")

    def _expired_bins(
        self, parent: str, bins: list[tuple[datetime, str]], verb: str
    ) -> Iterator[IndexFinding]:
        """Yield one finding for all bins of a kind: 1,024 findings would hide the rest of the report."""
        if bins:
            (when, role), over = min(bins), verb == "expired"
            code, hint = IndexUntrusted.__name__ if over else "ExpiresSoon", _RENEWED_BY[parent]
            count = "1 bin" if len(bins) == 1 else f"{len(bins)} bins"
            verb += "s" if len(bins) == 1 and not over else ""
            text = f"{count} of '{parent}' {verb}, '{role}' first, on {to_text(when)}"
            yield IndexFinding(code, text, str(self.index.folder), hint, note=not over)

    def _claim(self, path: str, target: TargetFile) -> Iterator[IndexFinding]:
        if is_advisory(path):
            self._advisories.append(self._advisory(path, target))
            return
        data = self.index.read_target(path, target, MAX_CLAIM)
        claim = claims.parse(data, where=path)
        # A validly signed document under another plugin's path would be served as that plugin's.
        if claim_path(claim.name) != path:
            raise IndexUntrusted(
                f"the file contains the claim of '{claim.name}'", where=target_file(path, target)
            )
        if claim.key and (part := self.index.authority.part_of(claim.key)):
            text = f"the publisher's key of '{claim.name}' is {claim.key}, which is {part}"
            hint = f"tarkpm index rotate publisher {claim.name} --to KEY"
            yield IndexFinding(IndexUntrusted.__name__, text, path, hint)
        self.plugins += 1
        self._claims[path] = data if len(data) < _SMALL else target

    def _advisory(self, path: str, target: TargetFile) -> Advisory:
        one = osv.parse(self.index.read_target(path, target, osv.MAX_ADVISORY), where=path)
        if advisory_path(one.id) != path or one.index != self.index.first_root:
            text = f"the file contains the advisory {one.id} of {one.index}"
            raise IndexUntrusted(text, where=target_file(path, target))
        return one

    def _compare_list(self) -> Iterator[IndexFinding]:
        """Yield advisories that are not about a claimed plugin, or not as they are listed."""
        try:
            parts = self.index.advisory_parts
        except TarkError as problem:
            yield IndexFinding.of(problem)
            return
        rows_ = (
            (name, id_, when) for part in parts for name, ids in part.items() for id_, when in ids.items()
        )
        listed = {id_: (name, when) for name, id_, when in rows_}
        for one in self._advisories:
            if listed.pop(one.id, None) != (one.name, one.modified):
                text = f"the advisory {one.id} differs from the list of advisories"
                yield IndexFinding(IndexUntrusted.__name__, text, advisory_path(one.id))
            if claim_path(one.name) not in self._claims:
                text = f"the advisory {one.id} is about '{one.name}', which is not claimed"
                yield IndexFinding(IndexUntrusted.__name__, text, advisory_path(one.id))
        for id_ in sorted(listed) if not self._broken else ():
            text = f"the advisory {id_} is listed but missing"
            yield IndexFinding(IndexUntrusted.__name__, text, advisory_path(id_))

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
            raise IndexUntrusted(f"the file lists the releases of '{listing.name}'", where=where)
        claim = self._claim_of(claim_path(listing.name))
        if claim is None or claim.name != listing.name:
            raise IndexUntrusted(
                f"the file lists releases of '{listing.name}', which is not claimed", where=where
            )
        self._compare_line(listing, claim)
        for text in self._former.changed(listing):
            yield IndexFinding(IndexUntrusted.__name__, text, where)
        for row in listing.rows:
            try:
                self._row(listing, claim, row)
            except TarkError as problem:
                yield IndexFinding.of(problem)

    def _row(self, listing: Listing, claim: Claim, row: ReleaseRow) -> None:
        self.releases += 1
        check_published(listing.name, row, self.now)
        check_rebuilds(listing.name, row)
        digest = bytes.fromhex(row.statement.sha256)
        if digest in self._statements:
            raise IndexUntrusted(f"{listing.name} {row.version} is listed twice", where=row.statement.sha256)
        self._statements.add(digest)
        path = self.index.folder / release_file(row.statement.sha256)
        try:
            size = path.lstat().st_size
        except FileNotFoundError:
            raise IndexUntrusted(
                f"{listing.name} {row.version} is listed but missing", where=str(path)
            ) from None
        if size != row.size:
            raise IndexUntrusted(
                f"{listing.name} {row.version}: expected {row.size} bytes, found {size}", where=str(path)
            )
        self._log.row(listing.name, row)
        if self.deep:
            self._deep(listing, claim, row, self.deep)

    def _deep(self, listing: Listing, claim: Claim, row: ReleaseRow, check_module: ModuleCheck) -> None:
        source = IndexSource(self.index.name, self.index.first_root)
        candidate = check_release(self.index.folder, source, listing.name, row, check_module)
        assert candidate.signer is not None
        digest = row.statement.sha256
        version = candidate.manifest.version
        if not claim.revokes(version, digest) and not claim.allows(candidate.signer, version, digest):
            raise IndexUntrusted(
                f"{listing.name} {row.version} is signed by {candidate.signer}, "
                "which its claim does not allow",
                where=release_file(digest),
                hint=f"tarkpm index revoke {listing.name}@{row.version}",
            )

    def _read_search(self) -> Iterator[IndexFinding]:
        """Keep the lines of the catalogue by plugin; raw bytes, because there may be many."""
        try:
            self.index.search  # noqa: B018  # the property reads and checks it
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
            count = len(self._lines)
            text = f"the search catalogue is out of date for {counted(count, 'plugin')}"
            yield IndexFinding("SearchBehind", text, SEARCH, "tarkpm index refresh", note=True)
