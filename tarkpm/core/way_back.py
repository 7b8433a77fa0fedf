"""The command that replaces locked releases which their index took back."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from tarkpm.core.claim import Vouched
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.project import Project
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.version import Range

_PLAIN: Final = re.compile(r"[\w@%+=:,./^-]+", re.ASCII)

SignersOf = Callable[[LockEntry], Iterable[str]]
"""Return the keys that the user trusts for a locked plugin."""


class _Replacement(msgspec.Struct, frozen=True):
    """The release that replaces a locked one, or None; ``fits`` is whether tark.toml asks for it already."""

    entry: LockEntry
    row: ReleaseRow | None
    signer: PublicKey | None
    fits: bool


def way_back(
    project: Project,
    entries: Iterable[LockEntry],
    listings: Mapping[PluginName, Listing],
    vouched: Vouched,
    signers: SignersOf,
) -> str:
    """Return one command that replaces all these entries, as far as their indexes have another release.

    The command consents to what it must (a lower version, a changed key) and to nothing else. A plugin of
    which no release is left is removed first.
    """
    found = [_replacement(project, entry, listings.get(entry.name), vouched) for entry in entries]
    if lost := [one.entry.name for one in found if one.row is None]:
        verb = ["remove"] if all(name in project.requirements for name in lost) else ["tree", "--invert"]
        return _typed([*verb, *(lost if verb == ["remove"] else lost[:1])])
    words = ["update", *(one.entry.name for one in found)]
    if not all(one.fits for one in found):
        words = ["add", *(_argument(project, one) for one in found)]
    if any(one.row and one.row.version < one.entry.version for one in found):
        words.append("--allow-downgrade")
    # An index may name the publisher's new key, but the user decides on it (docs/trust-rules.md, rule 5).
    new = [one.signer for one in found if one.signer and one.signer not in signers(one.entry)]
    return _typed([*words, *(word for key in dict.fromkeys(new) for word in ("--trust", key))])


def _typed(words: Iterable[str]) -> str:
    """Return a command as a person types it: unlike `shlex.join`, without quotes around ``name@^1.0``."""
    return " ".join(["tarkpm", *(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in words)])


def _argument(project: Project, one: _Replacement) -> str:
    """Return a replacement as `add` reads it; a range that fits stays."""
    assert one.row is not None
    assert isinstance(one.entry.source, IndexSource)
    requirement = project.requirements.get(one.entry.name)
    wanted = requirement.range if requirement and one.fits and requirement.range else f"^{one.row.version}"
    return f"{one.entry.source.index}:{one.entry.name}@{wanted}"


def _replacement(
    project: Project, entry: LockEntry, listing: Listing | None, vouched: Vouched
) -> _Replacement:
    """Return the release that the resolver would choose: the newest that fits, else the newest."""
    requirement = project.requirements.get(entry.name)
    wanted = Range.parse(requirement.range) if requirement and requirement.range else None
    allowed = list(_allowed(project, entry, listing, vouched))
    fitting = [one for one in allowed if wanted is None or wanted.matches(one[0].version)]
    row, signer = max(fitting or allowed, key=lambda one: one[0].version, default=(None, None))
    return _Replacement(entry, row, signer, bool(fitting))


def _allowed(
    project: Project, entry: LockEntry, listing: Listing | None, vouched: Vouched
) -> Iterable[tuple[ReleaseRow, PublicKey]]:
    """Yield the releases that may be installed, with the keys that the claim expects to have signed them."""
    source, tark = entry.source, project.tark_version
    assert isinstance(source, IndexSource)
    claim = vouched.claim(source, entry.name)
    for row in listing.rows if listing and claim else ():
        digest = row.statement.sha256
        assert claim is not None
        keys = [key for key, kept in claim.retired.items() if digest in kept]
        signer = keys[0] if keys else claim.key
        if signer is None or not claim.allows(signer, row.version, digest):
            continue
        if vouched.is_revoked(source, entry.name, row.version, digest):
            continue
        too_new = tark and row.min_tark_version and row.min_tark_version > tark
        if not (row.yanked or too_new or (row.version.pre and not entry.version.pre)):
            yield row, signer
