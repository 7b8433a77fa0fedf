"""What was on the pages last time, so that the next time only what changed is read and rendered.

It is a cache: without it, or if the folder of pages is not the one it is about, all pages are rendered, and
files whose bytes are the same stay untouched.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.shapes import from_json
from tarkpm.errors import TarkError
from tarkpm.io.files import keep, read_optional
from tarkpm.registry.site.search import SearchCard

MAX_MEMORY: Final = 1 << 30
RECENT: Final = 50
"""Releases in a feed."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A plugin as it is on the pages.

    ``rows`` and ``claim`` are the digests of its documents, ``advisories`` when each was modified, by id.
    ``recent`` are its newest releases by time: seconds since the epoch, and the version.
    """

    name: str
    rows: str
    claim: str
    advisories: Mapping[str, str]
    card: SearchCard
    usable: bool
    requires: tuple[str, ...] = ()
    recent: tuple[tuple[int, str], ...] = ()
    problem: str = ""


class AdvisedLine(msgspec.Struct, frozen=True, array_like=True):
    """An advisory as it is on the pages; its fields are those of `core.advisory.Advisory`, as text."""

    id: str
    name: str
    severity: str
    summary: str
    affected: str
    published: str
    modified: str
    withdrawn: str
    url: str


class SiteMemory(msgspec.Struct, frozen=True):
    """Everything that was on the pages.

    ``key`` is the digest of the templates and options. ``roles`` maps TUF roles to version and expiry.
    ``plugins`` are by folded name.
    """

    key: str = ""
    root: str = ""
    roles: Mapping[str, tuple[int, str]] = {}
    plugins: Mapping[str, Known] = {}
    advisories: Mapping[str, AdvisedLine] = {}


def load(file: Path, digest: str) -> SiteMemory | None:
    """Return the memory with this digest; None if it is not there."""
    try:
        data = read_optional(file, MAX_MEMORY)
        if data is None or sha256(data) != digest:
            return None
        return from_json(data, SiteMemory)
    except (TarkError, OSError, ValueError, msgspec.MsgspecError):
        return None


def save(file: Path, memory: SiteMemory) -> str:
    """Write the memory, and return its digest."""
    data = msgspec.json.encode(memory)
    keep(file, data, mode=0o600)
    return sha256(data)
