"""Rows: an index's list of the releases of a plugin (``index/<name>.json``), one row per version.

Rows are extracted from signed plugin.toml files and signed by an online key. They are enough to resolve
versions and to fetch files. Before a release is installed, its statement and plugin.toml are verified, and
both must agree with the row.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tarkpm.core.digest import FileEntry, is_digest
from tarkpm.core.document import check_version, decode_json
from tarkpm.core.file_names import file_name, same_name
from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.release import TYPES, Dependency, PluginName, plugin_name
from tarkpm.core.release_age import moment_text, parse_moment
from tarkpm.core.text import ellipsis
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

if TYPE_CHECKING:  # few rows have rebuilds
    from tarkpm.core.rebuilt import ListedRebuild

VERSION: Final = 2
"""The format of listings with proofs. Others are written as 1, for older versions of tarkpm."""
MAX_ROWS: Final = 4 * 1024 * 1024
MAX_DESCRIPTION: Final = 200
"""Characters of a description. The rest is cut."""


class ReleaseRow(msgspec.Struct, frozen=True):
    """A release as listed by an index. ``yanked`` is the reason, "" if it is not yanked.

    ``published`` is when the index listed the release, in seconds since the epoch. None in rows of before
    indexes recorded it. Dates of the author never count: a publisher may claim any.
    ``capabilities`` are unparsed text, for search and display only: a newer tarkpm may have written kinds
    that this one does not know. ``rebuilds`` are attestations, whose signatures are not checked here
    (`tarkpm.core.rebuilt`). ``proof`` shows that the log of the index has the release
    (`tarkpm.core.tlog.proof`); "" without a log. ``identity`` is the CI identity that the release proved to
    the index, or "".
    """

    version: Version
    type: str
    statement: StatementEntry
    files: tuple[FileEntry, ...]
    requires: tuple[Dependency, ...] = ()
    min_tark_version: Version | None = None
    capabilities: tuple[str, ...] = ()
    description: str = ""
    yanked: str = ""
    published: int | None = None
    rebuilds: "tuple[ListedRebuild, ...]" = ()
    proof: str = ""
    identity: str = ""

    @property
    def size(self) -> int:
        """Bytes of the statement and all files: the length of ``files/<statement sha256>``."""
        return self.statement.size + sum(file.size for file in self.files)


class Listing(msgspec.Struct, frozen=True):
    """All releases of one plugin, oldest version first.

    ``publisher`` is the key in the plugin's claim when the newest release was accepted. It is only a hint:
    the claim decides who may publish. The hint predicts the claim's text, so that only its digest is fetched.
    """

    name: PluginName
    rows: tuple[ReleaseRow, ...] = ()
    publisher: PublicKey | None = None

    def get(self, version: Version) -> ReleaseRow | None:
        """Return the row of this version, or None."""
        return next((row for row in self.rows if row.version == version), None)


def row_of(manifest: Manifest, statement: StatementEntry, files: Iterable[FileEntry]) -> ReleaseRow:
    """Return the row of a verified release, which says nothing that only the index knows."""
    return ReleaseRow(
        version=manifest.version,
        type=manifest.type,
        statement=statement,
        files=tuple(sorted(files)),
        requires=manifest.dependencies,
        min_tark_version=manifest.min_tark_version,
        capabilities=tuple(map(str, manifest.capabilities)),
        description=ellipsis(" ".join(manifest.description.split()), MAX_DESCRIPTION),
    )


class _Row(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: str
    type: str
    statement: StatementEntry
    files: list[FileEntry]
    requires: list[str] = []
    min_tark_version: str = ""
    capabilities: list[str] = []
    description: str = ""
    yanked: str = ""
    published: str = ""
    rebuilds: list[dict[str, Any]] = []
    proof: str = ""
    identity: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    name: str
    releases: list[_Row]
    publisher: str = ""


def parse(data: bytes, *, where: str) -> Listing:
    """Read the rows of a plugin. Raises `IndexUntrusted`."""
    document = decode_json(data, _Document, where=where, error=IndexUntrusted, limit=MAX_ROWS)
    try:
        check_version("a listing", document.version, 1, VERSION)
        # Version 1 has no such field, and older versions of tarkpm refuse it: all must read rows alike.
        if document.version == 1 and any(row.proof for row in document.releases):
            raise ValueError("expected no 'proof' in a listing of version 1")
        rows = tuple(sorted(map(_row, document.releases), key=lambda row: row.version))
        # Two rows of one version would make the choice depend on their order.
        if len({row.version for row in rows}) != len(rows):
            raise ValueError("a version is listed twice")
        publisher = public_key(document.publisher) if document.publisher else None
        return Listing(plugin_name(document.name), rows, publisher)
    except ValueError as problem:
        raise IndexUntrusted(str(problem), where=where) from None


def _row(raw: _Row) -> ReleaseRow:
    if raw.type not in TYPES:
        raise ValueError(f"type: expected one of {', '.join(TYPES)}, found {raw.type!r:.60}")
    for file in (FileEntry("", raw.statement.sha256, raw.statement.size), *raw.files):
        if not is_digest(file.sha256) or file.size < 0:
            raise ValueError("expected a sha256 of 64 hexadecimal digits and a size")
    if pair := same_name(file.name for file in raw.files):
        raise ValueError(f"the files '{pair[0]}' and '{pair[1]}' have the same name")
    return ReleaseRow(
        version=Version.parse(raw.version),
        type=raw.type,
        statement=raw.statement,
        files=tuple(sorted(FileEntry(file_name(file.name), file.sha256, file.size) for file in raw.files)),
        requires=tuple(map(Dependency.parse, raw.requires)),
        min_tark_version=Version.parse(raw.min_tark_version) if raw.min_tark_version else None,
        capabilities=tuple(raw.capabilities),
        description=raw.description,
        yanked=raw.yanked,
        published=parse_moment(raw.published) if raw.published else None,
        rebuilds=_rebuilds(raw.rebuilds) if raw.rebuilds else (),
        proof=raw.proof,
        identity=_identity(raw.identity) if raw.identity else "",
    )


def _identity(text: str) -> str:
    from tarkpm.core.ci_identity import CiIdentity

    return str(CiIdentity.parse(text))


def _rebuilds(tables: list[dict[str, Any]]) -> "tuple[ListedRebuild, ...]":
    from tarkpm.core.rebuilt import MAX_REBUILDS, listed

    if len(tables) > MAX_REBUILDS:
        raise ValueError(f"expected at most {MAX_REBUILDS} rebuilds, found {len(tables)}")
    return tuple(map(listed, tables))


def render(listing: Listing) -> bytes:
    """Return the bytes of a plugin's rows. Equal listings have equal bytes."""
    document: dict[str, Any] = {"publisher": listing.publisher} if listing.publisher else {}
    document |= {
        "version": VERSION if any(row.proof for row in listing.rows) else 1,
        "name": listing.name,
        "releases": [_table(row) for row in sorted(listing.rows, key=lambda row: row.version)],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _table(row: ReleaseRow) -> dict[str, Any]:
    raw = _Row(
        version=str(row.version),
        type=row.type,
        statement=row.statement,
        files=list(row.files),
        requires=list(map(str, row.requires)),
        min_tark_version=str(row.min_tark_version or ""),
        capabilities=list(row.capabilities),
        description=row.description,
        yanked=row.yanked,
        published="" if row.published is None else moment_text(row.published),
        proof=row.proof,
        identity=row.identity,
    )
    if row.rebuilds:
        from tarkpm.core.rebuilt import to_table

        raw.rebuilds = list(map(to_table, row.rebuilds))
    table: dict[str, Any] = msgspec.to_builtins(raw)
    return table
