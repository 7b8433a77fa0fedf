"""The target of compiled code: the version and configuration of wasmtime, and the processor.

wasmtime is not imported for this, which would take 40 ms. It checks most of the same when it loads an image,
but not the optimisation level or the stack size, so the fingerprint is what keeps entries apart.
"""

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Final, Literal

import msgspec

from tarkpm.errors import HostError
from tarkpm.host.worker.settings import ENGINE, OUTLINING

_CPUINFO: Final = Path("/proc/cpuinfo")
_FEATURES: Final = ("flags", "Features", "model name")


Kind = Literal["component", "core", "part"]
"""What code was made from: a component, a core module of the older ABI, or a part of outlined components."""


def fingerprint(stack: int, *, kind: Kind, mapped: bool) -> bytes:
    """Return everything that compiled code depends on besides the module, as bytes to compare.

    ``stack`` is in bytes. The ``kind`` keeps the code of one from being loaded as that of another.
    """
    form = (kind, OUTLINING, "mapped" if mapped else "copied")
    made_for = [wasmtime_version(), sorted(ENGINE.items()), stack, form, sys.platform, *_processor()]
    return msgspec.json.encode(made_for)


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
