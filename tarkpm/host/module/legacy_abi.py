"""Recognition of core modules as plugins of the older tark ABI, by their imported and exported names.

`worker.legacy_abi.fitting` compares the types of these names once the module is compiled.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tarkpm.core.text import neutral
from tarkpm.host.worker.legacy_abi.abi import MEMORY, MODULE, NEEDED, known_imports

IMPORTS: Final = frozenset(f"{module}.{name}" for module, name in known_imports())
"""Imports that tark provides, as ``module.name``. No name contains a dot, so each is unambiguous."""
TYPES: Final = tuple(NEEDED)
GRANTED_BY: Final[Mapping[str, str]] = {"fs": "fs_read", "ws": "http"}
"""The kind of capability that grants an interface, where the names differ."""
BASIS: Final = ((MEMORY,), ("alloc",))
MAX_NAMED: Final = 5


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
        return "is a core module built for tark:plugin; convert it with 'wasm-tools component new'"
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


def _lacking(exports: Sequence[str], needed: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(" or ".join(names) for names in needed if not set(names) & set(exports))
