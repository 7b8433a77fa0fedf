"""``tarkpm grant``: grant a plugin capabilities that it declares."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from tarkpm.core.capability import OWN_TABLE, Capability, CapabilitySet
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import PluginName
from tarkpm.core.secret import SIGN_IN, Secret
from tarkpm.errors import CapabilityDenied, NotFound
from tarkpm.ops.change.grants import GrantReport, set_grants
from tarkpm.ops.change.target import present
from tarkpm.ops.project.acceptance import not_accepted, require_accepted
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_change, open_for_reading
from tarkpm.ops.release.installed import installed_manifest
from tarkpm.ops.run.use_counts import today
from tarkpm.store.secrets import SecretStore
from tarkpm.store.uses import UseCounts


def grant(settings: Settings, ui: Ui, typed: PluginName, capabilities: list[Capability]) -> GrantReport:
    """Grant declared capabilities. Raises `CapabilityDenied` for undeclared ones."""
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        name = workspace.name_of(typed)
        present(workspace, name)
        manifest = _manifest(workspace, name)
        declared = manifest.capabilities
        wanted = CapabilitySet.of(_completed(workspace, one, manifest) for one in capabilities)
        if undeclared := wanted.beyond(declared):
            raise CapabilityDenied(
                f"'{name}' does not declare {', '.join(map(str, undeclared))}",
                where=str(workspace.environment.folder(name) / MANIFEST),
                hint=f"tarkpm info {name}",
            )
        granted = workspace.project.granted(name)
        # A secret is bound to one of the user's at a time: the new binding replaces the former one.
        for secret in wanted.secrets():
            granted = granted.without(Capability("secret", secret.id))
        return set_grants(workspace, name, granted.union(wanted), decided=True)


def reset(settings: Settings, ui: Ui, typed: PluginName) -> GrantReport:
    """Grant exactly what the plugin declares, whatever was granted or revoked before."""
    with open_for_change(settings, ui) as workspace:
        require_accepted(workspace)
        name = workspace.name_of(typed)
        present(workspace, name)
        declared = _manifest(workspace, name).capabilities
        # Nothing declares which of the user's secrets is meant, so bindings that still fit stay.
        bound = [one for one in workspace.project.granted(name).narrow(declared) if one.secret]
        granted = CapabilitySet.of((*declared.grantable(), *bound))
        return set_grants(workspace, name, granted, decided=True)


def _completed(workspace: Workspace, typed: Capability, manifest: Manifest) -> Capability:
    """Return ``secret:ID=NAME`` with the host and header that the plugin declares; others unchanged.

    Raises `CapabilityDenied` without a NAME, and `NotFound` for a secret that is not set.
    """
    met = next((one for capability in manifest.capabilities if (one := typed.meet(capability))), typed)
    secret = met.secret
    if secret is None or not secret.host:  # not declared, which the caller says
        return typed
    if not secret.name:
        raise CapabilityDenied(
            f"expected secret:{secret.id}=NAME, with the NAME of one of your secrets",
            where=f"secret:{secret.id}",
            hint="tarkpm secret list",
        )
    if secret.name.startswith(SIGN_IN):
        _check_sign_in(secret, manifest)
    elif secret.name not in SecretStore(workspace.settings.paths.state).names():
        message = f"there is no secret named '{secret.name}'"
        raise NotFound(message, where=f"secret:{secret.id}", hint=f"tarkpm secret set {secret.name}")
    return met


def _check_sign_in(secret: Secret, manifest: Manifest) -> None:
    own = f"{SIGN_IN}{manifest.name}"
    if manifest.oauth is None or secret.name != own:
        why = f"can be bound to its own sign-in only, which is {own}"
        raise CapabilityDenied(
            f"'{manifest.name}' {why if manifest.oauth else 'declares no sign-in'}",
            where=f"secret:{secret.id}",
            hint=f"tarkpm info {manifest.name}",
        )


def _manifest(workspace: Workspace, name: PluginName) -> Manifest:
    entry = workspace.lock.get(name)
    if entry is None:
        raise NotFound(f"'{name}' is not locked", where=str(workspace.location.lock_file), hint="tarkpm lock")
    return installed_manifest(workspace, entry)


UNCOUNTED: Final = OWN_TABLE
"""Kinds whose use is not counted: tarkpm itself signs in, and adds secrets to requests."""


class UnusedRow(msgspec.Struct, frozen=True):
    """The grants of one plugin that it did not use.

    ``since`` is the day from which its uses are counted, "" if it was never called here: nothing is known of
    its grants then. ``judged`` is false for that, and if uses are counted for less than the days asked about.
    """

    name: str
    since: str
    judged: bool = False
    unused: tuple[str, ...] = ()


class UnusedReport(msgspec.Struct, frozen=True):
    """Unused grants by plugin, and whether they were ``narrowed``: revoked."""

    plugins: tuple[UnusedRow, ...]
    narrowed: bool = False


def unused(
    settings: Settings, ui: Ui, typed: Sequence[PluginName], days: int | None, *, narrow: bool
) -> UnusedReport:
    """Return the grants that plugins (all, if none is named) never used, or not in the last ``days``.

    With ``days``, only plugins whose uses are counted for that long are judged. ``narrow`` revokes them.
    """
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        names = [workspace.name_of(name) for name in typed] or sorted(workspace.project.grants)
        for name in typed:
            present(workspace, workspace.name_of(name))
        rows = tuple(_unused(workspace, name, days) for name in names if workspace.project.granted(name))
    for row in rows if narrow else ():
        if row.unused:
            _narrow(settings, ui, row)
    return UnusedReport(rows, narrow and not settings.dry_run)


def _unused(workspace: Workspace, name: PluginName, days: int | None) -> UnusedRow:
    found = UseCounts(workspace.settings.paths.state).read(workspace.data(name))
    if found is None:
        return UnusedRow(name, "")
    # Days as text sort like days.
    oldest = (date.fromisoformat(today()) - timedelta(days)).isoformat() if days is not None else ""
    if oldest and found.since > oldest:
        return UnusedRow(name, found.since)
    granted = [str(one) for one in workspace.project.granted(name) if one.kind not in UNCOUNTED]
    recent = {text for text, use in found.used.items() if not oldest or use.last > oldest}
    return UnusedRow(name, found.since, True, tuple(text for text in granted if text not in recent))


def _narrow(settings: Settings, ui: Ui, row: UnusedRow) -> None:
    """Revoke what a row lists. Each plugin is a change of its own, as with `revoke`."""
    with open_for_change(settings, ui) as workspace:
        name, left = PluginName(row.name), workspace.project.granted(PluginName(row.name))
        for text in row.unused:
            left = left.without(Capability.parse(text))
        set_grants(workspace, name, left, decided=not not_accepted(workspace))
