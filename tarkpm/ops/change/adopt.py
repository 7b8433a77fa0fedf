"""Adoption: an unmanaged folder is moved aside, and kept, for the release that has its name.

A folder with the release's contents is adopted, and the plugin keeps its stored data. A folder with other
contents is replaced only if the user agrees, and the release does not see its data (docs/decisions/0046).
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from tarkpm.core.consent import Admission, Question
from tarkpm.core.names import MANIFEST
from tarkpm.core.release import PluginName, folded
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import TarkError, UnmanagedRefused
from tarkpm.ops.project.ui import CardRow
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.unmanaged import unmanaged_data
from tarkpm.store.environment import DATA


class Adoption(msgspec.Struct, frozen=True):
    """An unmanaged ``folder`` under ``plugins/`` in the place of ``name``, and where it will be ``kept``.

    ``same`` means that its plugin.toml and module are the release's.
    """

    name: PluginName
    folder: str
    kept: Path
    same: bool


def adoptions(workspace: Workspace, candidate: VerifiedRelease) -> tuple[Adoption, ...]:
    """Return the unmanaged folders in a release's place, compared without case; usually none."""
    name, environment = candidate.manifest.name, workspace.environment
    # tark reads names from plugin.toml, so folders with similar names collide (decision 0046).
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
    """Return whether plugin.toml and module equal the release's; False if they cannot be read."""
    try:
        for file in candidate.files:
            if file.name in (MANIFEST, candidate.manifest.wasm):
                file.check(workspace.environment.read(folder, file.name), where=folder)
    except (OSError, TarkError):
        return False
    return True


def with_question(admission: Admission, found: Iterable[Adoption], *, agreed: bool) -> Admission:
    """Return the admission with a question about a folder with other contents, unless ``agreed``."""
    questions = tuple(
        Question(
            UnmanagedRefused,
            one.name,
            f"'{one.name}' would replace a folder that tarkpm did not install, with other contents",
            "--adopt",
        )
        for one in found
        if not one.same and not agreed
    )
    return msgspec.structs.replace(admission, questions=(*admission.questions, *questions[:1]))


def adoption_rows(found: Iterable[Adoption], plugins: Path) -> list[CardRow]:
    """Return the card rows about adopted and replaced folders."""
    return [
        CardRow(
            "adopts", f"{plugins / one.folder}: same contents; its data is carried over; kept in {one.kept}"
        )
        if one.same
        else CardRow(
            "REPLACES",
            f"{plugins / one.folder}: not installed by tarkpm, OTHER CONTENTS; kept in {one.kept}",
            loud=True,
        )
        for one in found
    ]


def adoption_notes(workspace: Workspace, found: Iterable[Adoption], *, dry_run: bool) -> tuple[str, ...]:
    """Return notes that say where each folder went and how to hand over its data."""
    done = "would be kept" if dry_run else "is kept"
    sentences = []
    for one in found:
        sentence = f"the folder that occupied the place of '{one.name}' {done} in {one.kept}"
        if not one.same and workspace.environment.has_own_data(one.folder):
            sentence += f"; its data is there, too; to hand it over, move it to {workspace.data(one.name)}"
        sentences.append(sentence)
    return tuple(sentences)


def data_moves(workspace: Workspace, found: Iterable[Adoption]) -> tuple[tuple[str, str], ...]:
    """Return (from, to) for the data of adopted folders: stored through tarkpm first, then through tark."""
    return tuple(
        (str(source), str(workspace.data(one.name)))
        for one in found
        # A release with other contents must not inherit tokens by its name (decision 0046).
        if one.same
        for source in (unmanaged_data(workspace, one.name), one.kept / DATA)
    )
