"""Decide whether a locked or offered release may be trusted at all (docs/trust-rules.md, rules 2 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tarkpm.core.claim import Vouched
from tarkpm.core.keyless import identity_of
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.names import PROJECT
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource
from tarkpm.core.version import Version
from tarkpm.errors import KeyUntrusted, ResolutionError, Revoked, Unreachable, UnsignedRefused

if TYPE_CHECKING:  # few projects ask for a CI identity
    from tarkpm.core.ci_identity import CiClaims, CiIdentity

NOBODY = Vouched()


def check_minimum(name: str, minimum: Version | None, tark: Version | None) -> None:
    """Raise `ResolutionError` if a plugin requires a newer tark than the project's."""
    if minimum and tark and tark < minimum:
        raise ResolutionError(
            f"'{name}' requires tark {minimum} or newer, but this project is for tark {tark}",
            hint="update tark, then set [tark] version in tark.toml",
        )


def check_trusted(
    project: Project, entry: LockEntry, vouched: Vouched = NOBODY, run: CiClaims | None = None
) -> None:
    """Raise unless a lock entry's signer, or its lack of one, is trusted and not revoked.

    A signer is trusted by ``[trust]`` in tark.toml or, for a release of an index, by a claim that was
    verified on this machine (``vouched``). Where ``[trust]`` says that a CI identity decides, ``run`` is what
    this machine verified of the release's proof. An unsigned release must be allowed by tark.toml. The lock
    has no authority (docs/trust-rules.md, rules 2 and 8). The entry must be one that `lock_check.reachable`
    returns.

    Raises `KeyUntrusted`, `UnsignedRefused`, `Revoked` and `Unreachable`.
    """
    if isinstance(entry.source, IndexSource):
        check_vouched(entry, entry.source, vouched)
        # [trust] narrows what the index vouches for (docs/trust-rules.md, rule 0).
        if (pins := project.trust.get(entry.name)) and entry.signer not in pins:
            raise _untrusted(entry)
        return
    requirement = project.requirements[entry.name]
    if requirement.is_working_copy:
        return
    if entry.signer is None and not requirement.unsigned:
        raise UnsignedRefused(
            f"'{entry.name}' is locked without a signature, which tark.toml does not allow",
            where="tark.lock",
            hint=f"tarkpm update {entry.name}",
        )
    if identity := identity_of(project, entry):
        check_run(entry, identity, run)
    elif entry.signer is not None and entry.signer not in project.trust.get(entry.name, ()):
        raise _untrusted(entry)


def check_run(entry: LockEntry, identity: CiIdentity, run: CiClaims | None) -> None:
    """Raise unless a verified proof of a locked release is that of this CI identity.

    ``run`` is what the proof certifies, None if this machine verified none. Raises `Unreachable`, and
    `KeyUntrusted`, also for an identity without ids of its forge: its name may be somebody else's by now.
    """
    where, hint = "tark.lock", f"tarkpm update {entry.name}"
    if not identity.repository_id:
        text = f"[identities] names {identity} for '{entry.name}' without the ids of repository and owner"
        raise KeyUntrusted(text, where=PROJECT, hint=hint)
    if run is None:
        text = f"no proof that '{entry.name}' {entry.version} is by {identity} was verified on this machine"
        raise Unreachable(text, where=where, hint="run with network access: tarkpm sync")
    if why := identity.mismatch(run):
        text = f"'{entry.name}' must be released by {identity}, and {entry.version} was not: {why}"
        raise KeyUntrusted(text, where=where, hint=hint)


def _untrusted(entry: LockEntry) -> KeyUntrusted:
    return KeyUntrusted(
        f"'{entry.name}' is locked with signer {entry.signer}, which [trust] does not list",
        where="tark.lock",
        hint=f"tarkpm update {entry.name}",
    )


def check_vouched(entry: LockEntry, source: IndexSource, vouched: Vouched) -> None:
    """Raise unless the maintainers of an index vouch for this release.

    Raises `UnsignedRefused`, `Revoked`, `KeyUntrusted`, and `Unreachable` if no claim about the plugin is
    known on this machine.
    """
    if entry.signer is None or entry.statement is None:
        raise UnsignedRefused(
            f"'{entry.name}' is not signed, but every release of an index must be", where=str(source)
        )
    # Before the claim: a revocation that was seen once is enforced even without one
    # (docs/trust-rules.md, rule 8).
    if vouched.is_revoked(source, entry.name, entry.version, entry.statement.sha256):
        raise Revoked(
            f"'{entry.name}' {entry.version} was revoked by the maintainers of {source}",
            where="tark.lock",
            hint="tarkpm outdated",
        )
    claim = vouched.claim(source, entry.name)
    if claim is None:
        raise Unreachable(
            f"the publisher of '{entry.name}' is not known on this machine yet",
            where=str(source),
            hint="run with network access: tarkpm sync",
        )
    if not claim.allows(entry.signer, entry.version, entry.statement.sha256):
        raise KeyUntrusted(
            f"'{entry.name}' {entry.version} is signed by {entry.signer}, "
            f"which may not publish it in {source}",
            where=str(source),
            hint=f"tarkpm update {entry.name}",
        )
