"""``tarkpm export sigstore``: write a release's signed statement as a Sigstore bundle."""

import os
import shlex
from pathlib import Path

import msgspec

from tarkpm.core.names import STATEMENT
from tarkpm.core.release import GitSource
from tarkpm.core.sigstore_bundle import pem, render_bundle
from tarkpm.core.statement import PREDICATE_TYPE, parse_envelope
from tarkpm.core.verification import verify_release
from tarkpm.errors import SignatureInvalid, StoreError
from tarkpm.io.files import atomic_write, read_optional
from tarkpm.io.paths import expanded
from tarkpm.ops.project.settings import Settings
from tarkpm.sources.folder import collect
from tarkpm.sources.path import LocalTree

_MAX_PEM = 4096


class SigstoreReport(msgspec.Struct, frozen=True):
    """A written bundle, the PEM file of the signer's key, and the ``command`` that verifies with both."""

    name: str
    version: str
    signer: str
    bundle: str
    public_key: str
    command: str


def export_sigstore(settings: Settings, folder: Path, to: Path) -> SigstoreReport:
    """Write the bundle of the release in ``folder`` to ``to``, and the signer's key as PEM beside it.

    The release is verified first. An earlier bundle is replaced; a file in the place of the key is not.
    Raises `NotFound`, `ManifestError`, `SignatureInvalid`, `DigestMismatch` and `StoreError`.
    """
    where = str(folder)
    collected = collect(LocalTree(folder), "", where=where)
    if collected.statement is None:
        hint = shlex.join(["tarkpm", "sign", where, "--key", "NAME"])
        raise SignatureInvalid(f"the release is not signed: there is no {STATEMENT}", where=where, hint=hint)
    manifest = verify_release(collected.files, collected.statement, GitSource(where), where=where).manifest
    envelope = parse_envelope(collected.statement, where=where)
    to = expanded(to)
    key_file = to.with_name(f"{to.name.removesuffix('.json')}.pem")
    documents = {to: render_bundle(envelope), key_file: pem(envelope.key)}
    _check_places(settings.cwd / to, settings.cwd / key_file, documents[key_file])
    if not settings.dry_run:
        for file, data in documents.items():
            atomic_write(settings.cwd / file, data)
    return SigstoreReport(
        name=manifest.name,
        version=str(manifest.version),
        signer=envelope.key,
        bundle=str(settings.cwd / to),
        public_key=str(settings.cwd / key_file),
        command=_command(to, key_file, folder / collected.folder / manifest.wasm),
    )


def _check_places(bundle: Path, key_file: Path, key: bytes) -> None:
    if not bundle.parent.is_dir():
        raise StoreError("the folder does not exist", where=str(bundle.parent))
    # Nobody typed this name: what has it already may be the only copy of something else.
    if os.path.lexists(key_file) and read_optional(key_file, _MAX_PEM) != key:
        hint = "name another file with --output"
        text = "the file exists already and is not the signer's key"
        raise StoreError(text, where=str(key_file), hint=hint)


def _command(bundle: Path, key: Path, module: Path) -> str:
    """Return the command that verifies the module, to type in the current folder."""
    words = ["cosign", "verify-blob-attestation", "--key", str(key), "--bundle", str(bundle)]
    # The key vouches, not a log: without the option, cosign asks for an entry of Rekor.
    options = ["--insecure-ignore-tlog=true", "--type", PREDICATE_TYPE]
    return shlex.join([*words, *options, str(module)])
