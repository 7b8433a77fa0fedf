"""A module's imports and exports with their types, and the plugin types it fits. No code of it runs.

`inspect` reads the names from the binary. Only wasmtime can read the types, from the compiled module, so that
happens in a process that can be killed.
"""

from pathlib import Path

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.compile.compiler import alone
from tarkpm.host.image import PluginImage
from tarkpm.host.ipc.messages import Inspected, Item
from tarkpm.host.limits import Limits
from tarkpm.host.module import legacy_abi
from tarkpm.host.module.fit import misfit
from tarkpm.host.module.inspect import WORLDS, ModuleInfo, inspect
from tarkpm.host.process import start
from tarkpm.host.worker.settings import BIG_MODULE


class Surface(msgspec.Struct, frozen=True):
    """Everything that can be read from a module without running it. All text is the module's claim."""

    info: ModuleInfo
    imports: list[Item]
    exports: list[Item]
    fits: tuple[str, ...]
    """The plugin types it fits."""
    misfits: dict[str, str]
    """The reason why it does not fit each other type, one sentence each."""


def read_surface(wasm: bytes, cache: CompileCache, *, where: str, limits: Limits | None = None) -> Surface:
    """Read a module. The code of a big one, which takes long to compile, is kept in ``cache``.

    Raises `ModuleInvalid` for an invalid module, `LimitReached`, `PluginCrashed`.
    """
    info = inspect(wasm, where=where)
    found = _types(wasm, info, cache, where, limits or Limits())
    kinds = legacy_abi.TYPES if info.kind == "core" else WORLDS
    misfits = {kind: why for kind in kinds if (why := _misfit(wasm, info, found, kind))}
    fits = tuple(kind for kind in kinds if kind not in misfits)
    return Surface(info, found.imports, found.exports, fits, misfits)


def _misfit(wasm: bytes, info: ModuleInfo, found: Inspected, kind: str) -> str | None:
    """Return the better of two reasons.

    Types say more than names, except for core modules: most of them are not plugins at all.
    """
    by_name, by_type = misfit(wasm, info, kind, types=False), found.unfit.get(kind)
    return by_name or by_type if info.kind == "core" else by_type or by_name


def _types(wasm: bytes, info: ModuleInfo, cache: CompileCache, where: str, limits: Limits) -> Inspected:
    is_core = info.kind == "core"
    if len(wasm) < BIG_MODULE:
        return alone(
            where, limits, start, lambda talk, end: talk.inspect(wasm, None, core=is_core, deadline=end)
        )
    image = PluginImage(where, "", wasm, CapabilitySet(), Path())
    with cache.get(image, limits) as code:
        return alone(
            where, limits, start, lambda talk, end: talk.inspect(wasm, code, core=is_core, deadline=end)
        )
