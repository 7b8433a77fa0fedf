"""The target of compiled code: this wasmtime, this configuration, this processor.

wasmtime is not imported for it, which would take 40 ms; it checks the same once more when it loads an image.
"""

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.errors import HostError
from tarkpm.host.worker.settings import ENGINE

_CPUINFO: Final = Path("/proc/cpuinfo")
_FEATURES: Final = ("flags", "Features", "model name")


def fingerprint(stack: int, *, core: bool, mapped: bool) -> bytes:
    """Everything that code depends on beside the module, as bytes to be compared; ``stack`` in bytes.

    And whether it is a ``core`` module's, so that none can be loaded as a component's or the reverse.
    """
    kind = ("core" if core else "component", "mapped" if mapped else "copied")
    made_for = [wasmtime_version(), sorted(ENGINE.items()), stack, kind, sys.platform, *_processor()]
    return msgspec.json.encode(made_for)


@functools.cache
def wasmtime_version() -> str:
    """The installed wasmtime's version: the name of its distribution's folder. Raises `HostError`."""
    found = importlib.util.find_spec("wasmtime")
    if found is None or found.origin is None:
        raise HostError("wasmtime is not installed")
    package = Path(found.origin).parent
    names = [path.name for path in package.parent.glob("wasmtime-*.dist-info")]
    # a wheel's folder says the version; whoever built it otherwise is told apart by the library itself
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
                    break  # the first processor stands for all
                if line.startswith(_FEATURES):
                    features.append(" ".join(line.split()))
    except OSError:
        features = [os.uname().release]
    return [os.uname().machine, *features]
