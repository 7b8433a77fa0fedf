"""The dependency graph of locked plugins."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tarkpm.core.lockfile import Lock
from tarkpm.core.release import PluginName


class Branch(msgspec.Struct, frozen=True):
    """One line of a tree: a plugin, how deep it is below the top (0), and the range it is needed in there.

    A plugin's own branches follow it the first time; ``repeated`` says that they were shown before, without
    which plugins that need each other would have no end. ``version`` is "" for what is needed and not locked.
    """

    depth: int
    name: str
    version: str
    source: str
    range: str = ""
    repeated: bool = False


Edges = Mapping[PluginName, Sequence[tuple[PluginName, str]]]


def tree(lock: Lock, roots: Iterable[PluginName]) -> tuple[Branch, ...]:
    """Walk the dependencies of ``roots``, depth first."""
    below = {entry.name: [(need.name, need.range) for need in entry.requires] for entry in lock.entries}
    return _grow(lock, below, roots)


def inverted(lock: Lock, name: PluginName) -> tuple[Branch, ...]:
    """Walk the dependents of the plugin ``name``, depth first."""
    above: dict[PluginName, list[tuple[PluginName, str]]] = {}
    for entry in lock.entries:
        for need in entry.requires:
            above.setdefault(need.name, []).append((entry.name, need.range))
    return _grow(lock, above, [name])


def _grow(lock: Lock, edges: Edges, roots: Iterable[PluginName]) -> tuple[Branch, ...]:
    branches, grown = [], set()
    todo = [(0, name, "") for name in sorted(roots, reverse=True)]  # a lock may nest deeper than calls may
    while todo:
        depth, name, wanted = todo.pop()
        entry, next_ones = lock.get(name), edges.get(name, ())
        version, source = (str(entry.version), str(entry.source.unpinned())) if entry else ("", "")
        repeated = name in grown and bool(next_ones)
        branches.append(Branch(depth, name, version, source, wanted, repeated))
        if name not in grown:
            grown.add(name)
            todo.extend((depth + 1, other, needed) for other, needed in sorted(next_ones, reverse=True))
    return tuple(branches)
