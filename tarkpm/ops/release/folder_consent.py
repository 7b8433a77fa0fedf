"""What a working copy may do when it is run: what this user agreed to for its folder, and no more.

It is usually the author's own folder, but a folder may come from anybody (docs/decisions/0162).
"""

import os
from typing import Final

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import CapabilityWidened, TarkError
from tarkpm.ops.project.ownership import check_home
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Card, CardRow, Ui
from tarkpm.ops.release.card import capability_rows, own_words, sign_in_rows, warnings
from tarkpm.ops.release.working_copy import WorkingCopy, signer_of_copy
from tarkpm.store.folder_consents import FolderConsent, FolderConsents

UNASKED: Final = frozenset({"storage"})
"""Kinds that need no consent: what a working copy stores is kept apart from everything else."""
OTHERS_MAY_WRITE: Final = 0o002


def agreed_grants(settings: Settings, ui: Ui, copy: WorkingCopy) -> CapabilitySet:
    """Return what the working copy may do now: what it declares, once this user agreed.

    ``--grant`` chooses a part of it for this run alone. Raises `CapabilityWidened` without consent, and
    `TarkError` for a part that is not declared.
    """
    if settings.folder_grants:
        return _chosen(settings, copy)
    declared = copy.declared
    consent, consents = _consent(copy), FolderConsents(settings.paths.state)
    if not _beyond_question(copy):
        return declared
    lasts = _is_ours_alone(copy)
    if lasts and (known := consents.find(consent)):
        if known != consent:  # narrower now: what a later change declares again is asked about again
            consents.keep(consent)
        return declared
    _ask(settings, ui, copy, lasts=lasts)
    if lasts:
        check_home(settings)
        consents.keep(consent)
    return declared


def known_grants(settings: Settings, copy: WorkingCopy) -> CapabilitySet:
    """Return what the working copy may do without a question; nothing but storage before consent."""
    if settings.folder_grants:
        return _chosen(settings, copy)
    declared = copy.declared
    if _is_ours_alone(copy) and FolderConsents(settings.paths.state).find(_consent(copy)):
        return declared
    return CapabilitySet(tuple(one for one in declared if one.kind in UNASKED))


def _chosen(settings: Settings, copy: WorkingCopy) -> CapabilitySet:
    chosen = CapabilitySet.of(settings.folder_grants)
    if beyond := chosen.beyond(copy.declared):
        text = f"--grant {beyond.items[0]}: '{copy.manifest.name}' does not declare it"
        raise TarkError(
            text, where=str(copy.manifest_file), hint="declare it there, then run the command again"
        )
    return chosen


def _beyond_question(copy: WorkingCopy) -> list[Capability]:
    return [one for one in copy.declared if one.kind not in UNASKED]


def _consent(copy: WorkingCopy) -> FolderConsent:
    granted = tuple(map(str, _beyond_question(copy)))
    return FolderConsent(str(copy.folder), copy.folder.stat().st_ino, copy.manifest.name, granted)


def _is_ours_alone(copy: WorkingCopy) -> bool:
    """Return whether nobody but this user and their groups can put other code into the folder."""
    for folder in {copy.folder, copy.manifest_file.parent}:
        found = folder.stat()
        if found.st_uid != os.geteuid() or found.st_mode & OTHERS_MAY_WRITE:
            return False
    return True


def _ask(settings: Settings, ui: Ui, copy: WorkingCopy, *, lasts: bool) -> None:
    """Ask this user; raises `CapabilityWidened` for a no, and where nobody can be asked."""
    name, folder = copy.manifest.name, str(copy.folder)
    if settings.accept_folder or ui.interactive:
        ui.show([_card(copy, lasts=lasts)])
    if settings.accept_folder:
        return
    if not ui.interactive:
        beyond = ", ".join(map(str, _beyond_question(copy)))
        raise CapabilityWidened(
            f"'{name}' is a folder that you have not agreed to run with {beyond}",
            where=folder,
            hint=f"{settings.command} --accept-capabilities",
        )
    question = "Run it with these grants, now and after its code changes?" if lasts else "Run it this once?"
    if not ui.confirm(question):
        raise CapabilityWidened(f"declined: '{name}' was not run", where=folder)


def _card(copy: WorkingCopy, *, lasts: bool) -> Card:
    manifest = copy.manifest
    shared = CardRow("owner", "other users can change this folder, so you are asked each time", loud=True)
    rows = [
        CardRow("folder", str(copy.folder)),
        CardRow("signer", signer_of_copy(copy.folder)),
        *(() if lasts else (shared,)),
        *capability_rows(copy.declared, manifest),
        *sign_in_rows(manifest),
        *own_words(manifest),
    ]
    return Card(f"{manifest.name} {manifest.version} ({manifest.type})", tuple(rows), warnings(manifest))
