"""Make a component of a core module that was built for package tark:plugin.

What `wasm-tools component embed` and `component new` do, for one package. The module imports functions as
``tark:plugin/log`` ``info`` and exports them as ``tark:plugin/tool-plugin#execute``, with the signatures of
the canonical ABI. The component imports only the functions that the module calls.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from tarkpm.toolchains.component import core_modules, wasi
from tarkpm.toolchains.component.abi import signature
from tarkpm.toolchains.component.binary import (
    FUNC,
    MEMORY,
    TABLE,
    ComponentWriter,
    canonical_options,
    leb,
)
from tarkpm.toolchains.component.lifted import export_interface
from tarkpm.toolchains.component.types import InstanceSpace, Types
from tarkpm.toolchains.component.wit import WitFunction, WitInterface, WitPackage

REALLOC: Final = "cabi_realloc"
_REALLOC_TYPE: Final = "(i32, i32, i32, i32) -> i32"
_MEMORY: Final = "memory"
_INITIALIZE: Final = "_initialize"


class Unconvertible(Exception):
    """The module cannot become a component; the message completes "the module …".

    ``kind`` is what is wrong with ``name``: an import tark does not provide, an export that is missing, or a
    signature.
    """

    def __init__(self, message: str, kind: Literal["import", "export", "signature"], name: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name


class CoreModule(msgspec.Struct, frozen=True):
    """A core module: its imports as module, name and type, its exports' types by name.

    Types are texts like ``(i32) -> i32``.
    """

    data: bytes
    imports: tuple[tuple[str, str, str], ...]
    exports: Mapping[str, str]


class _Slot(msgspec.Struct, frozen=True):
    """One imported function: the module it is imported from, its name and core type."""

    module: str
    name: str
    type: str


def componentize(module: CoreModule, package: WitPackage, plugin_type: str) -> bytes:
    """Return the component of a plugin type. Raises `Unconvertible`."""
    exported = f"{plugin_type}-plugin"
    _check_exports(module, package, exported)
    slots = _slots(module, package)
    return _Wrapper(module, package, slots).finish(exported)


def _check_exports(module: CoreModule, package: WitPackage, exported: str) -> None:
    interface = package.interfaces[exported]
    wanted = {REALLOC: _REALLOC_TYPE} | {
        f"{package.name}/{exported}#{name}": signature(interface, function, lower=False)
        for name, function in interface.functions.items()
    }
    for name, kind in wanted.items():
        if name not in module.exports:
            raise Unconvertible(f"does not export '{name}'", "export", name)
        _check_type(f"export {name}", kind, module.exports[name], name)
    if _MEMORY not in module.exports:
        raise Unconvertible(f"does not export its {_MEMORY}", "export", _MEMORY)


def _check_type(what: str, wanted: str, found: str, name: str) -> None:
    if found != wanted:
        message = f"has the wrong signature at {what}: expected {wanted}, found {found}"
        raise Unconvertible(message, "signature", name)


def _slots(module: CoreModule, package: WitPackage) -> list[_Slot]:
    slots = []
    for where, name, kind in dict.fromkeys(module.imports):
        if where != wasi.MODULE:
            function = _imported(package, where, name)
            wanted = signature(*function, lower=True)
            _check_type(f"import {where} {name}", wanted, kind, f"{where} {name}")
        slots.append(_Slot(where, name, kind))
    return slots


def _imported(package: WitPackage, module: str, name: str) -> tuple[WitInterface, WitFunction]:
    space, _, short = module.rpartition("/")
    interface = package.interfaces.get(short) if space == package.name else None
    if interface is None or name not in interface.functions or short in _exports(package):
        shown = f"{module} {name}"
        raise Unconvertible(f"imports {shown[:200]!r}, which tark does not provide", "import", shown)
    return interface, interface.functions[name]


def _exports(package: WitPackage) -> set[str]:
    return {name for names in package.worlds.values() for name in names}


class _Wrapper:
    """Writes the component, in the order in which things must exist."""

    def __init__(self, module: CoreModule, package: WitPackage, slots: list[_Slot]) -> None:
        self._module = module
        self._package = package
        self._slots = slots
        self._out = ComponentWriter()
        self._instances = self._import_interfaces()

    def finish(self, exported: str) -> bytes:
        out, types = self._out, [slot.type for slot in self._slots]
        main_module = out.core_module(self._module.data)
        shim = out.core_instantiate(out.core_module(core_modules.shim(types))) if types else 0
        main = out.core_instantiate(main_module, self._shimmed(shim))
        memory = out.core_alias(MEMORY, main, _MEMORY)
        realloc = out.core_alias(FUNC, main, REALLOC)
        if types:
            self._fill(shim, memory, realloc)
        if _INITIALIZE in self._module.exports:
            start = out.core_bundle([("f", FUNC, out.core_alias(FUNC, main, _INITIALIZE))])
            out.core_instantiate(out.core_module(core_modules.starter()), [("", start)])
        interface = self._package.interfaces[exported]
        name = f"{self._package.name}/{exported}"
        export_interface(out, interface, name, self._module.exports.keys(), main, memory, realloc)
        return out.finish()

    def _functions(self) -> dict[str, list[str]]:
        """Return the functions to import by interface, in the order of the package."""
        used = [(slot.module.rpartition("/")[2], slot.name) for slot in self._slots if not _is_wasi(slot)]
        if any(_is_wasi(slot) and slot.name in wasi.NEEDS for slot in self._slots):
            used += wasi.HOST
        found: dict[str, list[str]] = {}
        for name, interface in self._package.interfaces.items():
            if names := [function for function in interface.functions if (name, function) in used]:
                found[name] = names
        return found

    def _import_interfaces(self) -> dict[str, int]:
        instances = {}
        for name, functions in self._functions().items():
            interface, space = self._package.interfaces[name], InstanceSpace()
            types = Types(interface, space)
            for function in functions:
                space.function(function, types.function(interface.functions[function]))
            kind = self._out.type(space.finish())
            instances[name] = self._out.import_(
                f"{self._package.name}/{name}", "instance", b"\x05" + leb(kind)
            )
        return instances

    def _shimmed(self, shim: int) -> list[tuple[str, int]]:
        groups: dict[str, list[tuple[str, int, int]]] = {}
        for index, slot in enumerate(self._slots):
            jump = self._out.core_alias(FUNC, shim, str(index))
            groups.setdefault(slot.module, []).append((slot.name, FUNC, jump))
        return [(module, self._out.core_bundle(items)) for module, items in groups.items()]

    def _fill(self, shim: int, memory: int, realloc: int) -> None:
        out, options = self._out, canonical_options(memory, realloc)
        adapted = self._adapter(memory)
        items = [("t", TABLE, out.core_alias(TABLE, shim, "t"))]
        for index, slot in enumerate(self._slots):
            if _is_wasi(slot):
                function = out.core_alias(FUNC, adapted, slot.name)
            else:
                function = self._lowered(slot.module.rpartition("/")[2], slot.name, options)
            items.append((str(index), FUNC, function))
        module = out.core_module(core_modules.fixup([slot.type for slot in self._slots]))
        out.core_instantiate(module, [("", out.core_bundle(items))])

    def _adapter(self, memory: int) -> int:
        """Return the core instance that answers for WASI; 0 if nothing asks."""
        asked = [(slot.name, slot.type) for slot in self._slots if _is_wasi(slot)]
        if not asked:
            return 0
        out, plain = self._out, canonical_options(None, None)
        host = wasi.HOST if any(name in wasi.NEEDS for name, _ in asked) else ()
        given = [("m", out.core_bundle([("memory", MEMORY, memory)]))]
        for interface in dict.fromkeys(name for name, _ in host):
            functions = [
                (function, FUNC, self._lowered(interface, function, plain))
                for name, function in host
                if name == interface
            ]
            given.append((interface, out.core_bundle(functions)))
        return out.core_instantiate(out.core_module(wasi.adapter(asked, with_host=bool(host))), given)

    def _lowered(self, interface: str, function: str, options: bytes) -> int:
        return self._out.lower(self._out.alias("func", self._instances[interface], function), options)


def _is_wasi(slot: _Slot) -> bool:
    return slot.module == wasi.MODULE
