"""Check the shape of one entry of tark.lock: what each kind of source must have there, and may have."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tarkpm.core.capability import KINDS, MAX_SCOPES, Capability, CapabilitySet
from tarkpm.core.digest import is_digest
from tarkpm.core.file_names import file_name, same_name
from tarkpm.core.release import GitSource, IndexSource, OciSource
from tarkpm.core.tool import MAX_TOOL_NAME, MAX_TOOLS

if TYPE_CHECKING:
    from tarkpm.core.lockfile import LockEntry

MAX_CAPABILITIES: Final = MAX_SCOPES * len(KINDS)


@lru_cache(maxsize=1024)
def declared(texts: tuple[str, ...]) -> CapabilitySet:
    """Read what a release declares. Raises `ValueError` unless it is written as tarkpm writes it."""
    found = CapabilitySet.of(map(Capability.parse, texts[: MAX_CAPABILITIES + 1]))
    # One form only: two texts for one set would be two locks, and a review compares lines.
    if len(texts) > MAX_CAPABILITIES or texts != tuple(map(str, found)):
        raise ValueError("capabilities: expected each once, as tarkpm writes and sorts them")
    return found


def check_shape(entry: "LockEntry") -> None:
    """Raise `ValueError` unless an entry has what its source needs, and nothing that its source excludes."""
    for item in (*entry.files, *([entry.statement] if entry.statement else ())):
        if not is_digest(item.sha256) or item.size < 0:
            raise ValueError("expected a sha256 of 64 hexadecimal digits and a size")
    _check_tools(entry)
    for file in entry.files:
        file_name(file.name)
    if pair := same_name(file.name for file in entry.files):
        raise ValueError(f"the files '{pair[0]}' and '{pair[1]}' have the same name")
    # The files of a working copy change with every edit, so there is nothing to lock.
    if entry.is_working_copy:
        if entry.files or entry.signer or entry.statement or entry.capabilities is not None:
            raise ValueError("a working copy has no files, signer, statement or capabilities")
        return
    # A signer without a statement could not be verified, and a statement without a signer names nobody.
    if not entry.files or (entry.signer is None) != (entry.statement is None):
        raise ValueError("expected files, and either both signer and statement or neither")
    _check_resolved(entry)


def _check_resolved(entry: "LockEntry") -> None:
    # A tag or branch can move: only the commit makes a git entry reproducible.
    if isinstance(entry.source, GitSource) and not entry.source.commit:
        raise ValueError("expected a commit")
    if isinstance(entry.source, OciSource) and not entry.source.digest:
        raise ValueError("expected a digest")
    if isinstance(entry.source, IndexSource) and not entry.signer:
        raise ValueError("expected a signer: every release of an index is signed")


def _check_tools(entry: "LockEntry") -> None:
    tools = entry.tools or ()
    if entry.tools is not None and entry.is_working_copy:
        raise ValueError("a working copy has no pinned tools")
    if len(tools) > MAX_TOOLS:
        raise ValueError(f"expected at most {MAX_TOOLS} tools, found {len(tools)}")
    # Of two pins for one tool, one could be checked and the other be used.
    if len({one.name for one in tools}) != len(tools):
        raise ValueError("a tool is pinned twice")
    for one in tools:
        if not is_digest(one.sha256) or not one.name.isprintable() or not 0 < len(one.name) <= MAX_TOOL_NAME:
            raise ValueError("expected a printable tool name and a sha256 of 64 hexadecimal digits")
