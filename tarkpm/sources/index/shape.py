"""The metadata allowed for each role of an index, checked before tuf checks a signature.

TUF permits more than an index needs, and each of these permits an attack:

- metadata does not name its role, so a mirror could serve one bin in place of another;
- keys count by keyid, so one key under two keyids meets a threshold of two;
- any targets role may delegate, so an index bin, signed by the online key, could delegate a bin of claims to
  another key, and tuf would store what that key signs under the same name.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec

from tarkpm.core.advised import MAX_PART, MAX_PARTS
from tarkpm.core.digest import is_digest
from tarkpm.core.document import convert, decode_json
from tarkpm.core.key import PublicKey, from_bytes
from tarkpm.core.layout import (
    ADVISORIES_FIELD,
    CLAIMS,
    INDEX,
    MAX_BITS,
    ROLE_FIELD,
    ROOT,
    SNAPSHOT,
    TIMESTAMP,
    TOP,
)
from tarkpm.errors import IndexUntrusted

MAX_KEYS: Final = 64
MAX_SIZE: Final = {ROOT: 512_000, TIMESTAMP: 16_384, SNAPSHOT: 4 << 20, TOP: 4 << 20}
"""Size limits of metadata in bytes. Delegated roles have the limit of the top role."""

_PATHS: Final = {CLAIMS: ["publishers/*"], INDEX: ["index/*"]}
_BIN = re.compile(r"(claims|index)-[0-9a-f]{1,4}")
_HEX = re.compile(r"[0-9a-f]{64}")

_Count = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class _Key(msgspec.Struct):
    keytype: str
    scheme: str
    keyval: dict[str, str]


class _Role(msgspec.Struct):
    keyids: list[str]
    threshold: _Count


class _Delegated(_Role):
    name: str
    terminating: bool
    paths: list[str]


class _Succinct(_Role):
    bit_length: Annotated[int, msgspec.Meta(ge=1, le=MAX_BITS)]
    name_prefix: str


class _Delegations(msgspec.Struct):
    keys: dict[str, _Key]
    roles: list[_Delegated] = []
    succinct_roles: _Succinct | None = None


class _Meta(msgspec.Struct):
    version: _Count


class _Target(msgspec.Struct):
    length: Annotated[int, msgspec.Meta(ge=0)]
    hashes: dict[str, str]


class ListPart(msgspec.Struct, frozen=True):
    """A part of the list of advisories, as the ``claims`` role names it."""

    length: Annotated[int, msgspec.Meta(ge=1, le=MAX_PART)]
    sha256: str


class _Signed(msgspec.Struct):
    kind: str = msgspec.field(name="_type")
    version: _Count
    expires: str
    spec_version: str
    role: str = msgspec.field(name=ROLE_FIELD, default="")
    consistent_snapshot: bool = False
    keys: dict[str, _Key] = {}
    roles: dict[str, _Role] = {}
    meta: dict[str, _Meta] = {}
    targets: dict[str, _Target] = {}
    advisories: Annotated[list[ListPart], msgspec.Meta(max_length=MAX_PARTS)] = msgspec.field(
        name=ADVISORIES_FIELD, default_factory=list
    )
    delegations: _Delegations | None = None


class _Signature(msgspec.Struct):
    keyid: str
    sig: str


class _Metadata(msgspec.Struct):
    signed: _Signed
    signatures: Annotated[list[_Signature], msgspec.Meta(max_length=MAX_KEYS)]


class Seen(msgspec.Struct, frozen=True):
    """Unverified properties of metadata. ``versions`` are those of other roles, by name."""

    version: int
    expires: str
    versions: Mapping[str, int] = {}


def check(role: str, data: bytes, *, where: str) -> Seen:
    """Return properties of metadata; raises `IndexUntrusted` unless ``data`` may be that of ``role``."""
    limit = MAX_SIZE.get(role, MAX_SIZE[TOP])
    signed = decode_json(data, _Metadata, where=where, error=IndexUntrusted, limit=limit).signed
    kind = role if role in (ROOT, TIMESTAMP, SNAPSHOT) else TOP
    if signed.kind != kind:
        raise IndexUntrusted(f"expected metadata of type '{kind}', found {signed.kind!r:.40}", where=where)
    try:
        if kind == ROOT:
            _check_root(signed)
        elif kind == TOP:
            _check_targets(role, signed)
    except ValueError as problem:
        raise IndexUntrusted(str(problem), where=where) from None
    versions = {name.removesuffix(".json"): meta.version for name, meta in signed.meta.items()}
    return Seen(signed.version, signed.expires, versions)


def _check_root(signed: _Signed) -> None:
    # Without consistent snapshots a file changes under its name, and readers meet mixed versions
    # (TUF specification, 6.2).
    if not signed.consistent_snapshot:
        raise ValueError("expected a root with consistent snapshots")
    for name, role in signed.roles.items():
        _check_keys(name, role, signed.keys)


def _check_targets(role: str, signed: _Signed) -> None:
    if signed.role != role:
        raise ValueError(f"expected metadata that names its role '{role}', found {signed.role!r:.60}")
    # The online key signs index bins: only maintainers may list advisories.
    if signed.advisories and role != CLAIMS:
        raise ValueError(f"'{role[:60]}' may not list advisories")
    if not all(is_digest(part.sha256) for part in signed.advisories):
        raise ValueError("expected the sha256 of each part of the list of advisories")
    delegations = signed.delegations
    if role in (TOP, CLAIMS, INDEX):
        if delegations is None or signed.targets:
            raise ValueError(f"expected '{role}' to delegate, and to list no targets")
        _check_delegations(role, delegations)
    # A bin signed by the online key could otherwise delegate to any key.
    elif not _BIN.fullmatch(role) or delegations is not None:
        raise ValueError(f"'{role[:60]}' may not delegate")


def _check_delegations(role: str, delegations: _Delegations) -> None:
    roles: Iterable[tuple[str, _Role]]
    if role == TOP:
        if delegations.succinct_roles or {one.name: one.paths for one in delegations.roles} != _PATHS:
            raise ValueError(f"expected '{TOP}' to delegate only the paths of {CLAIMS} and {INDEX}")
        roles = [(one.name, one) for one in delegations.roles]
    else:
        below = delegations.succinct_roles
        if below is None or delegations.roles or below.name_prefix != role:
            raise ValueError(f"expected '{role}' to delegate only its bins")
        roles = [(f"{role}-…", below)]
    for name, one in roles:
        _check_keys(name, one, delegations.keys)


def _check_keys(name: str, role: _Role, keys: Mapping[str, _Key]) -> None:
    """Raise `ValueError` unless the keys of a role are distinct, strong, and meet its threshold."""
    if len(role.keyids) > MAX_KEYS:
        raise ValueError(f"'{name}' has more than {MAX_KEYS} keys")
    found = [_public(keys[keyid]) for keyid in role.keyids if keyid in keys]
    # By key, not by keyid: one key under two keyids must not count twice.
    if len(set(found)) != len(role.keyids):
        raise ValueError(f"'{name}' lists a key twice, or an unknown key")
    if role.threshold > len(found):
        raise ValueError(f"'{name}' has fewer keys ({len(found)}) than its threshold ({role.threshold})")


def _public(key: _Key) -> PublicKey:
    text = key.keyval.get("public", "")
    if (key.keytype, key.scheme) != ("ed25519", "ed25519") or not _HEX.fullmatch(text):
        raise ValueError(f"expected an ed25519 key, found {key.keytype!r:.40}")
    return from_bytes(bytes.fromhex(text))


def list_parts(field: object, *, where: str) -> list[ListPart]:
    """Return the parts of the list of advisories from the signed field; none without it.

    `check` has seen it in the file. Raises `IndexUntrusted`.
    """
    return [] if field is None else convert(field, list[ListPart], where=where, error=IndexUntrusted)
