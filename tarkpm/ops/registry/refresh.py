"""``tarkpm index refresh``: the daily job. It requires the online key and makes no decisions."""

from pathlib import Path

import msgspec

from tarkpm.core.layout import INDEX, METADATA, ROOT, TIMESTAMP
from tarkpm.errors import IndexUntrusted, NotFound, TarkError
from tarkpm.ops.registry.desk import Desk
from tarkpm.ops.registry.proposals import carry_out, consider, pending, read
from tarkpm.ops.registry.transparency import cosign_rows, remember_log
from tarkpm.registry.catalogue import refresh_search
from tarkpm.registry.change import IndexChange
from tarkpm.registry.enact import has_root, in_force
from tarkpm.registry.folder import Index, open_index
from tarkpm.registry.lifetimes import BIN_RENEWED, to_text
from tarkpm.registry.sweep import sweep


class RefreshReport(msgspec.Struct, frozen=True):
    """The result of the daily job.

    ``enacted`` are titles of proposals, ``renewed`` counts bins, ``swept`` deleted files, ``written`` bytes.
    ``cosigned`` counts cosignatures of the log's witnesses that were taken, ``proofs`` rows whose proof now
    contains them.
    """

    enacted: tuple[str, ...]
    renewed: int
    swept: int
    written: int
    valid_until: str
    notes: tuple[str, ...] = ()
    cosigned: int = 0
    proofs: int = 0


def refresh(desk: Desk, online_name: str) -> RefreshReport:
    """Enact complete proposals, renew expiring bins, rebuild the search catalogue, sign a new timestamp.

    Raises `StoreError` if the online key is not on this machine. An invalid proposal is skipped with a note.
    """
    with desk.changing():
        # 1. Proposals first: they may replace the online key that signs everything else.
        enacted, notes = _enact(desk, online_name)
        index = desk.open()
        online = desk.require_online(index.authority.online, online_name)
        change = IndexChange(index, desk.now)
        # 2. Renew what expires, and rebuild what depends on all releases.
        renewed = _renew(desk, index, change, online_name)
        refresh_search(index, change, online)
        # 3. Let the proofs in rows show what witnesses have seen.
        seen, proofs = cosign_rows(index, change, online)
        notes += seen.notes
        report = RefreshReport(
            tuple(enacted),
            renewed,
            0,
            0,
            to_text(index.timestamp.expires),
            tuple(notes),
            len(seen.files),
            proofs,
        )
        if desk.settings.dry_run:
            return report
        # 4. Write, and only then delete what the new snapshot no longer lists.
        written = change.commit(desk.folder, online)
        index = desk.open()
        remember_log(desk, index)
        for file in seen.files:
            file.unlink(missing_ok=True)
        swept = sweep(index, desk.now)
        until = to_text(index.timestamp.expires)
        return msgspec.structs.replace(report, swept=swept, written=written, valid_until=until)


def _renew(desk: Desk, index: Index, change: IndexChange, online_name: str) -> int:
    """Sign the index bins that expire soon again; returns how many."""
    online = desk.require_online(index.authority.online, online_name)
    renewed = 0
    for role in index.authority.bins(INDEX):
        bin_ = index.read_bin(role)
        if bin_.expires - desk.now < BIN_RENEWED:
            change.bin(role, bin_.targets, online)
            renewed += 1
    return renewed


def _enact(desk: Desk, online_name: str) -> tuple[list[str], list[str]]:
    """Enact fully signed proposals and finish interrupted ones; returns titles, and notes on the others."""
    titles: list[str] = []
    notes: list[str] = []
    for file in pending(desk):
        try:
            title = _enact_one(desk, file, online_name)
        except TarkError as problem:
            if not (desk.folder / METADATA).is_dir():  # without an index there is no other work
                raise
            notes.append(f"{file.name}: {problem.message}")
            continue
        titles += [title] if title else []
    return titles, notes


def _enact_one(desk: Desk, file: Path, online_name: str) -> str:
    """Enact one proposal if it is fully signed; returns its title, or "" if it waits or is in force."""
    proposal = read(file)
    # The timestamp is written last. Without one, creating this index was interrupted: finish it.
    index = _index_for(desk) if (desk.folder / METADATA / f"{TIMESTAMP}.json").exists() else None
    if index and in_force(index, proposal):
        file.unlink()
        return ""
    if index and has_root(index, proposal):
        # Interrupted between root and timestamp, and both fit all the same: finish it as of the root before.
        index = open_index(desk.folder, roots=index.root.signed.version - 1)
    if index is None and not proposal.authority:
        hint = "see how to create one: tarkpm index create --help"
        raise NotFound("the folder does not contain an index", where=str(desk.folder), hint=hint)
    business = consider(desk, index, proposal, file)
    if business.missing():
        return ""
    authority = proposal.authority or (index.authority if index else None)
    assert authority is not None
    online = desk.require_online(authority.online, online_name)
    if not desk.settings.dry_run:
        carry_out(desk, business, online)
    return business.review.title


def _index_for(desk: Desk) -> Index:
    """Open the index; if writing its newest root was interrupted, open it as of the root before.

    A root is written before the timestamp: a crash between the two leaves metadata that does not match.
    """
    try:
        return desk.open()
    except IndexUntrusted:
        roots = sum(1 for _ in (desk.folder / METADATA).glob(f"*.{ROOT}.json"))
        if roots < 2:
            raise
        return open_index(desk.folder, roots=roots - 1)
