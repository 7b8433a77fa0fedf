"""``tarkpm merge-driver``: git merges tark.lock plugin by plugin, and shows its changes in words."""

import os
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.document import inline
from tarkpm.core.lock_merge import merged_text
from tarkpm.core.lockfile import Lock, LockEntry, parse
from tarkpm.core.names import LOCK, MAX_LOCK
from tarkpm.core.text import neutral
from tarkpm.errors import NotFound, StoreError
from tarkpm.io.files import atomic_write, read_file, read_optional
from tarkpm.ops.project.location import checked_place
from tarkpm.ops.project.settings import Settings

ATTRIBUTES: Final = ".gitattributes"
LINE: Final = f"{LOCK} merge=tarkpm diff=tarkpm"
SETTINGS: Final = {
    "merge.tarkpm.name": "tarkpm: by plugin",
    "merge.tarkpm.driver": "tarkpm merge-driver run %O %A %B",
    "diff.tarkpm.textconv": "tarkpm merge-driver textconv",
}
"""What git reads from a repository's configuration (gitattributes(5)). A pull request cannot set it."""
_MAX_ATTRIBUTES: Final = 1 << 20


class InstallReport(msgspec.Struct, frozen=True):
    """The repository's settings, the file that names tark.lock, and whether that line is new."""

    settings: dict[str, str]
    file: str
    changed: bool


def install(settings: Settings) -> InstallReport:
    """Tell git to merge and show this project's tark.lock with tarkpm.

    Raises `NotFound` outside of a repository, or without git.
    """
    from tarkpm.sources.git.revision import repository_above

    folder = checked_place(settings, create=False).folder
    top = repository_above(folder)
    if top is None:
        raise NotFound("this project is in no git repository", where=str(folder), hint="git init")
    file = folder / ATTRIBUTES
    text = (read_optional(file, _MAX_ATTRIBUTES) or b"").decode("utf-8", "surrogateescape")
    changed = LINE not in text.splitlines()
    if not settings.dry_run:
        for key, value in SETTINGS.items():
            _configure(top, key, value)
        if changed:
            gap = "" if not text or text.endswith("\n") else "\n"
            atomic_write(file, f"{text}{gap}{LINE}\n".encode("utf-8", "surrogateescape"))
    return InstallReport(SETTINGS, str(file), changed)


def _configure(top: Path, key: str, value: str) -> None:
    command = ["git", "-C", str(top), "config", "--local", key, value]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except FileNotFoundError:
        raise NotFound("git is not installed here", hint="install git") from None
    if done.returncode:
        why = neutral(done.stderr.decode(errors="replace").strip(), limit=200)
        raise StoreError(f"git did not take the setting {key}: {why}", where=str(top))


def merge_files(base: Path, ours: Path, theirs: Path) -> bool:
    """Merge three locks into ``ours``, as git asks of a merge driver. Returns whether a conflict is left."""
    text, conflict = merged_text(*(read_file(path, MAX_LOCK) for path in (base, ours, theirs)))
    atomic_write(ours, text)
    return conflict


def in_words(path: Path) -> list[str]:
    """Return a lock as lines for `git diff`. Every value is whole: what is cut off can hide a change."""
    data = read_file(path, MAX_LOCK)
    lock = parse(data, where=os.fspath(path)) if data.strip() else Lock()
    return [line for entry in lock.entries for line in _words(entry)]


def _words(entry: LockEntry) -> list[str]:
    source = inline(msgspec.to_builtins(entry.source))
    lines = [f"{entry.name} {entry.version} ({entry.type})", f"  source   {neutral(source)}"]
    lines.append(f"  signer   {entry.signer or 'none'}")
    if entry.min_tark_version:
        lines.append(f"  min tark {entry.min_tark_version}")
    if entry.statement:
        lines.append(f"  statement {entry.statement.sha256} {entry.statement.size}")
    lines += [f"  requires {one}" for one in entry.requires]
    # What is not recorded differs from an empty list: git would show no difference where a line is dropped.
    if entry.capabilities is None and not entry.is_working_copy:
        lines.append("  asks for (not recorded)")
    lines += [f"  asks for {neutral(str(one))}" for one in entry.capabilities or ()]
    if entry.is_unpinned:
        lines.append("  tools    (not pinned)")
    lines += [f"  tool     {neutral(one.name)} ({one.risk}) {one.sha256}" for one in entry.tools or ()]
    return [*lines, *(f"  file     {file.name} {file.sha256} {file.size}" for file in entry.files)]
