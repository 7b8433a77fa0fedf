"""``tarkpm key`` and ``sign``: a publisher's keys, and the statement that makes a folder a release."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from tarkpm.core import statement
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import GitSource, PathSource
from tarkpm.core.verification import Candidate, verify_release
from tarkpm.errors import ManifestError
from tarkpm.host.module.inspect import inspect
from tarkpm.io.files import atomic_write
from tarkpm.ops.settings import Settings
from tarkpm.sources.folder import ReleaseFiles, collect
from tarkpm.sources.path import LocalTree
from tarkpm.store.keys import KeyStore

Passphrase = Callable[[], bytes]


class KeyReport(msgspec.Struct, frozen=True):
    """A key by name: its public half, and where its private half is."""

    name: str
    public_key: str
    path: str


def generate_key(settings: Settings, name: str, passphrase: bytes) -> KeyReport:
    """Make a private key, encrypted if ``passphrase`` is not empty; never replaces one."""
    keys = KeyStore(settings.paths.state / "keys")
    public = keys.generate(name, passphrase)
    return KeyReport(name, public, str(keys.path(name)))


class SignReport(msgspec.Struct, frozen=True):
    """What was signed, by which key, and where the statement is."""

    name: str
    version: str
    signer: str
    statement: str
    files: tuple[str, ...]


def sign(settings: Settings, folder: Path, key: str, passphrase: Passphrase) -> SignReport:
    """Sign the release in ``folder`` and write plugin.dsse.json beside its plugin.toml.

    Raises `ManifestError`, `NotFound`, `ModuleInvalid`, or `StoreError` for a key that cannot be used.
    """
    collected, candidate = _read(folder)
    public, signer = KeyStore(settings.paths.state / "keys").load(key, passphrase)
    manifest = candidate.manifest
    envelope = statement.sign(manifest.name, manifest.version, candidate.files, key=public, signer=signer)
    verify_release(collected.files, envelope, GitSource(str(folder)), where=str(folder))
    target = folder / collected.folder / STATEMENT
    if not settings.dry_run:
        atomic_write(target, envelope)
    names = tuple(file.name for file in candidate.files)
    return SignReport(manifest.name, str(manifest.version), public, str(target), names)


def _read(folder: Path) -> tuple[ReleaseFiles, Candidate]:
    """The folder's release as it would be without a statement, checked as far as that goes."""
    where = str(folder)
    collected = collect(LocalTree(folder), "", where=where, signed=False)
    candidate = verify_release(collected.files, None, PathSource(where), where=where)
    check_license(candidate.manifest.license, f"{where}: {MANIFEST}: plugin.license")
    wasm = candidate.manifest.wasm
    inspect(collected.files[wasm], where=f"{where}/{wasm}")
    return collected, candidate


def check_license(text: str, where: str) -> None:
    """Raise `ManifestError` for a licence that is no SPDX expression; none at all will do."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        if text:
            canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        raise ManifestError(
            f"expected an SPDX expression like MIT, found {text[:60]!r}", where=where
        ) from None
