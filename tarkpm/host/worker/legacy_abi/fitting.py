"""The check that a compiled core module's imports and exports have the types of the older ABI."""

from typing import Any

from wasmtime import FuncType, MemoryType, Module

from tarkpm.host.module.legacy_abi import ORDINARY, compare
from tarkpm.host.module.tark_types import joined
from tarkpm.host.worker.signatures import Unfit
from tarkpm.host.worker.wit_text import core_value


def check(module: Module, plugin_type: str) -> list[tuple[str, str]]:
    """Return the imports, as (module, name). Raises `Unfit` with all differences."""
    imports = [(item.module, item.name or "", _text(item.type)) for item in module.imports]
    exports = {item.name: _text(item.type) for item in module.exports}
    if wrong := list(compare(imports, exports, plugin_type)):
        raise Unfit(joined(wrong))
    return list(dict.fromkeys((module, name) for module, name, _ in imports))


def _text(item: Any) -> str:
    if isinstance(item, FuncType):
        params = ", ".join(map(core_value, item.params))
        results = [core_value(result) for result in item.results]
        return f"({params})" + (f" -> {', '.join(results)}" if results else "")
    if isinstance(item, MemoryType) and not (item.is_64 or item.is_shared or item.page_size != 1 << 16):
        return ORDINARY
    return type(item).__name__
