"""Show what a proposal about the log of an index would do, and refuse what no command makes."""

from collections.abc import Iterator

import msgspec

from tarkpm.core.tlog.log import LogKeys, log_origin
from tarkpm.core.tlog.note import verifier_key
from tarkpm.errors import Refused
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import Index


def log_changes(index: Index | None, wanted: Authority) -> tuple[tuple[str, str], ...]:
    """Return the rows of a review about the log; none if it stays as it is. Raises `Refused`."""
    before, after = index.authority.log if index else None, wanted.log
    if before == after:
        return ()
    if index is None:
        raise Refused("an index is created without a log", hint="tarkpm index log init --help")
    # A reader who saw the log refuses an index without it, as one whose log was taken away.
    if after is None:
        raise Refused("the log of an index never ends")
    if msgspec.structs.replace(index.authority, log=after) != wanted:
        raise Refused("a change of the log changes nothing else")
    if after.origin != log_origin(index.name, index.first_root):
        raise Refused(f"the log '{after.origin}' is that of another index")
    return tuple(_rows(before, after))


def _rows(before: LogKeys | None, after: LogKeys) -> Iterator[tuple[str, str]]:
    if before is None:
        yield "NEW: log", after.origin
        yield "NEW: key of the log", after.key
    elif before.key != after.key:
        yield "no longer key of the log", before.key
        yield "NEW: key of the log", after.key
    if before is None or before.key != after.key:
        yield "for other tools", verifier_key(after.named)
    known = before.witnesses if before else ()
    for one in after.witnesses:
        if one not in known:
            yield "NEW: witness", f"{one.name} {one.key}"
    for one in known:
        if one not in after.witnesses:
            yield "no longer witness", f"{one.name} {one.key}"
    if before is None or before.quorum != after.quorum:
        yield "witnesses needed", str(after.quorum) + (f" (was {before.quorum})" if before else "")
