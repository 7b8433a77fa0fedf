"""A folder that was put there by hand makes room for the release that has its name, and is kept.

Equal bytes are adopted: what the plugin stored goes on being its own. Other bytes take its place only if this
user says so, and see nothing of what was stored: the folder is kept as it is (docs/decisions/0046).
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from tarkpm.core.names import MANIFEST
from tarkpm.core.policy import Admission, Question
from tarkpm.core.release import PluginName, folded
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import TarkError, UnmanagedRefused
from tarkpm.ops.project.ui import CardRow
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.unmanaged import unmanaged_data
from tarkpm.store.environment import DATA


class Adoption(msgspec.Struct, frozen=True):
    """What stands in the place of ``name``: ``folder`` under ``plugins/``, and where it will be ``kept``.

    ``same`` says that its plugin.toml and module are the release's.
    """

    name: PluginName
    folder: str
    kept: Path
    same: bool


def adoptions(workspace: Workspace, candidate: VerifiedRelease) -> tuple[Adoption, ...]:
    """The folders that stand in a release's place, whatever the case they are written in; mostly none."""
    name, environment = candidate.manifest.name, workspace.environment
    standing = [
        one
        for one in environment.names()
        if one not in workspace.record.installed and folded(one.lower()) == folded(name)
    ]
    return tuple(
        Adoption(name, one, environment.free_to_keep(one), _is_same(workspace, one, candidate))
        for one in standing
    )


def _is_same(workspace: Workspace, folder: str, candidate: VerifiedRelease) -> bool:
    """Whether plugin.toml and module are the release's, byte for byte; not if they cannot be read."""
    try:
        for file in candidate.files:
            if file.name in (MANIFEST, candidate.manifest.wasm):
                file.check(workspace.environment.read(folder, file.name), where=folder)
    except (OSError, TarkError):
        return False
    return True


def with_question(admission: Admission, found: Iterable[Adoption], *, agreed: bool) -> Admission:
    """The admission, asking whether other bytes may take a folder's place, unless that was ``agreed``."""
    questions = tuple(
        Question(
            UnmanagedRefused,
            one.name,
            f"'{one.name}' would take the place of a folder that was put there by hand and holds other bytes",
            "--adopt",
        )
        for one in found
        if not one.same and not agreed
    )
    return msgspec.structs.replace(admission, questions=(*admission.questions, *questions[:1]))


def adoption_rows(found: Iterable[Adoption], plugins: Path) -> list[CardRow]:
    """What a card says of them."""
    return [
        CardRow(
            "adopts", f"{plugins / one.folder}: the same bytes; what it stored goes on; kept in {one.kept}"
        )
        if one.same
        else CardRow(
            "REPLACES",
            f"{plugins / one.folder}: put there by hand, OTHER BYTES; kept in {one.kept}",
            loud=True,
        )
        for one in found
    ]


def adoption_notes(workspace: Workspace, found: Iterable[Adoption], *, dry_run: bool) -> tuple[str, ...]:
    """Where each folder went, and how to hand over what it stored if it was not."""
    done = "would be kept" if dry_run else "is kept"
    sentences = []
    for one in found:
        sentence = f"what stood in the place of '{one.name}' {done} in {one.kept}"
        if not one.same and workspace.environment.has_own_data(one.folder):
            sentence += (
                f"; what it stored is there, too: to hand it over, move it to {workspace.data(one.name)}"
            )
        sentences.append(sentence)
    return tuple(sentences)


def data_moves(workspace: Workspace, found: Iterable[Adoption]) -> tuple[tuple[str, str], ...]:
    """From where to where what was stored by the same bytes goes: through tarkpm first, then through tark."""
    return tuple(
        (str(source), str(workspace.data(one.name)))
        for one in found
        if one.same
        for source in (unmanaged_data(workspace, one.name), one.kept / DATA)
    )
