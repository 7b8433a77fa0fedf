"""Plan the changes that make an environment match the lock."""

from collections.abc import Collection

import msgspec

from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.release import PluginName


class Plan(msgspec.Struct, frozen=True):
    """The entries to install, the plugins to take away, and those that stay as they are.

    A ``complete`` plan is all there is to do; others leave the rest to the next sync.
    """

    install: tuple[LockEntry, ...] = ()
    remove: tuple[PluginName, ...] = ()
    keep: tuple[PluginName, ...] = ()
    complete: bool = False

    def __bool__(self) -> bool:
        return bool(self.install or self.remove)


def plan(lock: Lock, intact: Collection[PluginName], installed: Collection[PluginName]) -> Plan:
    """Compare the lock with an environment.

    ``installed`` is what tarkpm's own record lists, ``intact`` those of it that are exactly what the lock
    says. A folder the record does not list is never removed.
    """
    return Plan(
        install=tuple(entry for entry in lock.entries if entry.name not in intact),
        remove=tuple(sorted(name for name in installed if lock.get(name) is None)),
        keep=tuple(entry.name for entry in lock.entries if entry.name in intact),
        complete=True,
    )
