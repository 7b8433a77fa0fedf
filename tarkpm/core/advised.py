"""The list of an index's advisories, and what a machine knows of them.

::

    {"version": 1, "plugins": {"text-tools": [["x_TARK-2026-0001", "2026-11-28T10:00:00Z"]]}}

The list names the advisories of each plugin by id and time of change. It is small, and a client holds all of
it: a server that is asked for nothing else does not learn what is installed. The list is in parts, so that a
client fetches only the part that changed (docs/decisions/0182).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from tarkpm.core.advisory import Advisory, advisory_id, affects, fixes, names_release
from tarkpm.core.digest import Digest
from tarkpm.core.document import check_version, decode_json
from tarkpm.core.osv import check_time, parse
from tarkpm.core.release import IndexSource, PluginName, Source, folded, plugin_name
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

VERSION: Final = 1
MAX_PART: Final = 64 * 1024
"""Size limit of a part in bytes."""
MAX_PARTS: Final = 500
PART_ROWS: Final = 128
"""A part with this many advisories is full."""

Part = Mapping[PluginName, Mapping[str, str]]
"""Advisories by plugin: when each was modified, by id."""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    plugins: dict[str, list[tuple[str, str]]]


def parse_part(data: bytes, *, where: str) -> Part:
    """Read a part of a list. Raises `IndexUntrusted`."""
    document = decode_json(data, _Document, where=where, error=IndexUntrusted, limit=MAX_PART)
    try:
        check_version("a list of advisories", document.version, VERSION)
        return {
            plugin_name(name): {advisory_id(id_): check_time(modified) for id_, modified in rows}
            for name, rows in document.plugins.items()
        }
    except ValueError as problem:
        raise IndexUntrusted(str(problem), where=where) from None


def render_part(part: Part) -> bytes:
    """Return the bytes of a part. Equal parts have equal bytes."""
    plugins = {name: sorted(rows.items()) for name, rows in sorted(part.items())}
    return json.dumps({"version": VERSION, "plugins": plugins}, separators=(",", ":")).encode() + b"\n"


def with_row(parts: Sequence[Part], advisory: Advisory) -> list[Part]:
    """Return the parts with an advisory listed as it is now, in the last part; others stay as they are."""
    kept = [_without(part, advisory.id) for part in parts]
    kept = [part for part in kept if part]
    if not kept or sum(map(len, kept[-1].values())) >= PART_ROWS:
        kept.append({})
    last, name = kept[-1], advisory.name
    kept[-1] = {**last, name: {**last.get(name, {}), advisory.id: advisory.modified}}
    return kept


def _without(part: Part, id_: str) -> Part:
    if not any(id_ in rows for rows in part.values()):
        return part
    left = {name: {k: v for k, v in rows.items() if k != id_} for name, rows in part.items()}
    return {name: rows for name, rows in left.items() if rows}


class IndexAdvisories(msgspec.Struct, frozen=True):
    """What this machine knows of the advisories of one index.

    ``listed`` is the whole list, by folded name, and ``version`` that of the metadata which names it.
    ``records`` are the documents of plugins that some project
    here has or was about to have, by id. ``checked`` is when the index was last asked, in seconds since the
    epoch; ``expires`` is until when its answer counts as fresh.
    """

    listed: Mapping[str, Mapping[str, str]] = {}
    records: Mapping[str, bytes] = {}
    checked: int = 0
    expires: int = 0
    version: int = 0

    def of(self, name: str) -> Iterator[Advisory]:
        """Yield the known advisories of a plugin, withdrawn ones too, by id."""
        for id_ in sorted(self.listed.get(folded(name), ())):
            if data := self.records.get(id_):
                yield parse(data, where=id_)

    def unread(self, name: str) -> list[str]:
        """Return the ids of listed advisories of a plugin whose current documents are not here."""
        rows = self.listed.get(folded(name), {})
        here = {one.id: one.modified for one in self.of(name)}
        return sorted(id_ for id_, modified in rows.items() if here.get(id_) != modified)

    def merged(self, other: "IndexAdvisories") -> "IndexAdvisories":
        """Return the newer of both lists, with the documents of both; what is equally new is this one's.

        Two commands may learn at the same time: one that asked earlier must not undo what the other learned.
        """
        newer, older = (self, other) if self.version >= other.version else (other, self)
        there = {id_ for ids in newer.listed.values() for id_ in ids}
        records = {**older.records, **newer.records}
        kept = {id_: records[id_] for id_ in sorted(records.keys() & there)}
        return msgspec.structs.replace(newer, records=kept)


NOTHING: Final = IndexAdvisories()


class Advised(msgspec.Struct, frozen=True):
    """What this machine knows of advisories, by the digest of an index's first root."""

    indexes: Mapping[str, IndexAdvisories] = {}

    def index(self, source: IndexSource) -> IndexAdvisories:
        """Return what is known of an index; nothing for one that was never asked."""
        return self.indexes.get(source.root, NOTHING)

    def is_listed(self, name: str) -> bool:
        """Return whether an index lists an advisory about a plugin of this name."""
        return any(folded(name) in index.listed for index in self.indexes.values())

    def affecting(
        self, source: Source, name: str, version: Version, statement: Digest | None
    ) -> tuple[Advisory, ...]:
        """Return the advisories that affect a release, by id; ``statement`` is the digest of its statement.

        The versions that an advisory names are those of its index. A release from elsewhere is affected only
        if its very statement is named.
        """
        root = source.root if isinstance(source, IndexSource) else ""
        return tuple(
            one
            for at, index in self.indexes.items()
            for one in index.of(name)
            if names_release(one, name, statement) or (at == root and affects(one, name, version, statement))
        )

    def fixing(self, source: Source, name: str, version: Version) -> tuple[Advisory, ...]:
        """Return the advisories that name a release as their fix, by id."""
        if not isinstance(source, IndexSource):
            return ()
        return tuple(one for one in self.index(source).of(name) if fixes(one, name, version))
