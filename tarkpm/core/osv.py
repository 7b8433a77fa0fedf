"""Advisories as OSV documents (https://ossf.github.io/osv-schema/), in the subset that tarkpm writes.

One affected plugin, ranges of type SEMVER, exact releases by the digest of their statement, and a severity as
one word. Fields beyond this subset are ignored, as OSV asks of readers.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from tarkpm.core.advisory import Advisory, Severity, Span, advisory_id, checked
from tarkpm.core.digest import Digest, is_digest
from tarkpm.core.document import decode_json
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.release import index_root, plugin_name
from tarkpm.core.text import short
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

SCHEMA: Final = "1.7.5"
ECOSYSTEM: Final = "tark"
"""OSV's list of ecosystems is closed: its schema accepts these documents once this name is registered."""
MAX_ADVISORY: Final = 64 * 1024
"""Size limit of one document in bytes."""
MAX_SPANS: Final = 100
MAX_RELEASES: Final = 500
MAX_REFERENCES: Final = 20
MAX_SUMMARY: Final = 200
"""In characters."""

_TIME = lazy_pattern(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")


class _Package(msgspec.Struct):
    ecosystem: str
    name: str


class _Event(msgspec.Struct):
    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""
    limit: str = ""


class _Range(msgspec.Struct):
    type: str
    events: list[_Event]


class _Releases(msgspec.Struct):
    statement_sha256: list[str] = []


class _Affected(msgspec.Struct):
    package: _Package
    ranges: list[_Range] = []
    database_specific: _Releases = msgspec.field(default_factory=_Releases)


class _Reference(msgspec.Struct):
    url: str


class _Database(msgspec.Struct):
    severity: str
    index: str


class _Document(msgspec.Struct):
    id: str
    modified: str
    published: str
    affected: list[_Affected]
    database_specific: _Database
    summary: str = ""
    withdrawn: str = ""
    references: list[_Reference] = []


def parse(data: bytes, *, where: str) -> Advisory:
    """Read a document. Raises `IndexUntrusted` if it is malformed or exceeds a limit of this module."""
    document = decode_json(data, _Document, where=where, error=IndexUntrusted, limit=MAX_ADVISORY)
    try:
        return _advisory(document)
    except ValueError as problem:
        raise IndexUntrusted(str(problem), where=where) from None


def _advisory(document: _Document) -> Advisory:
    if len(document.affected) != 1 or document.affected[0].package.ecosystem != ECOSYSTEM:
        raise ValueError(f"expected one affected package of the ecosystem '{ECOSYSTEM}'")
    affected, said = document.affected[0], document.database_specific
    for moment in (document.modified, document.published, *filter(None, [document.withdrawn])):
        check_time(moment)
    _at_most("characters of a summary", len(document.summary), MAX_SUMMARY)
    return Advisory(
        advisory_id(document.id),
        plugin_name(affected.package.name),
        index_root(said.index),
        Severity.parse(said.severity),
        document.summary,
        document.published,
        document.modified,
        document.withdrawn,
        tuple(_spans(affected.ranges)),
        tuple(map(_digest, _bounded("releases", affected.database_specific.statement_sha256, MAX_RELEASES))),
        tuple(one.url for one in _bounded("references", document.references, MAX_REFERENCES)),
    )


def check_time(text: str) -> str:
    """Check a time such as 2026-01-31T12:00:00Z. Raises `ValueError`."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"expected a time like 2026-01-31T12:00:00Z, found {short(text)}")
    return text


def _spans(ranges: list[_Range]) -> Iterator[Span]:
    # Bounded before a version is parsed: 10,000 events would be compared with every locked release.
    _at_most("events", sum(len(one.events) for one in ranges), 2 * MAX_SPANS)
    for one in ranges:
        if one.type != "SEMVER":
            raise ValueError(f"expected a range of type SEMVER, found {short(one.type)}")
        yield from map(checked, _paired(one.events))


def _paired(events: Iterable[_Event]) -> Iterator[Span]:
    """Yield the spans of events in order: each ``introduced`` begins one, each other event ends it."""
    low: list[Version | None] = []
    for event in events:
        set_ = [name for name in event.__struct_fields__ if getattr(event, name)]
        if len(set_) != 1 or event.limit or (event.introduced != "") == bool(low):
            raise ValueError("expected events that are introduced and fixed or last_affected in turn")
        if event.introduced:
            low.append(None if event.introduced == "0" else Version.parse(event.introduced))
        elif event.fixed:
            yield Span(low.pop(), fixed=Version.parse(event.fixed))
        else:
            yield Span(low.pop(), last=Version.parse(event.last_affected))
    if low:
        yield Span(low.pop())


def _digest(text: str) -> Digest:
    if not is_digest(text):
        raise ValueError(f"expected a sha256 of 64 hexadecimal digits, found {short(text)}")
    return Digest(text)


def _bounded(what: str, items: list[Any], most: int) -> list[Any]:
    _at_most(what, len(items), most)
    return items


def _at_most(what: str, found: int, most: int) -> None:
    if found > most:
        raise ValueError(f"expected at most {most:,} {what}, found {found:,}")


def render(advisory: Advisory) -> bytes:
    """Return the document of an advisory. Equal advisories have equal bytes."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA,
        "id": advisory.id,
        "published": advisory.published,
        "modified": advisory.modified,
        "summary": advisory.summary,
        "affected": [
            {
                "package": {"ecosystem": ECOSYSTEM, "name": advisory.name},
                "ranges": [{"type": "SEMVER", "events": _events(span)} for span in advisory.spans],
                "database_specific": {"statement_sha256": list(advisory.releases)},
            }
        ],
        "references": [{"type": "ADVISORY", "url": url} for url in advisory.references],
        "database_specific": {"severity": advisory.severity.name, "index": advisory.index},
    }
    if advisory.withdrawn:
        document["withdrawn"] = advisory.withdrawn
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _events(span: Span) -> list[dict[str, str]]:
    end = {"fixed": str(span.fixed)} if span.fixed else {"last_affected": str(span.last)} if span.last else {}
    return [{"introduced": str(span.introduced or "0")}, *([end] if end else [])]
