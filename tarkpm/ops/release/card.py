"""Consent cards: what a release is, its source, its signer and what it may do."""

from collections.abc import Iterable

from tarkpm.core.binding import Origin, Publisher, revision
from tarkpm.core.capability import KINDS, MEANING, Capability, CapabilitySet
from tarkpm.core.consent import Admission
from tarkpm.core.danger import is_dangerous, shown
from tarkpm.core.keyless import ONLY_KEYLESS, publisher_keys
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import PROJECT
from tarkpm.core.project import Project
from tarkpm.core.release import GitSource, IndexSource, OciSource, PathSource
from tarkpm.core.text import quoted, some
from tarkpm.errors import IdentityChanged, KeyChanged, KeyUnknown
from tarkpm.ops.project.acceptance import data_change, has_data
from tarkpm.ops.project.advice import candidate_advice
from tarkpm.ops.project.conflict import former
from tarkpm.ops.project.ui import Card, CardRow
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.tool_rows import tool_rows
from tarkpm.ops.release.working_copy import signer_of_copy

MAX_WORDS = 300
"""Characters of a description on a card: it grants nothing, and must not push away what does."""


def card(workspace: Workspace, admission: Admission, more: Iterable[CardRow] = ()) -> Card:
    """Return the card of one admission; ``more`` rows come before the plugin's own words."""
    manifest, source = admission.candidate.manifest, admission.candidate.source
    locked = former(workspace, admission.candidate)
    rows = _change_rows(locked, admission)
    rows.append(CardRow("source", str(source.unpinned())))
    if isinstance(source, GitSource):
        rows.append(CardRow("commit", source.commit))
    if isinstance(source, OciSource):
        rows.append(CardRow("manifest", source.digest))
    rows += _range_rows(workspace.project, admission)
    rows.append(_signer_row(workspace, admission))
    rows += _identity_rows(workspace.project, admission)
    rows += [
        CardRow("advisory", text, loud=True) for text in candidate_advice(workspace, admission.candidate)
    ]
    rows += capability_rows(admission.change.grants, manifest)
    if locked:
        rows += _difference_rows(workspace.project.granted(manifest.name), admission.change.grants)
    rows += [*sign_in_rows(manifest), *tool_rows(workspace, admission), *more]
    if text := _data_text(workspace, admission):
        rows.append(CardRow("data", text, loud=True))
    # Last, so that the plugin's own text cannot push anything out of sight (decision 0083).
    rows += own_words(manifest)
    title = f"{manifest.name} {manifest.version} ({manifest.type})" + ("" if locked else " new")
    kept = () if locked else _inherited(workspace, admission)
    return Card(title, tuple(rows), (*warnings(manifest), *kept))


def _inherited(workspace: Workspace, admission: Admission) -> tuple[str, ...]:
    """Return a warning that a plugin which is added again finds data of this name here."""
    if _data_text(workspace, admission) or not has_data(workspace, admission.change.name):
        return ()
    return (f"inherits data that a plugin of this name stored here: {workspace.data(admission.change.name)}",)


def _data_text(workspace: Workspace, admission: Admission) -> str:
    """Return what happens to stored data: it may hold tokens, and may be another publisher's."""
    candidate = admission.candidate
    of_index = isinstance(candidate.source, IndexSource)
    publisher = Publisher(
        Origin.of(candidate.source),
        publisher_keys(admission.change.trust, admission.identity),
        signer=candidate.signer or "" if of_index else "",
        unsigned=candidate.signer is None,
    )
    return data_change(workspace, admission.change.name, publisher)


def own_words(manifest: Manifest) -> list[CardRow]:
    """Return the plugin's description, quoted as its own words."""
    return [CardRow("says", quoted(manifest.description, MAX_WORDS))] if manifest.description else []


def _change_rows(locked: LockEntry | None, admission: Admission) -> list[CardRow]:
    candidate = admission.candidate
    if locked is None:
        return []
    rows = []
    if locked.version != candidate.manifest.version:
        rows.append(CardRow("change", f"version {locked.version} → {candidate.manifest.version}"))
    if locked.source.unpinned() != candidate.source.unpinned():
        rows.append(CardRow("change", f"source {locked.source.unpinned()} → {candidate.source.unpinned()}"))
    for kind, name in ((GitSource, "commit"), (OciSource, "manifest")):
        if isinstance(locked.source, kind) and isinstance(candidate.source, kind):
            before, now = revision(locked.source), revision(candidate.source)
            rows += [CardRow("change", f"{name} {before} → {now}")] if before != now else []
    # Without a lasting key, every release has another one: the identity says whose it is.
    if locked.signer and locked.signer != candidate.signer and admission.change.trust != ONLY_KEYLESS:
        rows.append(CardRow("change", f"signer {locked.signer} → {candidate.signer or 'nobody'}"))
    return rows


def _range_rows(project: Project, admission: Admission) -> list[CardRow]:
    """Return the range that tark.toml gets, if it is new: it decides what later updates take."""
    now, before = admission.change.requirement, project.requirements.get(admission.change.name)
    wanted, was = now.allowed if now else "", before.allowed if before else ""
    if not wanted or wanted == was:
        return []
    source = now.source if now else None
    # Without a tag, tark.toml names no range.
    is_open = isinstance(source, OciSource) and not source.tag
    return [CardRow("range", f"any version: no tag in {PROJECT}" if is_open else f"{wanted} in {PROJECT}")]


def _difference_rows(before: CapabilitySet, after: CapabilitySet) -> list[CardRow]:
    """Return the capabilities gained and lost."""
    gains, loses = after.beyond(before), before.beyond(after)
    rows = [CardRow("gains", _named(gains), loud=any(map(is_dangerous, gains)))] if gains else []
    return [*rows, CardRow("loses", _named(loses))] if loses else rows


def _signer_row(workspace: Workspace, admission: Admission) -> CardRow:
    project = workspace.project
    candidate, change = admission.candidate, admission.change
    if change.requirement and change.requirement.is_working_copy:
        source = candidate.source
        folder = workspace.location.folder / (source.path if isinstance(source, PathSource) else "")
        return CardRow("signer", signer_of_copy(folder))
    if candidate.signer is None:
        return CardRow("signer", "UNSIGNED: no publisher vouches for these contents", loud=True)
    if isinstance(candidate.source, IndexSource) and not admission.questions_about(KeyChanged):
        return CardRow("signer", f"{candidate.signer} (vouched for by {candidate.source})")
    if change.trust == ONLY_KEYLESS:
        proved = not admission.questions_about(IdentityChanged)
        said = "of this release: the identity vouches for it" if proved else "NOBODY vouches for it"
        return CardRow("signer", f"{candidate.signer} ({said})", loud=not proved)
    if candidate.signer in project.trust.get(candidate.manifest.name, ()):
        return CardRow("signer", f"{candidate.signer} (trusted)")
    if admission.questions_about(KeyUnknown, KeyChanged):
        said = f"{candidate.signer} (NEW: compare it with the key its publisher announces)"
        return CardRow("signer", said, loud=True)
    return CardRow("signer", f"{candidate.signer} (trusted from now on)")


def _identity_rows(project: Project, admission: Admission) -> list[CardRow]:
    """Return the CI identity that the release must prove, and whether it did."""
    if admission.identity is None:
        return []
    if admission.questions_about(IdentityChanged):
        return [CardRow("identity", f"NOT {admission.identity}", loud=True)]
    name, since = admission.change.name, ""
    if admission.change.trust == ONLY_KEYLESS and project.keyless(name) != admission.identity:
        since = "; from now on it decides who may sign, in the place of keys"
    elif project.identities.get(name) != admission.identity:
        since = ", and asked for from now on"
    return [CardRow("identity", f"{admission.identity} (proved{since})")]


def capability_rows(granted: CapabilitySet, manifest: Manifest) -> list[CardRow]:
    """Return a row per granted kind, dangerous scopes apart, then the capabilities not granted."""
    rows = []
    # The most dangerous kinds first; `KINDS` ends with shell.
    for kind in reversed(KINDS):
        for loud in (True, False):
            found = [one for one in granted if one.kind == kind and is_dangerous(one) == loud]
            if found:
                rows.append(CardRow(kind, MEANING[kind] + _scopes(found), loud))
    for capability in manifest.capabilities.beyond(granted):
        if capability.secret is None:
            rows.append(CardRow(capability.kind, f"NOT granted, as before: {_named([capability])}"))
        elif not granted.narrow(CapabilitySet((capability,))):
            how = f"bind one with: tarkpm grant {manifest.name} secret:{capability.secret.id}=NAME"
            rows.append(CardRow("secret", f"can use a secret of yours{_scopes([capability])}; {how}"))
    return rows or [CardRow("capabilities", "none")]


def _scopes(capabilities: Iterable[Capability]) -> str:
    scopes = [shown(capability.scope) for capability in capabilities if capability.scope]
    return f": {', '.join(scopes)}" if scopes else ""


def _named(capabilities: Iterable[Capability]) -> str:
    return ", ".join(shown(str(capability)) for capability in capabilities)


def sign_in_rows(manifest: Manifest) -> list[CardRow]:
    """Return the full addresses of a sign-in: a host alone does not say which page opens."""
    if manifest.oauth is None:
        return []
    rows = [CardRow("sign-in", " then ".join(manifest.oauth.endpoints))]
    return [*rows, CardRow("scopes", " ".join(manifest.oauth.scopes))] if manifest.oauth.scopes else rows


def warnings(manifest: Manifest) -> tuple[str, ...]:
    """Return warnings about what the plugin declares and never gets."""
    sentences = []
    if unknown := manifest.unknown_capabilities:
        sentences.append(f"requests {some(unknown)}, which tarkpm does not know and never grants")
    if foreign := manifest.foreign_reads:
        sentences.append(f"requests to read {some(foreign)}: outside your home folder, never granted")
    return tuple(sentences)
