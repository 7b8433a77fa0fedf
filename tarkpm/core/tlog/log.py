"""The keys of an index's log, as its root names them, and the checks of what rows say about the log.

The maintainers sign these keys in the root. The online key signs rows: its thief can list a release, but he
can neither name another log nor make witnesses up (docs/decisions/0210-the-log-of-an-index.md).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.document import convert
from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.release import PluginName
from tarkpm.core.tlog.note import Checkpoint, Cosignature, NoteKey, check_name, parse_checkpoint
from tarkpm.core.tlog.proof import LogProof, parse_proof, release_entry
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted, SignatureInvalid

MAX_WITNESSES: Final = 32


class LogKeys(msgspec.Struct, frozen=True):
    """The log of an index: its origin, which is the name in its notes, its key, and its witnesses.

    A release counts as logged once ``quorum`` witnesses cosigned a tree with it; 0 asks for none.
    """

    origin: str
    key: PublicKey
    witnesses: tuple[NoteKey, ...] = ()
    quorum: int = 0

    @property
    def named(self) -> NoteKey:
        """The log's key under its name in notes."""
        return NoteKey(self.origin, self.key)

    def without_quorum(self) -> "LogKeys":
        """Return these keys for a reader who does not wait for witnesses."""
        return msgspec.structs.replace(self, quorum=0)

    def problem(self) -> str:
        """Return what is wrong with these keys, in one sentence, or ""."""
        keys = [self.key, *(one.key for one in self.witnesses)]
        if len(set(keys)) != len(keys):
            return "a key of the log is listed twice: each witness has its own"
        if len({one.name for one in self.witnesses}) != len(self.witnesses):
            return "two witnesses have the same name"
        if len(self.witnesses) > MAX_WITNESSES:
            return f"expected at most {MAX_WITNESSES} witnesses, found {len(self.witnesses)}"
        if not 0 <= self.quorum <= len(self.witnesses):
            count = len(self.witnesses)
            return f"expected a quorum of at most {count} (the number of witnesses), found {self.quorum}"
        return ""

    def table(self) -> dict[str, Any]:
        """Return these keys as the root and proposals contain them."""
        witnesses = [{"name": one.name, "key": one.key} for one in self.witnesses]
        return {"origin": self.origin, "key": self.key, "witnesses": witnesses, "quorum": self.quorum}

    def checkpoint(self, data: bytes, *, where: str) -> Checkpoint:
        """Read a checkpoint with a valid signature of the log. Raises `IndexUntrusted`."""
        try:
            found = parse_checkpoint(data)
            found.check_log(self.named, where=where)
        except ValueError as problem:
            raise IndexUntrusted(str(problem), where=where) from None
        except SignatureInvalid as problem:
            raise IndexUntrusted(problem.message, where=where) from None
        return found

    def seen_by(self, checkpoint: Checkpoint, *, where: str) -> list[Cosignature]:
        """Return the witnesses' cosignatures of a checkpoint, one for each key. Raises `IndexUntrusted`."""
        try:
            return checkpoint.cosignatures(self.witnesses, where=where)
        except SignatureInvalid as problem:
            raise IndexUntrusted(problem.message, where=where) from None

    def check_release(
        self, text: str, name: PluginName, version: Version, statement: Digest, *, where: str
    ) -> LogProof:
        """Return the proof that a release is in the log. Raises `IndexUntrusted` for any other text.

        The checkpoint in it must still be compared with the one that everybody sees.
        """
        release = f"{name} {version}"
        if not text:
            raise IndexUntrusted(f"the row of {release} does not prove that it is in the log", where=where)
        try:
            proof = parse_proof(text)
            proof.check(release_entry(name, version, statement))
            proof.checkpoint.check_log(self.named, where=where)
        except ValueError as problem:
            raise IndexUntrusted(f"the log does not contain {release}: {problem}", where=where) from None
        except SignatureInvalid as problem:
            raise IndexUntrusted(
                f"the log does not contain {release}: {problem.message}", where=where
            ) from None
        if (seen := len(self.seen_by(proof.checkpoint, where=where))) < self.quorum:
            raise IndexUntrusted(
                f"{release} is in the log, but too few witnesses have seen it: expected {self.quorum}, "
                f"found {seen}",
                where=where,
                hint="try again later, or ask the index's maintainers to run: tarkpm index refresh",
            )
        return proof


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    origin: str
    key: str
    witnesses: list[dict[str, str]] = []
    quorum: int = 0


def log_keys(table: object, *, where: str) -> LogKeys:
    """Read the keys of a log from its table in a root or a proposal. Raises `IndexUntrusted`."""
    raw = convert(table, _Keys, where=where, error=IndexUntrusted)
    try:
        witnesses = tuple(map(_witness, raw.witnesses))
        keys = LogKeys(check_name(raw.origin), public_key(raw.key), witnesses, raw.quorum)
        if problem := keys.problem():
            raise ValueError(problem)
    except ValueError as problem:
        raise IndexUntrusted(f"the log of the index: {problem}", where=where) from None
    return keys


def _witness(table: Mapping[str, str]) -> NoteKey:
    if set(table) != {"name", "key"}:
        raise ValueError("expected the name and the key of a witness")
    return NoteKey(check_name(table["name"]), public_key(table["key"]))


def log_origin(index: str, root: str) -> str:
    """Return the origin of the log of an index, given its name and the digest of its first root.

    Equal names are no secret: the root tells two indexes apart.
    """
    return f"tark-index/{index}/{root.removeprefix('sha256:')[:32]}"


def seen_text(count: int) -> str:
    """Return how many witnesses have seen something, in words."""
    words = {0: "no witness", 1: "1 witness"}
    return f"seen by {words.get(count, f'{count} witnesses')}"
