"""Who rebuilt a release, and what came out: signed, and listed by indexes (docs/decisions/0226).

An attestation is an in-toto statement (https://github.com/in-toto/attestation) with a predicate type of its
own, in a DSSE envelope as a release statement is, in one canonical encoding. Its subjects are the files of
the release; its predicate names the release's statement, the source that was built, and whether all files
came out the same.

An index keeps an attestation without what its row of the release says already. The payload is put together
again to verify the signature, so that a row of an index cannot claim what nobody signed.
"""

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from tarkpm.core.built_from import BuiltFrom, checked, from_table
from tarkpm.core.digest import Digest, FileEntry, is_digest
from tarkpm.core.key import PublicKey, check_signature, public_key
from tarkpm.core.names import MAX_STATEMENT
from tarkpm.core.release import PluginName, plugin_name
from tarkpm.core.shapes import from_value
from tarkpm.core.statement import STATEMENT_TYPE, Envelope, pae, parse_envelope, render_envelope
from tarkpm.core.version import Version
from tarkpm.errors import SignatureInvalid

PREDICATE_TYPE: Final = "urn:tarkpm:rebuild:1"
MAX_REBUILDS: Final = 16
"""Attestations that an index lists of one release."""


class RebuiltRelease(msgspec.Struct, frozen=True):
    """What identifies a release: ``statement`` is the SHA-256 of its plugin.dsse.json."""

    name: PluginName
    version: Version
    statement: Digest
    files: tuple[FileEntry, ...]


class Rebuild(msgspec.Struct, frozen=True):
    """The outcome of one rebuild: from what, and whether all files of the release came out the same."""

    source: BuiltFrom
    same: bool


class ListedRebuild(msgspec.Struct, frozen=True):
    """A rebuild as a row of an index has it, with the key and the signature (base64) of who made it."""

    key: PublicKey
    signature: str
    rebuild: Rebuild


def sign_rebuild(
    release: RebuiltRelease, rebuild: Rebuild, *, key: PublicKey, signer: Callable[[bytes], bytes]
) -> bytes:
    """Return the envelope of an attestation. ``signer`` signs a message with the private key of ``key``."""
    payload = _payload(release, rebuild)
    return render_envelope(Envelope(payload, signer(pae(payload)), key))


def read_rebuild(data: bytes, *, where: str) -> tuple[RebuiltRelease, ListedRebuild]:
    """Verify an attestation, and return what it is about and what it says. Raises `SignatureInvalid`."""
    envelope = parse_envelope(data, where=where)
    # The payload is parsed after its signature was checked (DSSE protocol, "Verify").
    check_signature(envelope.key, envelope.signature, pae(envelope.payload), where=where)
    release, rebuild = _parse(envelope.payload, where)
    if _payload(release, rebuild) != envelope.payload:
        raise SignatureInvalid("the attestation is not in the encoding that tarkpm writes", where=where)
    signature = base64.b64encode(envelope.signature).decode()
    return release, ListedRebuild(envelope.key, signature, rebuild)


def is_valid(release: RebuiltRelease, listed: ListedRebuild) -> bool:
    """Return whether the key of a listed rebuild signed it for this release."""
    try:
        signature = base64.b64decode(listed.signature, validate=True)
        check_signature(listed.key, signature, pae(_payload(release, listed.rebuild)), where="")
    except (SignatureInvalid, ValueError):
        return False
    return True


def rebuilders(
    release: RebuiltRelease, rebuilds: Iterable[ListedRebuild], signer: str | None, *, same: bool
) -> tuple[PublicKey, ...]:
    """Return the distinct keys that signed this outcome, sorted, without the release's ``signer``.

    The publisher is no second opinion, and one key counts once, however often it is listed.
    """
    found = {
        one.key
        for one in rebuilds
        if one.rebuild.same == same and one.key != signer and is_valid(release, one)
    }
    return tuple(sorted(found))


def to_table(listed: ListedRebuild) -> dict[str, Any]:
    """Return the JSON object in a row of an index."""
    return {
        "key": listed.key,
        "signature": listed.signature,
        "source": listed.rebuild.source.table(),
        "same": listed.rebuild.same,
    }


class _Raw(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    signature: str
    source: BuiltFrom
    same: bool


def listed(table: dict[str, Any]) -> ListedRebuild:
    """Read what `to_table` returns. The signature is not checked. Raises `ValueError`."""
    try:
        raw = from_value(table, _Raw)
    except msgspec.ValidationError as problem:
        raise ValueError(f"rebuilds: {problem}") from None
    if len(raw.signature) != 88:  # 64 bytes in base64
        raise ValueError("rebuilds: expected a signature of 64 bytes")
    return ListedRebuild(public_key(raw.key), raw.signature, Rebuild(checked(raw.source), raw.same))


def _payload(release: RebuiltRelease, rebuild: Rebuild) -> bytes:
    table = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": entry.name, "digest": {"sha256": entry.sha256}} for entry in sorted(release.files)
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "name": release.name,
            "version": str(release.version),
            "sizes": {entry.name: entry.size for entry in release.files},
            "statement": release.statement,
            "source": rebuild.source.table(),
            "same": rebuild.same,
        },
    }
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()


def _parse(payload: bytes, where: str) -> tuple[RebuiltRelease, Rebuild]:
    """Read a payload, whose encoding the caller compares."""
    from tarkpm.core.document import strict_json

    try:
        if len(payload) > MAX_STATEMENT:
            raise ValueError(f"more than {MAX_STATEMENT:,} bytes")
        table = strict_json(payload)
        if table["predicateType"] != PREDICATE_TYPE:
            raise ValueError(f"expected predicateType '{PREDICATE_TYPE}'")
        said, sizes = table["predicate"], table["predicate"]["sizes"]
        entries = (
            FileEntry(one["name"], one["digest"]["sha256"], sizes[one["name"]]) for one in table["subject"]
        )
        files = tuple(sorted(entries))
        if not (is_digest(said["statement"]) and type(said["same"]) is bool):
            raise ValueError("expected a digest and an outcome")
        release = RebuiltRelease(
            plugin_name(said["name"]), Version.parse(said["version"]), said["statement"], files
        )
        return release, Rebuild(from_table(said["source"]), said["same"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        why = str(problem) if type(problem) is ValueError else "it has another shape"
        raise SignatureInvalid(f"the attestation is malformed: {why}", where=where) from None
