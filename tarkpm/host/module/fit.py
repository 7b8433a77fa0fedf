"""The check that a module fits a plugin type: what does not fit would fail at every call.

One check for all who take a module (`add`, `update`, `sync`, `publish`, `index accept`, `verify`) and for the
loader. It reads names and types from the binary, which takes 0.3 ms for a small plugin and 4 ms for one with
all of WASI; nothing is compiled. The loader's worker compares the types again, as wasmtime reads them.
"""

import re
from collections.abc import Iterator
from typing import Final

from tarkpm.core.text import neutral
from tarkpm.errors import ModuleInvalid
from tarkpm.host.module import legacy_abi
from tarkpm.host.module.inspect import ModuleInfo, inspect
from tarkpm.host.module.tark_types import IMPORTS, PACKAGE, compare_export, compare_import, joined

MAX_TEXT: Final = 2_000
_WASI_03: Final = re.compile(r"wasi:[a-z-]+/[a-z0-9-]+@0\.3\..*", re.DOTALL)


def check_module(
    wasm: bytes | memoryview, plugin_type: str, *, where: str, hint: str = "", types: bool = True
) -> ModuleInfo:
    """Return the imports and exports of a module that fits a plugin type.

    Without ``types`` only names are checked. Raises `ModuleInvalid`, with ``hint``, for a module that is
    malformed or does not fit.
    """
    try:
        info = inspect(wasm, where=where)
    except ModuleInvalid as problem:
        problem.hint = problem.hint or hint
        raise
    if problem_found := misfit(wasm, info, plugin_type, types=types):
        raise ModuleInvalid(refusal(problem_found, plugin_type), where=where, hint=hint)
    return info


def refusal(problem: str, plugin_type: str) -> str:
    """Return the whole sentence about a module, which `misfit` only ends.

    >>> refusal("imports 'x', which tark does not provide", "tool")
    "the module does not fit the type 'tool': imports 'x', which tark does not provide"
    """
    return f"the module does not fit the type '{plugin_type}': {problem}"


def misfit(wasm: bytes | memoryview, info: ModuleInfo, plugin_type: str, *, types: bool = True) -> str | None:
    """Return why this binary cannot run as a plugin of this type, in one sentence; None if it can."""
    by_name = _misnamed(info, plugin_type)
    if by_name or not types:
        return by_name
    from tarkpm.host.module.type_scope import Unreadable  # the readers of types: a call does not need them

    try:
        compare = _compare_core if info.kind == "core" else _compare
        differences = list(compare(wasm, plugin_type))
    except Unreadable:
        return None  # left to the loader, which asks wasmtime
    return neutral(joined(differences), limit=MAX_TEXT) or None


def _misnamed(info: ModuleInfo, plugin_type: str) -> str | None:
    if info.kind == "core":
        return legacy_abi.misfit(info.imports, info.exports, plugin_type)
    # Imports first: with an unknown one the component cannot be instantiated, whatever it exports.
    if info.unknown_imports:
        return _unknown(info.unknown_imports[0])
    if plugin_type not in info.worlds:
        found = " and ".join(f"{world}-plugin" for world in info.worlds) or "no tark plugin interface"
        return f"exports {found}"
    return None


def _unknown(name: str) -> str:
    shown = repr(neutral(name, limit=200))
    if _WASI_03.fullmatch(name):
        return f"imports {shown} of WASI 0.3, which this wasmtime cannot provide; build it for WASI 0.2"
    return f"imports {shown}, which tark does not provide"


def _compare(wasm: bytes | memoryview, plugin_type: str) -> Iterator[str]:
    from tarkpm.host.module.component import functions, read_types
    from tarkpm.host.module.type_text import spell

    imports, exports = read_types(wasm)
    for name, item in imports.items():
        if name.startswith(PACKAGE) and name.removeprefix(PACKAGE) in IMPORTS:
            yield from compare_import(name, functions(item), spell)
    yield from compare_export(plugin_type, functions(exports[f"{PACKAGE}{plugin_type}-plugin"]), spell)


def _compare_core(wasm: bytes | memoryview, plugin_type: str) -> Iterator[str]:
    from tarkpm.host.module.core_types import read_core_types

    imports, exports = read_core_types(wasm)
    return legacy_abi.compare(imports, exports, plugin_type)
