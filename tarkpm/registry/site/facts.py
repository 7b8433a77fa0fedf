"""What a page says about a plugin: gathered from its rows, claim, advisories, and newest release."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.advisory import Advisory, affects
from tarkpm.core.capability import KINDS, MEANING, PLAIN, Capability
from tarkpm.core.claim import Claim
from tarkpm.core.danger import is_dangerous
from tarkpm.core.key import PublicKey
from tarkpm.core.rebuilt import RebuiltRelease, rebuilders
from tarkpm.core.release import Dependency, IndexSource, PluginName
from tarkpm.core.rows import Listing, ReleaseRow
from tarkpm.core.search import entry_of
from tarkpm.core.tlog.log import LogKeys
from tarkpm.core.tool import ToolDef
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import KeyUntrusted
from tarkpm.registry.releases import read_release

MAX_RELEASES: Final = 200
"""Releases that a page lists, the newest ones."""
MAX_DEPENDENTS: Final = 100
"""Dependents that a page lists."""


class Power(msgspec.Struct, frozen=True):
    """A kind of capability in words, with its scopes. ``loud``: what deserves a second look."""

    kind: str
    meaning: str
    scopes: tuple[str, ...] = ()
    loud: bool = False


class ReleaseFacts(msgspec.Struct, frozen=True):
    """A release on a page. ``signer`` is "" if its key was revoked and not replaced."""

    row: ReleaseRow
    signer: str
    revoked: bool
    advisories: tuple[str, ...] = ()

    @property
    def is_offered(self) -> bool:
        """Return whether `add` may choose it."""
        return not self.row.yanked and not self.revoked


class SignerFacts(msgspec.Struct, frozen=True):
    """The publisher's key, and its first release: the version and, if it is known, the time."""

    key: str
    version: str = ""
    published: int | None = None


class Proofs(msgspec.Struct, frozen=True):
    """What the index proves of a release.

    ``entry`` is its number in the log, from 0, and None if the index has no log; ``witnesses`` are names of
    those that saw it. ``rebuilt`` and ``differed`` count who built it again, with the same bytes and others.
    """

    entry: int | None = None
    witnesses: tuple[str, ...] = ()
    rebuilt: int = 0
    differed: int = 0


class Words(msgspec.Struct, frozen=True):
    """What the author says in the release that is shown.

    ``problem`` says why it could not be verified, ``tools_problem`` why its tools are not known.
    """

    author: str = ""
    homepage: str = ""
    license: str = ""
    contributes: tuple[str, ...] = ()
    readme: bytes = b""
    problem: str = ""
    tools_problem: str = ""
    proofs: Proofs = Proofs()


class PageFacts(msgspec.Struct, frozen=True):
    """Everything on the page of a plugin. ``releases`` are the newest first; ``shown`` is one of them.

    ``requires`` says as what the index knows each dependency, "" if it does not. ``tools`` is None if nobody
    asked the plugin. ``dependents`` are names, ``more_dependents`` counts the rest.
    """

    name: PluginName
    shown: ReleaseFacts
    releases: tuple[ReleaseFacts, ...]
    older: int
    signer: SignerFacts
    powers: tuple[Power, ...]
    requires: tuple[tuple[Dependency, str], ...]
    dependents: tuple[str, ...]
    more_dependents: int
    advisories: tuple[Advisory, ...]
    words: Words
    tools: Sequence[ToolDef] | None = None


def shown_row(listing: Listing, claim: Claim | None) -> ReleaseRow:
    """Return the release that a page is about: the one that search shows, or else the newest."""
    entry = entry_of(listing, claim)
    found = listing.get(entry.version) if entry else None
    return found or listing.rows[-1]


def releases_of(listing: Listing, claim: Claim | None, advisories: Sequence[Advisory]) -> list[ReleaseFacts]:
    """Return the releases of a plugin, newest first."""
    # `accept` requires the claim's key, and a rotation lists what the old key signed: so the claim tells the
    # signer of every release, and no statement has to be read for it.
    retired = {digest: key for key, digests in (claim.retired if claim else {}).items() for digest in digests}
    key = (claim.key if claim else None) or ""
    return [
        ReleaseFacts(
            row,
            retired.get(row.statement.sha256, key),
            bool(claim and claim.revokes(row.version, row.statement.sha256)),
            tuple(
                one.id for one in advisories if affects(one, listing.name, row.version, row.statement.sha256)
            ),
        )
        for row in reversed(listing.rows)
    ]


def signer_of(releases: Sequence[ReleaseFacts], key: PublicKey | None) -> SignerFacts:
    """Return the current key, since the first release that it signed, by version."""
    first = next((one.row for one in reversed(releases) if key and one.signer == key), None)
    if first is None:
        return SignerFacts(key or "")
    return SignerFacts(key or "", str(first.version), first.published)


def powers_of(capabilities: Iterable[str]) -> tuple[Power, ...]:
    """Return capabilities in words, the most dangerous first; kinds that this version does not know last."""
    known, unknown = [], []
    for text in capabilities:
        try:
            known.append(Capability.parse(text))
        except ValueError:
            unknown.append(text)
    return (
        *_known(known),
        *(Power(text, "unknown to this version of tarkpm", loud=True) for text in unknown),
    )


def _known(capabilities: Sequence[Capability]) -> Iterator[Power]:
    for kind in reversed(KINDS):
        for loud in (True, False):
            some = [one for one in capabilities if one.kind == kind and is_dangerous(one) == loud]
            if some:
                scopes = tuple(one.scope for one in some) if kind not in PLAIN else ()
                yield Power(kind, MEANING[kind], scopes, loud)


def words_of(
    folder: Path, source: IndexSource, log: LogKeys | None, name: PluginName, shown: ReleaseFacts
) -> tuple[Words, bytes]:
    """Read and verify a release, and return its author's words, and its module.

    ``log`` are the keys of the log of the index, None if it has none. Raises `KeyUntrusted` if the claim does
    not allow its signer, `IndexUntrusted` if it is not in the log, and what `read_release` raises.
    """
    candidate, files = read_release(folder, source, name, shown.row)
    # What `releases_of` derives is what the claim says. Whoever stole the online key can list anything else.
    if candidate.signer != shown.signer and not shown.revoked:
        text = f"it is signed by {candidate.signer}, which the plugin's claim does not allow"
        raise KeyUntrusted(text, where=f"{name} {shown.row.version}")
    manifest = candidate.manifest
    readme = next((file for file in sorted(files) if file.upper().startswith("README")), "")
    words = Words(
        manifest.author,
        manifest.homepage,
        manifest.license,
        manifest.contributes,
        files[readme] if readme else b"",
        proofs=_proofs(log, candidate, shown.row),
    )
    return words, files[manifest.wasm]


def _proofs(log: LogKeys | None, candidate: VerifiedRelease, row: ReleaseRow) -> Proofs:
    """Return what the row proves; raises `IndexUntrusted` as a client does."""
    name, version, statement = candidate.manifest.name, row.version, row.statement.sha256
    release = RebuiltRelease(name, version, statement, candidate.files)
    counts = [
        len(rebuilders(release, row.rebuilds, signer=candidate.signer, same=same)) for same in (True, False)
    ]
    if log is None:
        return Proofs(None, (), *counts)
    proof = log.check_release(row.proof, name, version, statement, where=f"{name} {version}")
    seen = log.seen_by(proof.checkpoint, where=f"{name} {version}")
    return Proofs(proof.index, tuple(one.witness.name for one in seen), *counts)
