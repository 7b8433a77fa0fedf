"""Read plugin.toml, written by a plugin's author, into a `Manifest`.

Unknown tables and keys are ignored. ``[contributes]`` and ``[activation]`` are for tark; tarkpm only shows
them. Unknown keys under ``[capabilities]`` are reported in ``unknown_capabilities``, and files to read that
are outside of the user's home folder in ``foreign_reads``; neither is ever granted. A sign-in declared in
``[oauth]`` and a secret declared in ``[secrets]`` are capabilities like any other.
"""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tarkpm.core import home_path
from tarkpm.core.capability import KINDS, OWN_TABLE, Capability, CapabilitySet
from tarkpm.core.contributes import contributions, events
from tarkpm.core.document import Text, convert, parse_toml
from tarkpm.core.empty import Path, check_filled
from tarkpm.core.file_names import file_name
from tarkpm.core.name_similarity import nearest
from tarkpm.core.names import MANIFEST, MAX_MANIFEST, STATEMENT
from tarkpm.core.release import MAX_NAME, TYPES, Dependency, PluginName, plugin_name
from tarkpm.core.version import Range, Version
from tarkpm.errors import ManifestError

if TYPE_CHECKING:  # few plugins have the table, and its URL parser takes time to import
    from tarkpm.core.oauth import OAuth


MAX_UNKNOWN: Final = 50
"""Unknown keys of one table that are reported."""


SHOWN: Final = ("description", "author", "homepage", "license")
"""Keys of ``[plugin]`` that are only shown. They may be empty: tark's own templates write them so."""


class _Plugin(msgspec.Struct):
    """The table ``[plugin]``."""

    name: Text
    version: Text
    type: Text
    description: str = ""
    author: str = ""
    homepage: str = ""
    license: str = ""
    min_tark_version: Text = ""
    wasm: Text = "plugin.wasm"


class _Document(msgspec.Struct):
    plugin: _Plugin
    dependencies: dict[str, str] = {}
    capabilities: dict[str, Any] = {}
    config: dict[str, Any] = {}
    oauth: dict[str, Any] | None = None
    secrets: dict[str, Any] | None = None
    contributes: Any = None
    activation: Any = None
    build: Any = None  # for `tarkpm build` (core/recipe.py); what others find there never matters to them


class Manifest(msgspec.Struct, frozen=True):
    """A parsed plugin.toml. Its texts are the author's claims and are untrusted."""

    name: PluginName
    version: Version
    type: str
    wasm: str
    capabilities: CapabilitySet
    unknown_capabilities: tuple[str, ...] = ()
    foreign_reads: tuple[str, ...] = ()
    min_tark_version: Version | None = None
    dependencies: tuple[Dependency, ...] = ()
    description: str = ""
    author: str = ""
    homepage: str = ""
    license: str = ""
    config: dict[str, Any] = {}
    oauth: "OAuth | None" = None
    contributes: tuple[str, ...] = ()
    activation: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: bytes, *, where: str = MANIFEST) -> "Manifest":
        """Read a plugin.toml. Raises `ManifestError` with ``where`` and the key."""
        table = parse_toml(data, where=where, error=ManifestError, limit=MAX_MANIFEST)
        check_filled(table, where=where, error=ManifestError, counts=_decides)
        document = convert(table, _Document, where=where, error=ManifestError)
        plugin = document.plugin
        name = _checked(plugin_name, plugin.name, where, "plugin.name")
        # Read before the capabilities: a sign-in and secrets are among them.
        sign_in = _oauth(document.oauth, name, where)
        secrets = _secrets(document.secrets, where)
        foreign = _foreign(document.capabilities)
        return cls(
            name=name,
            version=_checked(Version.parse, plugin.version, where, "plugin.version"),
            type=_checked(_type, plugin.type, where, "plugin.type"),
            wasm=_checked(_module_name, plugin.wasm, where, "plugin.wasm"),
            capabilities=_capabilities(document.capabilities, foreign, name, sign_in, where).union(secrets),
            unknown_capabilities=tuple(sorted(set(document.capabilities) - (set(KINDS) - OWN_TABLE))),
            foreign_reads=foreign,
            min_tark_version=_minimum(plugin.min_tark_version, where),
            dependencies=_dependencies(document.dependencies, where),
            description=plugin.description,
            author=plugin.author,
            homepage=plugin.homepage,
            license=plugin.license,
            config=document.config,
            oauth=sign_in,
            contributes=contributions(document.contributes),
            activation=events(document.activation),
        )


def _decides(path: Path) -> bool:
    """Return whether something is decided by the value at ``path``, so that it must not be empty.

    Texts that are only shown, values for the plugin or its provider, and keys that nobody reads may be empty.
    """
    match path:
        case ("plugin", key, *_):
            return key not in SHOWN and key in _Plugin.__struct_fields__
        case ("capabilities", kind, *_):
            return kind in KINDS and kind not in OWN_TABLE
        case ("oauth", key, *_):
            from tarkpm.core.oauth import Table

            return key in Table.__struct_fields__ and key != "extra_params"
        case (table, *_):
            return table in ("dependencies", "secrets")
    return False


def unknown_keys(data: bytes, *, where: str = MANIFEST) -> list[tuple[tuple[str, ...], str]]:
    """Return the keys of a plugin.toml that nobody reads, each with the known key that it resembles, or "".

    `Manifest.parse` ignores them, because a newer tarkpm may know them; for an author they are mistakes.
    Those under ``[capabilities]`` are in `Manifest.unknown_capabilities`. Raises `ManifestError` for a file
    that is not TOML.
    """
    table = parse_toml(data, where=where, error=ManifestError, limit=MAX_MANIFEST)
    tables: dict[str, type[msgspec.Struct]] = {"": _Document, "plugin": _Plugin}
    found: list[tuple[tuple[str, ...], str]] = []
    for name, shape in tables.items():
        known = [field.encode_name for field in msgspec.structs.fields(shape)]
        keys = table if not name else table.get(name, {})
        unknown = [key for key in keys if key not in known] if isinstance(keys, dict) else []
        found += [
            ((name, key) if name else (key,), nearest(key[:MAX_NAME].lower(), known))
            for key in unknown[:MAX_UNKNOWN]
        ]
    return found


def _checked(read: Any, value: Any, where: str, key: str) -> Any:
    """Return ``read(value)``. Raises `ManifestError` at ``key`` for a `ValueError`."""
    try:
        return read(value)
    except ValueError as problem:
        raise ManifestError(str(problem), where=f"{where}: {key}") from None


def _oauth(table: dict[str, Any] | None, name: str, where: str) -> "OAuth | None":
    if table is None:
        return None
    from tarkpm.core import oauth

    document = convert({"oauth": table}, oauth.OAuthDocument, where=where, error=ManifestError)
    try:
        return oauth.read(document.oauth, name)
    except oauth.OAuthError as problem:
        raise ManifestError(str(problem), where=f"{where}: oauth.{problem.key}") from None


def _secrets(tables: dict[str, Any] | None, where: str) -> CapabilitySet:
    if not tables:
        return CapabilitySet()
    from tarkpm.core import secret

    place = f"{where}: secrets"
    read = {
        name: convert(table, secret.SecretTable, where=f"{place}.{name[:40]}", error=ManifestError)
        for name, table in tables.items()
    }
    try:
        return CapabilitySet.of(Capability("secret", str(one)) for one in secret.read(read))
    except secret.SecretError as problem:
        raise ManifestError(str(problem), where=f"{place}.{problem.key}".rstrip(".")) from None


def _foreign(table: dict[str, Any]) -> tuple[str, ...]:
    """Return the declared files outside of the user's home folder. tark reads them; tarkpm never does."""
    reads = table.get("fs_read")
    asked = reads if isinstance(reads, list) else []
    return tuple(str(text) for text in asked if isinstance(text, str) and not text.startswith("~"))


def _capabilities(
    table: dict[str, Any], foreign: tuple[str, ...], name: str, sign_in: "OAuth | None", where: str
) -> CapabilitySet:
    # These follow from tables of their own; declared here, they could contradict them.
    known = {kind: value for kind, value in table.items() if kind not in OWN_TABLE}
    if foreign:
        known["fs_read"] = [text for text in known["fs_read"] if text not in foreign]
    declared: CapabilitySet = _checked(CapabilitySet.from_table, known, where, "capabilities")
    # Credentials belong to one plugin. No grant opens them to another.
    for capability in declared:
        if capability.kind == "fs_read" and not home_path.is_own(capability.scope, name):
            message = f"fs_read: '{capability.scope}' holds another plugin's credentials"
            raise ManifestError(message, where=f"{where}: capabilities")
    return declared.union(sign_in.capabilities()) if sign_in else declared


def _type(text: str) -> str:
    if text not in TYPES:
        raise ValueError(f"expected one of {', '.join(TYPES)}, found {text[:40]!r}")
    return text


def _module_name(text: str) -> str:
    # A module of that name would replace the file that describes or signs the release.
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
