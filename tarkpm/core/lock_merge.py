"""Merge two versions of tark.lock by plugin, and read one in which git left a conflict.

git merges lines. A lock is a set of plugins, so two branches that changed different plugins have no conflict,
and where both changed the same plugin, neither side is right: what a project needs is resolved again.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from tarkpm.core.binding import AcceptedRelease
from tarkpm.core.lockfile import HEADER, Lock, LockEntry, in_form_of, parse
from tarkpm.core.release import PluginName
from tarkpm.errors import LockError

OURS: Final = "<<<<<<<"
BASE: Final = "|||||||"
MIDDLE: Final = "======="
THEIRS: Final = ">>>>>>>"
_MARKER: Final = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?: [^\n]*)?\r?\n?")
"""A line that git writes around a conflict (git-merge(1), "How conflicts are presented")."""


class Merged(msgspec.Struct, frozen=True):
    """The plugins on which a merge has one answer, and those that both sides changed."""

    entries: tuple[LockEntry, ...]
    conflicts: tuple[PluginName, ...] = ()


def merge(base: Lock, ours: Lock, theirs: Lock) -> Merged:
    """Merge by plugin: what one side changed is taken, and what both changed alike."""
    entries, conflicts = [], []
    for name in sorted({*base.by_name, *ours.by_name, *theirs.by_name}):
        was, our, their = (side.get(name) for side in (base, ours, theirs))
        if _same(our, their):
            entries.append(_fuller(our, their))
        elif _same(their, was):
            entries.append(our)
        elif _same(our, was):
            entries.append(their)
        else:
            conflicts.append(PluginName(name))
    return Merged(tuple(entry for entry in entries if entry), tuple(conflicts))


def agreed(ours: Lock, theirs: Lock) -> Lock:
    """Return the entries of both sides that do not contradict each other.

    An entry of one side alone stays: if nothing requires it, resolving drops it.
    """
    names = {*ours.by_name, *theirs.by_name}
    pairs = ((ours.get(name), theirs.get(name)) for name in names)
    found = (_fuller(our, their) for our, their in pairs if not (our and their) or _same(our, their))
    return Lock.of(filter(None, found))


def compared(
    entries: Sequence[LockEntry], release: LockEntry, accepted: Collection[AcceptedRelease]
) -> LockEntry | None:
    """Return which of the entries that a merge left of a plugin a release is compared with.

    It is one of the same version, the same release if there is one, or else the lowest: what is older than
    both sides, or has other contents than theirs, is what nobody locked (docs/trust-rules.md, rule 7). For a
    user who ``accepted`` releases of the same publisher, but not this one, only the sides count that are
    among these: any other may come from anybody. Without one, this returns None.
    """
    if accepted and AcceptedRelease.of(release) not in accepted:
        entries = [entry for entry in entries if AcceptedRelease.of(entry) in accepted]
    same = [entry for entry in entries if entry.version == release.version]
    equal = [entry for entry in same if entry.files == release.files]
    return next(iter(equal or same or sorted(entries, key=lambda entry: entry.version)), None)


def _fuller(one: LockEntry | None, other: LockEntry | None) -> LockEntry | None:
    """Return one of two entries that say the same, or the only one: of two versions the newer."""
    return one if one and (one.is_complete or not other) else other


def _same(one: LockEntry | None, other: LockEntry | None) -> bool:
    return one.same_as(other) if one else other is None


def read_conflict(data: bytes) -> tuple[Lock, Lock] | None:
    """Return both sides of a lock in which git left conflicts; None if there are none, or no two locks.

    Each side is what the file would be with that side taken everywhere.
    """
    try:
        # Not `splitlines`: git and TOML know one end of a line, and a comment may hold the others.
        sides = _sides(re.findall(r"[^\n]*\n|[^\n]+", data.decode()))
        return (parse(sides[0].encode()), parse(sides[1].encode())) if sides else None
    except (ValueError, LockError):
        return None


def _sides(lines: list[str]) -> tuple[str, str] | None:
    """Return the text of both sides, None without a conflict. Raises `ValueError` for stray markers."""
    ours: list[str] = []
    theirs: list[str] = []
    places = {"": (ours, theirs), OURS: (ours,), BASE: (), MIDDLE: (theirs,)}
    order = {OURS: ("",), BASE: (OURS,), MIDDLE: (OURS, BASE), THEIRS: (MIDDLE,)}
    state, found = "", False
    for line in lines:
        marker = _MARKER.fullmatch(line)
        if marker is None:
            for side in places[state]:
                side.append(line)
            continue
        if state not in order[marker[1]]:
            raise ValueError(f"a conflict marker out of place: {marker[1]}")
        state, found = "" if marker[1] == THEIRS else marker[1], True
    if state:
        raise ValueError("a conflict does not end")
    return ("".join(ours), "".join(theirs)) if found else None


def merged_text(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Return what git's merge driver writes, and whether a conflict is left in it.

    A conflict is marked plugin by plugin; a side that is not a lock makes the whole file one. Line ends are
    those of ``ours``.
    """
    try:
        locks = [parse(data) if data.strip() else Lock() for data in (base, ours, theirs)]
    except LockError:
        return b"".join(_marked(ours, theirs)), True
    merged = merge(*locks)
    mine, other = (
        Lock.of([*merged.entries, *(entry for name in merged.conflicts if (entry := side.get(name)))])
        for side in locks[1:]
    )
    version = min(mine.version, other.version)
    parts = [f"{HEADER}version = {version}\n".encode()]
    for name in sorted({*mine.by_name, *other.by_name}):
        our, their = (_table(side.get(name), version) for side in (mine, other))
        parts += [our] if our == their else _marked(our, their)
    return in_form_of(ours, b"".join(parts)), bool(merged.conflicts)


def _table(entry: LockEntry | None, version: int) -> bytes:
    if entry is None:
        return b""
    if version == 1:
        entry = msgspec.structs.replace(entry, capabilities=None)
    return f"\n[[plugin]]\n{entry.text}".encode()


def _marked(ours: bytes, theirs: bytes) -> Iterator[bytes]:
    yield f"{OURS} ours\n".encode()
    yield ours
    yield f"{MIDDLE}\n".encode()
    yield theirs
    yield f"{THEIRS} theirs\n".encode()
