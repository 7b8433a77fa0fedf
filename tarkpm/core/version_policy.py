"""The version of a release as a decision: rule 7 of docs/trust-rules.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tarkpm.core.binding import AcceptedRelease, Binding
from tarkpm.core.consent import Answers, Question
from tarkpm.core.lockfile import LockEntry
from tarkpm.core.release import Requirement
from tarkpm.errors import Downgrade, Republished

if TYPE_CHECKING:
    from tarkpm.core.verification import VerifiedRelease


def judge_version(
    candidate: VerifiedRelease,
    requirement: Requirement | None,
    locked: LockEntry | None,
    accepted: Binding | None,
    answers: Answers,
) -> list[Question]:
    """Return a question for a downgrade or for changed contents (docs/trust-rules.md, rule 7)."""
    # The contents of a working copy change with every edit and are never locked.
    if (locked and locked.is_working_copy) or (requirement and requirement.is_working_copy):
        return []
    if locked is None:
        return _judge_unlocked(candidate, accepted, answers)
    name, version = candidate.manifest.name, candidate.manifest.version
    if version < locked.version and not answers.allow_downgrade:
        message = f"'{name}' {version} is older than the locked version {locked.version}"
        return [Question(Downgrade, name, message, "--allow-downgrade", askable=False)]
    republished = version == locked.version and candidate.files != locked.files
    if republished and not answers.allow_republished:
        message = f"the contents of '{name}' {version} differ from the locked {version}"
        return [Question(Republished, name, message, "--allow-republished", askable=False)]
    return []


def _judge_unlocked(candidate: VerifiedRelease, accepted: Binding | None, answers: Answers) -> list[Question]:
    """Judge the version where nothing is locked: a pull that drops the entry must not make it a first one."""
    if accepted is None or not accepted.releases:
        return []
    name, version = candidate.manifest.name, candidate.manifest.version
    highest = accepted.highest.precedence
    if version < highest and not answers.allow_downgrade:
        message = f"'{name}' {version} is older than {highest}, which you accepted before"
        return [Question(Downgrade, name, message, "--allow-downgrade", askable=False)]
    if accepted.is_republished(AcceptedRelease.of(candidate.entry())) and not answers.allow_republished:
        message = f"the contents of '{name}' {version} differ from those that you accepted"
        return [Question(Republished, name, message, "--allow-republished", askable=False)]
    return []
