"""Read a bundle straight from its tar: nothing is unpacked, every blob is checked. It may be hostile."""

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tarkpm.core.bundle.archive import (
    BLOCK,
    INDEX,
    MAX_MEMBERS,
    OCI_LAYOUT,
    Member,
    blob_name,
    read_header,
)
from tarkpm.core.bundle.layout import (
    COMPILED,
    LAYOUT,
    MAX_INDEX,
    MAX_MANIFEST,
    ContentDescriptor,
    parse_index,
    parse_slice,
    slice_root,
)
from tarkpm.core.digest import Digest, sha256
from tarkpm.core.text import short
from tarkpm.errors import DigestMismatch, Garbled, NotFound, Refused, StoreError, TooLarge
from tarkpm.io.files import open_regular
from tarkpm.io.paths import resolved

_PACKED: Final = {b"\x1f\x8b": "gunzip", b"BZ": "bunzip2", b"\xfd7": "unxz", b"(\xb5": "unzstd"}
"""How compressed files begin, and the program for them."""


class Bundle:
    """A bundle. Close it, or use it in ``with``. Several threads may read blobs."""

    def __init__(self, path: Path) -> None:
        """Open a bundle and read its headers and its index.

        Raises `NotFound`, `StoreError`, `Garbled` for a truncated file, and `Refused` for anything but a
        bundle as tarkpm writes it.
        """
        self.path = resolved(path)
        self.where = str(path)
        try:
            self._file = open_regular(self.path)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(
                "there is no such bundle", where=self.where, hint="tarkpm bundle create -o plugins.tar"
            ) from None
        except OSError as problem:
            raise StoreError((problem.strerror or "cannot be read").lower(), where=self.where) from None
        try:
            self._members = self._scan()
            self._check_layout()
            self.manifests = parse_index(self._whole(INDEX, MAX_INDEX), where=self._at(INDEX))
            self.slices = self._slices()
            """The manifests of slices, by the root of their index."""
            self.compiled = {ref: one for ref, one in self.manifests.items() if one.artifact_type == COMPILED}
            """The manifests of compiled code, by name."""
            others = {one.ref for one in self.slices.values()} | self.compiled.keys()
            self.plugins = {ref: one for ref, one in self.manifests.items() if ref not in others}
            """The manifests of plugins, by name."""
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def digests(self) -> set[Digest]:
        """The digests of all blobs."""
        return {Digest(name.rpartition("/")[2]) for name in self._members if name not in (OCI_LAYOUT, INDEX)}

    def blob(self, one: ContentDescriptor, limit: int) -> bytes:
        """Return the bytes that a descriptor names. Raises `DigestMismatch`, `NotFound` and `TooLarge`."""
        return self.content(one.sha256, one.size, limit)

    def content(self, digest: Digest, size: int, limit: int) -> bytes:
        """Return the blob of this digest and size. Raises like `blob`."""
        name = blob_name(digest)
        if size > limit:
            raise TooLarge(f"'{name}' has more than {limit:,} bytes", where=self.where)
        at, member = self._members.get(name, (0, Member(name, -1)))
        if member.size < 0:
            raise NotFound(f"the bundle does not have '{name}', which it lists", where=self.where)
        # The size in the tar's header decides how much is read: it is compared before anything is.
        if member.size != size:
            text = f"'{name}' has {member.size:,} bytes, expected {size:,}"
            raise DigestMismatch(text, where=self.where)
        data = self._read(at, size)
        if sha256(data) != digest:
            raise DigestMismatch(f"'{name}' does not have the digest that it is named by", where=self.where)
        return data

    def slice(self, root: str) -> Mapping[str, ContentDescriptor] | None:
        """Return the files of the slice of an index by path; None if the bundle has none of it."""
        one = self.slices.get(root)
        if one is None:
            return None
        return parse_slice(self.blob(one, MAX_MANIFEST), where=self._at(one.ref))

    def _slices(self) -> dict[str, ContentDescriptor]:
        try:
            found = [(slice_root(one), one) for one in self.manifests.values()]
        except ValueError as problem:
            raise Refused(str(problem), where=self._at(INDEX)) from None
        slices = {root: one for root, one in found if root}
        if len(slices) != sum(bool(root) for root, _ in found):
            raise Refused("two slices are of the same index", where=self._at(INDEX))
        return slices

    def _scan(self) -> dict[str, tuple[int, Member]]:
        """Return the files by name, each with the position of its contents."""
        found: dict[str, tuple[int, Member]] = {}
        at, end = 0, self._file.seek(0, 2)
        for at, member in self._headers(end):
            # Two files of one name are read differently by different programs.
            if member.name in found:
                raise Refused(f"'{member.name}' occurs twice", where=self.where)
            found[member.name] = (at, member)
            if len(found) > MAX_MEMBERS:
                raise Refused(f"expected at most {MAX_MEMBERS:,} files", where=self.where)
        return found

    def _headers(self, end: int) -> Iterator[tuple[int, Member]]:
        position = 0
        while True:
            block = self._read(position, BLOCK)
            if position == 0 and (program := _PACKED.get(block[:2])):
                hint = f"unpack it first: {program} {shlex.quote(self.where)}"
                raise Refused("expected a tar, found a compressed file", where=self.where, hint=hint)
            if len(block) < BLOCK:
                raise self._truncated()
            try:
                member = read_header(block)
            except ValueError as problem:
                text = f"expected a bundle as tarkpm writes it: {problem}"
                raise Refused(text, where=self.where) from None
            if member is None:
                return
            position += BLOCK
            if position + member.size > end:
                raise self._truncated()
            yield position, member
            position += member.size + member.padding

    def _truncated(self) -> Garbled:
        return Garbled(
            "the bundle is truncated", where=self.where, hint="copy it again, and compare its digest"
        )

    def _check_layout(self) -> None:
        for name in (OCI_LAYOUT, INDEX):
            if name not in self._members:
                raise Refused(f"expected a bundle, found a tar without '{name}'", where=self.where)
        found = self._whole(OCI_LAYOUT, 1024)
        if found != LAYOUT:
            raise Refused(f"expected {LAYOUT.decode()}, found {short(found)}", where=self._at(OCI_LAYOUT))

    def _whole(self, name: str, limit: int) -> bytes:
        at, member = self._members[name]
        if member.size > limit:
            raise TooLarge(f"'{name}' has more than {limit:,} bytes", where=self.where)
        return self._read(at, member.size)

    def _read(self, at: int, size: int) -> bytes:
        # Without a position: threads read at once. The size is that of a header, which the file was held to.
        parts, descriptor = [], self._file.fileno()
        while size and (part := os.pread(descriptor, size, at)):
            parts.append(part)
            at, size = at + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _at(self, name: str) -> str:
        return f"{self.where}: {name}"
