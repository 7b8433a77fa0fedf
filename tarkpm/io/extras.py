"""Commands that install the packages of an extra beside tarkpm."""

import importlib.util
import shlex
import sys
from pathlib import Path


def install_command(prefix: Path, *requirements: str) -> str:
    """Return the command that installs packages beside a tarkpm that lies in ``prefix``.

    They are named, and not the extra: the name tarkpm on an index of packages may be somebody else's.
    """
    names = " ".join(map(shlex.quote, requirements))
    # pipx and uv make environments without pip.
    if prefix.parent.parts[-2:] == ("pipx", "venvs"):
        return f"pipx inject {shlex.quote(prefix.name)} {names}"
    if importlib.util.find_spec("pip") is None:
        return f"uv pip install --python {shlex.quote(sys.executable)} {names}"
    return f"{shlex.quote(sys.executable)} -m pip install {names}"
