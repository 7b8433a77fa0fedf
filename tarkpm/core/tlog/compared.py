"""What a comparison of a log with what others saw of it reports."""

import base64

import msgspec

from tarkpm.core.tlog.log import LogKeys
from tarkpm.core.tlog.note import Checkpoint


class SeenBy(msgspec.Struct, frozen=True):
    """A witness that cosigned a checkpoint, at a time in seconds since the epoch."""

    name: str
    key: str
    time: int


class SeenTree(msgspec.Struct, frozen=True):
    """A log that holds. ``tree`` is the root hash in base64, ``checkpoint`` the note.

    ``witnesses`` are all that the root names; ``quorum`` of them must see a release. ``compared`` is the
    number of entries in the checkpoint it was compared with; None without one.
    """

    origin: str
    key: str
    entries: int
    tree: str
    seen_by: tuple[SeenBy, ...]
    checkpoint: str
    witnesses: tuple[str, ...] = ()
    quorum: int = 0
    compared: int | None = None


def log_report(keys: LogKeys, checkpoint: Checkpoint, compared: Checkpoint | None, *, where: str) -> SeenTree:
    """Return the report about a checkpoint whose log signed it. Raises `IndexUntrusted`."""
    return SeenTree(
        keys.origin,
        keys.key,
        checkpoint.size,
        base64.b64encode(checkpoint.root).decode(),
        tuple(
            SeenBy(one.witness.name, one.witness.key, one.time)
            for one in keys.seen_by(checkpoint, where=where)
        ),
        checkpoint.text,
        tuple(one.name for one in keys.witnesses),
        keys.quorum,
        compared.size if compared else None,
    )
