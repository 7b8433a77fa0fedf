"""Names of files that are being written, and what killed commands left under such names."""

import os
import re
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")


def temporary(path: Path) -> Path:
    """Return a new name beside ``path`` for the file that will replace it."""
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")


def is_temporary(path: Path) -> bool:
    """Return whether this is a file with a name that `temporary` makes."""
    return bool(_NAME.fullmatch(path.name)) and path.is_file() and not path.is_symlink()


def clear_temporary(folder: Path) -> None:
    """Delete the temporary files below a folder. The caller knows that nobody is writing them."""
    for path in list(folder.rglob(".*.tmp")):
        if is_temporary(path):
            path.unlink()
