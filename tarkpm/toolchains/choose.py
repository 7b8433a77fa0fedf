"""The toolchain of a language."""

from typing import Final

from tarkpm.core.recipe import Recipe
from tarkpm.errors import ManifestError
from tarkpm.toolchains.c import C
from tarkpm.toolchains.javascript import QuickJs, SpiderMonkey
from tarkpm.toolchains.job import Toolchain
from tarkpm.toolchains.prebuilt import Prebuilt
from tarkpm.toolchains.python import Python
from tarkpm.toolchains.rust import Rust

TOOLCHAINS: Final[dict[str, tuple[Toolchain, ...]]] = {
    "c": (C(),),
    "javascript": (QuickJs(), SpiderMonkey()),
    "python": (Python(),),
    "rust": (Rust(),),
    "wasm": (Prebuilt(),),
}
"""By language, the usual one first."""


def choose(recipe: Recipe, *, where: str) -> Toolchain:
    """Return the toolchain that a recipe asks for. Raises `ManifestError` for an unknown one."""
    known = TOOLCHAINS[recipe.language]
    for toolchain in known:
        if recipe.toolchain in ("", toolchain.name):
            return toolchain
    names = " or ".join(f"'{one.name}'" for one in known)
    place = f"{where}: build.toolchain"
    raise ManifestError(f"expected {names}, found '{recipe.toolchain[:60]}'", where=place)
