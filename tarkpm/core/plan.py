"""Plan the changes that make an environment match the lock."""

from collections.abc import Collection

import msgspec

from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.release import PluginName


class Plan(msgspec.Struct, frozen=True):
    """The entries to install, the plugins to remove, and the plugins to keep.

    After a ``complete`` plan the environment matches the lock. Other plans leave the rest to the next sync.
    """

    install: tuple[LockEntry, ...] = ()
    remove: tuple[PluginName, ...] = ()
    keep: tuple[PluginName, ...] = ()
    complete: bool = False

    def __bool__(self) -> bool:
        return bool(self.install or self.remove)


def plan(lock: Lock, intact: Collection[PluginName], installed: Collection[PluginName]) -> Plan:
    """Compare a lock with an environment.

    ``installed`` are the plugins in tarkpm's record of the environment, ``intact`` those that match the lock.
    A folder that is not in the record is never removed, because tarkpm did not create it.
    """
    return Plan(
        install=tuple(entry for entry in lock.entries if entry.name not in intact),
        remove=tuple(sorted(name for name in installed if lock.get(name) is None)),
        keep=tuple(entry.name for entry in lock.entries if entry.name in intact),
        complete=True,
    )
