"""The version of the installed tark."""

import os
import subprocess

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.version import Version
from tarkpm.io.programs import child_environment, find_program

TIMEOUT_SECONDS = 5.0
_VERSION = lazy_pattern(r"\b(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)\b")


def tark_version(search_path: str) -> Version | None:
    """Return the version that ``tark --version`` prints; None without tark or without a version."""
    program = find_program("tark", search_path)
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            text=True,
            env=child_environment(os.environ),
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    match = _VERSION.search(done.stdout[:1000])
    try:
        return Version.parse(match[1]) if match else None
    except ValueError:
        return None
