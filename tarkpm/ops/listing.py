"""``tarkpm list``, ``info``, ``enable`` and ``disable``: what is here, and whether tark may load it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.binding import with_disabled
from tarkpm.core.capability import KINDS, CapabilitySet
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import GitSource, IndexSource, PluginName
from tarkpm.errors import NotFound, TarkError
from tarkpm.ops.context import Workspace, open_for_change, open_for_reading
from tarkpm.ops.settings import Settings
from tarkpm.ops.ui import Ui

if TYPE_CHECKING:
    from tarkpm.host.module.inspect import ModuleInfo

UNSIGNED, WORKING_COPY, UNMANAGED = "UNSIGNED", "unsigned working copy", "unmanaged"


class Row(msgspec.Struct, frozen=True):
    """One plugin in a listing.

    ``status`` is enabled, disabled, revoked (and not disabled), missing (locked, not installed) or
    unreadable. ``signer`` is a public key, or one of UNSIGNED, "unsigned working copy" and "unmanaged" (a
    folder tarkpm did not install).
    """

    id: str
    version: str
    type: str
    status: str
    signer: str
    description: str


class ListReport(msgspec.Struct, frozen=True):
    """Every plugin that is locked or stands in the environment, sorted."""

    plugins: tuple[Row, ...]
    directory: str
    type: str = ""
    notes: tuple[str, ...] = ()


def list_plugins(settings: Settings, ui: Ui, *, type: str = "") -> ListReport:  # noqa: A002  the option's name
    """All plugins; with ``type`` those of one type. One unreadable plugin never hides the others."""
    with open_for_reading(settings, ui) as workspace:
        names = sorted({*workspace.environment.names(), *workspace.lock.by_name})
        rows = tuple(_row(workspace, name) for name in names)
        shown = tuple(row for row in rows if not type or row.type == type)
        return ListReport(shown, str(workspace.environment.plugins), type, tuple(_notes(workspace, rows)))


def _row(workspace: Workspace, name: str) -> Row:
    entry = workspace.lock.get(name)
    status, manifest = _look(workspace, name)
    version = str(manifest.version) if manifest else str(entry.version) if entry else ""
    kind = manifest.type if manifest else entry.type if entry else ""
    return Row(name, version, kind, status, signer_text(entry), manifest.description if manifest else "")


def _look(workspace: Workspace, name: str) -> tuple[str, Manifest | None]:
    environment = workspace.environment
    try:
        manifest = Manifest.parse(environment.read(name, MANIFEST), where=str(environment.folder(name)))
    except FileNotFoundError:
        return ("missing" if not environment.folder(name).exists() else "unreadable"), None
    except (TarkError, OSError):
        return "unreadable", None
    if not environment.is_enabled(name):
        return "disabled", manifest
    return ("revoked" if _is_revoked(workspace, workspace.lock.get(name)) else "enabled"), manifest


def _is_revoked(workspace: Workspace, entry: LockEntry | None) -> bool:
    if entry is None or not isinstance(entry.source, IndexSource):
        return False
    from tarkpm.core.withdrawn import is_revoked

    return is_revoked(entry, workspace.vouched)


def signer_text(entry: LockEntry | None) -> str:
    """Who vouches for a plugin, as listings say it."""
    if entry is None:
        return UNMANAGED
    if entry.is_working_copy:
        return WORKING_COPY
    return entry.signer or UNSIGNED


def _notes(workspace: Workspace, rows: Iterable[Row]) -> list[str]:
    notes = []
    if missing := [row.id for row in rows if row.status == "missing"]:
        notes.append(f"locked but not installed: {', '.join(missing)}; run: tarkpm sync")
    notes += taken_back(workspace)
    if not workspace.recognized and workspace.environment.in_project and workspace.environment.names():
        notes.append("this environment was not built here by your tarkpm")
    return notes


def taken_back(workspace: Workspace) -> Iterator[str]:
    """Sentences about locked releases that were revoked, or yanked."""
    entries = [entry for entry in workspace.lock.entries if isinstance(entry.source, IndexSource)]
    if entries:
        from tarkpm.core.withdrawn import yanked_notes

        for entry in entries:
            if _is_revoked(workspace, entry):
                who = f"the maintainers of {entry.source}; run: tarkpm update {entry.name}"
                yield f"'{entry.name}' {entry.version} was revoked by {who}"
        yield from yanked_notes(entries, workspace.vouched)


class Info(msgspec.Struct, frozen=True):
    """All that is known of one plugin. ``abi`` is the module's: "tark:plugin", "older tark ABI" or ""."""

    name: str
    version: str
    type: str
    status: str
    description: str
    author: str
    homepage: str
    license: str
    min_tark_version: str
    source: str
    commit: str
    signer: str
    abi: str
    declared: tuple[str, ...]
    imported: tuple[str, ...]
    granted: tuple[str, ...]
    unknown_capabilities: tuple[str, ...]
    foreign_reads: tuple[str, ...]
    sign_in: tuple[str, ...]
    contributes: tuple[str, ...]
    activation: tuple[str, ...]
    requires: tuple[str, ...]
    install: str
    wasm: str
    data: str


def info(settings: Settings, ui: Ui, typed: PluginName) -> Info:
    """Metadata, capabilities declared and granted, paths, signer and source of one plugin."""
    with open_for_reading(settings, ui) as workspace:
        name = workspace.name_of(typed)
        entry, environment = workspace.lock.get(name), workspace.environment
        status, manifest = _look(workspace, name)
        if manifest is None:
            raise _not_installed(workspace, name, entry)
        source = entry.source if entry else None
        module = _module(workspace, name, manifest.wasm)
        return Info(
            name=name,
            version=str(manifest.version),
            type=manifest.type,
            status=status,
            description=manifest.description,
            author=manifest.author,
            homepage=manifest.homepage,
            license=manifest.license,
            min_tark_version=str(manifest.min_tark_version or ""),
            source=str(source.asked()) if source else "",
            commit=source.commit if isinstance(source, GitSource) else "",
            signer=signer_text(entry),
            declared=tuple(map(str, manifest.capabilities)),
            abi=module.abi if module else "",
            imported=tuple(kind for kind in KINDS if module and kind in module.kinds),
            granted=tuple(map(str, _granted(workspace, name, manifest))),
            unknown_capabilities=manifest.unknown_capabilities,
            foreign_reads=manifest.foreign_reads,
            sign_in=_sign_in(manifest),
            contributes=manifest.contributes,
            activation=manifest.activation,
            requires=tuple(map(str, manifest.dependencies)),
            install=str(environment.folder(name)),
            wasm=str(environment.folder(name) / manifest.wasm),
            data=str(_data(workspace, name, manifest)),
        )


def _granted(workspace: Workspace, name: PluginName, manifest: Manifest) -> CapabilitySet:
    if _is_unmanaged(workspace, name):
        from tarkpm.ops.unmanaged import consented

        return consented(workspace, name)
    return workspace.project.granted(name).narrow(manifest.capabilities)


def _data(workspace: Workspace, name: PluginName, manifest: Manifest) -> Path:
    if _is_unmanaged(workspace, name):
        from tarkpm.ops.unmanaged import unmanaged_data

        return unmanaged_data(workspace, manifest.name)
    return workspace.data(name)


def _is_unmanaged(workspace: Workspace, name: PluginName) -> bool:
    return name not in workspace.lock.by_name and name not in workspace.record.installed


def _sign_in(manifest: Manifest) -> tuple[str, ...]:
    """What a login does: the flow, its addresses, and what it asks the provider for."""
    oauth = manifest.oauth
    if oauth is None:
        return ()
    scopes = (f"scopes {' '.join(oauth.scopes)}",) if oauth.scopes else ()
    return (oauth.flow, *oauth.endpoints, *scopes)


def _module(workspace: Workspace, name: str, wasm: str) -> "ModuleInfo | None":
    """What the module imports and exports, as far as it can be read."""
    from tarkpm.host.module.inspect import inspect

    try:
        return inspect(workspace.environment.read(name, wasm))
    except (TarkError, OSError):
        return None


def _not_installed(workspace: Workspace, name: str, entry: LockEntry | None) -> NotFound:
    where = str(workspace.environment.plugins)
    if entry is None and name in workspace.environment.names():
        folder = str(workspace.environment.folder(name))
        return NotFound(
            f"the folder '{name}' holds no plugin that can be read", where=folder, hint="tarkpm verify"
        )
    if entry is not None:
        return NotFound(f"'{name}' is locked but not installed, or damaged", where=where, hint="tarkpm sync")
    return NotFound(f"no plugin named '{name}' is installed", where=where, hint="tarkpm list")


def set_enabled(settings: Settings, ui: Ui, typed: PluginName, *, enabled: bool) -> Row:
    """Let tark load a plugin, or keep it from doing so; returns its row. Nothing else changes."""
    with open_for_change(settings, ui, create=True) as workspace:
        name = workspace.name_of(typed)
        if name not in workspace.environment.names():
            raise _not_installed(workspace, name, workspace.lock.get(name))
        if not settings.dry_run:
            workspace.environment.set_enabled(name, enabled)
            _remember(workspace, name, enabled)
        return _row(workspace, name)


def _remember(workspace: Workspace, name: str, enabled: bool) -> None:
    """Have state know it too, so that it outlives the environment's folder."""
    if name in workspace.record.installed:
        workspace.remember(owners=with_disabled(workspace.record.owners, {name: not enabled}))
