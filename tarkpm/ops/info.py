"""``tarkpm info``: the details of one plugin."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.capability import KINDS, CapabilitySet
from tarkpm.core.manifest import Manifest
from tarkpm.core.release import GitSource, PluginName
from tarkpm.errors import TarkError
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.listing import look, not_installed, signer_text
from tarkpm.store.uses import UseCounts

if TYPE_CHECKING:
    from tarkpm.host.module.inspect import ModuleInfo


class CapabilityUse(msgspec.Struct, frozen=True):
    """How often a plugin used a granted capability on this machine; days are in UTC, like 2026-11-28."""

    capability: str
    count: int
    first: str
    last: str


class Info(msgspec.Struct, frozen=True):
    """The details of one plugin. ``abi`` is the module's: "tark:plugin", "older tark ABI" or "".

    ``unpinned`` says that tark.lock does not pin the tools of a tool plugin.
    """

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
    unpinned: bool = False
    uses: tuple[CapabilityUse, ...] = ()


def info(settings: Settings, ui: Ui, typed: PluginName) -> Info:
    """Return metadata, capabilities, paths, signer and source of one plugin. Raises `NotFound`."""
    with open_for_reading(settings, ui) as workspace:
        name = workspace.name_of(typed)
        entry, environment = workspace.lock.get(name), workspace.environment
        status, manifest = look(workspace, name)
        if manifest is None:
            raise not_installed(workspace, name, entry)
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
            source=str(source.unpinned()) if source else "",
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
            unpinned=entry is not None and entry.is_unpinned,
            uses=_uses(workspace, _data(workspace, name, manifest)),
        )


def _uses(workspace: Workspace, data: Path) -> tuple[CapabilityUse, ...]:
    found = UseCounts(workspace.settings.paths.state).read(data)
    uses = sorted(found.used.items()) if found else ()
    return tuple(CapabilityUse(text, one.count, one.first, one.last) for text, one in uses)


def _granted(workspace: Workspace, name: PluginName, manifest: Manifest) -> CapabilitySet:
    if _is_unmanaged(workspace, name):
        from tarkpm.ops.release.unmanaged import consented

        return consented(workspace, name)
    return workspace.project.granted(name).narrow(manifest.capabilities)


def _data(workspace: Workspace, name: PluginName, manifest: Manifest) -> Path:
    if _is_unmanaged(workspace, name):
        from tarkpm.ops.release.unmanaged import unmanaged_data

        return unmanaged_data(workspace, manifest.name)
    return workspace.data(name)


def _is_unmanaged(workspace: Workspace, name: PluginName) -> bool:
    return name not in workspace.lock.by_name and name not in workspace.record.installed


def _sign_in(manifest: Manifest) -> tuple[str, ...]:
    """Return how sign-in works: the flow, its addresses and its scopes."""
    oauth = manifest.oauth
    if oauth is None:
        return ()
    scopes = (f"scopes {' '.join(oauth.scopes)}",) if oauth.scopes else ()
    return (oauth.flow, *oauth.endpoints, *scopes)


def _module(workspace: Workspace, name: str, wasm: str) -> "ModuleInfo | None":
    """Return what the module imports and exports; None if it cannot be read."""
    from tarkpm.host.module.inspect import inspect

    try:
        return inspect(workspace.environment.read(name, wasm))
    except (TarkError, OSError):
        return None
