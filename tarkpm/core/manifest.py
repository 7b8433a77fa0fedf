"""plugin.toml, written by a plugin's author, as a `Manifest`.

Unknown tables and keys are ignored, because real manifests carry ``[contributes]``, ``[oauth]`` and
``[activation]``; an unknown key under ``[capabilities]`` is reported in ``unknown_capabilities`` and never
granted.
"""

from typing import Any

import msgspec

from tarkpm.core.capability import KINDS, CapabilitySet
from tarkpm.core.document import decode_toml
from tarkpm.core.names import MANIFEST, MAX_MANIFEST, STATEMENT
from tarkpm.core.release import TYPES, Dependency, PluginName, file_name, plugin_name
from tarkpm.core.version import Range, Version
from tarkpm.errors import ManifestError


class _Plugin(msgspec.Struct):
    name: str
    version: str
    type: str
    description: str = ""
    author: str = ""
    homepage: str = ""
    license: str = ""
    min_tark_version: str = ""
    wasm: str = "plugin.wasm"


class _Document(msgspec.Struct):
    plugin: _Plugin
    dependencies: dict[str, str] = {}
    capabilities: dict[str, Any] = {}
    config: dict[str, Any] = {}


class Manifest(msgspec.Struct, frozen=True):
    """What an author says of a plugin. Every text in it is the author's claim."""

    name: PluginName
    version: Version
    type: str
    wasm: str
    capabilities: CapabilitySet
    unknown_capabilities: tuple[str, ...] = ()
    min_tark_version: Version | None = None
    dependencies: tuple[Dependency, ...] = ()
    description: str = ""
    author: str = ""
    homepage: str = ""
    license: str = ""
    config: dict[str, Any] = {}

    @classmethod
    def parse(cls, data: bytes, *, where: str = MANIFEST) -> "Manifest":
        """Read a plugin.toml; raises `ManifestError` naming ``where`` and the key."""
        document = decode_toml(data, _Document, where=where, error=ManifestError, limit=MAX_MANIFEST)
        plugin = document.plugin
        return cls(
            name=_checked(plugin_name, plugin.name, where, "plugin.name"),
            version=_checked(Version.parse, plugin.version, where, "plugin.version"),
            type=_checked(_type, plugin.type, where, "plugin.type"),
            wasm=_checked(_module_name, plugin.wasm, where, "plugin.wasm"),
            capabilities=_checked(CapabilitySet.from_table, document.capabilities, where, "capabilities"),
            unknown_capabilities=tuple(sorted(set(document.capabilities) - set(KINDS))),
            min_tark_version=_minimum(plugin.min_tark_version, where),
            dependencies=_dependencies(document.dependencies, where),
            description=plugin.description,
            author=plugin.author,
            homepage=plugin.homepage,
            license=plugin.license,
            config=document.config,
        )


def _checked(read: Any, value: Any, where: str, key: str) -> Any:
    """Apply ``read`` to ``value``; a `ValueError` becomes a `ManifestError` at ``key``."""
    try:
        return read(value)
    except ValueError as problem:
        raise ManifestError(str(problem), where=f"{where}: {key}") from None


def _type(text: str) -> str:
    if text not in TYPES:
        raise ValueError(f"expected one of {', '.join(TYPES)}, found {text[:40]!r}")
    return text


def _module_name(text: str) -> str:
    if file_name(text).casefold() in (MANIFEST, STATEMENT):
        raise ValueError(f"expected the name of a module, found {text!r}")
    return text


def _minimum(text: str, where: str) -> Version | None:
    version: Version | None = (
        _checked(Version.parse, text, where, "plugin.min_tark_version") if text else None
    )
    return version


def _dependencies(table: dict[str, str], where: str) -> tuple[Dependency, ...]:
    return tuple(
        sorted(
            Dependency(
                _checked(plugin_name, name, where, f"dependencies.{name[:40]}"),
                str(_checked(Range.parse, text, where, f"dependencies.{name[:40]}")),
            )
            for name, text in table.items()
        )
    )
