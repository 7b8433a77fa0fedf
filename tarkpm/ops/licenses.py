"""``tarkpm licenses``: what the locked plugins are licensed under, and whether that is allowed."""

import msgspec

from tarkpm.core.licenses import is_allowed, license_id
from tarkpm.errors import TarkError
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading
from tarkpm.ops.release.facts import known_manifest


class LicenseRow(msgspec.Struct, frozen=True):
    """The SPDX expression of a plugin, "" if it has none; ``allowed`` is None without a list to check.

    ``is_known`` is false if this machine has no plugin.toml of the release.
    """

    name: str
    version: str
    license: str
    is_known: bool
    allowed: bool | None = None


class LicensesReport(msgspec.Struct, frozen=True):
    """The licenses of the locked plugins."""

    plugins: tuple[LicenseRow, ...]


def licenses(settings: Settings, ui: Ui, allow: tuple[str, ...] = ()) -> LicensesReport:
    """Return the license of every locked plugin; with ``allow``, whether it offers one of these.

    What is not known, not declared or no SPDX expression is not allowed. No network. Raises `TarkError` for
    what cannot be the name of a license in ``allow``: it would allow nothing.
    """
    for text in allow:
        try:
            license_id(text)
        except ValueError as problem:
            raise TarkError(str(problem), where="--allow") from None
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        rows = []
        for entry in workspace.lock.entries:
            manifest = known_manifest(workspace, entry)
            text = manifest.license if manifest else ""
            allowed = _is_allowed(text, allow) if allow else None
            rows.append(LicenseRow(entry.name, str(entry.version), text, manifest is not None, allowed))
        return LicensesReport(tuple(rows))


def _is_allowed(expression: str, allow: tuple[str, ...]) -> bool:
    try:
        return is_allowed(expression, allow)
    except ValueError:
        return False
