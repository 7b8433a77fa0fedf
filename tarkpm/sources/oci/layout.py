"""A folder in the place of a repository: an image layout (OCI Image Specification 1.1, "Image Layout").

It is what ``skopeo copy … oci:FOLDER:TAG`` and ``oras cp --to-oci-layout`` write. The folder is trusted as
little as a registry: digests are computed over what it holds.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.oci.artifact import MAX_OCI_MANIFEST
from tarkpm.core.oci.decode import MAX_MODULE
from tarkpm.core.oci.reference import digest_text, tag_name
from tarkpm.core.shapes import from_json
from tarkpm.errors import DigestMismatch, NotFound, Refused, Unreachable
from tarkpm.io.files import read_file
from tarkpm.sources.oci.registry import MAX_TAGS, FetchedManifest

REF_NAME: Final = "org.opencontainers.image.ref.name"
MAX_INDEX: Final = 16 << 20
"""Bytes."""


class _Descriptor(msgspec.Struct):
    digest: str
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct):
    manifests: list[_Descriptor]


def read_index(data: bytes, *, where: str) -> dict[str, str]:
    """Return the digests that an index.json names, by tag. Raises `Refused` for another document."""
    try:
        index = from_json(data, _Index)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refused("expected the index.json of an OCI image layout", where=where) from None
    found: dict[str, str] = {}
    for one in index.manifests[:MAX_TAGS]:
        with suppress(ValueError):
            found[tag_name((one.annotations or {}).get(REF_NAME, ""))] = digest_text(one.digest)
    return found


class LayoutFolder:
    """A folder with the interface of `Registry`. It holds one repository, so the name of one is ignored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def tags(self, repository: str) -> list[str]:
        """Return the tags, sorted; names that cannot be tags are left out."""
        del repository
        return sorted(self._digests())

    def manifest(self, repository: str, reference: str) -> FetchedManifest:
        """Return the manifest of a tag or digest. Raises `NotFound`, `DigestMismatch`, `Refused`."""
        del repository
        digest = reference if reference.startswith("sha256:") else self._digests().get(tag_name(reference))
        if digest is None:
            raise NotFound(f"the mirror does not have the tag '{reference}'", where=str(self._folder))
        return FetchedManifest(self._blob(digest, MAX_OCI_MANIFEST), digest)

    def blob(self, repository: str, digest: str, size: int) -> bytes:
        """Return a blob of ``size`` bytes. Raises `NotFound`, `DigestMismatch`, `TooLarge`."""
        del repository
        data = self._blob(digest, min(size, MAX_MODULE))
        if len(data) != size:
            text = f"the blob has {len(data):,} bytes, expected {size:,}"
            raise DigestMismatch(text, where=str(self._folder))
        return data

    def _digests(self) -> dict[str, str]:
        """Return the digests by tag; of a tag that is there twice, the last one."""
        data = self._read("index.json", MAX_INDEX)
        if data is None:
            raise NotFound("the mirror does not have the repository", where=str(self._folder))
        return read_index(data, where=str(self._folder / "index.json"))

    def _blob(self, digest: str, limit: int) -> bytes:
        data = self._read(f"blobs/sha256/{digest_text(digest).removeprefix('sha256:')}", limit)
        if data is None:
            raise NotFound(f"the mirror does not have {digest}", where=str(self._folder))
        if (found := f"sha256:{sha256(data)}") != digest:
            raise DigestMismatch(f"the blob has digest {found}, expected {digest}", where=str(self._folder))
        return data

    def _read(self, name: str, limit: int) -> bytes | None:
        """Return a file of the folder; None if it is not there.

        Raises `TooLarge`, `StoreError` for what is no regular file, and `Unreachable` if it cannot be read.
        """
        file = self._folder / name
        try:
            return read_file(file, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as problem:  # a share that went away says nothing about the release
            raise Unreachable((problem.strerror or "cannot be read").lower(), where=str(file)) from None
