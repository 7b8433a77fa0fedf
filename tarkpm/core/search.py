"""The search catalogue of an index (``index/_search.json``), one line per plugin, for ``tarkpm search``.

The first line contains the format version. Each other line is a JSON list of name, version, type, capability
kinds and description. Lines are sorted by name::

    {"version":1}
    ["text-tools","1.2.0","tool",["storage"],"counts words, turns case"]

Lines are lists and not objects, because they are shorter and cannot contain a key twice. The catalogue is
signed by an online key and repeats what plugins say about themselves. It helps to find a plugin and is not
trusted for anything else.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from tarkpm.core.capability import KINDS
from tarkpm.core.claim import Claim
from tarkpm.core.document import check_version, flaw
from tarkpm.core.release import TYPES, PluginName, plugin_name
from tarkpm.core.rows import Listing
from tarkpm.core.text import ellipsis
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

VERSION: Final = 1
MAX_SEARCH: Final = 64 * 1024 * 1024
"""Bytes of a catalogue. This is enough for about 300,000 plugins."""
MAX_LINE: Final = 2048
MAX_DESCRIPTION: Final = 120
"""Characters of a description."""

_SPACE = re.compile(r"\s+")


class SearchEntry(msgspec.Struct, frozen=True):
    """A search result: a plugin and its newest release that is not yanked.

    ``capabilities`` are kinds (``http``), without hosts or paths. ``description`` is its author's text.
    """

    name: PluginName
    version: Version
    type: str
    capabilities: tuple[str, ...] = ()
    description: str = ""


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    version: int


class _Line(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    name: str
    version: str
    type: str
    capabilities: list[str]
    description: str


_HEADER = msgspec.json.Decoder(_Header)
_LINE = msgspec.json.Decoder(_Line)


def entry_of(listing: Listing, claim: Claim | None = None) -> SearchEntry | None:
    """Return the search entry of a plugin, or None if all its releases are yanked or revoked.

    It shows the newest release that is not a prerelease, or else the newest prerelease. ``claim`` names the
    revoked ones.
    """
    usable = [
        row
        for row in listing.rows
        if not row.yanked and not (claim and claim.revokes(row.version, row.statement.sha256))
    ]
    row = next((row for row in reversed(usable) if not row.version.pre), None)
    row = row or (usable[-1] if usable else None)
    if row is None:
        return None
    kinds = {text.partition(":")[0] for text in row.capabilities}
    description = ellipsis(_SPACE.sub(" ", row.description).strip(), MAX_DESCRIPTION)
    return SearchEntry(
        listing.name, row.version, row.type, tuple(k for k in KINDS if k in kinds), description
    )


def parse(lines: Iterable[bytes], *, where: str) -> Iterator[SearchEntry]:
    """Read a catalogue line by line, for example from a file in binary mode. Raises `IndexUntrusted`."""
    header = True
    for number, line in enumerate(lines, 1):
        try:
            # Lines are parsed one by one, so that a search needs little memory whatever an index serves.
            if len(line) > MAX_LINE:
                raise ValueError(f"expected at most {MAX_LINE} bytes, found {len(line)}")
            if header:
                _check_header(line)
                header = False
            else:
                yield _entry(_LINE.decode(line))
        except (ValueError, RecursionError, msgspec.MsgspecError) as problem:
            raise IndexUntrusted(f"line {number}: {flaw(problem)}", where=where) from None
    if header:
        raise IndexUntrusted("expected a search catalogue, found nothing", where=where)


def _check_header(line: bytes) -> None:
    check_version("a catalogue", _HEADER.decode(line).version, VERSION)


def _entry(raw: _Line) -> SearchEntry:
    if raw.type not in TYPES:
        raise ValueError(f"type: expected one of {', '.join(TYPES)}, found {raw.type!r:.60}")
    return SearchEntry(
        plugin_name(raw.name),
        Version.parse(raw.version),
        raw.type,
        tuple(raw.capabilities),
        ellipsis(raw.description, MAX_DESCRIPTION),
    )


def render(entries: Iterable[SearchEntry]) -> bytes:
    """Return the bytes of a catalogue. Equal entries give equal bytes."""
    parts = [msgspec.json.encode(_Header(VERSION))]
    parts += [
        msgspec.json.encode([e.name, str(e.version), e.type, list(e.capabilities), e.description])
        for e in sorted(entries, key=lambda entry: entry.name)
    ]
    return b"\n".join(parts) + b"\n"
