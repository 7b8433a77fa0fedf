"""Verified statements of indexes, remembered on this machine: claims, revocations and yanked releases.

This is state, not a cache: sync, verify and call use it to trust an index's release without a network, and a
release once seen as revoked stays revoked (docs/trust-rules.md, rule 8). There is one file per index, named
by the digest of its first root.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.claim import Claim, Vouched
from tarkpm.core.digest import Digest
from tarkpm.core.release import PluginName, folded
from tarkpm.core.rows import ReleaseRow
from tarkpm.core.text import ellipsis
from tarkpm.io.files import atomic_write, make_private
from tarkpm.io.locks import exclusive
from tarkpm.store.documents import read_document

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024
NONE: Final[Mapping[str, int]] = {}
MAX_REASON: Final = 200
"""Length limit, in characters, of a remembered reason for yanking."""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    claims: dict[PluginName, Claim] = {}
    revoked: list[Digest] = []
    yanked: dict[Digest, str] = {}
    bins: dict[str, int] = {}
    revoked_versions: dict[str, dict[str, Digest]] = {}
    version: int = VERSION


class Claims:
    """The claims under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "indexes"

    def read(self) -> Vouched:
        """Return everything remembered, by index root. Raises `StoreError` for a damaged file."""
        documents = {_root(file): self.read_index(file) for file in sorted(self.folder.glob("*.json"))}
        return Vouched(
            {root: document.claims for root, document in documents.items()},
            {root: frozenset(document.revoked) for root, document in documents.items()},
            {root: document.yanked for root, document in documents.items()},
            {root: document.bins for root, document in documents.items()},
            {root: document.revoked_versions for root, document in documents.items()},
        )

    def remember(
        self,
        root: str,
        claims: Iterable[Claim],
        deadline_seconds: float,
        rows: Collection[ReleaseRow] = (),
        seen: Mapping[str, int] = NONE,
    ) -> None:
        """Remember newly verified claims. Their revocations are kept even if a later claim drops them.

        ``rows`` are listed releases, of which the yanked ones are remembered. ``seen`` are versions of
        maintainers' metadata by role, of which the newest are remembered. Raises `StoreBusy` and
        `StoreError`.
        """
        new = {claim.name: claim for claim in claims}
        if not new and not rows and not seen:
            return
        make_private(self.folder)
        file = self.folder / f"{root.removeprefix('sha256:')}.json"
        # Read and written under one lock: another process may add revocations at the same time.
        with exclusive(file.with_suffix(".lock"), "tarkpm", deadline_seconds):
            document = self.read_index(file)
            # Revocations are only ever added: a claim that drops one does not count.
            revoked = {*document.revoked, *(digest for claim in new.values() for digest in claim.revoked)}
            gone = document.yanked | {row.statement.sha256: ellipsis(row.yanked, MAX_REASON) for row in rows}
            yanked = {digest: reason for digest, reason in gone.items() if reason}
            # The highest versions ever seen, so that a rollback is noticed even without the cache.
            newest = document.bins | {
                role: max(version, document.bins.get(role, 0)) for role, version in seen.items()
            }
            versions = dict(document.revoked_versions)
            for claim in new.values():
                if claim.revoked_versions:
                    known = versions.get(folded(claim.name), {})
                    versions[folded(claim.name)] = {**claim.revoked_versions, **known}
            kept = _Document({**document.claims, **new}, sorted(revoked), yanked, newest, versions)
            if kept != document:
                atomic_write(file, msgspec.json.encode(kept, order="sorted"), mode=0o600)

    def read_index(self, file: Path) -> _Document:
        """Return what is remembered of one index. Raises `StoreError` for a damaged file."""
        found = read_document(
            file,
            _Document,
            version=VERSION,
            limit=MAX_BYTES,
            what="the record of an index",
            hint="restore it from a backup: without it tarkpm does not know revoked releases offline",
        )
        return found or _Document()


def _root(file: Path) -> str:
    return f"sha256:{file.stem}"
