"""The tar of a bundle: regular files in the ustar format (POSIX.1-1988), each header in its one form.

A reader compares every header with the one that a writer makes of the same name and size. Nothing else
passes, so there is no link, folder, sparse file, long name, extended header, owner or time to interpret.
"""

import re
from typing import Final

import msgspec

from tarkpm.core.digest import Digest
from tarkpm.core.text import short

BLOCK: Final = 512
"""Bytes of a block: of a header, and what the size of contents is rounded up to."""
END: Final = bytes(2 * BLOCK)
"""Two empty blocks end a tar."""
RECORD: Final = 20 * BLOCK
"""The size of a tar is a multiple of this, filled up with empty blocks, as other programs expect."""

OCI_LAYOUT: Final = "oci-layout"
INDEX: Final = "index.json"
BLOBS: Final = "blobs/sha256/"

MAX_MEMBER: Final = 1 << 30
"""Size limit of one file, in bytes. The contents of a bundle have smaller ones."""
MAX_MEMBERS: Final = 200_000

_MODE_AND_OWNER: Final = b"0000644\0" + b"0000000\0" * 2
_TIME: Final = b"00000000000\0"
_REST: Final = b"0".ljust(101, b"\0") + b"ustar\x0000".ljust(255, b"\0")
"""A regular file that is no link, in the ustar format, with no names of owners and no prefix of its name."""
_SUM_OF_REST: Final = sum(_TIME + b" " * 8 + _REST)

_NAME: Final = re.compile(rb"oci-layout|index\.json|blobs/sha256/[0-9a-f]{64}")


class Member(msgspec.Struct, frozen=True):
    """A file in a bundle: its name, and the size of its contents in bytes."""

    name: str
    size: int

    @property
    def padding(self) -> int:
        """The empty bytes after the contents."""
        return -self.size % BLOCK


def blob_name(digest: Digest) -> str:
    """Return the name of the blob with this digest."""
    return f"{BLOBS}{digest}"


def header(member: Member) -> bytes:
    """Return the header block of a file: mode 0644, owner 0, time 0."""
    start = b"%b%b%011o\0" % (member.name.encode().ljust(100, b"\0"), _MODE_AND_OWNER, member.size)
    # The checksum is of the block with spaces in place of the checksum itself.
    checksum = sum(start) + _SUM_OF_REST
    return b"%b%b%06o\0 %b" % (start, _TIME, checksum, _REST)


def read_header(block: bytes) -> Member | None:
    """Return the file that a header block describes; None for an empty block, which begins the end.

    Raises `ValueError` for anything but a regular file of a bundle as `header` writes it.
    """
    if block == bytes(BLOCK):
        return None
    name = block[:100].rstrip(b"\0")
    if not _NAME.fullmatch(name):
        found = short(name.decode(errors="replace"))
        raise ValueError(f"expected a file of an OCI image layout, found {found}")
    digits = block[124:135]
    # 11 octal digits: int() would also take signs, spaces and underscores.
    if not re.fullmatch(rb"[0-7]{11}", digits):
        raise ValueError(f"expected the size of '{name.decode()}' in octal digits")
    member = Member(name.decode(), int(digits, 8))
    if member.size > MAX_MEMBER:
        raise ValueError(f"'{member.name}' has more than {MAX_MEMBER:,} bytes")
    if block != header(member):
        raise ValueError(f"expected '{member.name}' to be a regular file with nothing but a name and a size")
    return member
