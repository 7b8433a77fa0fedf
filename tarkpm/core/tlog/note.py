"""Checkpoints: signed notes about a log (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

::

    ORIGIN
    SIZE
    ROOT in base64

    — ORIGIN <base64: key id, signature>                the log
    — WITNESS <base64: key id, time, signature>         a witness (c2sp.org/tlog-cosignature, ed25519)

Signatures by unknown keys are ignored, as the specification demands: others may trust other witnesses.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from tarkpm.core.key import PublicKey, check_signature, to_bytes
from tarkpm.core.tlog.merkle import HASH
from tarkpm.errors import SignatureInvalid

MAX_NOTE: Final = 64 * 1024
MAX_SIGNATURES: Final = 100
"""More signature lines are refused: each by a known key costs a verification."""
MAX_SIZE: Final = 1 << 62
LOG_TYPE: Final = 1
COSIGNATURE_TYPE: Final = 4
_DASH: Final = "\u2014 "
_SIGNATURE: Final = 64
_TIME: Final = 8

Sign = Callable[[bytes], bytes]


class NoteKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key under the name it has in notes."""

    name: str
    key: PublicKey


class Cosignature(msgspec.Struct, frozen=True):
    """A valid cosignature, at a time in seconds since the epoch. It says: no other tree was seen before."""

    witness: NoteKey
    time: int


class Checkpoint(msgspec.Struct, frozen=True):
    """A tree of a log as a note says it. ``body`` is the signed text, ``text`` the whole note.

    `parse_checkpoint` checks no signature.
    """

    origin: str
    size: int
    root: bytes
    body: str
    text: str

    def same_tree(self, other: "Checkpoint") -> bool:
        """Return whether both are about the same tree of the same log."""
        return (self.origin, self.size, self.root) == (other.origin, other.size, other.root)

    def check_log(self, log: NoteKey, *, where: str) -> None:
        """Raise `SignatureInvalid` unless this is a checkpoint of this log, with a valid signature."""
        if self.origin != log.name:
            text = f"expected a checkpoint of the log '{log.name}', found one of '{self.origin[:120]}'"
            raise SignatureInvalid(text, where=where)
        mine = key_id(log.name, LOG_TYPE, log.key)
        for name, data in _lines(self.text):
            if name == log.name and data[:4] == mine:
                check_signature(log.key, data[4:], self.body.encode(), where=where)
                return
        raise SignatureInvalid(f"the checkpoint is not signed by {log.key}", where=where)

    def names(self, key: "NoteKey") -> bool:
        """Return whether a signature line claims to be by this key; `check_log` says whether it is."""
        mine = key.name, key_id(key.name, LOG_TYPE, key.key)
        return any((name, data[:4]) == mine for name, data in _lines(self.text))

    def cosignatures(self, witnesses: Iterable[NoteKey], *, where: str) -> list[Cosignature]:
        """Return the cosignatures of these witnesses, one for each key: names and lines are free to repeat.

        Raises `SignatureInvalid` for one that is not valid.
        """
        ids = {(one.name, key_id(one.name, COSIGNATURE_TYPE, one.key)): one for one in witnesses}
        found: dict[PublicKey, Cosignature] = {}
        for name, data in _lines(self.text):
            witness = ids.get((name, data[:4]))
            if witness and witness.key not in found:
                time = int.from_bytes(data[4 : 4 + _TIME])
                message = _cosigned(self.body, time)
                check_signature(witness.key, data[4 + _TIME :], message, where=where)
                found[witness.key] = Cosignature(witness, time)
        return list(found.values())

    def with_lines(self, lines: Iterable[str]) -> "Checkpoint":
        """Return this note with more signature lines; those it has are not repeated."""
        here = set(self.lines())
        text = self.text + "".join(f"{line}\n" for line in dict.fromkeys(lines) if line not in here)
        return msgspec.structs.replace(self, text=text)

    def lines(self) -> list[str]:
        """Return the signature lines."""
        return self.text[len(self.body) + 1 :].split("\n")[:-1]


def check_name(name: str) -> str:
    """Return the name of a key in notes. Raises `ValueError` (c2sp.org/signed-note)."""
    if not name or len(name) > 200 or not name.isascii() or not name.isprintable() or set(name) & set(" +"):
        text = "expected a name of at most 200 characters without spaces and '+'"
        raise ValueError(f"{text}, found {name[:80]!r}")
    return name


def key_id(name: str, kind: int, key: PublicKey) -> bytes:
    """Return the four bytes that tell keys apart. They are not a commitment: signatures are."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + to_bytes(key)).digest()[:4]


def verifier_key(log: NoteKey, kind: int = LOG_TYPE) -> str:
    """Return the text of a key as other tools read it (a "vkey" of c2sp.org/signed-note)."""
    raw = base64.b64encode(bytes([kind]) + to_bytes(log.key)).decode()
    return f"{log.name}+{key_id(log.name, kind, log.key).hex()}+{raw}"


def sign_checkpoint(log: NoteKey, sign: Sign, size: int, root: bytes) -> Checkpoint:
    """Return the checkpoint of a tree with the log's signature."""
    body = f"{log.name}\n{size}\n{base64.b64encode(root).decode()}\n"
    line = _line(log.name, key_id(log.name, LOG_TYPE, log.key) + sign(body.encode()))
    return Checkpoint(log.name, size, root, body, f"{body}\n{line}\n")


def cosign(checkpoint: Checkpoint, witness: NoteKey, sign: Sign, time: int) -> str:
    """Return the line with which a witness cosigns a checkpoint, at a time in seconds since the epoch."""
    mine = key_id(witness.name, COSIGNATURE_TYPE, witness.key) + time.to_bytes(_TIME)
    return _line(witness.name, mine + sign(_cosigned(checkpoint.body, time)))


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Read a checkpoint without checking signatures. Raises `ValueError`."""
    if len(data) > MAX_NOTE:
        raise ValueError(f"a checkpoint has at most {MAX_NOTE:,} bytes, found {len(data):,}")
    text = data.decode("utf-8")
    body, blank, signatures = text.rpartition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) < 3 or not signatures.endswith("\n"):
        raise ValueError("expected a signed checkpoint of a log")
    if signatures.count("\n") > MAX_SIGNATURES:
        raise ValueError(f"a checkpoint has more than {MAX_SIGNATURES} signatures")
    origin, size, root = lines[:3]
    found = Checkpoint(check_name(origin), number(size), decoded(root, HASH), f"{body}\n", text)
    list(_lines(text))  # raises
    return found


def number(text: str) -> int:
    """Return a number in its one form: digits without leading zeros. Raises `ValueError`."""
    if not (text.isascii() and text.isdigit() and len(text) < 20) or str(int(text)) != text:
        raise ValueError(f"expected a number, found {text[:40]!r}")
    if (found := int(text)) >= MAX_SIZE:
        raise ValueError(f"expected a number below 2^62, found {text}")
    return found


def decoded(text: str, size: int = 0) -> bytes:
    """Return the bytes of canonical base64, of ``size`` bytes unless it is 0. Raises `ValueError`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    # RFC 4648, section 3.5: decoders accept several texts, and a signed text must have one meaning.
    if not data or base64.b64encode(data).decode() != text or (size and len(data) != size):
        raise ValueError(f"expected {size or 'some'} bytes in base64, found {text[:80]!r}")
    return data


def _lines(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the names and data of the signature lines. Raises `ValueError`."""
    for line in text.rpartition("\n\n")[2].split("\n")[:-1]:
        name, space, data = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space or len(raw := decoded(data)) < 5:
            raise ValueError(f"expected a signature line, found {line[:80]!r}")
        yield name, raw


def _line(name: str, data: bytes) -> str:
    return f"{_DASH}{name} {base64.b64encode(data).decode()}"


def _cosigned(body: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{body}".encode()
