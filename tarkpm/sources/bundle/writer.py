"""Write a bundle: files in one order, with headers in one form. Equal contents are equal bytes.

After ``oci-layout`` come the modules, as they are verified, and their compiled code: each is read once, and
they need not all fit in memory. What names them is known only then, and follows, with ``index.json`` at the
end.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tarkpm.core.bundle.archive import END, INDEX, OCI_LAYOUT, RECORD, Member, blob_name, header
from tarkpm.core.bundle.layout import (
    COMPILED,
    EMPTY,
    FILE,
    IMAGE_MANIFEST,
    LAYOUT,
    REF,
    ROOT,
    SLICE,
    TITLE,
    ContentDescriptor,
    compiled_ref,
    descriptor,
    render_compiled,
    render_index,
    render_slice,
    slice_ref,
)
from tarkpm.core.digest import Digest, sha256
from tarkpm.errors import StoreError
from tarkpm.io.files import open_new
from tarkpm.io.hashed import HashedWriter
from tarkpm.io.temporary import temporary


class Written(msgspec.Struct, frozen=True):
    """A bundle that was written: its digest, and its size in bytes."""

    sha256: Digest
    size: int


class BundleWriter:
    """A new bundle. Use it in ``with``: a bundle that was not finished is deleted."""

    def __init__(self, target: Path) -> None:
        """Begin a bundle that replaces ``target`` once it is complete.

        Raises `StoreError`, as all methods do.
        """
        self._target = target
        self._temporary = temporary(target)
        self._manifests: list[ContentDescriptor] = []
        self._blobs: dict[Digest, bytes] = {}
        self._large: set[Digest] = set()
        with self._translated():
            self._file = open_new(self._temporary, 0o644)
        self._out, self._padding = HashedWriter(self._file), 0
        self._put(OCI_LAYOUT, LAYOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()
        # On a full disk closing fails, too: it writes what is still buffered.
        with self._translated():
            try:
                self._file.close()
            finally:
                self._temporary.unlink(missing_ok=True)

    def add(self, data: bytes) -> None:
        """Add a small blob, which stays in memory until the bundle is finished."""
        self._blobs[sha256(data)] = data

    def add_large(self, digest: Digest, data: bytes) -> None:
        """Add a large blob, whose digest the caller has checked, at once."""
        if digest not in self._large:
            self._large.add(digest)
            with self._translated():
                self._put(blob_name(digest), data)

    def add_manifest(self, data: bytes, ref: str, artifact_type: str, more: Mapping[str, str]) -> None:
        """Add a manifest under a name; the blobs it names are added separately."""
        self._manifests.append(descriptor(IMAGE_MANIFEST, data, {REF: ref, **more}, artifact_type))
        self.add(data)

    def add_slice(self, root: str, files: Mapping[str, bytes]) -> None:
        """Add what is kept of an index, by path in it."""
        layers = {path: descriptor(FILE, data, {TITLE: path}) for path, data in files.items()}
        for data in (EMPTY, *files.values()):
            self.add(data)
        self.add_manifest(render_slice(layers, root), slice_ref(root), SLICE, {ROOT: root})

    def add_compiled(self, statement: bytes, platform: str, sizes: Mapping[Digest, int]) -> None:
        """Add who compiled the code that was added with `add_large`; ``sizes`` are those of its pieces."""
        for data in (EMPTY, statement):
            self.add(data)
        self.add_manifest(render_compiled(statement, sizes), compiled_ref(platform), COMPILED, {})

    def finish(self) -> Written:
        """Write the rest, and put the bundle in its place."""
        with self._translated():
            for digest in sorted(self._blobs.keys() - self._large):
                self._put(blob_name(digest), self._blobs[digest])
            self._put(INDEX, render_index(self._manifests))
            self._out.write(bytes(self._padding) + END)
            self._out.write(bytes(-self._out.size % RECORD))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._temporary.replace(self._target)
        return Written(self._out.sha256, self._out.size)

    def _put(self, name: str, data: bytes) -> None:
        # The padding of the file before is written only now: a write waits until the one before it is hashed.
        member = Member(name, len(data))
        self._out.write(bytes(self._padding) + header(member))
        self._out.write(data)
        self._padding = member.padding

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise StoreError((problem.strerror or "").lower(), where=str(self._target)) from None
