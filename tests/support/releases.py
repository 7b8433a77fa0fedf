"""Releases made in memory: signed and verified by the real code, fetched from nowhere.

::

    calc = make_release("calc", key=GOOD)
    toml, lock = documents(calc, trust={"calc": [GOOD]})
"""

from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.indexrepo import WASM, plugin_files, public, sign
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.lockfile import Lock, LockEntry, render
from tarkpm.core.names import STATEMENT
from tarkpm.core.project_edit import ProjectEdit, edit
from tarkpm.core.release import GitSource, IndexSource, OciSource, PathSource, PluginName, Requirement, Source
from tarkpm.core.verification import verify_release
from tarkpm.ops.release.fetch import Release

GOOD, EVIL = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
ROOT = "sha256:" + "a" * 64
COMMUNITY = IndexSource("community", ROOT)
INDEX_TOML = f'[index.community]\nurl = "https://index.example"\nroot = "{ROOT}"\n'
OTHER_WASM = WASM + bytes([0, 2, 1, 0x78])
"""The same module with a custom section: other bytes that do the same."""


def git(name: str = "calc", *, tag: str = "v1", commit: str = "a" * 40) -> GitSource:
    """A release's commit in a repository that nobody can reach."""
    return GitSource(f"https://git.example/{name}.git", tag=tag, commit=commit)


def make_release(
    name: str = "calc",
    version: str = "1.0.0",
    *,
    key: Ed25519PrivateKey | None = GOOD,
    source: Source | None = None,
    more: str = "",
    wasm: bytes = WASM,
) -> Release:
    """A verified release. ``key`` None leaves it unsigned; ``more`` is the rest of its plugin.toml."""
    files = plugin_files(name, version, wasm, more)
    envelope = sign(key, name, version, files) if key else None
    candidate = verify_release(files, envelope, source or git(name), where="a test")
    return Release(candidate, files | ({STATEMENT: envelope} if envelope else {}))


def entry_of(release: Release) -> LockEntry:
    """The lock entry of a release."""
    return release.candidate.entry()


def caps(*texts: str) -> CapabilitySet:
    """Capabilities as they are typed."""
    return CapabilitySet.of(map(Capability.parse, texts))


def requirement_of(release: Release, range_: str = "") -> Requirement:
    """The line of tark.toml that leads to a release."""
    candidate = release.candidate
    is_copy, of_index = isinstance(candidate.source, PathSource), isinstance(candidate.source, IndexSource)
    return Requirement(
        candidate.manifest.name,
        candidate.source.unpinned(),
        unsigned=candidate.signer is None and not is_copy,
        range=range_ or (f"^{candidate.manifest.version}" if of_index else ""),
    )


def documents(
    *releases: Release,
    toml: str = "",
    trust: Mapping[str, Iterable[Ed25519PrivateKey]] | None = None,
    grants: Mapping[str, CapabilitySet] | None = None,
    dependencies: Iterable[Release] = (),
) -> tuple[str, str]:
    """tark.toml and tark.lock of a project with these plugins.

    Signers of git and OCI releases are trusted unless ``trust`` says otherwise. ``toml`` comes first in tark.toml;
    ``dependencies`` are only locked.
    """
    changes = []
    for release in releases:
        name = release.candidate.manifest.name
        keys = tuple(map(public, (trust or {}).get(name, ())))
        if (
            trust is None
            and release.candidate.signer
            and isinstance(release.candidate.source, GitSource | OciSource)
        ):
            keys = (release.candidate.signer,)
        changes.append(ProjectEdit(name, requirement_of(release), keys, (grants or {}).get(name, caps())))
    for other in (grants or {}).keys() - {change.name for change in changes}:
        changes.append(ProjectEdit(PluginName(other), grants=(grants or {})[other]))
    lock = render(Lock.of(map(entry_of, (*releases, *dependencies))))
    return edit(toml.encode(), changes).decode(), lock.decode()
