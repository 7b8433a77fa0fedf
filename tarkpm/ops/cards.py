"""What a person must see before agreeing: what it is, where it is from, who signed it, what it may do."""

from collections.abc import Iterable

from tarkpm.core.binding import Origin, Publisher
from tarkpm.core.capability import KINDS, MEANING, CapabilitySet
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.policy import Admission
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource
from tarkpm.core.text import some
from tarkpm.errors import KeyChanged, KeyUnknown
from tarkpm.ops.acceptance import data_change, has_data
from tarkpm.ops.context import Workspace
from tarkpm.ops.ui import Card


def card(workspace: Workspace, admission: Admission, more: Iterable[tuple[str, str]] = ()) -> Card:
    """The card of one admission; ``more`` rows come last."""
    manifest, source = admission.candidate.manifest, admission.candidate.source
    locked = workspace.lock.get(manifest.name)
    rows = [("", manifest.description)] if manifest.description else []
    rows += _change_rows(locked, admission)
    rows.append(("source", str(source.asked())))
    if isinstance(source, GitSource):
        rows.append(("commit", source.commit))
    rows.append(("signer", _signer_text(workspace.project, admission)))
    rows += capability_rows(admission.change.grants, manifest)
    if locked:
        rows += _difference_rows(workspace.project.granted(manifest.name), admission.change.grants)
    rows += [*sign_in_rows(manifest), *more]
    if text := _data_text(workspace, admission):
        rows.append(("data", text))
    title = f"{manifest.name} {manifest.version} ({manifest.type})" + ("" if locked else " new")
    kept = () if locked else _inherited(workspace, admission)
    return Card(title, tuple(rows), (*warnings(manifest), *kept))


def _inherited(workspace: Workspace, admission: Admission) -> tuple[str, ...]:
    """That a plugin which is added once more finds what it stored here before."""
    if _data_text(workspace, admission) or not has_data(workspace, admission.change.name):
        return ()
    return (f"gets what a plugin of this name stored here before: {workspace.data(admission.change.name)}",)


def _data_text(workspace: Workspace, admission: Admission) -> str:
    """What becomes of what a plugin of this name stored: perhaps tokens, and perhaps another publisher's."""
    publisher = Publisher(
        Origin.of(admission.candidate.source),
        tuple(sorted(admission.change.trust)),
        unsigned=admission.candidate.signer is None,
    )
    return data_change(workspace, admission.change.name, publisher)


def _change_rows(locked: LockEntry | None, admission: Admission) -> list[tuple[str, str]]:
    candidate = admission.candidate
    if locked is None:
        return []
    rows = []
    if locked.version != candidate.manifest.version:
        rows.append(("change", f"version {locked.version} → {candidate.manifest.version}"))
    if locked.source.asked() != candidate.source.asked():
        rows.append(("change", f"source {locked.source.asked()} → {candidate.source.asked()}"))
    if isinstance(locked.source, GitSource) and isinstance(candidate.source, GitSource):
        before, now = locked.source.commit, candidate.source.commit
        rows += [("change", f"commit {before} → {now}")] if before != now else []
    if locked.signer and locked.signer != candidate.signer:
        rows.append(("change", f"signer {locked.signer} → {candidate.signer or 'nobody'}"))
    return rows


def _difference_rows(before: CapabilitySet, after: CapabilitySet) -> list[tuple[str, str]]:
    """What it may do from now on that it might not before, and the other way round."""
    both = (("gains", after.beyond(before)), ("loses", before.beyond(after)))
    return [(label, ", ".join(map(str, found))) for label, found in both if found]


def _signer_text(project: Project, admission: Admission) -> str:
    candidate, change = admission.candidate, admission.change
    if change.requirement and change.requirement.is_working_copy:
        return "unsigned: a working copy"
    if candidate.signer is None:
        return "UNSIGNED: nobody vouches for these bytes"
    if isinstance(candidate.source, IndexSource) and not admission.questions_about(KeyChanged):
        return f"{candidate.signer} (vouched for by {candidate.source})"
    known = candidate.signer in project.trust.get(candidate.manifest.name, ())
    asked = admission.questions_about(KeyUnknown, KeyChanged)
    said = "NEW: compare it with what its publisher says" if asked else "trusted from now on"
    return f"{candidate.signer} ({'trusted' if known else said})"


def capability_rows(granted: CapabilitySet, manifest: Manifest) -> list[tuple[str, str]]:
    """A row for each kind that is granted, and for what is declared and is not."""
    rows = []
    for kind in KINDS:
        scopes = [capability.scope for capability in granted if capability.kind == kind]
        if scopes:
            named = f": {', '.join(scopes)}" if any(scopes) else ""
            rows.append((kind, MEANING[kind] + named))
    for capability in manifest.capabilities.beyond(granted):
        rows.append((capability.kind, f"NOT granted, as before: {capability}"))
    return rows or [("capabilities", "none")]


def sign_in_rows(manifest: Manifest) -> list[tuple[str, str]]:
    """What a login would do, letter by letter: a host alone does not say which page is opened."""
    if manifest.oauth is None:
        return []
    rows = [("sign-in", " then ".join(manifest.oauth.endpoints))]
    return [*rows, ("scopes", " ".join(manifest.oauth.scopes))] if manifest.oauth.scopes else rows


def warnings(manifest: Manifest) -> tuple[str, ...]:
    """What it asks for in vain."""
    sentences = []
    if unknown := manifest.unknown_capabilities:
        sentences.append(f"asks for {some(unknown)}, which tarkpm does not know and never grants")
    if foreign := manifest.foreign_reads:
        sentences.append(f"asks to read {some(foreign)}: not below your home, and never granted")
    return tuple(sentences)
