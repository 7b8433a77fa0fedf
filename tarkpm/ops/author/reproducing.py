"""Compare two builds of the same sources."""

from tarkpm.errors import BuildError
from tarkpm.toolchains.job import Toolchain

_SOUGHT = "look for the time, paths and random numbers in the sources and their build script"
_SIGNED = "commit the module that you sign: users get its bytes, not a build of their own"


def require_same(one: bytes, other: bytes, toolchain: Toolchain, *, where: str) -> None:
    """Raise `BuildError` unless two modules have the same bytes; it names where they begin to differ."""
    if one == other:
        return
    pairs = zip(one, other, strict=False)
    at = next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    sizes = f"{len(one):,} bytes" if len(one) == len(other) else f"{len(one):,} and {len(other):,} bytes"
    # No other source would help where the toolchain itself gives other bytes each time.
    why, hint = ("", _SOUGHT) if toolchain.steady else (f" with {toolchain.name}", _SIGNED)
    text = f"the build is not reproducible{why}: two builds of {sizes} differ from byte {at:,} on"
    raise BuildError(text, where=where, hint=hint)
