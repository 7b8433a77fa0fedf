"""A change of an index: all files it writes, in an order that never shows a reader half of the change.

Documents, bins and tiles of the log are written first: they have new names that nothing lists yet. The
checkpoint of the log follows, then the snapshot, a new root if there is one, and last the timestamp, which
makes the snapshot current. An interrupted write leaves unlisted files, which `refresh` deletes, and possibly
an entry of the log whose release is not listed: the next `accept` of that release takes it over.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from tarkpm.core.digest import Digest, sha256
from tarkpm.core.layout import CHECKPOINT, FILES, METADATA, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, release_file
from tarkpm.io.files import atomic_write
from tarkpm.registry import lifetimes
from tarkpm.registry.authority import payload, targets
from tarkpm.registry.folder import Index, target_file, target_of
from tarkpm.registry.keys import Signer, signature
from tarkpm.registry.lifetimes import bin_expiry

S = TypeVar("S", Root, Snapshot, Targets, Timestamp)

_COMPACT: Final = JSONSerializer(compact=True)
_FEW: Final = 64
"""Up to this many files are synced to disk one by one; more are synced together with `os.sync`."""


class IndexChange:
    """The files to write, and the versions a new snapshot will list."""

    def __init__(self, before: Index | None, now: datetime) -> None:
        """Begin with the current index, or None to create one."""
        self._before, self._now = before, now
        self.versions: dict[str, int] = dict(before.versions) if before else {}
        self._files: dict[str, bytes] = {}
        self._root = b""
        self._checkpoint = b""

    def document(self, path: str, data: bytes) -> TargetFile:
        """Add a target; returns its entry for a bin."""
        target = target_of(path, data)
        self._files[target_file(path, target)] = data
        return target

    def release(self, statement: Digest, data: bytes) -> None:
        """Add the statement and files of a release."""
        self._files[release_file(statement)] = data

    def bin(self, role: str, entries: Mapping[str, TargetFile], online: Signer) -> None:
        """Add a new version of an index bin, signed by the online key."""
        signed = targets(role, self.versions.get(role, 0) + 1, bin_expiry(role, self._now), dict(entries))
        self.metadata(role, sign(signed, online))

    def update_bin(self, path: str, data: bytes, online: Signer) -> None:
        """Add a target, and a new version of its bin that lists it."""
        assert self._before is not None
        role = self._before.authority.bin(path)
        entries = self._before.bin(role).targets
        entries[path] = self.document(path, data)
        # Two targets may share a bin. Its version is raised once per change, and the last update is written.
        self.versions[role] = self._before.versions[role]
        self.bin(role, entries, online)

    def metadata(self, role: str, metadata: Metadata[Targets]) -> None:
        """Add signed targets metadata."""
        version = metadata.signed.version
        self.versions[role] = version
        self._files[f"{METADATA}/{version}.{role}.json"] = metadata.to_bytes(_COMPACT)

    def root(self, metadata: Metadata[Root]) -> None:
        """Add a new root."""
        self._root = metadata.to_bytes(_COMPACT)
        self._root_name = f"{METADATA}/{metadata.signed.version}.{ROOT}.json"

    def log(self, files: Mapping[str, bytes], checkpoint: bytes) -> None:
        """Add tiles and entries of the log, and the checkpoint that becomes current with them."""
        self._files.update(files)
        self._checkpoint = checkpoint

    def commit(self, folder: Path, online: Signer) -> int:
        """Sign snapshot and timestamp and write all files; returns the bytes written."""
        # Signing may fail, so it comes before the first write.
        last = self._current(online)
        # 1. Make the folders of a new index.
        for name in (f"{TARGETS}/publishers", f"{TARGETS}/index", METADATA, FILES):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # 2. Write what nothing lists yet, and have it on disk before anything lists it.
        few = len(self._files) <= _FEW
        for name, data in self._files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            atomic_write(folder / name, data, durable=few)
        if not few:
            os.sync()
        # 3. Write checkpoint, snapshot, root and timestamp, in this order: from the timestamp on, the change
        #    is visible. The checkpoint comes first: otherwise, after a crash, another release could take the
        #    entry of one that is listed, and the log would have signed two trees of one size.
        for name, data in last.items():
            (folder / name).parent.mkdir(exist_ok=True)
            atomic_write(folder / name, data)
        return sum(map(len, (*self._files.values(), *last.values())))

    def _current(self, online: Signer) -> dict[str, bytes]:
        """Return the files that make the change visible, in the order of writing."""
        last: dict[str, bytes] = {CHECKPOINT: self._checkpoint} if self._checkpoint else {}
        before = self._before
        if before is None or self._files or self._root or self._snapshot_ages(before):
            version = before.snapshot.version + 1 if before else 1
            meta = {f"{role}.json": MetaFile(number) for role, number in self.versions.items()}
            snapshot = Snapshot(version, None, self._now + lifetimes.SNAPSHOT, meta)
            data = sign(snapshot, online).to_bytes(_COMPACT)
            last[f"{METADATA}/{version}.{SNAPSHOT}.json"] = data
            # The timestamp pins the snapshot by length and digest (TUF specification, 4.6).
            described = MetaFile(version, len(data), {"sha256": sha256(data)})
        else:
            described = before.timestamp.snapshot_meta
        if self._root:
            last[self._root_name] = self._root
        # Always a new version, even with the old snapshot: clients refuse a lower one (5.4.3).
        number = before.timestamp.version + 1 if before else 1
        timestamp = Timestamp(number, None, self._now + lifetimes.TIMESTAMP, described)
        last[f"{METADATA}/{TIMESTAMP}.json"] = sign(timestamp, online).to_bytes(_COMPACT)
        return last

    def _snapshot_ages(self, before: Index) -> bool:
        return before.snapshot.expires - self._now < lifetimes.SNAPSHOT_RENEWED


def sign(signed: S, *signers: Signer) -> Metadata[S]:
    """Return ``signed`` with a signature of each signer."""
    data = payload(signed)
    made = [signature(signer, data) for signer in signers]
    return Metadata(signed, {one.keyid: one for one in made})
