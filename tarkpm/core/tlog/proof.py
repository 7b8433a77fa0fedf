"""The text that proves offline that an entry is in a log (c2sp.org/tlog-proof@v1).

::

    c2sp.org/tlog-proof@v1
    index 48213
    <hash in base64>, one a line, from the entry to the root

    <a checkpoint, with signatures of the log and of witnesses>
"""

import base64
from typing import Final

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.release import PluginName
from tarkpm.core.tlog import note
from tarkpm.core.tlog.merkle import HASH, MAX_PROOF, check_inclusion, leaf_hash
from tarkpm.core.tlog.note import Checkpoint
from tarkpm.core.version import Version

HEADER: Final = "c2sp.org/tlog-proof@v1"
ENTRY: Final = "tark-release/v1"
"""The first line of an entry about a release, so that entries of other kinds can follow one day."""
MAX_PROOF_TEXT: Final = note.MAX_NOTE + 64 * 1024


class LogProof(msgspec.Struct, frozen=True):
    """The position of an entry, the hashes that lead to the root, and the checkpoint with that root."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint

    @property
    def text(self) -> str:
        """The proof in its text form."""
        hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in self.hashes)
        return f"{HEADER}\nindex {self.index}\n{hashes}\n{self.checkpoint.text}"

    def check(self, entry: bytes) -> None:
        """Raise `ValueError` unless the checkpoint's tree has this entry. Checks no signature."""
        tree = self.checkpoint
        check_inclusion(self.index, tree.size, leaf_hash(entry), self.hashes, tree.root)


def release_entry(name: PluginName, version: Version, statement: Digest) -> bytes:
    """Return the entry of a release in the log of an index."""
    return f"{ENTRY}\n{name}\n{version}\nsha256:{statement}\n".encode()


def parse_proof(text: str) -> LogProof:
    """Read a proof without checking anything that it claims. Raises `ValueError`."""
    if len(text) > MAX_PROOF_TEXT:
        raise ValueError(f"a proof has at most {MAX_PROOF_TEXT:,} characters, found {len(text):,}")
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != HEADER:
        raise ValueError(f"expected a proof that begins with {HEADER}")
    # The optional line for the application (c2sp.org/tlog-proof); tarkpm writes none.
    rest = lines[2:] if lines[1:] and lines[1].startswith("extra ") else lines[1:]
    if not rest or not rest[0].startswith("index ") or len(rest) > 1 + MAX_PROOF:
        raise ValueError("expected a proof with an index and at most 63 hashes")
    hashes = tuple(note.decoded(line, HASH) for line in rest[1:])
    index = note.number(rest[0].removeprefix("index "))
    return LogProof(index, hashes, note.parse_checkpoint(checkpoint.encode()))
