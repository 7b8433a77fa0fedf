"""What the log of an index says of a release that is about to be pushed to a registry."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from tarkpm.core.digest import FileEntry
from tarkpm.core.release import PluginName
from tarkpm.core.rows import ReleaseRow
from tarkpm.core.text import some
from tarkpm.core.tlog.proof import LogProof, parse_proof
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import NotFound, Refused
from tarkpm.ops.project.acceptance import require_accepted
from tarkpm.ops.project.indexes import Indexes
from tarkpm.ops.project.known_logs import KnownLogs
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.project.workspace import open_for_reading


class LoggedAs(msgspec.Struct, frozen=True):
    """The entry of a release in the log of an index, and the witnesses that saw it, by name.

    ``proof`` says whether the artifact in the registry has this proof. One that was there already may have
    another one, or none.
    """

    index: str
    entry: int
    seen_by: tuple[str, ...]
    proof: Literal["this", "another", "none"] = "this"

    def beside(self, mine: LogProof | None, there: LogProof | None) -> "LoggedAs":
        """Return this for an artifact that has the proof ``there``."""
        held: Literal["another", "none"] = "another" if there else "none"
        return self if mine == there else msgspec.structs.replace(self, proof=held)


def find_in_log(settings: Settings, ui: Ui, name: str, release: VerifiedRelease) -> tuple[LogProof, LoggedAs]:
    """Return the proof that a release is in the log of a project's index, checked as for its users.

    Raises `NotFound` for an index that the project does not have, or that has no log or no such release,
    `Refused` for one that lists another release of this version, and `IndexUntrusted`.
    """
    with open_for_reading(settings, ui) as workspace:
        require_accepted(workspace)
        entry = workspace.project.indexes.get(PluginName(name))
        if entry is None:
            where = str(workspace.location.project_file)
            hint = f"tarkpm index add {name} URL --root sha256:…"
            raise NotFound(f"there is no index '{name}' here", where=where, hint=hint)
        plugin, version = release.manifest.name, release.manifest.version
        indexes, logs, source = workspace.resource(Indexes), workspace.resource(KnownLogs), entry.source
        listing = indexes.listings(source, [plugin])[plugin]
        row = listing.get(version) if listing else None
        if row is None:
            hint = "submit it to the index first, or publish it without --log"
            raise NotFound(f"{source} does not list '{plugin}' {version}", where=entry.url, hint=hint)
        _check_same(release, row, where=entry.url)
        logs.require(source, indexes.client(source), [(plugin, row)])
        keys = logs.keys(source)
        if keys is None:
            hint = "publish it without --log"
            raise NotFound(f"{source} has no log", where=entry.url, hint=hint)
        proof = parse_proof(row.proof)
        seen = keys.seen_by(proof.checkpoint, where=entry.url)
        return proof, LoggedAs(name, proof.index, tuple(one.witness.name for one in seen))


def _check_same(release: VerifiedRelease, row: ReleaseRow, *, where: str) -> None:
    """Raise `Refused` unless a row is of this very release, with what differs."""
    if row.statement == release.statement:
        return
    manifest = release.manifest
    differing = _names(set(row.files) ^ set(release.files))
    what = f"other contents of {some(differing)}" if differing else "the same files under another statement"
    hint = "push the folder that was submitted to the index" if not differing else ""
    text = f"the index lists another release as {manifest.name} {manifest.version}, with {what}"
    raise Refused(text, where=where, hint=hint or "raise plugin.version in plugin.toml")


def _names(files: Iterable[FileEntry]) -> list[str]:
    return sorted({file.name for file in files})
