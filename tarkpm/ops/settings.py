"""What the command line found out about where and how a verb is to run."""

import os
from pathlib import Path

import msgspec


class Paths(msgspec.Struct, frozen=True):
    """The user's folders (XDG Base Directory Specification), tark's and tarkpm's part of each."""

    config: Path
    data: Path
    state: Path
    cache: Path


class Settings(msgspec.Struct, frozen=True):
    """Everything a verb needs to know that is neither its arguments nor on disk.

    ``search_path`` is where ``tark`` is looked for. ``command`` is the command line as typed, for hints and
    for the name under which locks are held.
    """

    cwd: Path
    paths: Paths
    search_path: str = ""
    project: Path | None = None
    user: bool = False
    offline: bool = False
    allow_http: bool = False
    accept_project: bool = False
    dry_run: bool = False
    yes: bool = False
    lock_seconds: float = 60.0
    command: str = "tarkpm"

    @property
    def threads(self) -> int:
        """How many CPU-bound threads make sense here."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
