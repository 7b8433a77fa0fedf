"""A change of an index: every file it writes, in an order in which no reader meets half of it.

Documents and bins have new names and are listed nowhere yet; then comes the snapshot that lists them, a new
root if there is one, and last the timestamp, which makes the snapshot the current one. A writer that dies
leaves files that nothing names, which `refresh` sweeps.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from tarkpm.core.digest import Digest, sha256
from tarkpm.core.layout import FILES, METADATA, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, release_file
from tarkpm.io.files import atomic_write
from tarkpm.registry import lifetimes
from tarkpm.registry.authority import payload, targets
from tarkpm.registry.folder import Index, target_file, target_of
from tarkpm.registry.keys import Signer, signature
from tarkpm.registry.lifetimes import bin_expiry

S = TypeVar("S", Root, Snapshot, Targets, Timestamp)

_COMPACT: Final = JSONSerializer(compact=True)
_FEW: Final = 64
"""Up to so many files are synced to disk one by one; more are written first and synced together."""


class IndexChange:
    """What is to be written, and the versions a new snapshot will list."""

    def __init__(self, before: Index | None, now: datetime) -> None:
        """Begin with the index as it is; None: there is none yet."""
        self._before, self._now = before, now
        self.versions: dict[str, int] = dict(before.versions) if before else {}
        self._files: dict[str, bytes] = {}
        self._root = b""

    def document(self, path: str, data: bytes) -> TargetFile:
        """Write a target; returns how its bin lists it."""
        target = target_of(path, data)
        self._files[target_file(path, target)] = data
        return target

    def release(self, statement: Digest, data: bytes) -> None:
        """Write the statement and files of a release."""
        self._files[release_file(statement)] = data

    def bin(self, role: str, entries: Mapping[str, TargetFile], online: Signer) -> None:
        """Write a new version of an index bin, signed by the online key."""
        signed = targets(role, self.versions.get(role, 0) + 1, bin_expiry(role, self._now), dict(entries))
        self.metadata(role, sign(signed, online))

    def update_bin(self, path: str, data: bytes, online: Signer) -> None:
        """Write a target, and its bin with it in the place of the one before."""
        assert self._before is not None
        role = self._before.authority.bin(path)
        entries = self._before.bin(role).targets
        entries[path] = self.document(path, data)
        # The bin is written by whoever updates it last: two targets may share one.
        self.versions[role] = self._before.versions[role]
        self.bin(role, entries, online)

    def metadata(self, role: str, metadata: Metadata[Targets]) -> None:
        """Write signed metadata of the targets kind."""
        version = metadata.signed.version
        self.versions[role] = version
        self._files[f"{METADATA}/{version}.{role}.json"] = metadata.to_bytes(_COMPACT)

    def root(self, metadata: Metadata[Root]) -> None:
        """Write a new root."""
        self._root = metadata.to_bytes(_COMPACT)
        self._root_name = f"{METADATA}/{metadata.signed.version}.{ROOT}.json"

    def commit(self, folder: Path, online: Signer) -> int:
        """Sign snapshot and timestamp and write everything; returns the bytes written."""
        last = self._current(online)
        for name in (f"{TARGETS}/publishers", f"{TARGETS}/index", METADATA, FILES):
            (folder / name).mkdir(parents=True, exist_ok=True)
        few = len(self._files) <= _FEW
        for name, data in self._files.items():
            atomic_write(folder / name, data, durable=few)
        if not few:
            os.sync()
        for name, data in last.items():
            atomic_write(folder / name, data)
        return sum(map(len, (*self._files.values(), *last.values())))

    def _current(self, online: Signer) -> dict[str, bytes]:
        """The files that make the change the index's present, in order."""
        last: dict[str, bytes] = {}
        before = self._before
        if before is None or self._files or self._root or self._snapshot_ages(before):
            version = before.snapshot.version + 1 if before else 1
            meta = {f"{role}.json": MetaFile(number) for role, number in self.versions.items()}
            snapshot = Snapshot(version, None, self._now + lifetimes.SNAPSHOT, meta)
            data = sign(snapshot, online).to_bytes(_COMPACT)
            last[f"{METADATA}/{version}.{SNAPSHOT}.json"] = data
            described = MetaFile(version, len(data), {"sha256": sha256(data)})
        else:
            described = before.timestamp.snapshot_meta
        if self._root:
            last[self._root_name] = self._root
        number = before.timestamp.version + 1 if before else 1
        timestamp = Timestamp(number, None, self._now + lifetimes.TIMESTAMP, described)
        last[f"{METADATA}/{TIMESTAMP}.json"] = sign(timestamp, online).to_bytes(_COMPACT)
        return last

    def _snapshot_ages(self, before: Index) -> bool:
        return before.snapshot.expires - self._now < lifetimes.SNAPSHOT_RENEWED


def sign(signed: S, *signers: Signer) -> Metadata[S]:
    """Metadata with these signatures."""
    data = payload(signed)
    made = [signature(signer, data) for signer in signers]
    return Metadata(signed, {one.keyid: one for one in made})
