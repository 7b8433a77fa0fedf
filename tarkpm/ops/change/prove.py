"""Verify that locked releases without a lasting key are by the CI identity that tark.toml names.

This machine remembers what it verified (`store.proofs`). For what it does not know yet, the release is
fetched as it is locked, and its proof is verified before anything of it is installed (docs/trust-rules.md,
rule 2).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tarkpm.core.keyless import identity_of
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import CI_PROOF
from tarkpm.core.project import Project
from tarkpm.core.trust import check_run
from tarkpm.errors import KeyUntrusted
from tarkpm.ops.project.proofs import proved_run
from tarkpm.ops.project.workspace import Workspace

if TYPE_CHECKING:  # few projects have a plugin without a key
    from tarkpm.core.ci_identity import CiClaims
    from tarkpm.ops.release.fetch import Release


def require_proofs(
    workspace: Workspace, project: Project, entries: Iterable[LockEntry], *, again: bool = False
) -> None:
    """Verify the proofs that this machine does not know yet, or all of them ``again``, and remember them.

    The project's decisions are accepted: this may be the first request that is made for it (rule 3). A
    release that is not carried by a bundle is left to `check_trusted`. Raises `KeyUntrusted` for a release
    without a proof or by another run, `SignatureInvalid`, what fetching raises, and `TarkError` if the extra
    is not installed.
    """
    unknown = [
        entry
        for entry in entries
        if identity_of(project, entry) and (again or proved_run(workspace, project, entry) is None)
    ]
    if not unknown:
        return
    from tarkpm.ops.change.fetch_locked import fetch_locked, store_release

    for entry, release in fetch_locked(workspace, unknown):
        prove(workspace, project, entry, release)
        if not workspace.settings.dry_run:  # or it would be fetched again to install it
            store_release(workspace, release)


def prove(workspace: Workspace, project: Project, entry: LockEntry, release: "Release") -> None:
    """Verify that a fetched release is by the identity, and remember it. Raises like `require_proofs`."""
    from tarkpm.ops.release.identity import remember

    run = checked_run(project, entry, release)
    identity = identity_of(project, entry)
    assert identity is not None  # only asked for where an identity decides
    check_run(entry, identity, run)
    remember(workspace, release, identity, run)


def checked_run(project: Project, entry: LockEntry, release: "Release") -> "CiClaims":
    """Return the run that the proof of a locked release certifies.

    Raises `KeyUntrusted` without a proof, `SignatureInvalid`, and `TarkError` if the extra is not installed.
    """
    from tarkpm.ops.release.identity import verified_run

    run = verified_run(release)
    if run is None:
        by = identity_of(project, entry)
        text = f"'{entry.name}' must be released by {by}, and {entry.version} has no proof of that"
        raise KeyUntrusted(text, where=f"{entry.source}: {CI_PROOF}", hint=f"tarkpm update {entry.name}")
    return run
