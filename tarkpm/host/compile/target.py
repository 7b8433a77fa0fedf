"""The target of compiled code: the version and configuration of wasmtime, and the processor.

wasmtime is not imported for this, which would take 40 ms. It checks most of the same when it loads an image,
but not the optimisation level or the stack size, so the fingerprint is what keeps entries apart.
"""

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tarkpm.errors import HostError
from tarkpm.host.worker.settings import ENGINE, OUTLINING

if TYPE_CHECKING:
    from tarkpm.core.compiled import Kind

_CPUINFO: Final = Path("/proc/cpuinfo")
_FEATURES: Final = ("flags", "Features", "model name")


class Platform(NamedTuple):
    """An operating system and an architecture: ``name`` as OCI spells it, and the triple of compilers."""

    name: str
    triple: str


_PLATFORMS: Final = {
    ("linux", "x86_64"): Platform("linux/amd64", "x86_64-unknown-linux-gnu"),
    ("linux", "aarch64"): Platform("linux/arm64", "aarch64-unknown-linux-gnu"),
    ("darwin", "x86_64"): Platform("darwin/amd64", "x86_64-apple-darwin"),
    ("darwin", "arm64"): Platform("darwin/arm64", "aarch64-apple-darwin"),
}


def this_platform() -> Platform:
    """Return the platform of this machine, the only one that its wasmtime compiles for; ("", "") if unknown.

    The wheels of wasmtime have one backend of Cranelift each, and neither they nor the C API can compile
    without loading the result.
    """
    return _PLATFORMS.get((sys.platform, os.uname().machine), Platform("", ""))


def settings(stack: int, *, mapped: bool) -> dict[str, bool | int | str]:
    """Return the settings that code depends on, for machines to compare. ``stack`` is in bytes."""
    form = "mapped" if mapped else "copied"
    return {**ENGINE, "max_wasm_stack": stack, "tark_form": form, "tark_outlining": OUTLINING}


def fingerprint(stack: int, *, kind: "Kind", mapped: bool, maker: str = "") -> bytes:
    """Return everything that compiled code depends on besides the module, as bytes to compare.

    ``stack`` is in bytes. The ``kind`` keeps the code of one from being loaded as that of another. ``maker``
    is the key of whoever compiled it, "" for this machine.
    """
    form = (kind, OUTLINING, "mapped" if mapped else "copied")
    made_for = [wasmtime_version(), sorted(ENGINE.items()), stack, form, sys.platform, *_processor()]
    return msgspec.json.encode([*made_for, maker] if maker else made_for)


@functools.cache
def wasmtime_version() -> str:
    """Return the version of the installed wasmtime. Raises `HostError`.

    It is the name of the distribution's folder and the size of the library.
    """
    found = importlib.util.find_spec("wasmtime")
    if found is None or found.origin is None:
        raise HostError("wasmtime is not installed")
    package = Path(found.origin).parent
    names = [path.name for path in package.parent.glob("wasmtime-*.dist-info")]
    # The folder of a wheel names the version. The size tells a library that was built locally from it.
    library = sorted(package.glob("*-*/*wasmtime*"))
    size = library[0].stat().st_size if library else 0
    return f"{names[0].removesuffix('.dist-info') if names else 'wasmtime'} {size}"


@functools.cache
def _processor() -> list[str]:
    features = []
    try:
        with _CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    break  # the first processor is representative
                if line.startswith(_FEATURES):
                    features.append(" ".join(line.split()))
    except OSError:
        features = [os.uname().release]
    return [os.uname().machine, *features]
