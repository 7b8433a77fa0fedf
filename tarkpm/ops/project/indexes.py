"""The indexes of a project during one verb: each is opened on first use and refreshed once."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tarkpm.core import variables
from tarkpm.core.advised import NOTHING as NO_ADVISORIES
from tarkpm.core.claim import Claim
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.name_similarity import nearest
from tarkpm.core.project import IndexEntry
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.rows import Listing
from tarkpm.errors import IndexStale, NotFound, TarkError, Unreachable
from tarkpm.ops.project.known_advisories import KnownAdvisories
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.team_policy import team_rules
from tarkpm.ops.project.user_config import mirrored

if TYPE_CHECKING:
    from tarkpm.io.login import Login
    from tarkpm.ops.project.workspace import Workspace
    from tarkpm.sources.index import IndexClient
    from tarkpm.sources.index.places import IndexLocation

NONE: Final[Mapping[PluginName, Listing]] = {}


class Indexes:
    """Asks indexes on behalf of one verb, and keeps verified claims about publishers in state."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._clients: dict[str, IndexClient] = {}

    def listings(
        self, source: IndexSource, names: Collection[PluginName]
    ) -> dict[PluginName, Listing | None]:
        """Return the rows of plugins, None for those the index does not have; also learns their claims.

        Raises `Unreachable`, `IndexUntrusted`.
        """
        client = self.client(source)
        found = client.listings(names)
        # The claims too: whether a listed release may be chosen depends on its publisher and revocations.
        there = {name: listing for name, listing in found.items() if listing}
        self.learn(source, list(there), there)
        return found

    def nearest(self, source: IndexSource, name: str) -> str:
        """Return the name in an index's catalogue that ``name`` is most likely a slip of; "" without one."""
        known = [str(entry.name) for entry in self._workspace.lock.entries if entry.source == source]
        with suppress(TarkError):  # the error that this helps with matters more than an unreadable catalogue
            known += [entry.name for entry in self.client(source).search()]
        return nearest(name, known)

    def learn_publishers(self, entries: Iterable[LockEntry]) -> None:
        """Fetch the claims of locked plugins that this machine does not know yet, offline from the cache.

        Also learns that the log of their index, if it has one, has the releases that are to be installed.
        Entries of indexes that the project does not have are skipped: they do not follow from it. Raises
        `NotFound` for a plugin that its index has no claim of, and `IndexUntrusted`.
        """
        entries = tuple(entries)
        unknown: dict[IndexSource, list[PluginName]] = {}
        vouched = self._workspace.vouched
        known = {index.source for index in self._workspace.project.indexes.values()}
        for entry in entries:
            if entry.source in known and not vouched.claim(entry.source, entry.name):
                unknown.setdefault(entry.source, []).append(entry.name)
        for source, names in unknown.items():
            if self._workspace.settings.offline:
                self._learn_kept(source, names)
            else:
                self.learn(source, names)
                self._check_learned(source, names)
        for source in known:
            if unproven := self._workspace.resource(KnownLogs).unproven(source, entries):
                self._learn_logged(source, unproven)

    def _learn_logged(self, source: IndexSource, entries: list[LockEntry]) -> None:
        """Learn that locked releases are in the log of their index. Raises `IndexUntrusted`."""
        names, logs = [entry.name for entry in entries], self._workspace.resource(KnownLogs)
        if not self._workspace.settings.offline:
            client = self.client(source)
            logs.require_locked(source, client, entries, client.listings(names))
            return
        with open_client(self._workspace, entry_of(self._workspace, source), kept=True) as client:
            logs.require_locked(source, client, entries, client.listings(names))

    def _check_learned(self, source: IndexSource, names: Iterable[PluginName]) -> None:
        """Raise `NotFound` for a plugin that an index was asked about just now and knows no publisher of."""
        for name in names:
            if not self._workspace.vouched.claim(source, name):
                raise NotFound(
                    f"{source} does not say who may publish '{name}'",
                    where=entry_of(self._workspace, source).url,
                    hint=f"ask the index maintainers, or: tarkpm remove {name}",
                )

    def _learn_kept(self, source: IndexSource, names: Collection[PluginName]) -> None:
        """Keep in state what the cache knows of publishers. Raises `Unreachable` if that is nothing."""
        entry, workspace = entry_of(self._workspace, source), self._workspace
        with open_client(workspace, entry, kept=True) as client:
            try:
                found = client.claims(names)
            except IndexStale:
                raise
            except Unreachable:
                raise workspace.settings.unreachable(f"{source} at {entry.url}") from None
            claims = [claim for claim in found.values() if claim]
            workspace.claims.remember(source.root, claims, workspace.settings.lock_seconds, (), client.seen)
            workspace.resource(KnownLogs).learn(source, client)
        workspace.read_claims_again()

    def learn(
        self,
        source: IndexSource,
        names: Collection[PluginName],
        listings: Mapping[PluginName, Listing] = NONE,
    ) -> None:
        """Fetch the claims of plugins, and keep them in state with the locked rows that are yanked."""
        likely = [claim for name in names if (claim := self._likely_claim(source, name, listings.get(name)))]
        client = self.client(source)
        found = client.claims(names, likely)
        locked = {entry.statement for entry in self._workspace.lock.entries if entry.source == source}
        rows = [row for listing in listings.values() for row in listing.rows if row.statement in locked]
        claims = [claim for claim in found.values() if claim]
        workspace = self._workspace
        workspace.claims.remember(source.root, claims, workspace.settings.lock_seconds, rows, client.seen)
        workspace.read_claims_again()
        # Last: a mirror that withholds an advisory, or the log, must not hide a revocation by that.
        workspace.resource(KnownAdvisories).learn(source, names, client)
        workspace.resource(KnownLogs).learn(source, client)

    def recorded(
        self, source: IndexSource, names: Collection[PluginName], advised: Collection[PluginName]
    ) -> Mapping[str, bytes]:
        """Ask an index about plugins, and return the verified files by path that say what it says of them.

        They are all that a client asks for which knows nothing of the index yet. Those that the cache has,
        and the index still lists, are not fetched again. State learns of the publishers. ``advised`` are the
        plugins whose advisories are read, from other sources as well. Raises like `learn_from`.
        """
        entry, workspace, files = entry_of(self._workspace, source), self._workspace, dict[str, bytes]()
        if workspace.settings.offline:
            raise workspace.settings.unreachable(f"{source} at {entry.url}")
        workspace.ui.busy(f"asking {source}")
        with open_client(workspace, entry, recorded=files) as client:
            client.advisories(advised, NO_ADVISORIES)
            client.listings(names)
            self.learn_from(client, source, names)
        return files

    def learn_from(self, client: "IndexClient", source: IndexSource, names: Collection[PluginName]) -> None:
        """Keep in state what a client's index says of the publishers of plugins.

        Raises what `IndexClient.claims` raises, and `NotFound` for a plugin that nothing is known of.
        """
        workspace = self._workspace
        claims = [claim for claim in client.claims(names).values() if claim]
        workspace.claims.remember(source.root, claims, workspace.settings.lock_seconds, (), client.seen)
        workspace.read_claims_again()
        self._check_learned(source, names)

    def _likely_claim(self, source: IndexSource, name: PluginName, listing: Listing | None) -> Claim | None:
        """Return a plugin's known claim, or a guess by rows or lock: a right guess saves a request."""
        if known := self._workspace.vouched.claim(source, name):
            return known
        entry = self._workspace.lock.get(name)
        key = (listing.publisher if listing else None) or (entry.signer if entry else None)
        return Claim(name, key) if key else None

    def client(self, source: IndexSource) -> "IndexClient":
        """Return the client of an index. Raises `Unreachable` offline, `NotFound` for a foreign one."""
        workspace = self._workspace
        if source.root not in self._clients:
            entry = entry_of(workspace, source)
            if workspace.settings.offline:
                raise workspace.settings.unreachable(f"{source} at {entry.url}")
            workspace.ui.busy(f"asking {source}")
            self._clients[source.root] = open_client(workspace, entry)
        return self._clients[source.root]

    def close(self) -> None:
        """Close connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()


def entry_of(workspace: "Workspace", source: IndexSource) -> IndexEntry:
    """Return the project's entry for an index. Raises `NotFound`."""
    entry = workspace.project.indexes.get(PluginName(source.index))
    if entry is None or entry.root != source.root:
        raise NotFound(
            f"this project has no index '{source.index}' with that root",
            where=str(workspace.location.project_file),
            hint="tarkpm index list",
        )
    return entry


def open_client(
    workspace: "Workspace",
    entry: IndexEntry,
    *,
    kept: bool = False,
    cache: Path | None = None,
    recorded: dict[str, bytes] | None = None,
    through: "Callable[[IndexLocation], IndexLocation] | None" = None,
) -> "IndexClient":
    """Return a client for an index, or for what the cache ``kept`` of it; sends nothing yet.

    ``cache`` is used instead of this user's, ``recorded`` gets the verified files, and ``through`` wraps the
    place.

    Raises `Refused` for an unusable netrc, and `PolicyViolation`.
    """
    from tarkpm.io.proxies import Proxies
    from tarkpm.sources.index import IndexClient

    settings = workspace.settings
    environment = settings.environment
    place = mirrored(settings, entry.url)
    if not kept and (rules := team_rules(workspace)):
        for one in dict.fromkeys((entry.url, place)):
            rules.check_source(entry.source, index_url=one)
    # The token is that of the project's index, and is sent to no mirror of it.
    token = variables.text(environment, entry.token_variable) if place == entry.url else ""
    entry = IndexEntry(entry.name, place, entry.root)
    return IndexClient(
        entry,
        cache=cache or settings.paths.cache,
        base=workspace.location.folder,
        proxies=Proxies.read(environment),
        token=token,
        login=_login(environment, entry),
        lock_seconds=settings.lock_seconds,
        allow_http=settings.allow_http,
        floors=workspace.vouched.floors.get(entry.root, {}),
        kept=kept,
        recorded=recorded,
        through=through,
    )


def _login(environment: Mapping[str, str], entry: IndexEntry) -> "Login | None":
    """Return the login in ``~/.netrc`` for an index's host."""
    host = urlsplit(entry.url).hostname if "://" in entry.url else None
    if not host:
        return None
    from tarkpm.io import netrc

    return netrc.find(environment, host)
