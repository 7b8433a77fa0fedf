"""The search catalogue of an index, ``index/_search.json``: one line a plugin, for ``tarkpm search``.

The first line says the format's version; each further one is a JSON list of name, version, type, capability
kinds and description, in order of name::

    {"version":1}
    ["text-tools","1.2.0","tool",["storage"],"counts words, turns case"]

Lists, not objects: they are shorter, and no key can occur twice. The catalogue is made by an online key from
what plugins say of themselves: it helps to find a plugin, and nothing else is ever believed of it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from tarkpm.core.capability import KINDS
from tarkpm.core.claim import Claim
from tarkpm.core.release import TYPES, PluginName, plugin_name
from tarkpm.core.rows import Listing
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

VERSION: Final = 1
MAX_SEARCH: Final = 64 * 1024 * 1024
"""Bytes of a catalogue: some 300,000 plugins."""
MAX_LINE: Final = 2048
MAX_DESCRIPTION: Final = 120
"""Characters of a description."""

_SPACE = re.compile(r"\s+")


class SearchEntry(msgspec.Struct, frozen=True):
    """A plugin as a search shows it: its newest release that is not yanked.

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
    """Return the search entry of a plugin; None if every release is yanked or revoked.

    The newest release that is not a prerelease, else the newest; ``claim`` says which are revoked.
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
    description = _SPACE.sub(" ", row.description).strip()[:MAX_DESCRIPTION]
    return SearchEntry(
        listing.name, row.version, row.type, tuple(k for k in KINDS if k in kinds), description
    )


def parse(lines: Iterable[bytes], *, where: str) -> Iterator[SearchEntry]:
    """Read a catalogue line by line (a file opened in binary mode will do); raises `IndexUntrusted`."""
    header = True
    for number, line in enumerate(lines, 1):
        try:
            if len(line) > MAX_LINE:
                raise ValueError(f"more than {MAX_LINE} bytes")
            if header:
                _check_header(line)
                header = False
            else:
                yield _entry(_LINE.decode(line))
        except (ValueError, RecursionError, msgspec.MsgspecError) as problem:
            raise IndexUntrusted(f"line {number}: {problem}", where=where) from None
    if header:
        raise IndexUntrusted("expected a search catalogue, found nothing", where=where)


def _check_header(line: bytes) -> None:
    version = _HEADER.decode(line).version
    if version != VERSION:
        raise ValueError(
            f"expected a catalogue of version {VERSION}, found {version}: it needs a newer tarkpm"
        )


def _entry(raw: _Line) -> SearchEntry:
    if raw.type not in TYPES:
        raise ValueError(f"type: expected one of {', '.join(TYPES)}, found {raw.type!r:.60}")
    return SearchEntry(
        plugin_name(raw.name),
        Version.parse(raw.version),
        raw.type,
        tuple(raw.capabilities),
        raw.description[:MAX_DESCRIPTION],
    )


def render(entries: Iterable[SearchEntry]) -> bytes:
    """The one text of a catalogue."""
    parts = [msgspec.json.encode(_Header(VERSION))]
    parts += [
        msgspec.json.encode([e.name, str(e.version), e.type, list(e.capabilities), e.description])
        for e in sorted(entries, key=lambda entry: entry.name)
    ]
    return b"\n".join(parts) + b"\n"
