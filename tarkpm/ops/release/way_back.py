"""Check locked entries against the trust rules; an entry that its index took back gets a hint that works."""

from collections.abc import Iterable, Mapping

from tarkpm.core.binding import Origin
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.rows import Listing
from tarkpm.core.withdrawn import is_revoked
from tarkpm.errors import KeyUntrusted, Revoked
from tarkpm.ops.project.proofs import check_signer
from tarkpm.ops.project.workspace import Workspace

ASK = "tarkpm outdated"
"""The command for a machine that does not know what the index lists: it asks, and names the way back."""


def require_trusted(workspace: Workspace, project: Project, entry: LockEntry) -> None:
    """Do what `check_signer` does. Raises what it raises."""
    try:
        check_signer(workspace, project, entry)
    except (Revoked, KeyUntrusted) as problem:
        if isinstance(entry.source, IndexSource):
            problem.hint = way_back(workspace, entry)
        raise


def way_back(workspace: Workspace, entry: LockEntry) -> str:
    """Return the command that replaces ``entry``, and with it every other locked release that was revoked.

    It knows what the index listed when it was last asked; nothing is sent.
    """
    from tarkpm.sources.index.cached import cached_listing

    entries = withdrawn(workspace, entry)
    cache = workspace.settings.paths.cache
    found = {
        one.name: cached_listing(cache, one.source, one.name)
        for one in entries
        if isinstance(one.source, IndexSource)
    }
    listings = {name: listing for name, listing in found.items() if listing}
    return ASK if len(listings) < len(entries) else command(workspace, entries, listings)


def withdrawn(workspace: Workspace, entry: LockEntry) -> list[LockEntry]:
    """Return ``entry`` and the other locked releases that were revoked: no command may leave one in place."""
    revoked = [one for one in workspace.lock.entries if is_revoked(one, workspace.vouched)]
    return [one for one in workspace.lock.entries if one.name == entry.name or one in revoked]


def command(
    workspace: Workspace, entries: Iterable[LockEntry], listings: Mapping[PluginName, Listing]
) -> str:
    """Return the command that replaces these entries by what their indexes list."""
    from tarkpm.core.way_back import way_back as replacing

    return replacing(
        workspace.project, entries, listings, workspace.vouched, lambda one: _signers(workspace, one)
    )


def _signers(workspace: Workspace, entry: LockEntry) -> tuple[str, ...]:
    """Return the keys of a plugin that raise no question about a changed key (`core.policy.admit`)."""
    accepted = workspace.record.accepted.plugins.get(entry.name)
    same = accepted is not None and accepted.publisher.origin == Origin.of(entry.source)
    before = accepted.publisher.signers if accepted and same else ()
    return workspace.project.trust.get(entry.name) or before or ((entry.signer,) if entry.signer else ())
