"""The exported interface of a component: functions of its module, lifted, with named types."""

from collections.abc import Container

from tarkpm.toolchains.component.binary import FUNC, ComponentWriter, canonical_options
from tarkpm.toolchains.component.types import Types, equal_to, function_of, used_names
from tarkpm.toolchains.component.wit import WitInterface

_POST = "cabi_post_"


class _Unnamed:
    """Types of the component itself: not exported from it, so they need no name."""

    def __init__(self, out: ComponentWriter) -> None:
        self.define = out.type

    def named(self, _: str, kind: int) -> int:
        return kind


class _Imported:
    def __init__(self, out: ComponentWriter) -> None:
        self._out = out
        self.define = out.type

    def named(self, text: str, kind: int) -> int:
        return self._out.import_(f"import-type-{text}", "type", equal_to(kind))


class _Exported:
    def __init__(self, out: ComponentWriter) -> None:
        self._out = out
        self.define = out.type

    def named(self, text: str, kind: int) -> int:
        return self._out.export(text, "type", kind)


def export_interface(
    out: ComponentWriter,
    interface: WitInterface,
    name: str,
    core_exports: Container[str],
    main: int,
    memory: int,
    realloc: int,
) -> None:
    """Export an interface whose functions the core instance ``main`` exports as ``<name>#<function>``."""
    types = Types(interface, _Unnamed(out))
    arguments = [
        (f"import-type-{text}", "type", types.name(text))
        for text in used_names(interface, interface.functions.values())
    ]
    for text, function in interface.functions.items():
        core = f"{name}#{text}"
        lifted = out.core_alias(FUNC, main, core)
        has_post = f"{_POST}{core}" in core_exports
        post = out.core_alias(FUNC, main, f"{_POST}{core}") if has_post else None
        kind = types.function(function)
        made = out.lift(lifted, canonical_options(memory, realloc, post), kind)
        arguments.append((f"import-func-{text}", "func", made))
    out.export(name, "instance", out.instantiate(out.component(_naming(interface)), arguments))


def _naming(interface: WitInterface) -> bytes:
    """Return a component that exports what it imports: only an instance's exports can have named types."""
    out = ComponentWriter()
    imported = Types(interface, _Imported(out))
    names = used_names(interface, interface.functions.values())
    for text in names:
        imported.name(text)
    functions = {
        text: out.import_(f"import-func-{text}", "func", function_of(imported.function(function)))
        for text, function in interface.functions.items()
    }
    exported = Types(interface, _Exported(out))
    for text in names:
        exported.name(text)
    for text, function in interface.functions.items():
        out.export(text, "func", functions[text], function_of(exported.function(function)))
    return out.finish()
