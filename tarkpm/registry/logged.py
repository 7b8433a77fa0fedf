"""Append releases to the log of an index, and put the proofs into their rows."""

from collections.abc import Iterator, Sequence

import msgspec

from tarkpm.core import rows
from tarkpm.core.layout import INDEX, SEARCH, rows_path
from tarkpm.core.release import PluginName
from tarkpm.core.rows import MAX_ROWS, Listing, ReleaseRow
from tarkpm.core.tlog.log import LogKeys
from tarkpm.core.tlog.note import Checkpoint
from tarkpm.core.tlog.proof import parse_proof, release_entry
from tarkpm.errors import IndexUntrusted
from tarkpm.registry.change import IndexChange
from tarkpm.registry.folder import Index
from tarkpm.registry.keys import Signer
from tarkpm.registry.log import IndexLog

Named = tuple[PluginName, ReleaseRow]


def log_rows(
    log: IndexLog, change: IndexChange, signer: Signer, named: Sequence[Named], *, whole: bool = False
) -> list[ReleaseRow]:
    """Append releases to the log; returns their rows with proofs. Raises `IndexUntrusted`.

    With ``whole``, no entry is repeated, wherever it is in the log.
    """
    entries = [release_entry(name, row.version, row.statement.sha256) for name, row in named]
    growth = log.grow(entries, signer.sign, look_back=log.size if whole else 512)
    change.log(growth.files, growth.checkpoint.text.encode())
    proofs = log.proofs(growth)
    return [
        msgspec.structs.replace(row, proof=proof.text) for (_, row), proof in zip(named, proofs, strict=True)
    ]


def log_everything(index: Index, change: IndexChange, keys: LogKeys, signer: Signer, online: Signer) -> None:
    """List every release with a proof from the log of these keys.

    A new log gets all releases, oldest first. If only the key is new, the tree stays as it is, and is signed
    again. Raises `IndexUntrusted` for a log that does not fit.
    """
    listings = list(_listings(index))
    named = [(listing.name, row) for listing in listings for row in listing.rows]
    # Rows without a time are of before indexes recorded it.
    named.sort(key=lambda one: (one[1].published or 0, one[0], one[1].version))
    logged = log_rows(_opened(index, keys), change, signer, named, whole=True)
    proofs = {row.statement.sha256: row for row in logged}
    for listing in listings:
        found = tuple(proofs[row.statement.sha256] for row in listing.rows)
        _put(change, msgspec.structs.replace(listing, rows=found), online)


def _opened(index: Index, keys: LogKeys) -> IndexLog:
    """Return the log, signed by these keys or, before they are in force, by those that they replace."""
    before = index.authority.log
    try:
        return IndexLog(index.folder, keys)
    except IndexUntrusted:
        if before is None or before.origin != keys.origin:
            raise
        return IndexLog(index.folder, before).signed_by(keys)


def reissue(index: Index, change: IndexChange, log: IndexLog, seen: Checkpoint, online: Signer) -> int:
    """Replace proofs that fewer witnesses have seen by ones from a cosigned checkpoint; returns how many."""
    count = 0
    for listing in _listings(index):
        replaced = tuple(_reissued(log, seen, row) for row in listing.rows)
        if replaced != listing.rows:
            count += sum(new is not old for new, old in zip(replaced, listing.rows, strict=True))
            _put(change, msgspec.structs.replace(listing, rows=replaced), online)
    return count


def _reissued(log: IndexLog, seen: Checkpoint, row: ReleaseRow) -> ReleaseRow:
    try:
        proof = parse_proof(row.proof)
    except ValueError:
        return row  # `index check` reports it
    # The lines are counted, not verified: these rows are the index's own.
    if proof.index >= seen.size or len(proof.checkpoint.lines()) >= len(seen.lines()):
        return row
    (better,) = log.prove([proof.index], seen)
    return msgspec.structs.replace(row, proof=better.text)


def _listings(index: Index) -> Iterator[Listing]:
    for path, target in index.entries(INDEX):
        if path != SEARCH:
            yield rows.parse(index.read_target(path, target, MAX_ROWS), where=path)


def _put(change: IndexChange, listing: Listing, online: Signer) -> None:
    change.update_bin(rows_path(listing.name), rows.render(listing), online)
