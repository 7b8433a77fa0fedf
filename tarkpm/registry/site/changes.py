"""Find what changed in an index since its pages were made, without reading what did not change."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from tuf.api.metadata import TargetFile

from tarkpm.core.layout import CLAIMS, INDEX, SEARCH, claim_path, is_advisory, rows_path
from tarkpm.core.release import PluginName, folded
from tarkpm.registry.folder import Index
from tarkpm.registry.lifetimes import to_text
from tarkpm.registry.site.memory import SiteMemory


class PageInputs(msgspec.Struct, frozen=True):
    """The digests of the documents of a plugin, and its advisories: when each was modified, by id."""

    rows: str
    claim: str
    advisories: Mapping[str, str]


class Changes(msgspec.Struct, frozen=True):
    """The documents of all plugins, by folded name, and the version and expiry of every role."""

    documents: Mapping[str, PageInputs]
    roles: Mapping[str, tuple[int, str]]


def look(index: Index, memory: SiteMemory) -> Changes:
    """Return what the index has. Bins of a version that is remembered are not read again.

    A version of a role is signed once, and the snapshot names it; so the same version has the same contents.
    """
    roles: dict[str, tuple[int, str]] = {}
    rows = _digests(index, memory, INDEX, roles)
    claims = _digests(index, memory, CLAIMS, roles)
    advised = _advised(index)
    documents = {
        name: PageInputs(digest, claims.get(name, ""), advised.get(name, {})) for name, digest in rows.items()
    }
    return Changes(documents, roles)


def _digests(
    index: Index, memory: SiteMemory, parent: str, roles: dict[str, tuple[int, str]]
) -> dict[str, str]:
    """Return the digests of rows or claims by folded name; adds the bins to ``roles``."""
    found: dict[str, str] = {}
    same = set()
    for role in index.authority.bins(parent):
        known = memory.roles.get(role)
        if known and known[0] == index.versions.get(role):
            roles[role] = known
            same.add(role)
            continue
        bin_ = index.bin(role)
        roles[role] = (bin_.version, to_text(bin_.expires))
        found.update(_entries(parent, bin_.targets))
    if same:
        found.update(_kept(index, memory, parent, same))
    return found


def _entries(parent: str, targets: Mapping[str, TargetFile]) -> Iterator[tuple[str, str]]:
    prefix = "publishers/" if parent == CLAIMS else "index/"
    for path, target in targets.items():
        if path != SEARCH and not is_advisory(path):
            yield path.removeprefix(prefix).removesuffix(".json"), target.hashes["sha256"]


def _kept(index: Index, memory: SiteMemory, parent: str, same: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield what is remembered of the bins that are the same."""
    path_of = claim_path if parent == CLAIMS else rows_path
    bin_of = index.authority.bin_of(parent)
    for name, known in memory.plugins.items():
        digest = known.claim if parent == CLAIMS else known.rows
        if digest and bin_of(path_of(PluginName(name))) in same:
            yield name, digest


def _advised(index: Index) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for part in index.advisory_parts:
        for name, rows in part.items():
            found.setdefault(folded(name), {}).update(rows)
    return found
