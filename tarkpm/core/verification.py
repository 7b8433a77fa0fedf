"""Verify the contents and signature of a release. Whether its signer is trusted is decided by `policy`."""

from collections.abc import Iterable, Mapping

import msgspec

from tarkpm.core import statement
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.file_names import same_name
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import LockEntry, StatementEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import PathSource, PluginName, Source, is_extra
from tarkpm.core.tool import ToolPin
from tarkpm.core.version import Version
from tarkpm.errors import Refused, SignatureInvalid


class VerifiedRelease(msgspec.Struct, frozen=True):
    """A release whose signature, if it has one, is valid and covers exactly its files.

    ``tools`` are the pins of a tool plugin's definitions, once the plugin was asked for them.
    """

    manifest: Manifest
    source: Source
    files: tuple[FileEntry, ...]
    signer: PublicKey | None = None
    statement: StatementEntry | None = None
    tools: tuple[ToolPin, ...] | None = None

    @property
    def module(self) -> FileEntry:
        """The module among the files."""
        return next(file for file in self.files if file.name == self.manifest.wasm)

    def entry(self) -> LockEntry:
        """Return the lock entry of this release. The files of a working copy are not locked."""
        working_copy = isinstance(self.source, PathSource)
        return LockEntry(
            name=self.manifest.name,
            version=self.manifest.version,
            type=self.manifest.type,
            source=self.source,
            min_tark_version=self.manifest.min_tark_version,
            requires=self.manifest.dependencies,
            capabilities=None if working_copy else self.manifest.capabilities,
            signer=self.signer,
            statement=self.statement,
            files=() if working_copy else self.files,
            tools=None if working_copy else self.tools,
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
    """Verify a release: its signature, then its files, then its plugin.toml (docs/trust-rules.md, rule 1).

    ``files`` maps names to contents. ``envelope`` is the release statement, None if there is none.
    ``hashed`` are the entries of files that the caller has hashed already, and ``manifest`` is the parsed
    plugin.toml if the caller has parsed it; both only save work. The statement of a working copy is ignored,
    because the files change under it.

    Raises `SignatureInvalid`, `DigestMismatch`, `ManifestError`, and `Refused` for an unsigned release of
    which two files have the same name.
    """
    # A release without a statement has no signature to check. Whether it may be used is decided by `policy`
    # (docs/trust-rules.md, rule 4).
    if envelope is None or isinstance(source, PathSource):
        manifest = manifest or Manifest.parse(files[MANIFEST], where=f"{where}: {MANIFEST}")
        check_distinct(files, where=where)
        entries = tuple(FileEntry.of(name, data) for name, data in sorted(files.items()))
        return VerifiedRelease(manifest, source, entries)

    # 1. The signature, over the bytes of the payload. The payload is parsed only after this check.
    said, signer = statement.verify(envelope, where=where)

    # 2. The files are exactly those that were signed: none is missing, added or changed.
    statement.check_files(said, files, where=where, hashed=hashed)

    # 3. plugin.toml is parsed only now, when it is known to be the publisher's.
    manifest = manifest or Manifest.parse(files[MANIFEST], where=f"{where}: {MANIFEST}")

    # 4. The statement is about this plugin and version, so that it cannot be replayed for another.
    check_names(said, manifest.name, manifest.version, where=where)

    # 5. The files are of the kinds that tarkpm installs, and no others.
    _check_kinds(said, manifest, where=where)
    return VerifiedRelease(
        manifest, source, said.files, signer, StatementEntry(sha256(envelope), len(envelope))
    )


def check_distinct(names: Iterable[str], *, where: str) -> None:
    """Raise `Refused` if two files of a release have the same name where case does not count."""
    # A statement is held to the same when it is read, so a signed release cannot contain two either.
    if pair := same_name(names):
        text = f"the files '{pair[0]}' and '{pair[1]}' have the same name on file systems that ignore case"
        raise Refused(text, where=where, hint="keep one of them in the plugin's folder")


def check_names(said: statement.Statement, name: PluginName, version: Version, *, where: str) -> None:
    """Raise `SignatureInvalid` unless the statement is about this plugin and this version.

    Otherwise a statement could be replayed for another plugin or version.
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
