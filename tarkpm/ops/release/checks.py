"""Requirements of a release to be published, shared by `check`, `publish` and `index accept`."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import GitSource, Source
from tarkpm.core.text import some
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.errors import DigestMismatch, ManifestError, ModuleInvalid, SignatureInvalid, TarkError
from tarkpm.host.module.fit import check_module
from tarkpm.sources.folder import ReleaseFiles, collect
from tarkpm.sources.path import LocalTree

UNSIGNED: Final = f"the release is not signed: there is no {STATEMENT}"


class Publishable(msgspec.Struct, frozen=True):
    """A checked release: its signature is valid, and its module fits its manifest.

    ``ci_proof`` is of a CI identity, and is not verified.
    """

    candidate: VerifiedRelease
    files: dict[str, bytes]
    envelope: bytes
    ci_proof: bytes | None = None


def read_release(folder: Path, source: Source) -> Publishable:
    """Read and check the signed release in ``folder``, or in its ``dist/``.

    Raises `NotFound`, `ManifestError`, `SignatureInvalid`, `DigestMismatch`, `ModuleInvalid`.
    """
    where = str(folder)
    collected = collect(LocalTree(folder), "", where=where)
    if collected.statement is None:
        raise SignatureInvalid(
            UNSIGNED, where=where, hint=f"tarkpm sign {shlex.quote(str(folder))} --key NAME"
        )
    candidate = verify_release(collected.files, collected.statement, source, where=where)
    check_publishable(candidate, collected, where=where)
    return Publishable(candidate, dict(collected.files), collected.statement, collected.ci_proof)


def check_publishable(candidate: VerifiedRelease, collected: ReleaseFiles, *, where: str) -> None:
    """Raise the first of `publish_problems`."""
    for problem in publish_problems(candidate, collected, where=where):
        raise problem


def publish_problems(
    candidate: VerifiedRelease, collected: ReleaseFiles, *, where: str
) -> Iterator[TarkError]:
    """Yield why a release cannot be published: its license, or a module that tark cannot run.

    `check`, `publish` and `index accept` share this, so that none of them accepts what another refuses.
    """
    manifest = candidate.manifest
    place = f"{where}: {MANIFEST}: plugin.license"
    if not manifest.license:
        yield ManifestError("expected an SPDX expression like MIT, found none", where=place)
    try:
        check_license(manifest.license, place)
    except ManifestError as problem:
        yield problem
    try:
        check_fit(candidate, collected, where=where)
    except ModuleInvalid as problem:
        yield problem


def check_fit(candidate: VerifiedRelease, collected: ReleaseFiles, *, where: str) -> None:
    """Raise `ModuleInvalid` unless the module in the folder ``where`` can run as what plugin.toml says."""
    manifest = candidate.manifest
    module = str(Path(where) / collected.folder / manifest.wasm)
    hint = f"tarkpm inspect {shlex.quote(module)}"
    check_module(collected.files[manifest.wasm], manifest.type, where=module, hint=hint)


def signed_release(folder: Path, files: Mapping[str, bytes], *, where: str) -> "SignedRelease | None":
    """Return the release that the statement beside a plugin makes of its ``files``; None without a statement.

    Raises `SignatureInvalid`, `DigestMismatch`, also if the statement is about other files, and `NotFound`
    for a listed file that does not exist.
    """
    tree = LocalTree(folder)
    data = tree.read([STATEMENT]).get(STATEMENT)
    if data is None:
        return None
    signed = collect(tree, "", where=where)
    release = verify_release(signed.files, data, GitSource(where), where=where)
    if signed.files != files:
        others = some(sorted(set(files) ^ set(signed.files)))
        raise DigestMismatch(f"the release statement does not cover {others}", where=f"{where}: {STATEMENT}")
    return SignedRelease(data, release, signed.ci_proof)


class SignedRelease(msgspec.Struct, frozen=True):
    """A statement as it was read, the release that it signs, and the file of its CI identity beside it."""

    envelope: bytes
    release: VerifiedRelease
    ci_proof: bytes | None = None


def check_license(text: str, where: str) -> None:
    """Raise `ManifestError` for a license that is not an SPDX expression; "" is allowed."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        if text:
            canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        raise ManifestError(
            f"expected an SPDX expression like MIT, found {text[:60]!r}",
            where=where,
            hint="choose an identifier from https://spdx.org/licenses",
        ) from None
