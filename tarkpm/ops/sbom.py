"""``tarkpm sbom``: a software bill of materials of the locked plugins."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from tarkpm import __version__
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.sbom import Facts, bom
from tarkpm.errors import TarkError
from tarkpm.ops.project.proofs import proved_identity
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import Workspace, open_for_reading
from tarkpm.ops.release.facts import known_manifest, known_producers

EPOCH = "SOURCE_DATE_EPOCH"
"""The variable of https://reproducible-builds.org/specs/source-date-epoch/, in seconds since 1970."""
_LAST = 253_402_300_799  # the end of the year 9999


Format = Literal["cyclonedx", "spdx"]


class SbomReport(msgspec.Struct, frozen=True):
    """A CycloneDX or SPDX document, and the plugins of which only the lock is known here."""

    document: dict[str, Any]
    unknown: tuple[str, ...] = ()


def sbom(settings: Settings, ui: Ui, form: Format = "cyclonedx") -> SbomReport:
    """Describe what is locked. No network; equal locks and releases give equal documents."""
    epoch = _epoch(settings.environment.get(EPOCH, ""))
    with open_for_reading(settings, ui, must_exist=True) as workspace:
        facts = {entry.name: _facts(workspace, entry) for entry in workspace.lock.entries}
        known = {name: one for name, one in facts.items() if one is not None}
        for entry in workspace.lock.entries:
            if identity := proved_identity(workspace, entry):
                found = known.get(entry.name, Facts())
                known[entry.name] = msgspec.structs.replace(found, identity=str(identity))
        document = _writer(form)(workspace.lock, known, version=__version__, epoch=epoch)
        return SbomReport(document, tuple(name for name, one in facts.items() if one is None))


def _writer(form: Format) -> Callable[..., dict[str, Any]]:
    if form == "cyclonedx":
        return bom
    from tarkpm.core.spdx import spdx  # it reads the list of licenses

    return spdx


def _facts(workspace: Workspace, entry: LockEntry) -> Facts | None:
    manifest = known_manifest(workspace, entry)
    if manifest is None:
        return None
    made = tuple(dict.fromkeys((one.name, one.version) for one in known_producers(workspace, entry)))
    return Facts(manifest.description, manifest.license, made)


def _epoch(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_LAST)) or int(text) > _LAST:
        raise TarkError("expected seconds since 1970", where=f"{EPOCH}={text[:40]}", hint=f"unset {EPOCH}")
    return int(text)
