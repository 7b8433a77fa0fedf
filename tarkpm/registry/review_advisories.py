"""Show what a proposal of an advisory would do, and refuse what no command makes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from tarkpm.core import urls
from tarkpm.core.advised import MAX_PARTS, PART_ROWS, with_row
from tarkpm.core.advisory import Advisory, affects
from tarkpm.core.rows import Listing
from tarkpm.core.text import neutral, some
from tarkpm.errors import IndexUntrusted, Refused
from tarkpm.registry.folder import Index
from tarkpm.registry.lifetimes import to_text
from tarkpm.registry.review import HOSTILE, Review

PUBLISH: Final = "publish an advisory"
CHANGE: Final = "change an advisory"
WITHDRAW: Final = "withdraw an advisory"


def review_advisories(index: Index, wanted: tuple[Advisory, ...], made: datetime, *, where: str) -> Review:
    """Review a proposal ``made`` at that time. An advisory is never removed: it can only be withdrawn.

    Raises `IndexUntrusted` for a change that no command makes, and `Refused` for a plugin that is not
    claimed, and for a text or URL that could mislead a reader.
    """
    if len(wanted) != 1:
        raise IndexUntrusted(
            f"the proposal would change several advisories at once: {some([one.id for one in wanted])}",
            where=where,
            hint=HOSTILE,
        )
    after = wanted[0]
    before = index.advisory(after.id)
    if problem := _problem(index, before, after, made):
        raise IndexUntrusted(f"the proposal is refused: {problem}", where=where, hint=HOSTILE)
    _check_name(index, after, where)
    _check_texts(after, where)
    # Clients refuse an index with more parts, all of it.
    if len(with_row(index.advisory_parts, after)) > MAX_PARTS:
        raise Refused(f"the index has {MAX_PARTS * PART_ROWS:,} advisories, which is the limit", where=where)
    verb = PUBLISH if before is None else WITHDRAW if after.withdrawn else CHANGE
    listing = index.listing(after.name)
    return Review(
        f"{verb}: {after.id} of {after.name}", tuple(_rows(before, after, listing)), _warnings(after, listing)
    )


def _problem(index: Index, before: Advisory | None, after: Advisory, made: datetime) -> str:
    """Return what no command does, or ""."""
    if after.index != index.first_root:
        return f"{after.id} is an advisory of another index: {after.index}"
    # Clients fetch a document again when its time of change differs.
    if after.modified != to_text(made):
        return f"expected {after.id} to be modified when it was proposed, on {to_text(made)}"
    known = {row.statement.sha256 for row in index.listing(after.name).rows}
    if others := [digest for digest in after.releases if digest not in known]:
        return f"{others[0]} is not a release of '{after.name}'"
    if before is None:
        return (
            ""
            if (after.published, after.withdrawn) == (after.modified, "")
            else "a new advisory is published now"
        )
    if (before.name, before.published) != (after.name, after.published):
        return f"{after.id} is an advisory about '{before.name}' of {before.published}"
    # A reader that saw it withdrawn may have forgotten it.
    return f"{after.id} is withdrawn for good: use another id" if before.withdrawn else ""


def _check_name(index: Index, after: Advisory, where: str) -> None:
    claim = index.claim(after.name)
    if claim is None or claim.name != after.name:
        spelled = f"; '{claim.name}' is claimed" if claim else ""
        raise Refused(f"'{after.name}' is not claimed in this index{spelled}", where=where)


def _check_texts(after: Advisory, where: str) -> None:
    """Raise `Refused` for a text that a terminal or a reader could take for something else."""
    if neutral(after.summary) != after.summary:
        text = "expected a summary on one line, without invisible characters"
        raise Refused(f"{text}, found {neutral(after.summary, limit=80)}", where=where)
    for url in after.references:
        try:
            target = urls.parse(url)
        except ValueError as problem:
            raise Refused(f"'{neutral(url, limit=80)}' is not a reference: {problem}", where=where) from None
        if target.scheme != "https":
            raise Refused(f"expected a URL like https://…, found '{neutral(url, limit=80)}'", where=where)


def _rows(before: Advisory | None, after: Advisory, listing: Listing) -> Iterator[tuple[str, str]]:
    yield "plugin", after.name
    versions = [str(row.version) for row in listing.rows if affects(after, after.name, row.version)]
    yield "affected", after.affected or "none"
    yield "listed releases", some(versions, 10) or "none"
    yield "fixed in", ", ".join(map(str, after.fixed)) or "none"
    yield "severity", str(after.severity)
    yield "summary", after.summary or "none"
    yield "references", " ".join(after.references)
    if before and not after.withdrawn:
        yield "before", f"{before.affected} ({before.severity}) {before.summary}".strip()


def _warnings(after: Advisory, listing: Listing) -> tuple[str, ...]:
    if after.withdrawn:
        return ()
    there = {row.version.key for row in listing.rows}
    missing = tuple(f"the fix {fix} is not listed yet" for fix in after.fixed if fix.key not in there)
    if any(affects(after, after.name, row.version) for row in listing.rows):
        return missing
    return (*missing, "it affects no listed release")
