"""Delete superseded metadata and documents of an index, and leftovers of interrupted runs.

A client that began with an older snapshot may still ask for the files it lists, so they are kept for two more
days. Releases and roots are kept forever.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Snapshot, TargetFile, Targets

from tarkpm.core.layout import CLAIMS, FILES, INDEX, METADATA, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from tarkpm.registry.authority import parts_of
from tarkpm.registry.folder import PENDING, Index, entries_of, read_metadata, target_file
from tarkpm.registry.lifetimes import SNAPSHOT as LIFETIME
from tarkpm.registry.lifetimes import SUPERSEDED
from tarkpm.registry.log import IndexLog


def sweep(index: Index, now: datetime) -> int:
    """Delete what `leftovers` finds; returns the number of files. The caller holds the folder's lock."""
    gone = list(leftovers(index, now))
    for path in gone:
        path.unlink()
    return len(gone)


def leftovers(index: Index, now: datetime) -> Iterator[Path]:
    """Yield metadata, targets and half-written files that no recent snapshot lists, except roots."""
    recent = _recent(index, now)
    listed = {f"{TIMESTAMP}.json"} | {f"{number}.{SNAPSHOT}.json" for number in recent}
    for versions in recent.values():
        listed |= {f"{version}.{role}.json" for role, version in versions.items()}
    for path in (index.folder / METADATA).iterdir():
        # Roots are kept although nothing lists them: an old client fetches each of them (TUF, 5.3.3).
        if path.name not in listed and not _is_root(path.name, index.root.signed.version):
            yield path
    named = _documents(index, recent)
    for folder in ("publishers", "index"):
        places = entries_of(index.folder / TARGETS / folder)
        yield from (Path(entry.path) for entry in places if entry.name not in named)
    yield from (index.folder / PENDING).glob(".*.tmp")
    if index.authority.log:
        yield from IndexLog(index.folder, index.authority.log).superseded()
    files = entries_of(index.folder / FILES)
    yield from (Path(entry.path) for entry in files if entry.name.startswith("."))


def _is_root(name: str, newest: int) -> bool:
    number, _, role = name.partition(".")
    return role == f"{ROOT}.json" and number.isdecimal() and 1 <= int(number) <= newest


def _recent(index: Index, now: datetime) -> Mapping[int, Mapping[str, int]]:
    """Return the versions of roles in each snapshot that was current within `SUPERSEDED`."""
    found: dict[int, Mapping[str, int]] = {index.snapshot.version: index.versions}
    number = index.snapshot.version - 1
    made = index.snapshot.expires - LIFETIME
    while made > now - SUPERSEDED and (index.folder / METADATA / f"{number}.{SNAPSHOT}.json").exists():
        snapshot = read_metadata(index.folder, f"{number}.{SNAPSHOT}.json", Snapshot).signed
        found[number] = {name.removesuffix(".json"): m.version for name, m in snapshot.meta.items()}
        made = snapshot.expires - LIFETIME
        number -= 1
    return found


def _documents(index: Index, recent: Mapping[int, Mapping[str, int]]) -> set[str]:
    """Return the file names of all targets that these snapshots list."""
    named = set(_names(path_target for parent in (CLAIMS, INDEX) for path_target in index.entries(parent)))
    named |= set(_names((str(part.path), part) for part in parts_of(index.delegations[CLAIMS])))
    seen = set(index.versions.items())
    for versions in recent.values():
        for role, version in set(versions.items()) - seen:
            path = index.folder / METADATA / f"{version}.{role}.json"
            if path.exists():
                bin_ = read_metadata(index.folder, path.name, Targets).signed
                named |= set(_names(bin_.targets.items()))
                if role == CLAIMS:
                    named |= set(_names((str(part.path), part) for part in parts_of(bin_)))
        seen |= set(versions.items())
    return named


def _names(entries: Iterable[tuple[str, TargetFile]]) -> Iterator[str]:
    return (target_file(path, target).rpartition("/")[2] for path, target in entries)
