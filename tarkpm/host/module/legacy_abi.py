"""Recognition of core modules as plugins of the older tark ABI, and the comparison of their types.

`core_types` reads the types from the binary, `worker.legacy_abi.fitting` from the compiled module.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from tarkpm.core.text import neutral
from tarkpm.host.worker.legacy_abi.abi import EXPORTS, MEMORY, MODULE, NEEDED, known_imports, spelled

IMPORTS: Final = frozenset(f"{module}.{name}" for module, name in known_imports())
"""Imports that tark provides, as ``module.name``. No name contains a dot, so each is unambiguous."""
TYPES: Final = tuple(NEEDED)
GRANTED_BY: Final[Mapping[str, str]] = {"fs": "fs_read", "ws": "http"}
"""The kind of capability that grants an interface, where the names differ."""
BASIS: Final = ((MEMORY,), ("alloc",))
MAX_NAMED: Final = 5
ORDINARY: Final = "an unshared 32-bit memory"
"""The text of the type of a memory as plugins need it."""


def unknown(imports: Iterable[str]) -> tuple[str, ...]:
    """Return the imports that tark does not provide."""
    return tuple(name for name in imports if name not in IMPORTS)


def interfaces(imports: Iterable[str]) -> tuple[str, ...]:
    """Return the tark modules that functions are imported from, without ``tark:`` and duplicates."""
    ours = (name.partition(".")[0] for name in imports if name in IMPORTS and name.startswith(MODULE))
    return tuple(dict.fromkeys(name.removeprefix(MODULE) for name in ours))


def types(exports: Sequence[str]) -> tuple[str, ...]:
    """Return the plugin types whose exports a module has."""
    return tuple(kind for kind in NEEDED if not missing(exports, kind))


def is_meant(imports: Iterable[str], exports: Iterable[str]) -> bool:
    """Return whether a module uses any name of this ABI, so that a report of missing names makes sense."""
    asked = any(name in IMPORTS and name.startswith(MODULE) for name in imports)
    telling = {name for needed in NEEDED.values() for names in needed for name in names}
    return asked or any(name in telling for name in exports)


def missing(exports: Sequence[str], plugin_type: str) -> tuple[str, ...]:
    """Return the exports that a plugin of this type needs and the module lacks."""
    return _lacking(exports, (*BASIS, *NEEDED[plugin_type]))


def is_unfinished(imports: Iterable[str], exports: Iterable[str]) -> bool:
    """Return whether a module was built for `tark:plugin` but not yet converted to a component."""
    return any(name.startswith("tark:plugin/") for name in (*imports, *exports))


def misfit(imports: Sequence[str], exports: Sequence[str], plugin_type: str) -> str | None:
    """Return why a module cannot run as a plugin of this type, in one sentence; None if it can."""
    # First, because such a module lacks every export of this ABI, and a list of them would mislead.
    if is_unfinished(imports, exports):
        return "is a core module built for tark:plugin and not yet a component; 'tarkpm build' makes it one"
    if plugin_type not in NEEDED:
        known = ", ".join(NEEDED)
        return f"is a core module; the older tark ABI supports the types {known}, not {plugin_type}"
    if lacks := missing(exports, plugin_type):
        named = f"is a core module that lacks these {plugin_type} exports of the older tark ABI"
        return f"{named}: {', '.join(lacks)}"
    if strange := unknown(imports):
        shown = ", ".join(repr(neutral(name, limit=100)) for name in strange[:MAX_NAMED])
        more = f" and {len(strange) - MAX_NAMED} more" if len(strange) > MAX_NAMED else ""
        return f"imports {shown}{more}, which tark does not provide in the older ABI"
    return None


def compare(
    imports: Iterable[tuple[str, str, str]], exports: Mapping[str, str], plugin_type: str
) -> Iterator[str]:
    """Yield how a module differs from the ABI: imports as (module, name, type), exports' types by name."""
    known = known_imports()
    for module, name, text in imports:
        wanted = known.get((module, name))
        if wanted is None:
            yield f"imports {f'{module} {name}'!r}, which tark does not provide"
        elif text != spelled(wanted):
            yield f"import {module} {name}: expected {spelled(wanted)}, found {text}"
    if (memory := exports.get(MEMORY, "nothing")) != ORDINARY:
        yield f"export {MEMORY}: expected {ORDINARY}, found {memory}"
    for name, signature in EXPORTS.items():
        if name in exports and exports[name] != spelled(signature):
            yield f"export {name}: expected {spelled(signature)}, found {exports[name]}"
    for names in (("alloc",), *NEEDED.get(plugin_type, ())):
        if not exports.keys() & set(names):
            yield f"does not export {' or '.join(names)}"


def _lacking(exports: Sequence[str], needed: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(" or ".join(names) for names in needed if not set(names) & set(exports))
