"""The check that a compiled core module's imports and exports have the types of the older ABI.

The parent compared the names before the module was compiled (`module.legacy_abi`).
"""

from collections.abc import Iterator
from typing import Any

from wasmtime import FuncType, MemoryType, Module

from tarkpm.host.worker.legacy_abi.abi import EXPORTS, MEMORY, NEEDED, known_imports, spelled
from tarkpm.host.worker.signatures import MAX_REPORTED, Unfit


def check(module: Module, plugin_type: str) -> list[tuple[str, str]]:
    """Return the imports, as (module, name). Raises `Unfit` with all differences."""
    wrong = [*_check_imports(module), *_check_exports(module, plugin_type)]
    if wrong:
        more = f"; and {len(wrong) - MAX_REPORTED} more" if len(wrong) > MAX_REPORTED else ""
        raise Unfit("; ".join(wrong[:MAX_REPORTED]) + more)
    return list(dict.fromkeys((item.module, item.name or "") for item in module.imports))


def _check_imports(module: Module) -> Iterator[str]:
    known = known_imports()
    for item in module.imports:
        name = f"{item.module} {item.name}"
        wanted = known.get((item.module, item.name or ""))
        if wanted is None:
            yield f"imports {name!r}, which tark does not provide"
        elif (found := _text(item.type)) != spelled(wanted):
            yield f"import {name}: expected {spelled(wanted)}, found {found}"


def _check_exports(module: Module, plugin_type: str) -> Iterator[str]:
    exported = {item.name: item.type for item in module.exports}
    memory = exported.get(MEMORY)
    if not isinstance(memory, MemoryType) or memory.is_64 or memory.is_shared or memory.page_size != 1 << 16:
        yield f"export {MEMORY}: expected an unshared 32-bit memory, found {_text(memory)}"
    for name, signature in EXPORTS.items():
        if name in exported and (found := _text(exported[name])) != spelled(signature):
            yield f"export {name}: expected {spelled(signature)}, found {found}"
    for names in (("alloc",), *NEEDED.get(plugin_type, ())):
        if not exported.keys() & set(names):
            yield f"does not export {' or '.join(names)}"


def _text(item: Any) -> str:
    if isinstance(item, FuncType):
        params = ", ".join(map(str, item.params))
        results = [str(result) for result in item.results]
        return f"({params})" + (f" -> {', '.join(results)}" if results else "")
    return "nothing" if item is None else type(item).__name__
