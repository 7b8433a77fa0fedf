"""Locked releases that were revoked or yanked (docs/trust-rules.md, rule 8).

A revoked release is an error; a yanked one is kept where it is locked.
"""

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
    """Return why a locked release was yanked when last seen on this machine, "" if it was not."""
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
    """Return the note about a yanked release."""
    return f"{release} was yanked ({reason}): it is kept because it is locked"
