"""A release whose bytes and signature were checked. Whether its signer is trusted is still open."""

from collections.abc import Iterable, Mapping

import msgspec

from tarkpm.core import statement
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import PathSource, PluginName, Source, is_extra
from tarkpm.core.version import Version
from tarkpm.errors import SignatureInvalid


class VerifiedRelease(msgspec.Struct, frozen=True):
    """A verified release: its signature, if it has one, holds, and its bytes are what it says."""

    manifest: Manifest
    source: Source
    files: tuple[FileEntry, ...]
    signer: PublicKey | None = None
    statement: StatementEntry | None = None

    def entry(self) -> LockEntry:
        """Return the lock entry of this release; the bytes of a working copy are not locked."""
        working_copy = isinstance(self.source, PathSource)
        return LockEntry(
            name=self.manifest.name,
            version=self.manifest.version,
            type=self.manifest.type,
            source=self.source,
            min_tark_version=self.manifest.min_tark_version,
            requires=self.manifest.dependencies,
            signer=self.signer,
            statement=self.statement,
            files=() if working_copy else self.files,
        )


def verify_release(
    files: Mapping[str, bytes],
    envelope: bytes | None,
    source: Source,
    *,
    where: str,
    hashed: Iterable[FileEntry] = (),
    manifest: Manifest | None = None,
) -> VerifiedRelease:
    """Check a release's bytes against its statement, and both against its plugin.toml.

    Files whose bytes were found to be ``hashed`` are not hashed again; ``manifest`` is what the plugin.toml
    among them was read as, if it was. A working copy's statement is not looked at: it is never signed.

    Raises `ManifestError`, `SignatureInvalid`, `DigestMismatch`.
    """
    if envelope is None or isinstance(source, PathSource):
        manifest = manifest or Manifest.parse(files[MANIFEST], where=f"{where}: {MANIFEST}")
        entries = tuple(FileEntry.of(name, data) for name, data in sorted(files.items()))
        return VerifiedRelease(manifest, source, entries)
    said, signer = statement.verify(envelope, where=where)
    statement.check_files(said, files, where=where, hashed=hashed)
    manifest = manifest or Manifest.parse(files[MANIFEST], where=f"{where}: {MANIFEST}")
    check_names(said, manifest.name, manifest.version, where=where)
    _check_kinds(said, manifest, where=where)
    return VerifiedRelease(
        manifest, source, said.files, signer, StatementEntry(sha256(envelope), len(envelope))
    )


def check_names(said: statement.Statement, name: PluginName, version: Version, *, where: str) -> None:
    """Raise `SignatureInvalid` unless the statement is about this plugin and this version.

    Without it one plugin's statement, or an older version's, would do for another.
    """
    if (said.name, said.version) != (name, version):
        raise SignatureInvalid(
            f"the release statement is for '{said.name}' {said.version}, expected '{name}' {version}",
            where=where,
        )


def _check_kinds(said: statement.Statement, manifest: Manifest, *, where: str) -> None:
    """Raise `SignatureInvalid` unless the files are plugin.toml, its module, and licences and readmes."""
    names = {entry.name for entry in said.files} - {MANIFEST}
    if manifest.wasm not in names:
        raise SignatureInvalid(
            f"the release statement does not list the module '{manifest.wasm}'", where=where
        )
    for name in sorted(names - {manifest.wasm}):
        if not is_extra(name):
            raise SignatureInvalid(
                f"the release statement lists '{name}', which is not a module, licence or readme", where=where
            )
