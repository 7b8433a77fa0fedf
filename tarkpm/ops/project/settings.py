"""What the command line found out about where and how a verb is to run."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from tarkpm.host.imports.guard import Guard
    from tarkpm.io.login import Login


ANY_DECISIONS: Final = "any"
"""The value of `Settings.accept_project` that accepts whatever a project decides."""


class Paths(msgspec.Struct, frozen=True):
    """The user's folders (XDG Base Directory Specification), tark's and tarkpm's part of each."""

    config: Path
    data: Path
    state: Path
    cache: Path


class Settings(msgspec.Struct, frozen=True):
    """Everything a verb needs to know that is neither its arguments nor on disk.

    ``environment`` is a snapshot of the environment variables: for plugins that were granted some, for
    proxies and logins, and for finding ``tark``. ``accept_project`` is `ANY_DECISIONS`, or the digest of the
    decisions that are accepted beforehand; "" accepts none. ``keep_data`` lets another publisher's plugin of
    a name have what the former one stored. ``logins`` were typed with the URLs they are for, and are
    kept nowhere else. ``command`` is the command line as typed, without them, for hints and for the name
    under which locks are held. ``accept_unmanaged`` are plugins that may run though they were put there by
    hand.
    """

    cwd: Path
    paths: Paths
    environment: Mapping[str, str] = {}
    project: Path | None = None
    user: bool = False
    offline: bool = False
    allow_http: bool = False
    accept_project: str = ""
    dry_run: bool = False
    yes: bool = False
    keep_data: bool = False
    lock_seconds: float = 60.0
    logins: "Mapping[str, Login]" = {}
    accept_unmanaged: frozenset[str] = frozenset()
    command: str = "tarkpm"

    @property
    def search_path(self) -> str:
        """Where programs are looked for."""
        return self.environment.get("PATH", "")

    @property
    def home(self) -> Path:
        """The user's home folder, as the environment names it."""
        return Path(self.environment.get("HOME") or Path.home())

    @property
    def guard(self) -> "Guard":
        """What no plugin reaches: private places, and tark's and tarkpm's own folders, wherever they are.

        ``~/.config/tark`` is known by its name instead, because plugins' credentials may be in it.
        """
        from tarkpm.core.private_places import moved
        from tarkpm.host.imports.guard import Guard

        paths = self.paths
        config = () if paths.config == self.home / ".config" / "tark" else (paths.config,)
        places = ((Path(folder), parts) for folder, parts in moved(self.environment))
        return Guard((paths.data, paths.state, paths.cache, *config), ((self.home, ()), *places))

    @property
    def threads(self) -> int:
        """How many CPU-bound threads make sense here."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def user_paths(environ: Mapping[str, str]) -> Paths:
    """The user's folders; a relative XDG path is ignored, as the specification says."""
    home = Path(environ.get("HOME") or Path.home())

    def base(variable: str, default: str) -> Path:
        value = environ.get(variable, "")
        return Path(value) if value.startswith("/") else home / default

    cache = environ.get("TARKPM_CACHE_DIR")
    return Paths(
        config=base("XDG_CONFIG_HOME", ".config") / "tark",
        data=base("XDG_DATA_HOME", ".local/share") / "tark",
        state=base("XDG_STATE_HOME", ".local/state") / "tarkpm",
        cache=Path(cache).absolute() if cache else base("XDG_CACHE_HOME", ".cache") / "tarkpm",
    )
