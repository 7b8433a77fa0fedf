"""Audit the log of an index: the whole tree, and what the rows of releases say about it."""

from collections.abc import Iterator

from tarkpm.core.digest import sha256
from tarkpm.core.layout import rows_path
from tarkpm.core.release import PluginName
from tarkpm.core.rows import ReleaseRow
from tarkpm.core.text import neutral
from tarkpm.core.tlog.merkle import leaf_hash
from tarkpm.core.tlog.proof import release_entry
from tarkpm.core.tlog.tree import TreeHash
from tarkpm.errors import IndexUntrusted, TarkError
from tarkpm.registry.findings import IndexFinding
from tarkpm.registry.folder import Index
from tarkpm.registry.log import NEVER_REPAIRED, IndexLog

_NAMED = 5


class LogAudit:
    """One audit. Rows are given to `row` first; `findings` then compares the entries with them.

    Keeps 64 bytes for each release.
    """

    def __init__(self, index: Index) -> None:
        """Begin an audit. A log that cannot be opened is reported by `findings`."""
        self.keys = index.authority.log
        self.log: IndexLog | None = None
        self._index = index
        self._roots: dict[int, bytes] = {}
        self._listed: set[bytes] = set()
        self._broken: TarkError | None = None
        if self.keys:
            try:
                self.log = IndexLog(index.folder, self.keys)
            except TarkError as problem:
                self._broken = problem

    def row(self, name: PluginName, row: ReleaseRow) -> None:
        """Raise `IndexUntrusted` unless a row proves that its release is in the log."""
        where = rows_path(name)
        if self.keys is None:
            if row.proof:
                raise IndexUntrusted(
                    f"the row of {name} {row.version} names a log of another index", where=where
                )
            return
        if self.log is None:
            return
        self._listed.add(_short(release_entry(name, row.version, row.statement.sha256)))
        # Clients count cosignatures; an index that waits for witnesses has no fault.
        keys = self.keys.without_quorum()
        proof = keys.check_release(row.proof, name, row.version, row.statement.sha256, where=where)
        tree = proof.checkpoint
        if tree.size > self.log.size or self._root(self.log, tree.size) != tree.root:
            text = f"the row of {name} {row.version} proves another tree of {tree.size:,} entries"
            raise IndexUntrusted(text, where=where, hint=NEVER_REPAIRED)

    def findings(self) -> Iterator[IndexFinding]:
        """Yield what is wrong with the log itself, and a note about entries that no row lists."""
        if self._broken:
            yield IndexFinding.of(self._broken)
        if self.log is None:
            return
        if self.log.checkpoint is None:
            text = "the root names a log, and the index has none"
            yield IndexFinding(IndexUntrusted.__name__, text, self.log.where, NEVER_REPAIRED)
            return
        try:
            yield from self._entries(self.log, self.log.checkpoint.root)
        except TarkError as problem:
            yield IndexFinding.of(problem)

    def _entries(self, log: IndexLog, root: bytes) -> Iterator[IndexFinding]:
        tree, unlisted = TreeHash(), []
        for entry in log.entries():
            tree.add(leaf_hash(entry))
            if _short(entry) not in self._listed:
                unlisted.append(entry)
        # Each bundle was compared with its tile; this compares all of them with the root.
        if tree.root() != root:
            text = "the entries of the log do not have the root of its checkpoint"
            raise IndexUntrusted(text, where=log.where, hint=NEVER_REPAIRED)
        if log.root_at(log.size) != root:
            text = "the tiles of the log do not have the root of its checkpoint"
            raise IndexUntrusted(text, where=log.where, hint=NEVER_REPAIRED)
        if unlisted:
            shown = ", ".join(neutral(_words(entry)) for entry in unlisted[:_NAMED])
            more = f" and {len(unlisted) - _NAMED:,} more" if len(unlisted) > _NAMED else ""
            text = f"{len(unlisted):,} of {log.size:,} entries of the log are not listed: {shown}{more}"
            yield IndexFinding("Unlisted", text, log.where, "tarkpm index accept --help", note=True)

    def _root(self, log: IndexLog, size: int) -> bytes:
        if size not in self._roots:
            self._roots[size] = log.root_at(size)
        return self._roots[size]


def _short(entry: bytes) -> bytes:
    return bytes.fromhex(sha256(entry))


def _words(entry: bytes) -> str:
    return " ".join(entry.decode(errors="replace").split("\n")[1:3])
