"""The settings of a verb: folders, options and environment variables, as the command line read them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core import variables
from tarkpm.errors import TarkError, Unreachable

if TYPE_CHECKING:
    from tarkpm.core.capability import Capability
    from tarkpm.host.imports.guard import Guard
    from tarkpm.io.login import Login


ANY_DECISIONS: Final = "any"
"""The value of `Settings.accept_project` that accepts all decisions of a project."""


STATE_DIR: Final = "TARKPM_STATE_DIR"


class Paths(msgspec.Struct, frozen=True):
    """The user's folders for tark and tarkpm (XDG Base Directory Specification)."""

    config: Path
    data: Path
    state: Path
    cache: Path


class Settings(msgspec.Struct, frozen=True):
    """Everything a verb needs that is neither an argument nor on disk.

    ``environment`` is a snapshot of the environment variables: for plugins that were granted some, for
    proxies and logins, and for finding ``tark``. ``accept_project`` is `ANY_DECISIONS`, the digest of the
    decisions accepted in advance, or "" for none. ``offline_by`` is the option or variable that sets
    ``offline``. ``keep_data`` hands a plugin's data to a new publisher.
    ``logins`` were typed with their URLs and are stored nowhere else. ``command`` is the command line as
    typed, without logins, for hints and as the holder's name of locks. ``accept_unmanaged`` are plugins that
    may run although tarkpm did not install them. ``accept_folder`` agrees to what the plugin in a folder
    declares, and ``folder_grants`` is the part of it to grant for one run. Releases come from ``bundle`` if
    it is set, and from nowhere else: these settings are offline.
    """

    cwd: Path
    paths: Paths
    environment: Mapping[str, str] = {}
    project: Path | None = None
    user: bool = False
    offline: bool = False
    offline_by: str = "--offline"
    allow_http: bool = False
    accept_project: str = ""
    dry_run: bool = False
    yes: bool = False
    keep_data: bool = False
    lock_seconds: float = 60.0
    logins: "Mapping[str, Login]" = {}
    accept_unmanaged: frozenset[str] = frozenset()
    accept_folder: bool = False
    bundle: Path | None = None
    folder_grants: "tuple[Capability, ...]" = ()
    command: str = "tarkpm"

    def made_offline(self, by: str) -> "Settings":
        """Return these settings with network requests forbidden by an option."""
        return msgspec.structs.replace(self, offline=True, offline_by=by)

    def from_bundle(self, bundle: Path) -> "Settings":
        """Return these settings with a bundle in place of all sources. Network requests are forbidden."""
        return msgspec.structs.replace(self.made_offline("--bundle"), bundle=bundle)

    @property
    def online_hint(self) -> str:
        """Return the hint that helps where network requests are forbidden and one is needed."""
        if self.offline_by.startswith("--"):
            return f"run the command again with a network, without {self.offline_by}"
        return f"unset {self.offline_by}, then run the command again"

    def unreachable(self, where: str) -> Unreachable:
        """Return the error for a place that may not be asked, because network requests are forbidden."""
        return Unreachable(f"{self.offline_by} forbids network requests", where=where, hint=self.online_hint)

    @property
    def search_path(self) -> str:
        """Return the value of PATH."""
        return self.environment.get("PATH", "")

    @property
    def home(self) -> Path:
        """Return the user's home folder, from HOME if it is set."""
        return _home(self.environment)

    @property
    def guard(self) -> "Guard":
        """Return what no plugin may reach: private places, and tark's and tarkpm's own folders.

        One is the folder of the user's team policy: a plugin must not delete what restricts it.
        ``~/.config/tark`` is guarded by name instead, because plugins' credentials may be in it.
        """
        from tarkpm.core.private_places import moved
        from tarkpm.host.imports.guard import Guard

        paths = self.paths
        config = () if paths.config == self.home / ".config" / "tark" else (paths.config,)
        places = ((Path(folder), parts) for folder, parts in moved(self.environment))
        own = (paths.data, paths.state, paths.cache, paths.config.parent / "tarkpm", *config)
        return Guard(own, ((self.home, ()), *places))

    @property
    def threads(self) -> int:
        """Return the number of CPUs this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _home(environ: Mapping[str, str]) -> Path:
    home = Path(variables.text(environ, "HOME") or Path.home())  # Python reads an empty HOME as "/"
    if not home.is_absolute():
        found = f"'{str(home)[:200]}'"
        raise TarkError(f"expected an absolute path, found {found}", where="HOME", hint="unset HOME")
    return home


def user_paths(environ: Mapping[str, str]) -> Paths:
    """Return the user's folders; a relative or empty XDG path is ignored, as the specification requires.

    tarkpm's own variables are strict, unlike those of XDG: a relative path would be another folder wherever a
    command is run. Raises `TarkError` unless they are absolute paths, and for an empty HOME.
    """
    home = _home(environ)

    def base(variable: str, default: str) -> Path:
        value = environ.get(variable, "")
        return Path(value) if value.startswith("/") else home / default

    return Paths(
        config=base("XDG_CONFIG_HOME", ".config") / "tark",
        data=base("XDG_DATA_HOME", ".local/share") / "tark",
        state=_own(environ, STATE_DIR) or base("XDG_STATE_HOME", ".local/state") / "tarkpm",
        cache=_own(environ, "TARKPM_CACHE_DIR") or base("XDG_CACHE_HOME", ".cache") / "tarkpm",
    )


def _own(environ: Mapping[str, str], variable: str) -> Path | None:
    """Return the folder that a variable of tarkpm's own names; None if it is not set."""
    text = variables.text(environ, variable)
    if text and not text.startswith("/"):
        message = f"expected an absolute path, found '{text[:200]}'"
        raise TarkError(message, where=variable, hint=f"unset {variable}")
    return Path(text) if text else None
