"""What this machine knows of advisories, during one verb."""

import time
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.advised import Advised
from tarkpm.core.advisory import Advisory
from tarkpm.core.digest import Digest
from tarkpm.core.release import IndexSource, PluginName, folded
from tarkpm.core.version import Version
from tarkpm.ops.project.locked_releases import LockedRelease
from tarkpm.store.advisories import Advisories

if TYPE_CHECKING:
    from tarkpm.core.lockfile import LockEntry
    from tarkpm.ops.project.workspace import Workspace
    from tarkpm.sources.index import IndexClient


class KnownAdvisories:
    """The advisories in state, as a resource of a workspace: read once, and again when an index was asked."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._store = Advisories(workspace.state.root)
        self._asked: set[str] = set()

    @cached_property
    def advised(self) -> Advised:
        """What is known. Raises `StoreError`."""
        return self._store.read()

    def affecting(self, entry: "LockEntry") -> tuple[Advisory, ...]:
        """Return the known advisories that affect a locked release, by id. Raises `StoreError`."""
        statement = entry.statement.sha256 if entry.statement else None
        return self.advised.affecting(entry.source, entry.name, entry.version, statement)

    def affecting_locked(self, one: LockedRelease) -> tuple[Advisory, ...]:
        """Return the known advisories that affect a locked release, by id. Raises `StoreError`."""
        if not self.advised.is_listed(one.name):
            return ()
        source = IndexSource(one.index, one.root)
        statement = Digest(one.statement) if one.statement else None
        return self.advised.affecting(source, one.name, Version.parse(one.version), statement)

    def learn(self, source: IndexSource, names: Collection[PluginName], client: "IndexClient") -> None:
        """Keep the advisories of an index in state: the whole list, and in full those of plugins in use.

        The server sees which of its advisories are read. It was asked for the claims of the same plugins, and
        a plugin from git is read about as well: an advisory may name its very release.

        Raises what `IndexClient.advisories` raises.
        """
        # A resolution asks in rounds, and a verb refreshes an index once: only documents may be missing.
        here = self.advised.index(source)
        if source.root in self._asked and not any(map(here.unread, names)):
            return
        workspace = self._workspace
        wanted = {*names, *(entry.name for entry in workspace.lock.entries if entry.statement)}
        known = client.advisories(wanted, here)
        known = msgspec.structs.replace(known, checked=int(time.time()))
        self._store.remember(source.root, known, workspace.settings.lock_seconds)
        self._asked.add(source.root)
        self.close()

    def learn_kept(self, source: IndexSource, names: Collection[PluginName], client: "IndexClient") -> None:
        """Keep the advisories of an index in state, of one that has only what some of its plugins need.

        Raises what `IndexClient.advisories` raises.
        """
        here = self.advised.index(source)
        wanted = {*map(folded, names)}
        ids = {id_ for name in wanted for id_ in here.listed.get(name, ())}
        # Documents about other plugins stay in state, and are not asked for: they are not in the bundle.
        mine = {id_: data for id_, data in here.records.items() if id_ in ids}
        found = client.advisories(names, msgspec.structs.replace(here, records=mine))
        # The index was asked when the bundle was made, and at the latest when its timestamp expired.
        found = msgspec.structs.replace(found, checked=min(int(time.time()), found.expires))
        if found.version == here.version and here.checked >= found.checked:
            found = msgspec.structs.replace(found, checked=here.checked, expires=here.expires)
        self._store.remember(source.root, found, self._workspace.settings.lock_seconds)
        self.close()

    def close(self) -> None:
        """Read again what is known, the next time it is asked for."""
        vars(self).pop("advised", None)
