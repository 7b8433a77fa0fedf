"""The dependency tree of locked plugins, and its inverse."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tarkpm.core.lockfile import Lock
from tarkpm.core.release import PluginName


class Branch(msgspec.Struct, frozen=True):
    """A line of a tree: a plugin, its depth (0 at the top), and the version range required there.

    The dependencies of a plugin follow its first line. ``repeated`` says that they were shown before: plugins
    may depend on each other, and the tree would not end. ``version`` is "" for a plugin that is not locked.
    """

    depth: int
    name: str
    version: str
    source: str
    range: str = ""
    repeated: bool = False


Edges = Mapping[PluginName, Sequence[tuple[PluginName, str]]]


def tree(lock: Lock, roots: Iterable[PluginName]) -> tuple[Branch, ...]:
    """Return the dependency tree below the plugins ``roots``."""
    below = {entry.name: [(need.name, need.range) for need in entry.requires] for entry in lock.entries}
    return _grow(lock, below, roots)


def inverted(lock: Lock, name: PluginName) -> tuple[Branch, ...]:
    """Return the tree of the plugins that depend on ``name``, directly or not."""
    above: dict[PluginName, list[tuple[PluginName, str]]] = {}
    for entry in lock.entries:
        for need in entry.requires:
            above.setdefault(need.name, []).append((entry.name, need.range))
    return _grow(lock, above, [name])


def _grow(lock: Lock, edges: Edges, roots: Iterable[PluginName]) -> tuple[Branch, ...]:
    branches, grown = [], set()
    # Not recursive: a lock may nest deeper than calls may.
    todo = [(0, name, "") for name in sorted(roots, reverse=True)]
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
