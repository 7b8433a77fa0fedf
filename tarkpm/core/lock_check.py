"""Check that tark.lock follows from tark.toml.

Nobody reads a lockfile, so it must not be a place to make decisions (docs/trust-rules.md, rule 2).
"""

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.lockfile import Lock, LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.project import Project
from tarkpm.core.release import Dependency, IndexSource, OciSource, PluginName, Requirement, Source
from tarkpm.core.version import Range
from tarkpm.errors import LockStale


def stale_entries(project: Project, lock: Lock) -> list[LockStale]:
    """Return all problems of a lock: in requirements, then in dependencies, then entries nothing requires."""
    problems = [
        problem
        for requirement in project.requirements.values()
        if (problem := stale_requirement(requirement, lock.get(requirement.name)))
    ]
    reached, stale = reachable(project, lock)
    problems.extend(stale)
    problems.extend(
        _stale(f"'{entry.name}' is in tark.lock, but nothing in tark.toml requires it", entry.name)
        for entry in lock.entries
        if entry.name not in reached
    )
    return problems


def stale_requirement(requirement: Requirement, entry: LockEntry | None) -> LockStale | None:
    """Return the problem of a lock entry with the requirement of its name, or None."""
    name = requirement.name
    if entry is None:
        return _stale(f"'{name}' is in tark.toml, but not in tark.lock", name)
    # Without the commit: the lock resolves a ref, and `release.fetch` checks that the ref leads there.
    if not requirement.source.leads_to(entry.source):
        return _stale(f"'{name}' is locked from {_two(entry.source.unpinned(), requirement.source)}", name)
    if isinstance(entry.source, OciSource):
        from tarkpm.core.oci.checked import tagged_version

        # Otherwise a lock could pair a tag with the manifest of an older release of the same repository.
        tagged = tagged_version(entry.source)
        if tagged is not None and tagged.plain != entry.version.plain:
            return _stale(f"'{name}' is locked at {entry.version}, but at the tag {entry.source.tag}", name)
    if not requirement.allows(entry.version):
        message = f"'{name}' is locked at {entry.version}, but tark.toml requires {requirement.range}"
        return _stale(message, name)
    return None


def followed(project: Project, lock: Lock) -> Lock:
    """Return the entries that the project leads to. Rule 2 refuses the others, so they decide nothing."""
    asked = project.requirements
    fitting = Lock.of(
        entry
        for entry in lock.entries
        if entry.name not in asked or stale_requirement(asked[entry.name], entry) is None
    )
    reached, _ = reachable(project, fitting)
    return Lock.of(fitting.by_name[name] for name in reached)


def led_to(project: Project, lock: Lock) -> Lock:
    """Return the entries of plugins that the project leads to, stale ones included.

    An entry that somebody planted in the lock holds no version, and is not what a new plugin replaces.
    """
    reached, _ = reachable(project, lock)
    return Lock.of(entry for entry in lock.entries if entry.name in reached)


def reachable(project: Project, lock: Lock) -> tuple[set[PluginName], list[LockStale]]:
    """Return the locked plugins that the requirements lead to, and the problems found on the way.

    A dependency is resolved by the project's requirement of that name, or else in the index of the depending
    release, and nowhere else (docs/trust-rules.md, rule 12). Dependencies of git and path releases are
    resolved by requirements only.
    """
    reached = {name for name in project.requirements if lock.get(name)}
    todo, problems = sorted(reached), []
    while todo:
        entry = lock.by_name[todo.pop()]
        # A git or path release cannot pull in plugins: their names have no index to be resolved in.
        for needed in entry.requires if isinstance(entry.source, IndexSource) else ():
            found = lock.get(needed.name)
            if problem := _stale_dependency(project, entry, needed, found):
                problems.append(problem)
            elif needed.name not in reached:
                reached.add(needed.name)
                todo.append(needed.name)
    return reached, problems


def _two(locked: Source, asked: Source) -> str:
    """Return the locked and the required source as text, with their roots if two indexes share a name."""
    if str(locked) == str(asked) and isinstance(locked, IndexSource) and isinstance(asked, IndexSource):
        return f"{locked} with root {locked.root}, but tark.toml requires {asked} with root {asked.root}"
    return f"{locked}, but tark.toml requires {asked}"


def _stale_dependency(
    project: Project, entry: LockEntry, needed: Dependency, found: LockEntry | None
) -> LockStale | None:
    both = (entry.name, needed.name)
    if found is None:
        return _stale(f"'{entry.name}' requires '{needed}', which is not in tark.lock", *both)
    if needed.name not in project.requirements and found.source != entry.source:
        message = (
            f"'{needed.name}' is locked from {found.source}, "
            f"but '{entry.name}' requires it from {entry.source}"
        )
        return _stale(message, *reversed(both))
    if not Range.parse(needed.range).matches(found.version):
        message = f"'{entry.name}' requires '{needed}', but {found.version} is locked"
        return _stale(message, *both)
    return None


def _stale(message: str, *plugins: str) -> LockStale:
    return LockStale(message, plugins=plugins, where="tark.lock", hint="tarkpm lock")


def check_matches(entry: LockEntry, manifest: Manifest, *, where: str) -> None:
    """Raise `LockStale` unless a lock entry agrees with the verified plugin.toml."""
    # The signature covers plugin.toml, not the lock: an edited lock could otherwise drop a dependency or
    # claim a lower minimum tark version (docs/trust-rules.md, rule 2).
    expected = {
        "name": manifest.name,
        "version": manifest.version,
        "type": manifest.type,
        "min_tark_version": manifest.min_tark_version,
        "requires": manifest.dependencies,
    }
    if entry.capabilities is not None:
        # A review reads them in the lock: the lock must not say less than the release asks for.
        expected["capabilities"] = manifest.capabilities
    for field, value in expected.items():
        if (found := getattr(entry, field)) != value:
            raise LockStale(
                f"'{entry.name}' has {field} {_shown(value)} in plugin.toml, "
                f"but {_shown(found)} in tark.lock",
                plugins=(entry.name,),
                where=where,
                hint=f"tarkpm update {entry.name}",
            )


def _shown(value: object) -> str:
    if value is None or value == () or value == CapabilitySet():
        return "none"
    return f"'{', '.join(map(str, value)) if isinstance(value, tuple | CapabilitySet) else value}'"
