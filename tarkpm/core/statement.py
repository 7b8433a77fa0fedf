"""Sign, read and verify release statements (``plugin.dsse.json``).

A release statement is an in-toto Statement v1 (https://github.com/in-toto/attestation) in a DSSE envelope
(https://github.com/secure-systems-lab/dsse). tarkpm accepts a strict subset: one signature, whose keyid is
the signer's whole public key; one payload type; one predicate type; sha256 for every subject; no duplicate
key in any JSON object.

Envelope and payload each have one **canonical encoding**, the one that `sign` writes. A file that does not
re-encode to its own bytes is refused. So nobody without the publisher's key can make a second file of one
signature, and a revocation that names a statement by its digest cannot be evaded:

- the envelope is ``{"payload":…,"payloadType":…,"signatures":[{"keyid":…,"sig":…}]}`` with its keys in this
  order, in ASCII, without white space, with padded base64, and ends in one newline;
- the payload is JSON in ASCII, without white space, with the keys of every object and the subjects sorted.

``predicate.source`` is optional (`tarkpm.core.built_from`).
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tarkpm.core.digest import Digest, FileEntry, is_digest, sha256
from tarkpm.core.document import strict_json
from tarkpm.core.file_names import file_name, same_name
from tarkpm.core.key import PublicKey, check_signature, public_key
from tarkpm.core.names import MANIFEST, MAX_STATEMENT, STATEMENT
from tarkpm.core.release import PluginName, plugin_name
from tarkpm.core.text import json_flaw, short
from tarkpm.core.version import Version
from tarkpm.errors import DigestMismatch, SignatureInvalid

if TYPE_CHECKING:  # most statements have no source
    from tarkpm.core.built_from import BuiltFrom

MAX_SUBJECTS: Final = 16
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:tarkpm:plugin-release:1"


class Statement(msgspec.Struct, frozen=True):
    """The contents of a statement: a plugin, a version, and the digest and size of each of its files.

    ``source`` is what the publisher says the module was built from; None if nothing is said.
    """

    name: PluginName
    version: Version
    files: tuple[FileEntry, ...]
    source: "BuiltFrom | None" = None

    @property
    def digest(self) -> Digest:
        """The SHA-256 of the payload. It is the same for every signature of this statement."""
        return sha256(render_statement(self))


class Envelope(msgspec.Struct, frozen=True):
    """A parsed envelope. Its signature has not been checked yet."""

    payload: bytes
    signature: bytes
    key: PublicKey


def pae(payload: bytes) -> bytes:
    """Return the bytes that are signed: the pre-authentication encoding (DSSE protocol, PAE)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(
    name: PluginName,
    version: Version,
    files: Iterable[FileEntry],
    *,
    key: PublicKey,
    signer: Callable[[bytes], bytes],
    source: "BuiltFrom | None" = None,
) -> bytes:
    """Return the envelope of a release, ending in a newline.

    ``signer`` signs a message with the private key of ``key`` and returns the 64 bytes of the signature.
    """
    payload = render_statement(Statement(name, version, tuple(sorted(files)), source))
    return render_envelope(Envelope(payload, signer(pae(payload)), key))


def render_statement(statement: Statement) -> bytes:
    """Return the canonical encoding of a payload."""
    predicate: dict[str, Any] = {
        "name": statement.name,
        "version": str(statement.version),
        "sizes": {entry.name: entry.size for entry in statement.files},
    }
    # Left out where there is none: statements of before this key keep their bytes, and stay valid.
    if statement.source is not None:
        predicate["source"] = statement.source.table()
    table = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": entry.name, "digest": {"sha256": entry.sha256}} for entry in statement.files],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()


def render_envelope(envelope: Envelope) -> bytes:
    """Return the canonical encoding of an envelope."""
    table = {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": envelope.key, "sig": base64.b64encode(envelope.signature).decode()}],
    }
    return json.dumps(table, separators=(",", ":")).encode() + b"\n"


def verify(data: bytes, *, where: str = STATEMENT) -> tuple[Statement, PublicKey]:
    """Verify an envelope and return its statement and the key that signed it.

    Whether that key is trusted is decided by `policy`. Raises `SignatureInvalid`.
    """
    # In this order (DSSE protocol, "Verify"): the payload is untrusted until its signature is checked, so its
    # parser never sees bytes that nobody signed.
    envelope = parse_envelope(data, where=where)
    check_signature(envelope.key, envelope.signature, pae(envelope.payload), where=where)
    return parse_statement(envelope.payload, where=where), envelope.key


def check_files(
    statement: Statement, files: Mapping[str, bytes], *, where: str, hashed: Iterable[FileEntry] = ()
) -> None:
    """Raise `DigestMismatch` unless ``files`` are exactly the statement's subjects, byte for byte.

    ``hashed`` are the entries of those of ``files`` that the caller has hashed already.
    """
    listed = {entry.name for entry in statement.files}
    # In both directions: a file that was added would be installed although nobody signed it.
    for name in sorted(listed ^ set(files)):
        problem = (
            "is listed in the release statement, but missing from the release"
            if name in listed
            else "is not listed in the release statement"
        )
        raise DigestMismatch(f"'{name}' {problem}", where=where)
    known = {entry.name: entry for entry in hashed}
    for entry in statement.files:
        if known.get(entry.name) != entry:
            entry.check(files[entry.name], where=where)


def subject_names(data: bytes, *, where: str) -> list[str]:
    """Return the names of the files that an envelope lists, without checking its signature.

    They say what to fetch and are untrusted otherwise. Raises `SignatureInvalid` for a malformed statement.
    """
    envelope = parse_envelope(data, where=where)
    return [entry.name for entry in parse_statement(envelope.payload, where=where).files]


def parse_envelope(data: bytes, *, where: str, limit: int = MAX_STATEMENT) -> Envelope:
    """Read a DSSE envelope with exactly one signature, of at most ``limit`` bytes.

    Raises `SignatureInvalid`.
    """
    table = _table(_strict_json(data, where, limit), where, {"payload", "payloadType", "signatures"})
    if table["payloadType"] != PAYLOAD_TYPE:
        raise _bad(f"expected payloadType '{PAYLOAD_TYPE}', found {short(table['payloadType'])}", where)
    signatures = table["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise _bad("expected exactly one signature", where)
    signature = _table(signatures[0], where, {"keyid", "sig"})
    raw = _base64(signature["sig"], where)
    if len(raw) != 64:
        raise _bad(f"expected a signature of 64 bytes, found {len(raw)}", where)
    try:
        key = public_key(_text(signature["keyid"], where))
    except ValueError as problem:
        raise _bad(f"keyid: {problem}", where) from None
    envelope = Envelope(_base64(table["payload"], where), raw, key)
    _check_spelling("the envelope", data, render_envelope(envelope), where)
    return envelope


def parse_statement(payload: bytes, *, where: str) -> Statement:
    """Read the in-toto statement of a plugin release. Raises `SignatureInvalid`."""
    table = _table(_strict_json(payload, where), where, {"_type", "subject", "predicateType", "predicate"})
    # The types first: they give the other keys their meaning (in-toto Statement v1).
    for key, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if table[key] != expected:
            raise _bad(f"expected {key} '{expected}', found {short(table[key])}", where)
    said = table["predicate"]
    optional = {"source"} & set(said) if isinstance(said, dict) else set()
    predicate = _table(said, where, {"name", "version", "sizes"} | optional)
    try:
        statement = Statement(
            plugin_name(_text(predicate["name"], where)),
            Version.parse(_text(predicate["version"], where)),
            _subjects(table["subject"], predicate["sizes"], where),
            _source(predicate["source"]) if optional else None,
        )
    except ValueError as problem:
        raise _bad(str(problem), where) from None
    _check_spelling("the signed payload", payload, render_statement(statement), where)
    return statement


def _source(table: Any) -> "BuiltFrom":
    from tarkpm.core.built_from import from_table

    return from_table(table)


def _check_spelling(what: str, found: bytes, expected: bytes, where: str) -> None:
    if found != expected:
        raise _bad(f"{what} is not in the canonical encoding that 'tarkpm sign' writes", where)


def _subjects(subjects: Any, sizes: Any, where: str) -> tuple[FileEntry, ...]:
    if not isinstance(subjects, list) or not 2 <= len(subjects) <= MAX_SUBJECTS:
        raise _bad(f"expected 2 to {MAX_SUBJECTS} subjects", where)
    entries = tuple(sorted(_subject(subject, sizes, where) for subject in subjects))
    if pair := same_name(entry.name for entry in entries):
        raise _bad(f"the subjects '{pair[0]}' and '{pair[1]}' have the same name", where)
    names = {entry.name for entry in entries}
    if set(sizes) != names:
        raise _bad("sizes and subjects do not name the same files", where)
    # A statement cannot list itself: its digest would have to be part of what it is the digest of.
    if MANIFEST not in names or STATEMENT in names:
        raise _bad(f"expected '{MANIFEST}' among the subjects and not '{STATEMENT}'", where)
    return entries


def _subject(subject: Any, sizes: Any, where: str) -> FileEntry:
    table = _table(subject, where, {"name", "digest"})
    name = file_name(_text(table["name"], where))
    digest = _text(_table(table["digest"], where, {"sha256"})["sha256"], where)
    if not is_digest(digest):
        raise _bad(f"'{name}' has a malformed sha256", where)
    size = sizes.get(name) if isinstance(sizes, dict) else None
    if type(size) is not int or size < 0:  # not isinstance: True is an int
        raise _bad(f"'{name}' has no size", where)
    return FileEntry(name, digest, size)  # type: ignore[arg-type]


def _strict_json(data: bytes, where: str, limit: int = MAX_STATEMENT) -> Any:
    if len(data) > limit:
        raise _bad(f"{len(data)} bytes, the limit is {limit}", where)
    try:
        return strict_json(data)
    except (ValueError, RecursionError) as problem:
        raise _bad(f"not strict JSON: {json_flaw(problem)}", where) from None


def _table(value: Any, where: str, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        raise _bad(f"expected an object with exactly {', '.join(sorted(keys))}", where)
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _bad(f"expected a string, found {short(value)}", where)
    return value


def _base64(value: Any, where: str) -> bytes:
    text = _text(value, where)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    # RFC 4648, section 3.5: other texts decode to the same bytes; only the canonical one is accepted.
    if not raw or base64.b64encode(raw).decode() != text:
        raise _bad("expected padded base64", where)
    return raw


def _bad(problem: str, where: str) -> SignatureInvalid:
    return SignatureInvalid(f"the release statement is malformed: {problem}", where=where)
