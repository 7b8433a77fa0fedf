"""tark:fs of the older ABI: read access to the granted files in the user's home folder.

A plugin names a file as ``~/…``, or by the home folder's own path, which it may know from ``HOME``. Private
places (`core.home_path`) are refused even if they are granted. The folders of tarkpm and tark are also
recognised by identity, wherever the user keeps them. Links are not followed in any part of a path, because
the file that a link leads to was not granted.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tarkpm.core import home_path
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.home_path import Parts
from tarkpm.host.imports.folders import PathError, WorkspaceFolder, explained, read_text, split
from tarkpm.host.imports.guard import NOTHING, Guard, is_protected
from tarkpm.host.limits import KIB

MAX_FILE: Final = 128 * KIB
"""In bytes; the older ABI's buffers hold no more."""


class ReadDenied(PathError):
    """The file is not granted, or private."""


class Fs:
    """One plugin's access to a home folder. ``report`` is called once for each refused file."""

    def __init__(
        self, granted: CapabilitySet, home: Path, report: Callable[[str], None], guard: Guard = NOTHING
    ) -> None:
        """Read the grants. ``guard`` holds the folders of tark and tarkpm."""
        self._grants = [capability.scope for capability in granted if capability.kind == "fs_read"]
        self._home = str(home).rstrip("/") + "/"
        self._folder = WorkspaceFolder(home, guard)
        self._report = report
        self._told: set[str] = set()

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:  # noqa: ARG002  # see above
        """Return the JSON value of `read`."""
        (path,) = args
        try:
            return {"ok": self._read(self._granted(path))}
        except ReadDenied as problem:
            return _failed(str(problem), denied=True)
        except PathError as problem:
            return _failed(str(problem))
        except OSError as problem:
            return _failed(explained(problem))
        except UnicodeEncodeError:
            return _failed("the path is not valid Unicode")

    def close(self) -> None:
        """Do nothing; no file is open between calls."""

    def _granted(self, path: str) -> Parts:
        inside = path.removeprefix(self._home if path.startswith("/") else home_path.HOME)
        if inside == path:
            raise ReadDenied("is not below the user's home")
        parts = split(inside, "the user's home")
        name = home_path.HOME + "/".join(parts)
        if not any(home_path.covers(scope, name) for scope in self._grants):
            self._tell(f"asked to read {name}, which is not granted")
            raise ReadDenied("is not granted to this plugin")
        # A granted pattern can match private files, too, so the path itself is checked.
        if any(map(is_protected, parts)) or home_path.why_private(parts):
            self._tell(f"may not read {name}, which is private")
            raise ReadDenied("plugins may not read this file")
        return parts

    def _read(self, parts: Parts) -> str:
        with self._folder.folder(parts[:-1]) as inside:
            # A manifest cannot declare another plugin's credentials, so only the plugin's own can be granted.
            return read_text(inside.open(parts[-1], credentials=True), parts[-1], MAX_FILE)

    def _tell(self, message: str) -> None:
        if message not in self._told and len(self._told) < _NOTES:
            self._told.add(message)
            self._report(message)


_NOTES: Final = 20


def _failed(message: str, *, denied: bool = False) -> Any:
    return {"err": {"message": message, "denied": denied}}
