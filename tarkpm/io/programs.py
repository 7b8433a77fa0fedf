"""Programs of the user's machine: where they are looked up, and the environment they run in.

An empty or relative entry of PATH names the current folder or one below it. That folder is often a project
somebody else wrote, so such an entry would let a file of the project run as ``git`` or ``ssh``.
"""

from collections.abc import Mapping
from typing import Final

USUAL_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
"""PATH for a program when none of the user's entries is absolute: an empty PATH is the current folder."""

_DROPPED = ("TARKPM_", "GIT_TRACE", "GIT_DIR", "GIT_WORK_TREE", "GIT_CEILING")


def absolute_entries(search_path: str) -> str:
    """Return ``search_path`` without its empty and relative entries; "" when no entry is left."""
    return ":".join(entry for entry in search_path.split(":") if entry.startswith("/"))


def find_program(name: str, search_path: str) -> str | None:
    """Return the absolute path of the program ``name``; None when no absolute entry holds one."""
    import shutil  # most commands look no program up

    entries = absolute_entries(search_path)
    return shutil.which(name, path=entries) if entries else None


def cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` with a PATH that is safe for a program that looks up others."""
    if "PATH" not in environment:
        return dict(environment)
    return {**environment, "PATH": absolute_entries(environment["PATH"]) or USUAL_PATH}


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment for a program of theirs: `cleaned`, without tarkpm's own variables.

    Some of those are tokens. Variables that point git at another repository are left out, too.
    """
    return cleaned({name: value for name, value in environment.items() if not name.startswith(_DROPPED)})
