"""Change the ``[capabilities]`` of a plugin.toml, and no other line of it (docs/decisions/0105). Pure."""

import difflib
import re
import tomllib
from collections.abc import Collection
from typing import Any

from tarkpm.core.capability import PLAIN, CapabilitySet
from tarkpm.core.document import BOM
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.toml_edit import rewrite
from tarkpm.errors import ManifestError

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
"""Lines as a patch counts them: `str.splitlines` also ends them at a form feed or U+2028."""


def declare(data: bytes, added: CapabilitySet, *, where: str = MANIFEST) -> bytes:
    """Return a plugin.toml that also declares ``added``; its other lines are unchanged.

    Raises `ManifestError` for a layout that cannot be edited.
    """
    table = _table(data)
    declared = table.setdefault("capabilities", {})
    for kind, value in added.to_table().items():
        if kind in PLAIN:
            declared[kind] = True
        elif isinstance(value, list):
            before = declared.get(kind)
            declared[kind] = [*(before if isinstance(before, list) else ()), *value]
    return _written(data, table, where)


def declare_exactly(data: bytes, wanted: CapabilitySet, kinds: Collection[str], *, where: str) -> bytes:
    """Return a plugin.toml that declares exactly ``wanted`` of these ``kinds``. Raises as `declare`."""
    table = _table(data)
    declared, new = table.setdefault("capabilities", {}), wanted.to_table()
    for kind in kinds:
        declared.pop(kind, None)
        if kind in new:
            declared[kind] = new[kind]
    return _written(data, table, where)


def _table(data: bytes) -> dict[str, Any]:
    return tomllib.loads(data.decode().removeprefix(BOM))


def _written(data: bytes, table: dict[str, Any], where: str) -> bytes:
    try:
        written = rewrite(data.decode(), table).encode()
    except ValueError as problem:
        raise ManifestError(str(problem), where=where) from None
    Manifest.parse(written, where=where)  # what cannot be read must not be written
    return written


def patch(before: bytes, after: bytes, name: str = MANIFEST) -> str:
    """Return the difference as ``patch -p1`` and ``git apply`` read it; "" if there is none."""
    lines = difflib.unified_diff(
        _LINES.findall(before.decode()),
        _LINES.findall(after.decode()),
        f"a/{name}",
        f"b/{name}",
    )
    # A file may end without a line break, which a patch has to say (POSIX, diff -u).
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
