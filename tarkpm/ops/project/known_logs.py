"""The logs of indexes during one verb: each is compared with what this machine has seen of it before."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from tarkpm.core.digest import Digest
from tarkpm.core.lockfile import LockEntry, fingerprint
from tarkpm.core.release import IndexSource, PluginName, Source
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.tlog.log import LogKeys
from tarkpm.core.tlog.note import Checkpoint
from tarkpm.core.tlog.proof import LogProof
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted, NotFound
from tarkpm.store.logs import LoggedRelease, Logs, SeenLog

if TYPE_CHECKING:
    from tarkpm.ops.project.workspace import Workspace
    from tarkpm.sources.index import IndexClient

Listings = Mapping[tuple[IndexSource, PluginName], Listing | None]
LINE: Final = "\n\u2014 "
"""How a signature line begins; the first one is the log's."""
REPORT: Final = "do not use this index; report it to its maintainers and to other users"


class KnownLogs:
    """What this machine knows of logs, as a resource of a workspace."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._store = Logs(workspace.state.root)
        self._newest: dict[str, Checkpoint] = {}
        self._asked: dict[str, LogKeys | None] = {}
        self._seen: dict[str, SeenLog | None] = {}
        self.lock = threading.Lock()
        """Held by threads that fetch, while they read and remember."""

    def seen(self, source: IndexSource) -> SeenLog | None:
        """Return what is known of an index's log; None if none was seen. Raises `StoreError`."""
        if source.root not in self._seen:
            self._seen[source.root] = self._store.read(source.root)
        return self._seen[source.root]

    def learn(self, source: IndexSource, client: "IndexClient") -> None:
        """Compare the log of an index with what was seen of it, and remember its newest checkpoint.

        Raises `IndexUntrusted` for a log that was rewritten, replaced or dropped, `IndexStale` for an older
        one, and `Unreachable`.
        """
        if source.root in self._asked:
            return
        keys, before = client.log, self.seen(source)
        check_kept(keys, before, where=str(source))
        if keys and not client.is_frozen:
            newest = client.log_files.checkpoint(keys)
            if before:
                client.log_files.check_continued([before.checkpoint, *before.trees], newest)
            self._newest[source.root] = newest
            self.remember(source, keys, newest, _compared(keys, before))
        self._asked[source.root] = keys

    def require(
        self, source: IndexSource, client: "IndexClient", rows: Sequence[tuple[PluginName, ReleaseRow]]
    ) -> None:
        """Raise `IndexUntrusted` unless the log of the index has these listed releases, if it has a log.

        The trees in their proofs must be part of the one that everybody sees: otherwise the log could show
        one user a tree of its own.
        """
        self.learn(source, client)
        keys = self._asked[source.root]
        if keys is None:
            check_no_proof(rows, where=str(source))
            return
        proofs = [_proof(keys, name, row, str(source)) for name, row in rows]
        # A cache or a bundle has no tiles: it is compared with the index the next time that is asked.
        newest = self._newest.get(source.root) or _largest(proofs)
        if newest is None:
            return
        if not client.is_frozen:
            trees = {(one.checkpoint.size, one.checkpoint.root): one.checkpoint for one in proofs}
            client.log_files.check_continued(trees.values(), newest)
        found = {
            row.statement.sha256: LoggedRelease(proof.text, row.published)
            for (_, row), proof in zip(rows, proofs, strict=True)
        }
        self.remember(source, keys, newest, found)

    def keys(self, source: IndexSource) -> LogKeys | None:
        """Return the keys of an index's log as the index said now or before; None for no known log."""
        seen = self.seen(source)
        return self._asked.get(source.root) or (seen.keys if seen else None)

    def newest(self, source: IndexSource) -> tuple[LogKeys, Checkpoint] | None:
        """Return the keys and the checkpoint that `learn` found; None for an index without a log."""
        keys, found = self._asked.get(source.root), self._newest.get(source.root)
        return (keys, found) if keys and found else None

    def has(self, source: IndexSource, row: ReleaseRow) -> bool:
        """Return whether state has just this proof of a release."""
        seen = self.seen(source)
        kept = seen.releases.get(row.statement.sha256) if seen else None
        return kept is not None and kept.proof == row.proof

    def waits(self, source: IndexSource, row: ReleaseRow) -> bool:
        """Return whether a listed release waits for witnesses, of an index that was asked in this verb.

        Signature lines are counted here; `require` verifies those of a release that is taken.
        """
        keys = self._asked.get(source.root)
        return keys is not None and bool(row.proof) and row.proof.count(LINE) <= keys.quorum

    def without_waiting(self, source: IndexSource, rows: Sequence[ReleaseRow]) -> Sequence[ReleaseRow]:
        """Return the rows to choose from: without those that wait for witnesses and are not locked.

        If nothing else is listed, they are returned, and refused with the reason.
        """
        locked = {entry.statement for entry in self._workspace.lock.entries}
        ready = [row for row in rows if row.statement in locked or not self.waits(source, row)]
        return ready or rows

    def notes(
        self, chosen: Iterable[tuple[Source, PluginName, Version | None]], listings: Listings
    ) -> Iterator[str]:
        """Yield a note for each release that was not chosen because it waits for witnesses.

        They are newer than the version that was chosen, if there is one.
        """
        for source, name, version in chosen:
            listing = listings.get((source, name)) if isinstance(source, IndexSource) else None
            if not isinstance(source, IndexSource) or listing is None:
                continue
            waiting = [row for row in listing.rows if self.waits(source, row)]
            if waiting and (version is None or waiting[-1].version > version):
                yield f"{name} {waiting[-1].version} waits until more witnesses have seen it"

    def unproven(self, source: IndexSource, entries: Iterable[LockEntry]) -> list[LockEntry]:
        """Return the locked releases that are to be installed and not known to be in the log of their index.

        Those that are installed stay: they were there before the index had a log, or before it was seen.
        """
        seen = self.seen(source)
        # Of a log that only a cache or a bundle names so far, nothing is remembered yet.
        if seen is None and self._asked.get(source.root) is None:
            return []
        # A proof from a registry is no reason not to ask the index for its own.
        proven = {digest for digest, one in seen.releases.items() if not one.pending} if seen else set()
        installed = self._workspace.record.installed
        return [
            entry
            for entry in entries
            if entry.source == source
            and entry.statement
            and entry.statement.sha256 not in proven
            and not ((one := installed.get(entry.name)) and one.fingerprint == fingerprint(entry))
        ]

    def require_locked(
        self,
        source: IndexSource,
        client: "IndexClient",
        entries: Sequence[LockEntry],
        listings: Mapping[PluginName, Listing | None],
    ) -> None:
        """Do what `require` does for locked releases. Raises `NotFound` for one that is not listed."""
        rows = []
        for entry in entries:
            listing = listings.get(entry.name)
            row = listing.get(entry.version) if listing else None
            if row is None or row.statement != entry.statement:
                raise NotFound(
                    f"{source} does not list '{entry.name}' {entry.version} as tark.lock has it, so nothing "
                    "shows that it is in the log",
                    where="tark.lock",
                    hint=f"tarkpm update {entry.name}",
                )
            rows.append((entry.name, row))
        self.require(source, client, rows)

    def remember(
        self,
        source: IndexSource,
        keys: LogKeys,
        newest: Checkpoint,
        releases: Mapping[Digest, LoggedRelease],
    ) -> None:
        """Keep in state what was verified: a checkpoint of a log, and proofs of releases."""
        self._store.remember(source.root, keys, newest, releases, self._workspace.settings.lock_seconds)
        self._seen.pop(source.root, None)

    def close(self) -> None:
        """Forget what was asked."""
        self._asked.clear()
        self._seen.clear()
        self._newest.clear()


def check_kept(keys: LogKeys | None, before: SeenLog | None, *, where: str) -> None:
    """Raise `IndexUntrusted` if an index that had a log has none, or another one.

    Its key may be another one, which the maintainers signed: the tree must go on all the same.
    """
    if before is None:
        return
    if keys is None:
        text = "the index had a log, and its root no longer names one"
        raise IndexUntrusted(text, where=where, hint=REPORT)
    if keys.origin != before.keys.origin:
        text = f"the index had the log {before.keys.origin}, and its root now names {keys.origin}"
        raise IndexUntrusted(text, where=where, hint=REPORT)


def check_no_proof(rows: Iterable[tuple[PluginName, ReleaseRow]], *, where: str) -> None:
    """Raise `IndexUntrusted` for a row with a proof in an index without a log.

    A mirror that withholds the newest root would hide from newcomers that there is a log.
    """
    for name, row in rows:
        if row.proof:
            raise IndexUntrusted(
                f"the row of {name} {row.version} is of an index with a log, but the root names none",
                where=where,
                hint="try again later, or ask the index's maintainers for another mirror",
            )


def _compared(keys: LogKeys, before: SeenLog | None) -> dict[Digest, LoggedRelease]:
    """Return the proofs that were pending, as compared; none if a new key cannot check them any more."""
    if before is None or before.keys.key != keys.key:
        return {}
    pending = ((digest, one) for digest, one in before.releases.items() if one.pending)
    return {digest: LoggedRelease(one.proof, one.published) for digest, one in pending}


def _proof(keys: LogKeys, name: PluginName, row: ReleaseRow, where: str) -> LogProof:
    return keys.check_release(row.proof, name, row.version, row.statement.sha256, where=where)


def _largest(proofs: Iterable[LogProof]) -> Checkpoint | None:
    return max((one.checkpoint for one in proofs), key=lambda one: one.size, default=None)
