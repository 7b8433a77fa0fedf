"""Describe a module: typed imports and exports, and the plugin types it fits. Nothing of it is run.

`module` reads the names from the binary. The types are wasmtime's to read, from the compiled module, so a
process that can be killed does that.
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
from tarkpm.host.module.inspect import WORLDS, ModuleInfo, check_fits, inspect
from tarkpm.host.process import start
from tarkpm.host.worker.settings import BIG_MODULE


class Surface(msgspec.Struct, frozen=True):
    """All that can be known of a module without running it. Texts are the module's own."""

    info: ModuleInfo
    imports: list[Item]
    exports: list[Item]
    fits: tuple[str, ...]
    """The plugin types it can be."""
    misfits: dict[str, str]
    """Why it cannot be one of the others, in a sentence each."""


def read_surface(wasm: bytes, cache: CompileCache, *, where: str, limits: Limits | None = None) -> Surface:
    """Read a module; what takes long to compile is kept in ``cache``.

    Raises `ModuleInvalid` for what is no valid module, `LimitReached`, `PluginCrashed`.
    """
    info = inspect(wasm, where=where)
    found = _types(wasm, info, cache, where, limits or Limits())
    kinds = legacy_abi.TYPES if info.kind == "core" else WORLDS
    misfits = {kind: why for kind in kinds if (why := _misfit(info, found, kind))}
    fits = tuple(kind for kind in kinds if kind not in misfits)
    return Surface(info, found.imports, found.exports, fits, misfits)


def _misfit(info: ModuleInfo, found: Inspected, kind: str) -> str | None:
    """Names first for a core module, of which most are no plugin at all; else types, which say more."""
    by_name, by_type = check_fits(info, kind), found.unfit.get(kind)
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
