"""Which release each requirement gets.

With git and folders as the only sources there is one candidate a requirement, so there is nothing to
search: what is left is to see that the choice holds together.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.release import folded
from tarkpm.core.version import Range
from tarkpm.errors import ResolutionError


class Resolution(msgspec.Struct, frozen=True):
    """The lock that follows from the requirements, and sentences about dependencies it does not meet."""

    lock: Lock
    unmet: tuple[str, ...]


def check_names(asked: Sequence[str | None], found: Sequence[str], present: Collection[str]) -> None:
    """Raise `ResolutionError` unless each source holds the plugin it is asked for, and no two are one.

    ``present`` are the plugins the project asks for already: names are unique with ``-`` and ``_`` folded.
    """
    for wanted, name in zip(asked, found, strict=True):
        if wanted is not None and wanted != name:
            raise ResolutionError(
                f"'{wanted}' is asked for, its source holds '{name}'", hint=f"tarkpm remove {wanted}"
            )
    by_key = {folded(name): name for name in present}
    for name in found:
        other = by_key.setdefault(folded(name), name)
        if other != name:
            hint = f"tarkpm remove {other}" if other in present else ""
            raise ResolutionError(f"'{name}' and '{other}' are the same name", hint=hint)
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ResolutionError(f"two of the sources hold '{twice}'", hint="add them one by one")


def resolve(old: Lock, chosen: Iterable[LockEntry], wanted: Iterable[str]) -> Resolution:
    """The old lock with ``chosen`` in place of their namesakes, cut down to the plugins ``wanted``."""
    entries = old.by_name | {entry.name: entry for entry in chosen}
    kept = {name: entries[name] for name in wanted if name in entries}
    return Resolution(Lock.of(kept.values()), tuple(unmet_dependencies(kept.values())))


def unmet_dependencies(entries: Iterable[LockEntry]) -> list[str]:
    """Sentences about what plugins require and these entries do not offer."""
    by_name = {entry.name: entry for entry in entries}
    sentences = []
    for entry in by_name.values():
        for needed in entry.requires:
            found = by_name.get(needed.name)
            if found is None:
                sentences.append(f"'{entry.name}' requires '{needed}', which is not installed")
            elif not Range.parse(needed.range).matches(found.version):
                sentences.append(f"'{entry.name}' requires '{needed}', {found.version} is installed")
    return sentences
