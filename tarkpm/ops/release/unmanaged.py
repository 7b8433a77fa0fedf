"""Unmanaged plugins: folders that tark or the user put there. They run after consent and are never deleted.

No publisher vouches for such a folder and no lock names it. The user is shown what it contains and declares,
and agrees once for exactly these contents; it then gets what it declares and no more (docs/decisions/0045).
"""

import os
import shlex
import stat
from pathlib import Path

import msgspec

from tarkpm.core.capability import CapabilitySet
from tarkpm.core.digest import sha256
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import PluginName, folded
from tarkpm.core.statement import parse_envelope
from tarkpm.core.trust import check_minimum
from tarkpm.errors import (
    HostError,
    NotFound,
    Revoked,
    SignatureInvalid,
    StoreError,
    TarkError,
    UnmanagedRefused,
)
from tarkpm.host.image import PluginImage
from tarkpm.host.module.fit import check_module
from tarkpm.ops.project.ui import Card, CardRow
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.team_check import check_folder
from tarkpm.store.consents import Consent, Consents


class Unmanaged(msgspec.Struct, frozen=True):
    """An unmanaged folder as it was read once: the contents the user agrees to are the contents that run."""

    manifest: Manifest
    wasm: bytes
    consent: Consent


def unmanaged_names(workspace: Workspace) -> list[str]:
    """Return the names under ``plugins/`` that neither lock nor record has, sorted, without plain files."""
    known = {*workspace.lock.by_name, *workspace.record.installed}
    names = [name for name in workspace.environment.names() if name not in known]
    return [name for name in names if not workspace.environment.folder(name).is_file()]


def is_unmanaged(workspace: Workspace, name: str) -> bool:
    """Return whether ``name`` is a folder here that tarkpm did not install."""
    return name in unmanaged_names(workspace)


def load_unmanaged(workspace: Workspace, name: str) -> PluginImage:
    """Return the plugin in an unmanaged folder, after consent.

    Raises `UnmanagedRefused`, `HostError` for a disabled one, and what `read_unmanaged` raises.
    """
    if not workspace.environment.is_enabled(name):
        raise HostError(f"'{name}' is disabled", hint=f"tarkpm enable {name}")
    found = read_unmanaged(workspace, name)
    manifest = found.manifest
    # A folder that nobody agreed to is refused as such, since it is no hook that fails. But nobody is asked
    # about one that a team policy forbids.
    asks = workspace.ui.interactive
    if not asks:
        _require_consent(workspace, found)
    check_folder(workspace, manifest, granted_to(workspace, manifest))
    if asks:
        _require_consent(workspace, found)
    check_minimum(manifest.name, manifest.min_tark_version, workspace.project.tark_version)
    return PluginImage(
        manifest.name,
        manifest.type,
        found.wasm,
        granted_to(workspace, manifest),
        unmanaged_data(workspace, manifest.name),
        manifest.oauth,
    )


def read_unmanaged(workspace: Workspace, name: str) -> Unmanaged:
    """Read an unmanaged folder without following links.

    Raises `StoreError`, `NotFound`, `ManifestError`, `ModuleInvalid`, `Revoked`.
    """
    environment = workspace.environment
    folder = environment.folder(name)
    _check_own(folder)
    try:
        text = environment.read(name, MANIFEST)
        manifest = Manifest.parse(text, where=str(folder / MANIFEST))
        # tark goes by the name inside plugin.toml, so the folder's name must be the same (decision 0045).
        _check_name(workspace, name, manifest.name)
        wasm = environment.read(name, manifest.wasm)
    except FileNotFoundError as problem:
        raise NotFound(
            "this folder does not contain a plugin", where=str(problem.filename or folder)
        ) from None
    module = folder / manifest.wasm
    check_module(wasm, manifest.type, where=str(module), hint=f"tarkpm inspect {shlex.quote(str(module))}")
    # a revoked release that was copied here by hand is as dangerous as an installed one
    _check_not_revoked(workspace, name)
    return Unmanaged(manifest, wasm, _consent(workspace, folder, manifest, text, wasm))


def _consent(workspace: Workspace, folder: Path, manifest: Manifest, text: bytes, wasm: bytes) -> Consent:
    granted = tuple(map(str, granted_to(workspace, manifest)))
    return Consent(str(folder), sha256(text), sha256(wasm), granted)


def _check_own(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError("expected a folder, found a link or a file", where=str(folder))
    # Another user could replace the contents after they were read and agreed to.
    if status.st_uid != os.geteuid():
        raise StoreError(f"the folder belongs to user {status.st_uid}, not to you", where=str(folder))


def _check_name(workspace: Workspace, folder: str, name: PluginName) -> None:
    """Raise `StoreError` if the folder's name is not its plugin's, or is another's but for case."""
    where = str(workspace.environment.folder(folder))
    if folded(folder.lower()) != folded(name):
        raise StoreError(f"the folder '{folder}' contains a plugin named '{name}'", where=where)
    for other in {*workspace.environment.names(), *workspace.lock.by_name} - {folder}:
        if folded(other.lower()) == folded(name):
            raise StoreError(f"its name equals that of '{other}', which is also here", where=where)


def _check_not_revoked(workspace: Workspace, name: str) -> None:
    """Raise `Revoked` if its statement is that of a revoked release (docs/trust-rules.md, rule 8)."""
    payload = None
    try:
        data = workspace.environment.read(name, STATEMENT)
        payload = sha256(parse_envelope(data, where=STATEMENT).payload)
    except SignatureInvalid:
        pass  # a malformed statement: its digest may still be known
    except (OSError, TarkError):
        return
    if workspace.vouched.has_revoked(sha256(data), payload):
        where = str(workspace.environment.folder(name))
        raise Revoked(f"'{name}' was revoked by the maintainers of its index", where=where)


def granted_to(workspace: Workspace, manifest: Manifest) -> CapabilitySet:
    """Return what the plugin declares, narrowed to ``[grants]`` where tark.toml names it."""
    if manifest.name in workspace.project.grants:
        return workspace.project.granted(manifest.name).narrow(manifest.capabilities)
    return manifest.capabilities.grantable()


def unmanaged_data(workspace: Workspace, name: str) -> Path:
    """Return the data folder of an unmanaged plugin, apart from that of an installed one of its name."""
    # Apart, so that a folder called like an installed plugin does not get its tokens (decision 0045).
    place = sha256(os.fsencode(workspace.environment.plugins))[:32]
    return workspace.settings.paths.data / "data" / "unmanaged" / place / name


def consented(workspace: Workspace, name: str) -> CapabilitySet:
    """Return what an unmanaged plugin may do as it is now: nothing before consent."""
    try:
        found = read_unmanaged(workspace, name)
    except (OSError, TarkError):
        return CapabilitySet()
    if Consents(workspace.state.root).find(found.consent) is None:
        return CapabilitySet()
    return granted_to(workspace, found.manifest)


def _require_consent(workspace: Workspace, found: Unmanaged) -> None:
    """Ask this user to agree to exactly these contents, unless they did; raises `UnmanagedRefused`."""
    consents, ui, settings = Consents(workspace.state.root), workspace.ui, workspace.settings
    if known := consents.find(found.consent):
        if known != found.consent:  # narrower now: what a later pull grants again is asked about again
            consents.keep(found.consent)
        return
    name = found.manifest.name
    accepted = folded(name) in {folded(one) for one in settings.accept_unmanaged}
    if accepted or ui.interactive:
        ui.show([_card(workspace, found)])
    if not accepted and not ui.interactive:
        raise UnmanagedRefused(
            f"'{name}' was not installed by tarkpm, and you have not agreed to run it: it would be "
            f"granted {', '.join(found.consent.granted) or 'nothing'}; "
            f"its module has sha256 {found.consent.module}",
            where=found.consent.folder,
            hint=f"{settings.command} --accept-unmanaged {name}",
        )
    if not accepted and not ui.confirm("Run it with these grants?"):
        raise UnmanagedRefused(f"declined: '{name}' was not run", where=found.consent.folder)
    consents.keep(found.consent)


def _card(workspace: Workspace, found: Unmanaged) -> Card:
    # Here, because every command that runs a plugin asks about such folders, and few find one.
    from tarkpm.ops.release.card import capability_rows, own_words, sign_in_rows, warnings

    manifest, consent = found.manifest, found.consent
    rows = [
        CardRow("folder", consent.folder),
        CardRow("signer", "UNSIGNED: not installed by tarkpm, and no publisher vouches for it", loud=True),
        CardRow("plugin.toml", f"sha256 {consent.manifest}"),
        CardRow("module", f"sha256 {consent.module}"),
        *capability_rows(granted_to(workspace, manifest), manifest),
        *sign_in_rows(manifest),
        *_data_rows(workspace, manifest.name),
        *own_words(manifest),
    ]
    return Card(f"{manifest.name} {manifest.version} ({manifest.type})", tuple(rows), warnings(manifest))


def _data_rows(workspace: Workspace, name: str) -> list[CardRow]:
    """Return a row about data that other contents may have stored in this plugin's folder."""
    data = unmanaged_data(workspace, name)
    if not data.is_dir() or not any(data.iterdir()):
        return []
    return [CardRow("data", f"gets what a plugin in this folder stored before: {data}", loud=True)]
