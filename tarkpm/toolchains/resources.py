"""The interface files that come with tarkpm: the WIT package of tark, and the C header.

In an installed tarkpm they are package data. In a checkout they are where the repository keeps them, because
`wit/` is also read by the tests, by the example plugins and by people.
"""

import importlib.resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

HEADER: Final = "tark.h"
_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def wit_files() -> dict[str, bytes]:
    """Return the files of the WIT package `tark:plugin`, by name, sorted."""
    folder = _found("wit", _CHECKOUT / "wit")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".wit"))
    return {name: (folder / name).read_bytes() for name in names}


def header() -> bytes:
    """Return tark.h, the canonical-ABI bindings for C."""
    return (_found("c", _CHECKOUT / "plugins" / "c") / HEADER).read_bytes()


def _found(name: str, checkout: Path) -> Traversable:
    packaged = importlib.resources.files("tarkpm") / name
    return packaged if packaged.is_dir() else checkout
