"""The logs of indexes, as seen on this machine: the newest checkpoint of each, and proofs of releases.

This is state, not a cache: it is what a log that shows everybody another tree is compared with. There is one
file per index, named by the digest of its first root.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.tlog.log import LogKeys, log_keys
from tarkpm.core.tlog.note import Checkpoint, parse_checkpoint
from tarkpm.core.tlog.proof import parse_proof
from tarkpm.errors import StoreError, TarkError
from tarkpm.io.files import atomic_write, make_private
from tarkpm.io.locks import exclusive
from tarkpm.store.documents import read_document

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024


class LoggedRelease(msgspec.Struct, frozen=True, omit_defaults=True):
    """The proof of a release, and when the index listed it, in seconds since the epoch.

    A proof that came with a release from a registry is ``pending`` until its tree is compared with the index.
    """

    proof: str
    published: int | None = None
    pending: bool = False

    @property
    def checkpoint(self) -> Checkpoint:
        """The tree in the proof. Raises `ValueError` for a damaged one."""
        return parse_proof(self.proof).checkpoint


class SeenLog(msgspec.Struct, frozen=True):
    """A log: its keys, the newest checkpoint that was seen, and releases by their statement.

    ``trees`` are those of proofs that are pending.
    """

    keys: LogKeys
    checkpoint: Checkpoint
    releases: Mapping[Digest, LoggedRelease] = {}
    trees: tuple[Checkpoint, ...] = ()


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    keys: dict[str, Any]
    checkpoint: str
    releases: dict[Digest, LoggedRelease] = {}
    version: int = VERSION


def rank(checkpoint: Checkpoint) -> tuple[int, int]:
    """Return what orders the checkpoints of one log: the larger tree, then the one that more have signed."""
    return checkpoint.size, len(checkpoint.lines())


class Logs:
    """The logs under ``root``, the state folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "logs"

    def file(self, root: str) -> Path:
        """Return the file about the index with this first root."""
        return self.folder / f"{root.removeprefix('sha256:')}.json"

    def read(self, root: str) -> SeenLog | None:
        """Return what is remembered of an index's log; None if none was seen. Raises `StoreError`."""
        file = self.file(root)
        hint = "restore it from a backup: without it, a log that was rewritten is not noticed"
        found = read_document(
            file, _Document, version=VERSION, limit=MAX_BYTES, what="the record of a log", hint=hint
        )
        if found is None:
            return None
        try:
            checkpoint = parse_checkpoint(found.checkpoint.encode())
            trees = tuple(one.checkpoint for one in found.releases.values() if one.pending)
            return SeenLog(log_keys(found.keys, where=str(file)), checkpoint, found.releases, trees)
        except (ValueError, TarkError) as problem:
            raise StoreError(
                f"the record of a log is damaged: {problem}", where=str(file), hint=hint
            ) from None

    def remember(
        self,
        root: str,
        keys: LogKeys,
        checkpoint: Checkpoint,
        releases: Mapping[Digest, LoggedRelease],
        deadline_seconds: float,
    ) -> None:
        """Remember a checkpoint that was verified against the one here, and proofs that were verified.

        Raises `StoreBusy` and `StoreError`.
        """
        make_private(self.folder)
        file = self.file(root)
        with exclusive(file.with_suffix(".lock"), "tarkpm", deadline_seconds):
            before = self.read(root)
            # Never a lower one: another process may have seen a newer tree in the meantime.
            newest = max((before.checkpoint, checkpoint) if before else (checkpoint,), key=rank)
            known = {**before.releases, **releases} if before else dict(releases)
            # Proofs, and a tree, that a replaced key signed cannot be checked any more.
            if before and before.keys.key != keys.key and checkpoint.size >= before.checkpoint.size:
                newest, known = checkpoint, dict(releases)
            document = _Document(keys.table(), newest.text, known)
            data = msgspec.json.encode(document, order="sorted")
            if before is None or data != file.read_bytes():
                atomic_write(file, data, mode=0o600)
