"""Take the cosignatures of witnesses into an index: files in ``pending/``, one a witness and checkpoint."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.layout import COSIGNED
from tarkpm.core.tlog.note import MAX_NOTE, Checkpoint
from tarkpm.errors import IndexUntrusted, TarkError
from tarkpm.io.files import read_file, read_optional
from tarkpm.registry.folder import PENDING
from tarkpm.registry.log import IndexLog

SUFFIX: Final = ".cosigned"


class Witnessed(msgspec.Struct, frozen=True):
    """The checkpoint that most witnesses have seen, with their cosignatures; None without any.

    ``files`` were taken and can go; ``notes`` say why others cannot be taken.
    """

    checkpoint: Checkpoint | None
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def take_cosignatures(log: IndexLog) -> Witnessed:
    """Read the cosigned checkpoints that wait in ``pending/``. Changes nothing."""
    trees: dict[int, Checkpoint] = {}
    kept = read_optional(log.folder / COSIGNED, MAX_NOTE)
    before = None
    if kept is not None:
        # One that the log signed with a key that was replaced counts no longer.
        with suppress(IndexUntrusted):
            before = log.keys.checkpoint(kept, where=str(log.folder / COSIGNED))
            trees[before.size] = before
    taken, notes = [], []
    for file in sorted((log.folder / PENDING).glob(f"*{SUFFIX}")):
        try:
            found = _read(log, file)
        except TarkError as problem:
            notes.append(f"{file.name}: {problem.message}")
            continue
        known = trees.get(found.size, found)
        trees[found.size] = known.with_lines(found.lines())
        taken.append(file)
    best = max(trees.values(), key=lambda one: _rank(log, one), default=None)
    return Witnessed(best if best != before else None, tuple(taken), tuple(notes))


def _rank(log: IndexLog, checkpoint: Checkpoint) -> tuple[bool, int, int]:
    """Rank what reached the quorum first, then what covers the most entries."""
    count = len(log.keys.seen_by(checkpoint, where=log.where))
    enough = count >= max(1, log.keys.quorum)
    return enough, checkpoint.size if enough else count, checkpoint.size


def _read(log: IndexLog, file: Path) -> Checkpoint:
    """Return a checkpoint with the cosignatures of this log's witnesses only. Raises `IndexUntrusted`."""
    where = str(file)
    found = log.keys.checkpoint(read_file(file, MAX_NOTE), where=where)
    if found.size > log.size or log.root_at(found.size) != found.root:
        raise IndexUntrusted(f"a witness saw another tree of {found.size:,} entries", where=where)
    seen = log.keys.seen_by(found, where=where)
    if not seen:
        raise IndexUntrusted("it has no cosignature of a witness of this log", where=where)
    names = {one.witness.name for one in seen} | {log.keys.origin}
    lines = [line for line in found.lines() if line.split(" ")[1] in names]
    return msgspec.structs.replace(found, text=f"{found.body}\n").with_lines(lines)
