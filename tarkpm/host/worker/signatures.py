"""The check that a compiled component's imports and exports have the types of tark:plugin.

wasmtime does not type-check host functions when it links, and a call of an export with another type would
fail only when it is made. Guests may import any subset of the interfaces and have further exports.
"""

from collections.abc import Container, Iterator, Mapping

from wasmtime import Engine, component

from tarkpm.host.module.tark_types import IMPORTS, PACKAGE, compare_export, compare_import, joined
from tarkpm.host.worker.settings import part_name
from tarkpm.host.worker.wit_text import Speller

WASI = "wasi:"  # the parent decides which are allowed (`module.inspect`); wasmtime type-checks its own


class Unfit(ValueError):
    """The component does not match tark:plugin; the message lists the differences."""


def check(
    compiled: component.Component, engine: Engine, plugin_type: str, parts: int = 0
) -> dict[str, list[str]]:
    """Return the functions a component imports, by tark interface. Raises `Unfit` with all differences.

    ``parts`` is the number of core modules that were outlined, which are imported, too.
    """
    imports: dict[str, list[str]] = {}
    known = frozenset(map(part_name, range(parts)))
    wrong = list(_check_imports(compiled, engine, imports, known))
    wrong += _check_exports(compiled, engine, plugin_type)
    if wrong:
        raise Unfit(joined(wrong))
    return imports


def _check_imports(
    compiled: component.Component, engine: Engine, imports: dict[str, list[str]], known: Container[str]
) -> Iterator[str]:
    """Yield the differences; ``imports`` gets the functions of each tark interface."""
    for name, item in compiled.type.imports(engine).items():
        if name.startswith(WASI) or name in known:
            continue
        if name.removeprefix(PACKAGE) not in IMPORTS or not name.startswith(PACKAGE):
            yield f"imports {name!r}, which tark does not provide"
        elif not isinstance(item.ty, component.ComponentInstanceType):
            yield f"expected {name!r} to be an interface, found {type(item.ty).__name__}"
        else:
            functions = _functions(item.ty, engine)
            imports[name.removeprefix(PACKAGE)] = list(functions)
            yield from compare_import(name, functions, Speller().spell)


def _check_exports(compiled: component.Component, engine: Engine, plugin_type: str) -> Iterator[str]:
    interface = f"{PACKAGE}{plugin_type}-plugin"
    exported = compiled.type.exports(engine).get(interface)
    if exported is None:
        yield f"does not export {plugin_type}-plugin"
    elif not isinstance(exported.ty, component.ComponentInstanceType):
        yield f"expected {interface!r} to be an interface, found {type(exported.ty).__name__}"
    else:
        yield from compare_export(plugin_type, _functions(exported.ty, engine), Speller().spell)


def _functions(item: component.ComponentInstanceType, engine: Engine) -> Mapping[str, component.FuncType]:
    types = {function: export.ty for function, export in item.exports(engine).items()}
    return {function: ty for function, ty in types.items() if isinstance(ty, component.FuncType)}
