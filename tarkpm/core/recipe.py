"""How a plugin is built: the table ``[build]`` of plugin.toml, or what the folder's files say without it.

::

    [build]
    source = "plugin.c"               # optional; the suffix says the language; Cargo.toml is Rust, too
    toolchain = "componentize-js"     # optional, where a language has more than one

Only `tarkpm build` and `tarkpm check` read the table. Everybody else ignores it, as older versions of tarkpm
do, so a mistake in it cannot make a published plugin unusable (docs/decisions/0150).
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from tarkpm.core.document import Text, convert, parse_toml
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.names import MANIFEST, MAX_MANIFEST
from tarkpm.core.release import MAX_NAME
from tarkpm.core.text import neutral
from tarkpm.errors import ManifestError

Language = Literal["c", "javascript", "python", "rust", "wasm"]
CARGO: Final = "Cargo.toml"
SUFFIXES: Final[dict[str, Language]] = {
    ".c": "c",
    ".js": "javascript",
    ".mjs": "javascript",
    ".py": "python",
    ".rs": "rust",
    ".wasm": "wasm",
}
"""``wasm`` is a core module that another toolchain built: it only becomes a component."""
USUAL: Final = ("plugin.c", "plugin.js", "plugin.py", "plugin.rs", CARGO)
"""The names under which a source is found without ``[build]``."""


class _Build(msgspec.Struct, forbid_unknown_fields=True):
    source: Text | None = None
    toolchain: Text = ""


class _Document(msgspec.Struct):
    build: _Build | None = None


class Recipe(msgspec.Struct, frozen=True):
    """The source to build, relative to the folder, its language, and the toolchain; "" for the usual one."""

    source: str
    language: Language
    toolchain: str = ""

    @classmethod
    def read(cls, manifest: bytes, has: Callable[[str], bool], *, where: str = MANIFEST) -> "Recipe":
        """Read ``[build]``; without a source there, take the usual one that the folder ``has``.

        Raises `ManifestError` for a malformed table, for a source that is no file of the folder or of no
        known language, and if there is not exactly one usual source.
        """
        table: dict[str, Any] = parse_toml(manifest, where=where, error=ManifestError, limit=MAX_MANIFEST)
        _check_keys(table.get("build"), where)
        asked = convert(table, _Document, where=where, error=ManifestError).build
        if asked is None or asked.source is None:
            found = cls._detected(has, where, has_table=asked is not None)
            return cls(found.source, found.language, asked.toolchain if asked else "")
        place = f"{where}: build.source"
        if asked.source.startswith("/") or ".." in asked.source.split("/"):
            raise ManifestError(
                f"expected a file inside the folder, found '{asked.source[:200]}'", where=place
            )
        # A compiler reads `@file` as a file of options, and `-x` as one: options run programs.
        if any(part.startswith(("@", "-")) for part in asked.source.split("/")):
            raise ManifestError(
                f"expected no part that begins with '@' or '-', found '{asked.source[:200]}'", where=place
            )
        if not has(asked.source):
            raise ManifestError(f"there is no file '{asked.source[:200]}'", where=place)
        return cls(asked.source, _language(asked.source, place), asked.toolchain)

    @classmethod
    def _detected(cls, has: Callable[[str], bool], where: str, *, has_table: bool) -> "Recipe":
        found = [name for name in USUAL if has(name)]
        if len(found) != 1:
            names = " or ".join(f"'{name}'" for name in (found or USUAL))
            line = f'source = "{found[0] if found else "SOURCE"}"'
            # One command: two lines of TOML do not fit into a hint.
            hint = (
                f"write {line} under [build]" if has_table else f"printf '[build]\\n{line}\\n' >> {MANIFEST}"
            )
            text = f"expected one source, found {names}" if found else f"expected a source: {names}"
            raise ManifestError(text, where=where, hint=hint)
        return cls(found[0], _language(found[0], where))


def _check_keys(table: object, where: str) -> None:
    """Raise `ManifestError` for a key of ``[build]`` that is not known, with the nearest one that is."""
    known = [field.encode_name for field in msgspec.structs.fields(_Build)]
    for key in table if isinstance(table, dict) else ():
        if key not in known:
            text = (
                f"'{neutral(key, limit=60)}' is not a known key{did_you_mean(key[:MAX_NAME].lower(), known)}"
            )
            raise ManifestError(text, where=f"{where}: build.{neutral(key, limit=60)}")


def _language(source: str, where: str) -> Language:
    name = source.rpartition("/")[2]
    if name == CARGO:
        return "rust"
    stem, dot, suffix = name.rpartition(".")
    if not stem or dot + suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise ManifestError(f"expected a name that ends in {known}, found '{source[:200]}'", where=where)
    return SUFFIXES[dot + suffix]
