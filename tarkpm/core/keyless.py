"""Plugins whose publisher keeps no key: ``[trust]`` says ``identity``, and a CI identity decides who signs.

Each release is signed by a key of its own, for which a verified proof of the identity vouches. A list has
keys or this word, never both: "one of" would let a stolen key do what the identity was to prevent
(docs/decisions/0243).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tarkpm.core.key import PublicKey, public_key

if TYPE_CHECKING:
    from tarkpm.core.ci_identity import CiIdentity
    from tarkpm.core.lockfile import LockEntry
    from tarkpm.core.project import Project
    from tarkpm.core.release import Requirement

KEYLESS: Final = "identity"
"""What ``[trust]`` says in place of keys. It equals no key, so whatever compares it with a signer refuses."""
TrustedSigner: TypeAlias = PublicKey | Literal["identity"]
"""A value of a list in ``[trust]``."""
ONLY_KEYLESS: Final[tuple[TrustedSigner, ...]] = (KEYLESS,)


def read_signers(texts: list[str]) -> tuple[TrustedSigner, ...]:
    """Read a list of ``[trust]``. Raises `ValueError`."""
    if texts == [KEYLESS]:
        return ONLY_KEYLESS
    if KEYLESS in texts:
        raise ValueError(f'expected keys, or "{KEYLESS}" alone')
    return tuple(map(public_key, texts))


def check_keyless(requirement: "Requirement | None", identity: "CiIdentity | None") -> None:
    """Raise `ValueError` where ``[trust]`` says identity, and that would mean anybody or nothing."""
    from tarkpm.core.release import IndexSource

    if identity is None:
        raise ValueError(f'"{KEYLESS}" needs a CI identity, and [identities] does not name one')
    if requirement and isinstance(requirement.source, IndexSource):
        raise ValueError(f'expected keys, found "{KEYLESS}": an index vouches for its plugins itself')
    if requirement and requirement.unsigned:
        raise ValueError(f'"{KEYLESS}" needs a signature, and [plugins] says unsigned')


def publisher_keys(trust: Iterable[TrustedSigner], identity: "CiIdentity | None") -> tuple[str, ...]:
    """Return who may sign, as a binding names it: sorted keys, or the CI identity in their place."""
    signers = tuple(sorted(trust))
    return (str(identity),) if signers == ONLY_KEYLESS else signers


def identity_of(project: "Project", entry: "LockEntry") -> "CiIdentity | None":
    """Return the CI identity that decides whether a locked release may be signed by its signer.

    None where keys or an index decide, and for what nobody signed: a folder has no identity, whatever
    ``[trust]`` says of its name.
    """
    from tarkpm.core.release import IndexSource

    if entry.signer is None or isinstance(entry.source, IndexSource):
        return None
    return project.keyless(entry.name)


def signer_of(project: "Project", entry: "LockEntry") -> str:
    """Return who vouches for a locked release: a CI identity or a key; "" for nobody."""
    return str(identity_of(project, entry) or entry.signer or "")
