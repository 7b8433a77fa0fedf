"""Write a bundle: files in one order, with headers in one form. Equal contents are equal bytes."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from tarkpm.core.bundle.archive import END, INDEX, OCI_LAYOUT, RECORD, Member, blob_name, header
from tarkpm.core.bundle.layout import (
    EMPTY,
    FILE,
    IMAGE_MANIFEST,
    LAYOUT,
    REF,
    ROOT,
    SLICE,
    TITLE,
    ContentDescriptor,
    descriptor,
    render_index,
    render_slice,
    slice_ref,
)
from tarkpm.core.digest import Digest, FileEntry, sha256
from tarkpm.errors import StoreError
from tarkpm.io.files import open_new

Content = Callable[[], bytes]
"""Returns the contents of a blob, with its digest checked."""
CHUNK: Final = 1 << 20


class Written(msgspec.Struct, frozen=True):
    """A bundle that was written: its digest, and its size in bytes."""

    sha256: Digest
    size: int


class BundleDraft:
    """What a bundle will contain. Contents of plugins are read only when it is written."""

    def __init__(self) -> None:
        self._manifests: list[ContentDescriptor] = []
        self._blobs: dict[Digest, tuple[int, Content]] = {}

    def add(self, data: bytes) -> Digest:
        """Add a blob."""
        digest = sha256(data)
        self._blobs[digest] = len(data), lambda: data
        return digest

    def add_later(self, entry: FileEntry, content: Content) -> None:
        """Add a blob of which only digest and size are known yet."""
        self._blobs[entry.sha256] = entry.size, content

    def add_manifest(self, data: bytes, ref: str, artifact_type: str, more: Mapping[str, str]) -> Digest:
        """Add a manifest under a name; the blobs it names are added separately."""
        self._manifests.append(descriptor(IMAGE_MANIFEST, data, {REF: ref, **more}, artifact_type))
        return self.add(data)

    def add_slice(self, root: str, files: Mapping[str, bytes]) -> None:
        """Add what is kept of an index, by path in it."""
        layers = {path: descriptor(FILE, data, {TITLE: path}) for path, data in files.items()}
        for data in (EMPTY, *files.values()):
            self.add(data)
        self.add_manifest(render_slice(layers, root), slice_ref(root), SLICE, {ROOT: root})

    def write(self, target: Path) -> Written:
        """Write the bundle, and replace ``target`` by it once it is complete."""
        temporary = target.parent / f".{target.name}.{os.urandom(8).hex()}.tmp"
        try:
            with open_new(temporary, 0o644) as file:
                written = self._write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except OSError as problem:
            temporary.unlink(missing_ok=True)
            raise StoreError((problem.strerror or "").lower(), where=str(target)) from None
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return written

    def _write(self, file: BinaryIO) -> Written:
        digest, size = hashlib.sha256(), 0

        def put(data: bytes) -> None:
            nonlocal size
            digest.update(data)
            size += file.write(data)

        def put_file(name: str, length: int, data: bytes) -> None:
            member = Member(name, length)
            put(header(member))
            put(data)
            put(bytes(member.padding))

        index = render_index(self._manifests)
        put_file(OCI_LAYOUT, len(LAYOUT), LAYOUT)
        put_file(INDEX, len(index), index)
        for one in sorted(self._blobs):
            length, content = self._blobs[one]
            put_file(blob_name(one), length, content())
        put(END)
        put(bytes(-size % RECORD))
        return Written(Digest(digest.hexdigest()), size)
