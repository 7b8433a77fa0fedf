"""Requirements of a release to be published, shared by `publish` and `index accept`."""

import shlex
from pathlib import Path

import msgspec

from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import Source
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.errors import ManifestError, SignatureInvalid
from tarkpm.host.module.fit import check_module
from tarkpm.sources.folder import ReleaseFiles, collect
from tarkpm.sources.path import LocalTree


class Publishable(msgspec.Struct, frozen=True):
    """A checked release: its signature is valid, and its module fits its manifest."""

    candidate: VerifiedRelease
    files: dict[str, bytes]
    envelope: bytes


def read_release(folder: Path, source: Source) -> Publishable:
    """Read and check the signed release in ``folder``, or in its ``dist/``.

    Raises `NotFound`, `ManifestError`, `SignatureInvalid`, `DigestMismatch`, `ModuleInvalid`.
    """
    where = str(folder)
    collected = collect(LocalTree(folder), "", where=where)
    if collected.statement is None:
        raise SignatureInvalid(
            f"the release is not signed: there is no {STATEMENT}",
            where=where,
            hint=f"tarkpm publish {shlex.quote(str(folder))} --to FOLDER",
        )
    candidate = verify_release(collected.files, collected.statement, source, where=where)
    check_publishable(candidate, collected, where=where)
    return Publishable(candidate, dict(collected.files), collected.statement)


def check_publishable(candidate: VerifiedRelease, collected: ReleaseFiles, *, where: str) -> None:
    """Raise `ManifestError` without a valid license, `ModuleInvalid` for a module tark cannot run."""
    manifest = candidate.manifest
    place = f"{where}: {MANIFEST}: plugin.license"
    if not manifest.license:
        raise ManifestError("expected an SPDX expression like MIT, found none", where=place)
    check_license(manifest.license, place)
    check_fit(candidate, collected, where=where)


def check_fit(candidate: VerifiedRelease, collected: ReleaseFiles, *, where: str) -> None:
    """Raise `ModuleInvalid` unless the module in the folder ``where`` can run as what plugin.toml says."""
    manifest = candidate.manifest
    module = str(Path(where) / collected.folder / manifest.wasm)
    hint = f"tarkpm inspect {shlex.quote(module)}"
    check_module(collected.files[manifest.wasm], manifest.type, where=module, hint=hint)


def check_license(text: str, where: str) -> None:
    """Raise `ManifestError` for a license that is not an SPDX expression; "" is allowed."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        if text:
            canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        raise ManifestError(
            f"expected an SPDX expression like MIT, found {text[:60]!r}", where=where
        ) from None
