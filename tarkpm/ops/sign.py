"""``tarkpm sign``: sign a folder, which makes it a release."""

import shlex
from contextlib import suppress
from pathlib import Path

import msgspec

from tarkpm.core import statement
from tarkpm.core.built_from import BuiltFrom
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import GitSource, PathSource
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.errors import ProjectNotAccepted, SourceError
from tarkpm.io.files import atomic_write
from tarkpm.ops.author.committed_source import committed_source
from tarkpm.ops.author.staleness import require_fresh
from tarkpm.ops.author.statement import only_key
from tarkpm.ops.author.uncommitted import uncommitted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.release.checks import check_fit, check_license
from tarkpm.sources.folder import ReleaseFiles, collect
from tarkpm.sources.path import LocalTree
from tarkpm.store.key_file import Passphrase
from tarkpm.store.keys import KeyStore


class SignReport(msgspec.Struct, frozen=True):
    """The signed files, the signer with the name of its ``key``, and the path of the statement.

    ``uncommitted`` names what must be committed together with the statement, each file with its state;
    ``source`` is the commit that the statement names.
    """

    name: str
    version: str
    signer: str
    statement: str
    files: tuple[str, ...]
    uncommitted: tuple[str, ...] = ()
    source: BuiltFrom | None = None
    key: str = ""


def sign(
    settings: Settings, folder: Path, key: str, passphrase: Passphrase, *, source_url: str = ""
) -> SignReport:
    """Sign the release in ``folder`` and write plugin.dsse.json next to its plugin.toml.

    Without ``key``, the only one signs. With ``source_url``, where others fetch the repository around it, the
    statement names HEAD as its source.
    Raises `BuildError` if the sources changed after the build, `ManifestError`, `NotFound`, `ModuleInvalid`,
    `StoreError` for a key that cannot be used, and what `committed_source` raises.
    """
    key = key or only_key(settings, folder)
    collected, candidate = _read(folder)
    # What is signed must be what the author reads beside it.
    require_fresh(settings, settings.cwd / folder, collected, candidate.manifest)
    manifest, source = candidate.manifest, None
    if source_url:
        without = shlex.join(["tarkpm", "sign", str(folder), "--key", key])
        place = settings.cwd / folder / collected.folder
        source = committed_source(settings, place, collected, manifest, source_url, without)
    public, signer = KeyStore.in_state(settings.paths.state).load(key, passphrase)
    envelope = statement.sign(
        manifest.name, manifest.version, candidate.files, key=public, signer=signer, source=source
    )
    # Verified before it is written: a statement that clients refuse must not be published.
    verify_release(collected.files, envelope, GitSource(str(folder)), where=str(folder))
    target = folder / collected.folder / STATEMENT
    if not settings.dry_run:
        atomic_write(target, envelope)
    names = tuple(file.name for file in candidate.files)
    left: tuple[str, ...] = ()
    # Not refused: a release in git is signed first, then committed with its signature (decision 0196).
    with suppress(SourceError, ProjectNotAccepted):
        left = uncommitted(settings.cwd / target.parent, collected, manifest, "git status")
    return SignReport(manifest.name, str(manifest.version), public, str(target), names, left, source, key)


def _read(folder: Path) -> tuple[ReleaseFiles, VerifiedRelease]:
    """Return the folder's release without a statement, checked as far as possible."""
    where = str(folder)
    collected = collect(LocalTree(folder), "", where=where, signed=False)
    candidate = verify_release(collected.files, None, PathSource(where), where=where)
    check_license(candidate.manifest.license, f"{where}: {MANIFEST}: plugin.license")
    # What cannot run is refused by every client: a signature on it would only mislead.
    check_fit(candidate, collected, where=where)
    return collected, candidate
