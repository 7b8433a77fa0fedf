"""Read an index's folder for a maintainer: nothing unsigned in it is trusted.

Expiry is not checked, because `refresh` must open an index whose signatures expired. The first root is taken
as found: its digest is the identity of the index, which callers compare where they know it.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.metadata import Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from tarkpm.core import claim as claims
from tarkpm.core import osv, rows
from tarkpm.core.advised import MAX_PART, Part, parse_part
from tarkpm.core.advisory import Advisory
from tarkpm.core.claim import MAX_CLAIM, Claim
from tarkpm.core.digest import sha256
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import (
    CLAIMS,
    INDEX,
    METADATA,
    ROLE_FIELD,
    ROOT,
    SEARCH,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP,
    advisory_path,
    claim_path,
    is_advisory,
    rows_path,
)
from tarkpm.core.release import PluginName
from tarkpm.core.rows import MAX_ROWS, Listing
from tarkpm.core.search import MAX_SEARCH
from tarkpm.errors import IndexUntrusted, NotFound
from tarkpm.io.files import read_file, read_optional
from tarkpm.registry.authority import Authority, check_delegation, parts_of, payload, read_authority
from tarkpm.registry.keys import Quorum, check_quorum, quorum_of

S = TypeVar("S", Root, Snapshot, Targets, Timestamp)

PENDING: Final = "pending"
"""The folder of waiting proposals, beside the served folders."""

MAX_METADATA: Final = 16 * 1024 * 1024
MAX_ROOTS: Final = 1024


class Index:
    """A folder with its verified root, timestamp, snapshot and delegations.

    Bins and documents are read and verified on demand. ``replaced`` maps the online keys of older roots to
    the number of the root that replaced each.
    """

    def __init__(
        self, folder: Path, first: bytes, root: Metadata[Root], replaced: Mapping[PublicKey, int]
    ) -> None:
        """Use `open_index`, which verifies the root. Raises `IndexUntrusted` and `NotFound`."""
        self.folder, self.root, self.replaced = folder, root, replaced
        self.first_root = f"sha256:{sha256(first)}"
        self._bins: dict[str, Targets] = {}
        # The order of the TUF client workflow (specification, 5.4 to 5.6): each file states the next version.
        self.timestamp = self._read(f"{TIMESTAMP}.json", Timestamp, self._root_quorum(TIMESTAMP))
        version = self.timestamp.snapshot_meta.version
        self.snapshot = self._read(f"{version}.{SNAPSHOT}.json", Snapshot, self._root_quorum(SNAPSHOT))
        _check_version(self.snapshot, version, self._where(f"{version}.{SNAPSHOT}.json"))
        self.versions = {name.removesuffix(".json"): m.version for name, m in self.snapshot.meta.items()}
        # The quorum of the root, not keys a delegation names: `check_delegation` requires both to be equal.
        maintainers = self._root_quorum(TOP)
        self.delegations = {role: self._targets(role, maintainers) for role in (TOP, CLAIMS, INDEX)}
        self.authority: Authority = read_authority(
            root.signed, self.delegations[CLAIMS], where=self._where(f"{root.signed.version}.{ROOT}.json")
        )
        for role, signed in self.delegations.items():
            check_delegation(self.authority, role, signed, where=self._where(f"{signed.version}.{role}.json"))

    @property
    def name(self) -> PluginName:
        """The name of the index."""
        return self.authority.name

    def bin(self, role: str) -> Targets:
        """Return the verified metadata of a bin, and keep it."""
        if role not in self._bins:
            self._bins[role] = self.read_bin(role)
        return self._bins[role]

    def read_bin(self, role: str) -> Targets:
        """Like `bin`, but without keeping it: for callers that read all bins."""
        return self._targets(role, self.authority.quorum(role))

    def entries(self, parent: str) -> Iterator[tuple[str, TargetFile]]:
        """Yield every target path below `CLAIMS` or `INDEX`, one bin at a time."""
        for role in self.authority.bins(parent):
            yield from self.read_bin(role).targets.items()

    def document(self, path: str, limit: int) -> bytes | None:
        """Return the verified bytes of a target, ``limit`` at most; None if it is not listed."""
        target = self.bin(self.authority.bin(path)).targets.get(path)
        return None if target is None else self.read_target(path, target, limit)

    def read_target(self, path: str, target: TargetFile, limit: int) -> bytes:
        """Return the bytes of a listed target; raises `IndexUntrusted` unless its digest matches."""
        where = target_file(path, target)
        try:
            data = read_file(self.folder / where, min(limit, target.length))
        except FileNotFoundError:
            raise IndexUntrusted("the file is listed but missing", where=str(self.folder / where)) from None
        if len(data) != target.length or sha256(data) != target.hashes.get("sha256"):
            raise IndexUntrusted(
                "the file differs from the one that was signed", where=str(self.folder / where)
            )
        return data

    def claim(self, name: PluginName) -> Claim | None:
        """Return the claim of a plugin; None if it is not claimed."""
        path = claim_path(name)
        data = self.document(path, MAX_CLAIM)
        return None if data is None else claims.parse(data, where=f"{self.folder}: {path}")

    def claim_entries(self) -> Iterator[tuple[str, TargetFile]]:
        """Yield the target path of every claim, one bin at a time."""
        return ((path, target) for path, target in self.entries(CLAIMS) if not is_advisory(path))

    @cached_property
    def advisory_parts(self) -> list[Part]:
        """The list of advisories, in its parts."""
        found = ((str(part.path), part) for part in parts_of(self.delegations[CLAIMS]))
        return [parse_part(self.read_target(path, part, MAX_PART), where=path) for path, part in found]

    def advisory(self, id_: str) -> Advisory | None:
        """Return an advisory; None if the index does not have it."""
        path = advisory_path(id_)
        data = self.document(path, osv.MAX_ADVISORY)
        return None if data is None else osv.parse(data, where=f"{self.folder}: {path}")

    def listing(self, name: PluginName) -> Listing:
        """Return the releases of a plugin; an empty listing if there are none."""
        path = rows_path(name)
        data = self.document(path, MAX_ROWS)
        return Listing(name) if data is None else rows.parse(data, where=f"{self.folder}: {path}")

    @cached_property
    def search(self) -> bytes | None:
        """The search catalogue; None if there is none."""
        return self.document(SEARCH, MAX_SEARCH)

    def _root_quorum(self, role: str) -> Quorum:
        root = self.root.signed
        return quorum_of(root.roles[role], root.keys, where=self._where(f"{root.version}.{ROOT}.json"))

    def _targets(self, role: str, quorum: Quorum) -> Targets:
        where = self._where(f"{role}.json")
        if role not in self.versions:
            raise IndexUntrusted("the snapshot does not list this file", where=where)
        signed = self._read(f"{self.versions[role]}.{role}.json", Targets, quorum)
        _check_version(signed, self.versions[role], where)
        # All bins have the same keys, so without its name one bin could stand in for another.
        if signed.unrecognized_fields.get(ROLE_FIELD) != role:
            raise IndexUntrusted(f"expected metadata that names its role '{role}'", where=where)
        return signed

    def _read(self, name: str, kind: type[S], quorum: Quorum) -> S:
        metadata = read_metadata(self.folder, name, kind)
        check_quorum(quorum, payload(metadata.signed), metadata.signatures, where=self._where(name))
        return metadata.signed

    def _where(self, name: str) -> str:
        return str(self.folder / METADATA / name)


def open_index(folder: Path, *, roots: int | None = None) -> Index:
    """Open an index with its newest root, or with root number ``roots``.

    Each root must be signed by the quorum of the root before it and by its own (TUF specification, 5.3.4).
    Raises `NotFound` if there is no index, and `IndexUntrusted`.
    """
    first = read_optional(folder / METADATA / f"1.{ROOT}.json", MAX_METADATA)
    if first is None:
        hint = "name its folder with --index DIR, or create one: tarkpm index create --help"
        raise NotFound("the folder does not contain an index", where=str(folder), hint=hint)
    root = _next_root(folder, 1, None)
    replaced: dict[PublicKey, int] = {}
    for number in range(2, (roots or MAX_ROOTS) + 1):
        if not (folder / METADATA / f"{number}.{ROOT}.json").exists():
            break
        before, root = root, _next_root(folder, number, root)
        replaced |= dict.fromkeys(_online(folder, before) - _online(folder, root), number)
    return Index(folder, first, root, replaced)


def _online(folder: Path, root: Metadata[Root]) -> frozenset[PublicKey]:
    signed = root.signed
    where = str(folder / METADATA / f"{signed.version}.{ROOT}.json")
    return quorum_of(signed.roles[TIMESTAMP], signed.keys, where=where).keys


def _next_root(folder: Path, number: int, before: Metadata[Root] | None) -> Metadata[Root]:
    name = f"{number}.{ROOT}.json"
    where = str(folder / METADATA / name)
    root = read_metadata(folder, name, Root)
    _check_version(root.signed, number, where)
    # Signed by the old quorum, so that only maintainers replace it, and by the new one, so that its keys are
    # known to exist (TUF specification, 5.3.4).
    for signed in [root.signed] if before is None else [before.signed, root.signed]:
        quorum = quorum_of(signed.roles[ROOT], signed.keys, where=where)
        check_quorum(quorum, payload(root.signed), root.signatures, where=where)
    return root


def entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder, one at a time: there may be a million. A missing folder is an empty one.

    Git keeps no empty folders, so a clone of an index without releases has no ``files``.
    """
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        yield from entries


def read_metadata(folder: Path, name: str, kind: type[S]) -> Metadata[S]:
    """Parse a metadata file of one kind without checking signatures. Raises `IndexUntrusted`."""
    path = folder / METADATA / name
    try:
        metadata: Metadata[S] = Metadata.from_bytes(read_file(path, MAX_METADATA))
    except FileNotFoundError:
        raise IndexUntrusted("the file is missing", where=str(path)) from None
    except DeserializationError as problem:
        cause = problem.__cause__ or problem
        raise IndexUntrusted(f"the file is not TUF metadata: {cause}", where=str(path)) from None
    if not isinstance(metadata.signed, kind):
        raise IndexUntrusted(f"expected {kind.type} metadata, found {metadata.signed.type}", where=str(path))
    return metadata


def _check_version(signed: Signed, version: int, where: str) -> None:
    if signed.version != version:
        raise IndexUntrusted(f"expected version {version}, found {signed.version}", where=where)


def target_of(path: str, data: bytes) -> TargetFile:
    """Return the entry of a document in its bin."""
    return TargetFile(len(data), {"sha256": sha256(data)}, path)


def target_file(path: str, target: TargetFile) -> str:
    """Return the path of a target file in the index (TUF specification, 6.2, consistent snapshots)."""
    folder, _, name = path.rpartition("/")
    return f"{TARGETS}/{folder}/{target.hashes['sha256']}.{name}"
