"""Locked releases that an index took back: what is revoked is an error, what is yanked is kept."""

from collections.abc import Iterable, Iterator

from tarkpm.core.claim import Vouched
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import IndexSource


def is_revoked(entry: LockEntry, vouched: Vouched) -> bool:
    """Return whether a locked release was seen revoked on this machine."""
    source = entry.source
    if not isinstance(source, IndexSource) or entry.statement is None:
        return False
    return vouched.is_revoked(source, entry.name, entry.version, entry.statement.sha256)


def why_yanked(entry: LockEntry, vouched: Vouched) -> str:
    """Why a locked release was yanked when this machine last saw it; "" if it was not."""
    source = entry.source
    if not isinstance(source, IndexSource) or entry.statement is None:
        return ""
    return vouched.why_yanked(source, entry.statement.sha256)


def yanked_notes(entries: Iterable[LockEntry], vouched: Vouched) -> Iterator[str]:
    """Yield a note for each locked release that is yanked."""
    for entry in entries:
        if reason := why_yanked(entry, vouched):
            yield yanked_note(f"'{entry.name}' {entry.version}", reason)


def yanked_note(release: str, reason: str) -> str:
    """The sentence about one of them."""
    return f"{release} was yanked ({reason}): it is kept because it is locked"
